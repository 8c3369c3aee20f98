"""Data sets of image files: pairs of an image and an annotation, read with Pillow and checked."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import final

import numpy as np
import torch
from attrs import field, frozen
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError
from torch import Tensor

from hnas.data.errors import BadImage, LabelOutOfRange, SizesDiffer
from hnas.diag import HnasError
from hnas.schema.datasets import DatasetCard

_VOID = 255


@final
@frozen
class ImageFiles:
    """Pairs of files, each labelled pixel by pixel.

    Attributes:
        card: The data set's card.
        pairs: Image and annotation of each sample.
        labels: For every value an annotation may have, the class it means, or 255 for void; -1 for
            a value that must not occur. (256,).
    """

    card: DatasetCard
    pairs: tuple[tuple[Path, Path], ...]
    labels: NDArray[np.int16] = field(eq=False, repr=False)

    def __len__(self) -> int:
        return len(self.pairs)

    def name(self, index: int) -> str:
        """The path of the image."""
        return str(self.pairs[index][0])

    def read(self, index: int) -> tuple[Tensor, Tensor]:
        """Image, uint8 (3, H, W), and labels, uint8 (H, W).

        Raises:
            HnasError: A file is missing, broken, of another size, or has a label out of range.
        """
        image_path, label_path = self.pairs[index]
        image = _open(image_path, "RGB")
        raw = _open(label_path, None)
        if raw.ndim != 2:
            why = "an annotation has one value a pixel, this one has colours"
            raise HnasError(BadImage(None, path=str(label_path), why=why))
        if image.shape[:2] != raw.shape:
            raise HnasError(
                SizesDiffer(
                    None,
                    annotation=str(label_path),
                    annotation_size=f"{raw.shape[1]} x {raw.shape[0]}",
                    image=str(image_path),
                    image_size=f"{image.shape[1]} x {image.shape[0]}",
                )
            )
        return torch.from_numpy(image.transpose(2, 0, 1).copy()), torch.from_numpy(
            self._mapped(raw, label_path)
        )

    def _mapped(self, raw: NDArray[np.uint8], path: Path) -> NDArray[np.uint8]:
        mapped = self.labels[raw]
        if (mapped < 0).any():
            value = int(raw[mapped < 0].max())
            allowed = [int(v) for v in np.flatnonzero(self.labels >= 0)]
            shown = f"0 to {len(self.card.classes) - 1}"
            void = [str(v) for v in allowed if self.labels[v] == _VOID and v != _VOID]
            shown += f", {', '.join(void)} for void" if void else ""
            raise HnasError(
                LabelOutOfRange(None, path=str(path), value=value, name=self.card.name, allowed=shown)
            )
        return mapped.astype(np.uint8)


def image_files(
    card: DatasetCard, pairs: Sequence[tuple[Path, Path]], labels: NDArray[np.int16]
) -> ImageFiles:
    """A set of pairs that are all there: what is missing shows at the start, not hours later.

    Raises:
        HnasError: A file is missing; the message names it and counts the others.
    """
    missing = [path for pair in pairs for path in pair if not path.is_file()]
    if missing:
        why = "there is no such file" + (f" ({len(missing)} are missing)" if len(missing) > 1 else "")
        raise HnasError(BadImage(None, path=str(missing[0]), why=why))
    return ImageFiles(card, tuple(pairs), labels)


def label_table(classes: int, void: tuple[int, ...]) -> NDArray[np.int16]:
    """The table for annotations that hold class indices, and some values that mean void."""
    table = np.full(256, -1, np.int16)
    table[:classes] = np.arange(classes)
    table[list(void)] = _VOID
    return table


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Turn whatever goes wrong with an image file into a diagnostic; first of all its checksums are read."""
    try:
        if path.stat().st_size == 0:
            raise HnasError(BadImage(None, path=str(path), why="it is empty"))
        with Image.open(path) as image:
            image.verify()  # checksums, which reading pixels alone leaves aside; it spends the file
        yield
    except FileNotFoundError:
        raise HnasError(BadImage(None, path=str(path), why="there is no such file")) from None
    except UnidentifiedImageError:
        raise HnasError(BadImage(None, path=str(path), why="this is no image")) from None
    except (OSError, SyntaxError, ValueError, EOFError, Image.DecompressionBombError) as error:
        raise HnasError(BadImage(None, path=str(path), why=f"it cannot be read ({error})")) from None


def _open(path: Path, mode: str | None) -> NDArray[np.uint8]:
    """The pixels of an image: (H, W, 3) as RGB, or as they are stored for annotations."""
    with readable(path), Image.open(path) as image:
        if mode is not None:
            return np.asarray(image.convert(mode))
        if image.mode in ("I;16", "I", "F", "1"):
            why = f"annotations have 8 bits a pixel, this one is of mode {image.mode}"
            raise HnasError(BadImage(None, path=str(path), why=why))
        # a palette image keeps its indices: they are the labels
        return np.asarray(image)
