"""cifar10 and cifar100: the binary archives. The ones for Python are pickles, which run what is in them."""

import tarfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, final

import torch
from attrs import field, frozen
from torch import Tensor

from hnas.data.errors import BadImage, LabelOutOfRange, MissingPart
from hnas.diag import HnasError
from hnas.schema.datasets import CIFAR10, CIFAR100, DatasetCard, Split

_SIDE = 32
_PIXELS = 3 * _SIDE * _SIDE


@final
@frozen
class _Layout:
    """What an archive consists of.

    Attributes:
        archive: How it is called where it is downloaded.
        folder: What it unpacks to.
        files: Of each part, with the images in each.
        labels: Bytes before the pixels; the last of them is the class.
    """

    archive: str
    folder: str
    files: dict[Literal["train", "test"], tuple[tuple[str, int], ...]]
    labels: int

    def of(self, split: Split) -> tuple[tuple[str, int], ...]:
        """Those of a split."""
        return self.files["train" if split == "train" else "test"]


_LAYOUTS = {
    "cifar10": _Layout(
        "cifar-10-binary.tar.gz",
        "cifar-10-batches-bin",
        {
            "train": tuple((f"data_batch_{number}.bin", 10_000) for number in range(1, 6)),
            "test": (("test_batch.bin", 10_000),),
        },
        labels=1,
    ),
    "cifar100": _Layout(
        "cifar-100-binary.tar.gz",
        "cifar-100-binary",
        {"train": (("train.bin", 50_000),), "test": (("test.bin", 10_000),)},
        labels=2,
    ),
}


@final
@frozen
class CifarFiles:
    """Records of a label and 32 x 32 pixels, read from their files one by one.

    Attributes:
        card: The data set's card.
        files: Each with the images in it.
        labels: Bytes of labels in a record.
        held: The content of each file, where they are in an archive: it cannot be read from the middle.
    """

    card: DatasetCard
    files: tuple[tuple[Path, int], ...]
    labels: int
    held: Mapping[Path, bytes] = field(factory=dict[Path, bytes], eq=False, repr=False)

    def __len__(self) -> int:
        return sum(images for _, images in self.files)

    def name(self, index: int) -> str:
        """The file, and the number of the image in it."""
        path, at = self._place(index)
        return f"{path}, image {at}"

    def read(self, index: int) -> tuple[Tensor, Tensor]:
        """Image, uint8 (3, 32, 32), and its label, uint8 ().

        Raises:
            HnasError: The file is gone or was cut short since, or the label is no class.
        """
        path, at = self._place(index)
        length = self.labels + _PIXELS
        try:
            if path in self.held:
                record = self.held[path][at * length : (at + 1) * length]
            else:
                with path.open("rb") as file:
                    file.seek(at * length)
                    record = file.read(length)
        except OSError as error:
            why = f"it cannot be read: {error.strerror}"
            raise HnasError(BadImage(None, path=self.name(index), why=why)) from None
        if len(record) < length:
            raise HnasError(BadImage(None, path=self.name(index), why="the file ends before it"))
        label = record[self.labels - 1]
        classes = len(self.card.classes)
        if label >= classes:
            allowed = f"0 to {classes - 1}"
            name = self.name(index)
            raise HnasError(
                LabelOutOfRange(None, path=name, value=label, name=self.card.name, allowed=allowed)
            )
        pixels = torch.frombuffer(bytearray(record), dtype=torch.uint8)[self.labels :]
        return pixels.reshape(3, _SIDE, _SIDE), torch.tensor(label, dtype=torch.uint8)

    def _place(self, index: int) -> tuple[Path, int]:
        for path, images in self.files:
            if index < images:
                return path, index
            index -= images
        raise IndexError(index)


def open_cifar(name: Literal["cifar10", "cifar100"], root: Path, split: Split) -> CifarFiles:
    """The images of a split; `val` and `test` are both the archive's test part.

    ROOT is the archive as it was downloaded, the folder it unpacks to, or the folder of one of them. An
    archive is unpacked into memory, of which a split takes up to 154 MB.

    Raises:
        HnasError: A file is missing, or of another size than it must be.
    """
    card = {"cifar10": CIFAR10, "cifar100": CIFAR100}[name]
    layout = _LAYOUTS[name]
    inner = root / layout.folder
    folder = inner if inner.is_dir() else root
    archive = root if root.is_file() else root / layout.archive
    there = any((folder / file).is_file() for file, _ in layout.of(split))
    held = _unpacked(card, archive, layout, split) if archive.is_file() and not there else {}
    files: list[tuple[Path, int]] = []
    for file, images in layout.of(split):
        path, wanted = (archive if held else folder) / file, images * (layout.labels + _PIXELS)
        why = ""
        if held:
            size = len(held[path]) if path in held else None
        else:
            size = path.stat().st_size if path.is_file() else None
        if size is None:
            why = "is missing"
        elif size != wanted:
            why = f"has {size:,} bytes in place of {wanted:,}"
        if why:
            raise HnasError(MissingPart(None, name=name, path=str(path), why=why, layout=card.layout))
        files.append((path, images))
    return CifarFiles(card, tuple(files), layout.labels, held)


def _unpacked(card: DatasetCard, archive: Path, layout: _Layout, split: Split) -> Mapping[Path, bytes]:
    """The files of a split in an archive, by paths as if it were a folder; never more than they must have."""
    wanted = {
        f"{layout.folder}/{file}": (archive / file, images * (layout.labels + _PIXELS))
        for file, images in layout.of(split)
    }
    found: dict[Path, bytes] = {}
    why = f"has none of {', '.join(wanted)}"
    try:
        with tarfile.open(archive, "r:*") as tar:
            for member in tar:
                path, size = wanted.get(member.name.removeprefix("./"), (archive, 0))
                content = tar.extractfile(member) if member.isfile() and path != archive else None
                if content is not None:
                    found[path] = content.read(size + 1)
    except (tarfile.TarError, EOFError, zlib.error, OSError) as error:
        found, why = {}, f"cannot be unpacked ({error}): download it again"
    if not found:
        name = card.name
        raise HnasError(MissingPart(None, name=name, path=str(archive), why=why, layout=card.layout))
    return found
