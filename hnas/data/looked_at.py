"""Images from anywhere, to be looked at by a trained network, and what it says as images."""

import io
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from hnas.data.errors import NoPictures
from hnas.data.pictures import read_image
from hnas.diag import HnasError
from hnas.schema.datasets import DatasetCard

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp", ".ppm", ".pgm")
"""What an image in a folder is told by, small or capital."""


def pictures(path: Path) -> tuple[Path, ...]:
    """The image `path`, or those of the folder, sorted by name.

    Raises:
        HnasError: There is none.
    """
    if path.is_file():
        return (path,)
    why = "there is no such file or folder"
    if path.is_dir():
        found = tuple(
            sorted(p for p in path.iterdir() if p.suffix.lower() in SUFFIXES and not p.name.startswith("."))
        )
        if found:
            return found
        why = "the folder has no images"
    raise HnasError(NoPictures(None, path=str(path), why=why, suffixes=", ".join(SUFFIXES)))


def read_picture(path: Path | str) -> Tensor:
    """An image as uint8 (3, H, W), turned as its EXIF data say; grey becomes colours, alpha is left out.

    Raises:
        HnasError: It cannot be read, or has more than 8 bits a channel.
    """
    return torch.from_numpy(read_image(Path(path)).transpose(2, 0, 1).copy())


def label_png(labels: Tensor, card: DatasetCard) -> bytes:
    """Labels (H, W) as a PNG of class indices, with the colours of the card for a palette."""
    image = Image.fromarray(labels.to(torch.uint8).numpy())
    image.putpalette([value for colour in card.colours for value in colour])
    return _png(image)


def overlay_png(image: Tensor, labels: Tensor, card: DatasetCard) -> bytes:
    """An image (3, H, W) half covered by the colours of its labels (H, W), as a PNG."""
    colours = torch.tensor(card.colours, dtype=torch.float32)
    mixed = (image.permute(1, 2, 0).float() + colours[labels.long()]) / 2
    return _png(Image.fromarray(mixed.round().to(torch.uint8).numpy()))


def _png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()
