"""The binary archives: records where they are, and files that are missing, short or damaged."""

import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import torch

from hnas.data.base import Batches
from hnas.data.cifar import open_cifar
from hnas.data.registry import locate, open_dataset
from hnas.diag import Diagnostic
from hnas.schema.datasets import CARDS
from hnas.schema.settings import Crop, DataSettings, Flip, Pad

Refused = Callable[[Callable[[], object]], Diagnostic]
Name = Literal["cifar10", "cifar100"]
PARTS = {
    "cifar10": [(f"data_batch_{n}.bin", 10_000) for n in range(1, 6)] + [("test_batch.bin", 10_000)],
    "cifar100": [("train.bin", 50_000), ("test.bin", 10_000)],
}


def record(name: str, label: int, value: int) -> bytes:
    """A label, for cifar100 a coarse one before it, and pixels that count on from `value`."""
    head = [label] if name == "cifar10" else [3, label]
    return bytes(head) + ((np.arange(3072) + value) % 256).astype(np.uint8).tobytes()


def write(folder: Path, name: str) -> Path:
    """Files of the full size, empty but for their first and last image."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, (part, images) in enumerate(PARTS[name]):
        first = record(name, number, number)
        with (folder / part).open("wb") as file:
            file.write(first)
            file.seek((images - 1) * len(first))
            file.write(record(name, number + 1, 100))
    return folder


@pytest.mark.parametrize("name", ["cifar10", "cifar100"])
@pytest.mark.parametrize("inner", [True, False])
def test_images_and_labels_are_read_from_every_file(name: Name, inner: bool, tmp_path: Path) -> None:
    folder = {"cifar10": "cifar-10-batches-bin", "cifar100": "cifar-100-binary"}[name]
    write(tmp_path / folder if inner else tmp_path, name)
    card = CARDS[name]
    train, val = open_dataset(card, "train", tmp_path), open_dataset(card, "val", tmp_path)
    assert (len(train), len(val), train.card) == (50_000, 10_000, CARDS[name])
    image, label = train.read(0)
    assert (image.dtype, image.shape, label.dtype, label.shape) == (torch.uint8, (3, 32, 32), torch.uint8, ())
    assert torch.equal(image.flatten(), (torch.arange(3072) % 256).to(torch.uint8))
    assert int(label) == 0
    last, label = train.read(49_999)
    assert torch.equal(last.flatten(), ((torch.arange(3072) + 100) % 256).to(torch.uint8))
    assert int(label) == (5 if name == "cifar10" else 1)
    if name == "cifar10":
        assert int(train.read(10_000)[1]) == 1
        assert train.name(10_000).endswith("data_batch_2.bin, image 0")
    assert int(val.read(0)[1]) == len(PARTS[name]) - 1
    assert open_dataset(card, "test", tmp_path) == val
    with pytest.raises(IndexError):
        val.read(10_000)


FOLDERS = {"cifar10": "cifar-10-batches-bin", "cifar100": "cifar-100-binary"}


def pack(folder: Path, name: str) -> Path:
    """The archive as it is downloaded, beside what it unpacks to, which is taken away."""
    inner = write(folder / FOLDERS[name], name)
    archive = folder / f"{'cifar-10' if name == 'cifar10' else 'cifar-100'}-binary.tar.gz"
    with tarfile.open(archive, "w:gz", compresslevel=1) as tar:
        tar.add(inner, FOLDERS[name])
    shutil.rmtree(inner)
    return archive


@pytest.mark.parametrize("name", ["cifar10", "cifar100"])
def test_the_archive_as_it_is_downloaded_reads_as_what_it_unpacks_to(name: Name, tmp_path: Path) -> None:
    archive = pack(tmp_path / "packed", name)
    write(tmp_path / "plain", name)
    for split in ("train", "val"):
        plain = open_cifar(name, tmp_path / "plain", split)
        for root in (archive, archive.parent):
            packed = open_cifar(name, root, split)
            assert len(packed) == len(plain)
            for index in (0, 9_999, len(plain) - 1):
                for one, other in zip(packed.read(index), plain.read(index), strict=True):
                    assert torch.equal(one, other)
            assert packed.name(0).startswith(f"{archive}/")
    assert locate(name, {name: archive}, {}) == archive


def test_an_archive_that_is_cut_or_another_one_is_refused(tmp_path: Path, refused: Refused) -> None:
    archive = pack(tmp_path, "cifar100")
    assert "has none of" in refused(lambda: open_cifar("cifar10", archive, "train")).message
    archive.write_bytes(archive.read_bytes()[:5000])
    fault = refused(lambda: open_cifar("cifar100", archive, "train"))
    assert (fault.code, "cannot be unpacked" in fault.message) == ("E0503", True)


def test_a_missing_file_is_named_with_the_layout(tmp_path: Path, refused: Refused) -> None:
    write(tmp_path, "cifar10")
    (tmp_path / "data_batch_3.bin").unlink()
    fault = refused(lambda: open_cifar("cifar10", tmp_path, "train"))
    assert (fault.code, fault.message) == ("E0503", f"cifar10: {tmp_path / 'data_batch_3.bin'} is missing")
    assert "the binary version" in fault.help_text


def test_the_archive_for_python_is_not_taken_for_it(tmp_path: Path, refused: Refused) -> None:
    (tmp_path / "data_batch_1").write_bytes(b"\x80\x02}")
    fault = refused(lambda: open_cifar("cifar10", tmp_path, "train"))
    assert fault.code == "E0503"
    assert "the binary version" in fault.help_text


@pytest.mark.parametrize("change", [-1, -3073, 1])
def test_a_file_of_another_size_is_refused(change: int, tmp_path: Path, refused: Refused) -> None:
    write(tmp_path, "cifar10")
    with (tmp_path / "test_batch.bin").open("rb+") as file:
        file.truncate(30_730_000 + change)
    fault = refused(lambda: open_cifar("cifar10", tmp_path, "val"))
    assert fault.code == "E0503"
    assert f"has {30_730_000 + change:,} bytes in place of 30,730,000" in fault.message


def test_what_goes_wrong_later_names_the_image(tmp_path: Path, refused: Refused) -> None:
    write(tmp_path, "cifar10")
    images, path = open_cifar("cifar10", tmp_path, "val"), tmp_path / "test_batch.bin"
    with path.open("rb+") as file:
        file.write(b"\x0a")
    fault = refused(lambda: images.read(0))
    assert (fault.code, fault.message) == (
        "E0507",
        f"{path}, image 0 has label 10; the labels of cifar10 are 0 to 9",
    )
    with path.open("rb+") as file:
        file.truncate(5000)
    assert "image 1: the file ends before it" in refused(lambda: images.read(1)).message
    path.unlink()
    assert refused(lambda: images.read(0)).code == "E0505"


def test_batches_of_it(tmp_path: Path) -> None:
    write(tmp_path, "cifar100")
    settings = DataSettings("cifar100", augment=(Pad(4), Crop((32, 32)), Flip()))
    images = open_cifar("cifar100", tmp_path, "train")
    batch = Batches(images, (0, 49_999), settings, batch=4, seed=0, stream="trainA").next()
    assert (batch.images.shape, batch.labels.shape) == ((4, 3, 32, 32), (4,))
    assert sorted(batch.labels.tolist()) == [0, 0, 1, 1]


def test_a_hundred_classes_of_distinct_names() -> None:
    assert len(set(CARDS["cifar100"].classes)) == 100
