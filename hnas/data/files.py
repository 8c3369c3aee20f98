"""Data sets of image files: pairs of an image and an annotation, read and checked."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, final

import numpy as np
import torch
from attrs import field, frozen
from numpy.typing import NDArray
from torch import Tensor

from hnas.data.errors import BadImage, LabelOutOfRange, SizesDiffer
from hnas.data.pictures import Pixels, lies_on_its_side, packed, read_colours, read_image, read_indices
from hnas.diag import HnasError
from hnas.schema.datasets import Colour, DatasetCard

_VOID = 255


class Labels(Protocol):
    """How the pixels of an annotation tell their classes."""

    def read(self, path: Path, card: DatasetCard) -> Pixels:
        """Class indices or 255, (H, W).

        Raises:
            HnasError: The file is broken, or a pixel tells no class.
        """
        ...


@final
@frozen
class ByIndex:
    """Annotations that hold a value a pixel.

    Attributes:
        table: For every value, the class it means, or 255 for void; -1 where it must not occur. (256,).
        advice: The mend for an annotation in colours.
    """

    table: NDArray[np.int16] = field(eq=False, repr=False)
    advice: str = ""

    def read(self, path: Path, card: DatasetCard) -> Pixels:
        """What `Labels` says."""
        raw = read_indices(path, self.advice)
        mapped = self.table[raw]
        if (mapped < 0).any():
            value = int(raw[mapped < 0].max())
            raise HnasError(
                LabelOutOfRange(None, path=str(path), value=value, name=card.name, allowed=self._allowed())
            )
        return mapped.astype(np.uint8)

    def _allowed(self) -> str:
        """`0 to 10, 11 for void`; void stands among the classes where a list has it there."""
        allowed = [int(v) for v in np.flatnonzero(self.table >= 0) if v != _VOID]
        classes = [v for v in allowed if self.table[v] != _VOID]
        void = [str(v) for v in allowed if self.table[v] == _VOID]
        return f"{classes[0]} to {classes[-1]}" + (f", {', '.join(void)} for void" if void else "")


@final
@frozen
class ByColour:
    """Annotations in colours, or with a palette, whose colours are those of the classes.

    Attributes:
        colours: Each with the class it means, or 255 for void.
    """

    colours: tuple[tuple[Colour, int], ...]

    def read(self, path: Path, card: DatasetCard) -> Pixels:
        """What `Labels` says."""
        raw = read_colours(path)
        known = packed(np.array([colour for colour, _ in self.colours], np.uint8))
        order = np.argsort(known)
        at = order[np.minimum(np.searchsorted(known, raw, sorter=order), len(order) - 1)]
        strange = known[at] != raw
        if strange.any():
            value = int(raw[strange][0])
            shown = f"({value >> 16}, {value >> 8 & 255}, {value & 255})"
            allowed = "the colours of its classes"
            raise HnasError(
                LabelOutOfRange(None, path=str(path), value=shown, name=card.name, allowed=allowed)
            )
        return np.array([index for _, index in self.colours], np.uint8)[at]


@final
@frozen
class ImageFiles:
    """Pairs of files, each labelled pixel by pixel.

    Attributes:
        card: The data set's card.
        pairs: Image and annotation of each sample.
        labels: How annotations tell classes.
    """

    card: DatasetCard
    pairs: tuple[tuple[Path, Path], ...]
    labels: Labels

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
        image, label = read_image(image_path), self.labels.read(label_path, self.card)
        if image.shape[:2] != label.shape:
            turned = lies_on_its_side(image_path)
            advice = "the image lies on its side by its EXIF tag: save it upright, or without the tag"
            raise HnasError(
                SizesDiffer(
                    None,
                    annotation=str(label_path),
                    annotation_size=f"{label.shape[0]} x {label.shape[1]}",
                    image=str(image_path),
                    image_size=f"{image.shape[0]} x {image.shape[1]}",
                    advice=advice if turned else "",
                )
            )
        return torch.from_numpy(image.transpose(2, 0, 1).copy()), torch.from_numpy(label)


def image_files(card: DatasetCard, pairs: Sequence[tuple[Path, Path]], labels: Labels) -> ImageFiles:
    """A set of pairs that are all there: what is missing shows at the start, not hours later.

    Raises:
        HnasError: Files are missing; a diagnostic names each.
    """
    missing = [path for pair in pairs for path in pair if not path.is_file()]
    if missing:
        raise HnasError(*(BadImage(None, path=str(path), why="there is no such file") for path in missing))
    return ImageFiles(card, tuple(pairs), labels)


def label_table(classes: int, void: tuple[int, ...]) -> NDArray[np.int16]:
    """The table for annotations that hold class indices, and some values that mean void."""
    table = np.full(256, -1, np.int16)
    table[:classes] = np.arange(classes)
    table[list(void)] = _VOID
    return table
