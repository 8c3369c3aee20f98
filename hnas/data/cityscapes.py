"""cityscapes: leftImg8bit with gtFine, in train ids, or in label ids that are mapped to them."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hnas.data.errors import BadImage, MissingPart, NoSplit
from hnas.data.files import ByIndex, ImageFiles, image_files, label_table
from hnas.diag import HnasError
from hnas.schema.datasets import CITYSCAPES, Split

_LABEL_IDS = (7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33)
"""The label ids of the 19 classes that are scored, in the order of their train ids."""
_IDS = 34
"""Label ids go from 0 to 33; those not listed above are void, and so is -1, stored as 255."""


def open_cityscapes(root: Path, split: Split) -> ImageFiles:
    """The images of ROOT/leftImg8bit/SPLIT with their fine annotations.

    Raises:
        HnasError: A folder is missing or empty, or an image has no annotation; the split is test, of which
            the labels are not public.
    """
    if split == "test":
        advice = "its labels are not public: measure on val, or label leftImg8bit/test with hnas predict"
        raise HnasError(NoSplit(None, name="cityscapes", split=split, advice=advice))
    folder = root / "leftImg8bit" / split
    images = sorted(folder.glob("*/*_leftImg8bit.png"))
    if not images:
        why = "has no images *_leftImg8bit.png" if folder.is_dir() else "is missing"
        layout = CITYSCAPES.layout
        raise HnasError(MissingPart(None, name="cityscapes", path=str(folder), why=why, layout=layout))

    def annotation(image: Path, kind: str) -> Path:
        name = image.name.replace("_leftImg8bit.png", f"_gtFine_{kind}.png")
        return root / "gtFine" / split / image.parent.name / name

    for kind, table in (("labelTrainIds", label_table(19, void=(255,))), ("labelIds", _from_label_ids())):
        if annotation(images[0], kind).is_file():
            pairs = tuple((image, annotation(image, kind)) for image in images)
            return image_files(CITYSCAPES, pairs, ByIndex(table))
    missing = annotation(images[0], "labelTrainIds")
    why = "there is no such file, nor one of labelIds"
    raise HnasError(BadImage(None, path=str(missing), why=why))


def _from_label_ids() -> NDArray[np.int16]:
    table = np.full(256, -1, np.int16)
    table[:_IDS] = 255
    table[255] = 255
    table[list(_LABEL_IDS)] = np.arange(19)
    return table
