"""Data sets by name, and where they lie on this machine."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from hnas.data.base import Dataset
from hnas.data.camvid import open_camvid
from hnas.data.cifar import open_cifar
from hnas.data.cityscapes import open_cityscapes
from hnas.data.errors import BadDataFlag, BadRoot, NoDataset, NotRead
from hnas.data.folder import open_folder
from hnas.data.shapes import Shapes
from hnas.diag import HnasError, did_you_mean
from hnas.schema.datasets import CARDS, DatasetCard, Split
from hnas.schema.settings import FolderSettings

GENERATED = ("shapes",)
"""Data sets that need no files."""

ARCHIVES = ("cifar10", "cifar100")
"""Data sets that may be given as the file that is downloaded."""

UNREAD = ("imagenet",)
"""Data sets of which no more than the card is known."""


def open_dataset(
    card: DatasetCard,
    split: Split,
    root: Path | None,
    folder: FolderSettings | None = None,
) -> Dataset:
    """The images of a split of the data set of a card, which lies in `root`.

    Args:
        card: As the spec has it.
        split: Which part.
        root: Where it lies; None for a generated set.
        folder: What the spec says of the data set folder.

    Raises:
        HnasError: It is not read at all; no folder is given for a set of files, it is not laid out as it
            must be, or has no such split.
    """
    name = card.name
    if name in UNREAD:
        raise HnasError(NotRead(None, name=name))
    match name:
        case "shapes":
            return Shapes(split)
        case "folder" if root is not None and folder is not None:
            return open_folder(card, folder, root, split)
        case "camvid" if root is not None:
            return open_camvid(root, split)
        case "cityscapes" if root is not None:
            return open_cityscapes(root, split)
        case "cifar10" | "cifar100" if root is not None:
            return open_cifar(name, root, split)
        case _:
            raise HnasError(NoDataset(None, name=name))


def locate(
    name: str, given: Mapping[str, Path], environ: Mapping[str, str], said: str | None = None
) -> Path | None:
    """The folder of a data set: that of `--data`, that the spec says, or $HNAS_DATA/NAME; None without.

    Args:
        name: The data set.
        given: What `parse_data_flags` found.
        environ: The environment.
        said: The folder the spec says.

    Raises:
        HnasError: The folder given or said is not there, or the data set is one that is not read.
    """
    if name in UNREAD:
        raise HnasError(NotRead(None, name=name))
    if name in given or said is not None:
        path = given[name] if name in given else Path(said or "")
        if not path.is_dir() and not (name in ARCHIVES and path.is_file()):
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
