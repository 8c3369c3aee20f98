"""Data sets by name, and where they lie on this machine."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from hnas.data.base import Dataset
from hnas.data.camvid import open_camvid
from hnas.data.cifar import open_cifar
from hnas.data.cityscapes import open_cityscapes
from hnas.data.errors import BadDataFlag, BadRoot, NoDataset, NotRead
from hnas.data.shapes import Shapes
from hnas.diag import HnasError, did_you_mean
from hnas.schema.datasets import CARDS

GENERATED = ("shapes",)
"""Data sets that need no files."""

UNREAD = ("imagenet",)
"""Data sets of which no more than the card is known."""


def open_dataset(name: str, split: Literal["train", "val"], root: Path | None) -> Dataset:
    """The images of a split of the data set `name`, which lies in `root`.

    Raises:
        HnasError: It is not read at all; no folder is given for a set of files, or it is not laid out as it
            must be.
    """
    if name in UNREAD:
        raise HnasError(NotRead(None, name=name))
    match name:
        case "shapes":
            return Shapes(split)
        case "camvid" if root is not None:
            return open_camvid(root, split)
        case "cityscapes" if root is not None:
            return open_cityscapes(root, split)
        case "cifar10" | "cifar100" if root is not None:
            return open_cifar(name, root, split)
        case _:
            raise HnasError(NoDataset(None, name=name))


def locate(name: str, given: Mapping[str, Path], environ: Mapping[str, str]) -> Path | None:
    """The folder of a data set: that of `--data`, else $HNAS_DATA/NAME; None if there is neither.

    Raises:
        HnasError: The folder given with `--data` is not there, or the data set is one that is not read.
    """
    if name in UNREAD:
        raise HnasError(NotRead(None, name=name))
    if name in given:
        path = given[name]
        if not path.is_dir():
            why = "is a file, not a folder" if path.exists() else "is not there"
            raise HnasError(BadRoot(None, name=name, path=str(path), why=why, layout=CARDS[name].layout))
        return path
    if environ.get("HNAS_DATA"):
        path = Path(environ["HNAS_DATA"]) / name
        return path if path.is_dir() else None
    return None


def parse_data_flags(flags: Sequence[str]) -> dict[str, Path]:
    """`NAME=PATH` of each `--data`.

    Raises:
        HnasError: One is not of that form, or names no data set.
    """
    found: dict[str, Path] = {}
    for flag in flags:
        name, sign, path = flag.partition("=")
        if not sign or not path:
            raise HnasError(BadDataFlag(None, given=flag, why="there is no NAME=PATH"))
        if name not in CARDS:
            why = f"there is no data set {name}"
            raise HnasError(BadDataFlag(None, given=flag, why=why, advice=did_you_mean(name, CARDS)))
        found[name] = Path(path).expanduser()
    return found
