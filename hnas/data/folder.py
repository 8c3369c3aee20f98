"""folder: images and labels of one's own, laid out in one of a few plain ways.

Segmentation: images/ and labels/ with files of the same names. Both have train/ and val/ in them, or
train.txt and val.txt beside them list the names, or a fifth of the images is val, told by their names;
there may be test/, or test.txt, in the same way.
Classification: a sub-folder a class, in train/ and val/, or split by names in the same way.
"""

import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Literal, final

import torch
from attrs import frozen
from torch import Tensor

from hnas.data.errors import BadImage, BadLine, ClassesDiffer, MissingPart, NoSplit
from hnas.data.files import ByColour, ByIndex, ImageFiles, Labels, image_files, label_table
from hnas.data.pictures import read_image
from hnas.diag import HnasError
from hnas.schema.classes import VOID, ClassName, parse_class
from hnas.schema.datasets import Colour, DatasetCard, Split
from hnas.schema.settings import FolderSettings

IMAGES = (".png", ".jpg", ".jpeg")
"""Suffixes of images, in any case."""
LABELS = (".png",)
"""JPEG changes values."""
_VOID = 255
_FIFTH = 2**64 // 5
_LARGEST_LIST = 64 * 2**20
"""Bytes of a list, or of classes.txt."""


def open_folder(
    card: DatasetCard, settings: FolderSettings, root: Path, split: Split
) -> "ImageFiles | ClassFolders":
    """The images of a split of the folder `root`.

    Raises:
        HnasError: It is not laid out so, its classes.txt is not what the spec says, or files are missing; it
            has no part test.
    """
    if card.task == "classification":
        return _classification(card, root, split)
    listed = _with_colours(root, settings.listed)
    return image_files(card, _pairs(card, root, split), _labels(root, listed, settings.labels))


# --- classes ---------------------------------------------------------------------------------------


def _with_colours(root: Path, listed: tuple[ClassName, ...]) -> tuple[ClassName, ...]:
    """The classes of the spec, with colours of classes.txt where the spec gives none.

    Raises:
        HnasError: classes.txt does not agree with the spec.
    """
    path = root / "classes.txt"
    if not path.is_file():
        return listed
    found: list[ClassName] = []
    for number, line in enumerate(_lines(path), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        each = parse_class(line)
        if isinstance(each, str):
            advice = "a line is: name, or: name R G B"
            raise HnasError(BadLine(None, path=str(path), line=number, why=each, advice=advice))
        found.append(each)
    for at, (have, want) in enumerate(zip_longest(found, listed)):
        if have is None or want is None or have.name != want.name:
            shown = [each.name if each is not None else "nothing" for each in (have, want)]
        elif have.colour is not None and want.colour is not None and have.colour != want.colour:
            shown = [f"{each.name} {each.colour}" for each in (have, want)]
        else:
            continue
        raise HnasError(ClassesDiffer(None, path=str(path), at=at, have=shown[0], want=shown[1]))
    return tuple(w if w.colour else h for h, w in zip(found, listed, strict=True))


def _labels(root: Path, listed: tuple[ClassName, ...], by: Literal["index", "colours"]) -> Labels:
    numbers = iter(range(len(listed)))
    indices = [_VOID if each.name == VOID else next(numbers) for each in listed]
    if by == "index":
        table = label_table(0, void=(_VOID,))
        table[: len(indices)] = indices
        return ByIndex(table, "data { labels = colours } tells classes by their colours")
    colours: list[tuple[Colour, int]] = []
    for each, index in zip(listed, indices, strict=True):
        if each.colour is None:
            why = f"gives {each.name} no colour, and labels = colours tells classes by them"
            raise HnasError(_missing(root / "classes.txt", why, "write lines of: name R G B"))
        colours.append((each.colour, index))
    return ByColour(tuple(colours))


# --- files -----------------------------------------------------------------------------------------


def _pairs(card: DatasetCard, root: Path, split: Split) -> Sequence[tuple[Path, Path]]:
    """Image and label of each sample, in the order of their names."""
    images, labels = root / "images", root / "labels"
    for folder in (images, labels):
        if not folder.is_dir():
            raise HnasError(_missing(folder, "is missing", f"expected: {card.layout}"))
    folders = any((images / each).is_dir() for each in ("train", "val"))
    lists = {each: root / f"{each}.txt" for each in ("train", "val", "test")}
    apart = (images / "test").is_dir()
    if folders or (split == "test" and apart):
        images, labels = images / split, labels / split
    elif split == "test" and not lists["test"].is_file():
        raise HnasError(_no_test("images/test with labels/test, or test.txt"))
    if not images.is_dir():
        if split == "test":
            raise HnasError(_no_test("images/test with labels/test"))
        raise HnasError(_missing(images, "is missing", "give both images/train and images/val"))
    found, told = _by_name(images, IMAGES, root), _by_name(labels, LABELS, root)
    whole = images.name == split
    if not whole and (split == "test" or any(lists[each].is_file() for each in ("train", "val"))):
        chosen = _listed(lists[split], images, found)
    else:
        _same_names(images, labels, found, told)
        chosen = list(found)
        if not whole:
            tested = set(_listed(lists["test"], images, found)) if lists["test"].is_file() else set[str]()
            tested |= {name for name in found if apart and name.startswith("test/")}
            chosen = [name for name in chosen if _part(name) == split and name not in tested]
    if not chosen:
        why = f"has no images for {split}" if found else f"has no images {', '.join(IMAGES)}"
        raise HnasError(_missing(images, why, f"expected: {card.layout}"))
    return [(found[name], told.get(name, labels / f"{name}.png")) for name in chosen]


def _no_test(needed: str) -> NoSplit:
    return NoSplit(None, name="folder", split="test", advice=f"give {needed}, or measure on val")


def _part(name: str) -> Split:
    """The split of an image by its name alone: the same on every machine, whatever else is there."""
    return "val" if int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big") < _FIFTH else "train"


def _by_name(folder: Path, suffixes: Sequence[str], root: Path) -> Mapping[str, Path]:
    """Files below a folder by their name without suffix, sorted; names of hidden files are left aside.

    Raises:
        HnasError: Two have one name, or a link leads out of the folder.
    """
    found: dict[str, Path] = {}
    homes = (root.resolve(), folder.resolve())
    for above, folders, names in os.walk(folder):
        folders[:] = sorted(each for each in folders if not each.startswith("."))
        for file in sorted(names):
            path = Path(above, file)
            if file.startswith(".") or path.suffix.lower() not in suffixes:
                continue
            name = path.relative_to(folder).with_suffix("").as_posix()
            if name in found:
                why = f"{found[name].name} has the same name"
                raise HnasError(BadImage(None, path=str(path), why=why, advice="rename or remove one"))
            if path.is_symlink() and not any(path.resolve().is_relative_to(home) for home in homes):
                advice = "copy the file, or make the whole folder a link"
                raise HnasError(BadImage(None, path=str(path), why="the link leads away", advice=advice))
            found[name] = path
    return dict(sorted(found.items()))


def _same_names(images: Path, labels: Path, found: Mapping[str, Path], told: Mapping[str, Path]) -> None:
    """Every image has a label and every label an image.

    Raises:
        HnasError: Some have not; the message counts them and names one.
    """
    for names, others, folder, what in ((found, told, labels, "label"), (told, found, images, "image")):
        lonely = [name for name in names if name not in others]
        if lonely:
            kind = ".png" if what == "label" else "an image"
            more = f", nor for {len(lonely) - 1} more" if len(lonely) > 1 else ""
            why = f"{folder} has no {what} {lonely[0]}{kind if kind == '.png' else ''} for it{more}"
            advice = "a label has the name of its image, with the suffix .png"
            raise HnasError(BadImage(None, path=str(names[lonely[0]]), why=why, advice=advice))


def _listed(path: Path, images: Path, found: Mapping[str, Path]) -> list[str]:
    """The names a list has: `0001`, `0001.jpg` or `images/0001.jpg`, a line each."""
    if not path.is_file():
        raise HnasError(_missing(path, "is missing", "give both train.txt and val.txt"))
    chosen: list[str] = []
    for number, line in enumerate(_lines(path), 1):
        name = line.strip().removeprefix("./").removeprefix(f"{images.name}/")
        if not name:
            continue
        stem = name if name in found else Path(name).with_suffix("").as_posix()
        if stem not in found:
            why, advice = f"{images} has no image {name}", "a line is the name of an image"
            raise HnasError(BadLine(None, path=str(path), line=number, why=why, advice=advice))
        chosen.append(stem)
    if not chosen:
        raise HnasError(_missing(path, "lists no images", "a line is the name of an image"))
    return list(dict.fromkeys(chosen))


def _lines(path: Path) -> list[str]:
    try:
        with path.open("rb") as file:
            data = file.read(_LARGEST_LIST + 1)
        if len(data) > _LARGEST_LIST:
            raise HnasError(_missing(path, "is larger than 64 MiB", "write a shorter list"))
        return data.decode("utf-8-sig").splitlines()
    except OSError as error:
        raise HnasError(_missing(path, f"cannot be read: {error.strerror}", "mend the file")) from None
    except UnicodeDecodeError:
        raise HnasError(_missing(path, "is not a text file", "save it as UTF-8")) from None


def _missing(path: Path, why: str, advice: str) -> MissingPart:
    return MissingPart(None, name="folder", path=str(path), why=why, layout="", advice=advice)


# --- a label an image ------------------------------------------------------------------------------


@final
@frozen
class ClassFolders:
    """Images that lie in the folder of their class.

    Attributes:
        card: The data set's card.
        files: Each image with its class.
    """

    card: DatasetCard
    files: tuple[tuple[Path, int], ...]

    def __len__(self) -> int:
        return len(self.files)

    def name(self, index: int) -> str:
        """The path of the image."""
        return str(self.files[index][0])

    def read(self, index: int) -> tuple[Tensor, Tensor]:
        """Image, uint8 (3, H, W), and its class, uint8 ().

        Raises:
            HnasError: The file is missing or broken.
        """
        path, label = self.files[index]
        image = read_image(path)
        return torch.from_numpy(image.transpose(2, 0, 1).copy()), torch.tensor(label, dtype=torch.uint8)


def _classification(card: DatasetCard, root: Path, split: Split) -> ClassFolders:
    parted = any((root / each).is_dir() for each in ("train", "val"))
    above = root / split if parted or split == "test" else root
    if split == "test" and not above.is_dir():
        raise HnasError(_no_test("test/CLASS"))
    if not above.is_dir():
        raise HnasError(_missing(above, "is missing", "give both train and val"))
    try:
        there = {each.name for each in above.iterdir() if each.is_dir() and not each.name.startswith(".")}
    except OSError as error:
        raise HnasError(_missing(above, f"cannot be read: {error.strerror}", "mend the folder")) from None
    there.discard("test" if not parted else "")
    for at, name in enumerate(card.classes):
        if name not in there:
            others = ", ".join(sorted(there - set(card.classes))[:3]) or "nothing"
            raise HnasError(ClassesDiffer(None, path=str(above), at=at, have=others, want=name))
    strange = sorted(there - {*card.classes, VOID})
    if strange:
        at, have = len(card.classes), strange[0]
        raise HnasError(ClassesDiffer(None, path=str(above), at=at, have=have, want="nothing"))
    whole = parted or split == "test"
    keep: Callable[[str], bool] = (lambda _: True) if whole else (lambda name: _part(name) == split)
    files = tuple(
        (path, index)
        for index, name in enumerate(card.classes)
        for stem, path in _by_name(above / name, IMAGES, root).items()
        if keep(f"{name}/{stem}")
    )
    if not files:
        raise HnasError(_missing(above, f"has no images for {split}", f"expected: {card.layout}"))
    return ClassFolders(card, files)
