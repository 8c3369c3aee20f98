"""The data set folder: its layouts, its labels, and everything a folder of one's own can have wrong."""

import os
import struct
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from hnas.data.folder import open_folder
from hnas.diag import Diagnostic, HnasError
from hnas.schema.classes import ClassName, folder_card
from hnas.schema.settings import FolderSettings

Refused = Callable[[Callable[[], object]], Diagnostic]
H, W = 5, 7
LISTED = (ClassName("road", (128, 64, 128)), ClassName("void", (0, 0, 0)), ClassName("car", (0, 0, 142)))
RAW = (np.arange(H * W) % 3).astype(np.uint8).reshape(H, W)
MEANT = np.array([0, 255, 1], np.uint8)[RAW]
COLOURS = np.array([each.colour for each in LISTED], np.uint8)[RAW]


def picture(value: int = 0) -> NDArray[np.uint8]:
    return (np.arange(H * W * 3).reshape(H, W, 3) + value).astype(np.uint8)


def save(path: Path, pixels: NDArray[Any], **options: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, **options)
    return path


def fill(root: Path, names: Sequence[str], *, below: str = "") -> Path:
    for number, name in enumerate(names):
        save(root / "images" / below / f"{name}.png", picture(number))
        save(root / "labels" / below / f"{name}.png", RAW)
    return root


def opened(root: Path, split: Any = "train", labels: Any = "index", listed: Any = LISTED) -> Any:
    return open_folder(
        folder_card(listed, "segmentation"), FolderSettings(listed, labels=labels), root, split
    )


def names_of(dataset: Any) -> list[str]:
    return [Path(dataset.name(index)).stem for index in range(len(dataset))]


# --- layouts ---------------------------------------------------------------------------------------


def test_folders_of_the_splits(tmp_path: Path) -> None:
    fill(tmp_path, ["b", "a", "deep/c"], below="train")
    fill(tmp_path, ["d"], below="val")
    train, val = opened(tmp_path), opened(tmp_path, "val")
    assert (names_of(train), names_of(val)) == (["a", "b", "c"], ["d"])
    image, label = train.read(1)
    assert torch.equal(image, torch.from_numpy(picture(0).transpose(2, 0, 1).copy()))
    assert torch.equal(label, torch.from_numpy(MEANT))


@pytest.mark.parametrize("line", ["{}", "{}.png", "images/{}.png", "./images/{}", "  {}  "])
def test_lists_of_the_splits(tmp_path: Path, line: str) -> None:
    fill(tmp_path, ["a", "b.1", "c", "left"])
    (tmp_path / "train.txt").write_text("\n".join(line.format(name) for name in ("c", "a", "c")) + "\n\n")
    (tmp_path / "val.txt").write_bytes(b"\xef\xbb\xbf" + line.format("b.1").encode())
    assert names_of(opened(tmp_path)) == ["c", "a"]
    assert names_of(opened(tmp_path, "val")) == ["b.1"]


def test_without_either_a_fifth_is_val_whatever_else_is_there(tmp_path: Path) -> None:
    names = [f"{number:03}" for number in range(200)]
    fill(tmp_path, names)
    train, val = names_of(opened(tmp_path)), names_of(opened(tmp_path, "val"))
    assert sorted([*train, *val]) == names
    assert 25 <= len(val) <= 55  # 40 expected, deviation 5.7
    for name in names[::2]:
        for folder in ("images", "labels"):
            (tmp_path / folder / f"{name}.png").unlink()
    assert names_of(opened(tmp_path, "val")) == [name for name in val if name in names[1::2]]


def test_a_part_for_testing(tmp_path: Path, refused: Refused) -> None:
    """In folders, in a list, beside images without either; and none."""
    folders, lists, alone = (tmp_path / each for each in ("folders", "lists", "alone"))
    for part in ("train", "val", "test"):
        fill(folders, [f"of {part}"], below=part)
    fill(lists, ["a", "b", "c"])
    for part, name in (("train", "a"), ("val", "b"), ("test", "c")):
        (lists / f"{part}.txt").write_text(name)
    assert names_of(opened(folders, "test")) == ["of test"]
    assert names_of(opened(lists, "test")) == ["c"]

    names = [f"{number:03}" for number in range(40)]
    fill(alone, names)
    told = refused(lambda: opened(alone, "test"))
    assert (told.code, told.help_text) == (
        "E0520",
        "give images/test with labels/test, or test.txt, or measure on val",
    )
    whole = set(names_of(opened(alone)) + names_of(opened(alone, "val")))
    (alone / "test.txt").write_text("\n".join(names[:9]))
    fill(alone, ["t"], below="test")
    assert whole == set(names)
    assert names_of(opened(alone, "test")) == ["t"]
    kept = {*names_of(opened(alone)), *names_of(opened(alone, "val"))}
    assert kept == set(names[9:]), "what is tested on is not trained on"
    for folder in ("images", "labels"):
        (folders / folder / "test" / "of test.png").unlink()
        (folders / folder / "test").rmdir()
    assert refused(lambda: opened(folders, "test")).code == "E0520"


def test_a_part_for_testing_of_a_label_an_image(tmp_path: Path, refused: Refused) -> None:
    listed = (ClassName("dog"), ClassName("cat"))
    card = folder_card(listed, "classification")
    for name in ("dog", "cat"):
        save(tmp_path / name / "1.png", picture())
    told = refused(lambda: open_folder(card, FolderSettings(listed), tmp_path, "test"))
    assert (told.code, told.help_text) == ("E0520", "give test/CLASS, or measure on val")
    for name in ("dog", "cat"):
        save(tmp_path / "test" / name / "1.png", picture())
    assert len(open_folder(card, FolderSettings(listed), tmp_path, "test")) == 2
    assert sum(len(open_folder(card, FolderSettings(listed), tmp_path, s)) for s in ("train", "val")) == 2


def test_suffixes_in_capitals_and_jpeg_images(tmp_path: Path) -> None:
    save(tmp_path / "images" / "train" / "A.JPG", picture())
    save(tmp_path / "labels" / "train" / "A.PNG", RAW)
    save(tmp_path / "images" / "train" / "b.jpeg", picture())
    save(tmp_path / "labels" / "train" / "b.png", RAW)
    (tmp_path / "images" / "train" / "Thumbs.db").write_bytes(b"x")
    (tmp_path / "images" / "train" / ".b.png").write_bytes(b"x")
    assert names_of(opened(tmp_path)) == ["A", "b"]
    assert [tuple(opened(tmp_path).read(n)[0].shape) for n in range(2)] == [(3, H, W)] * 2


def test_a_label_an_image(tmp_path: Path) -> None:
    listed = (ClassName("dog"), ClassName("cat"))
    for number, name in enumerate(("dog", "cat")):
        save(tmp_path / "train" / name / "1.png", picture(number))
        save(tmp_path / "val" / name / "2.png", picture(9))
    card = folder_card(listed, "classification")
    train = open_folder(card, FolderSettings(listed), tmp_path, "train")
    assert [int(train.read(n)[1]) for n in range(2)] == [0, 1]
    assert torch.equal(train.read(1)[0], torch.from_numpy(picture(1).transpose(2, 0, 1).copy()))
    assert train.read(1)[1].shape == ()


def test_a_label_an_image_without_folders_of_splits(tmp_path: Path) -> None:
    listed = (ClassName("dog"), ClassName("cat"))
    for name in ("dog", "cat"):
        for number in range(60):
            save(tmp_path / name / f"{number}.png", picture())
    card = folder_card(listed, "classification")
    parts = [open_folder(card, FolderSettings(listed), tmp_path, split) for split in ("train", "val")]
    assert sum(map(len, parts)) == 120
    assert 8 <= len(parts[1]) <= 42  # 24 expected, deviation 4.4
    assert not {parts[0].name(n) for n in range(len(parts[0]))} & {
        parts[1].name(n) for n in range(len(parts[1]))
    }


@pytest.mark.parametrize(
    ("there", "said"),
    [
        (("dog",), "class 1 is nothing in {}, and cat in the spec"),
        (("dog", "cats"), "class 1 is cats in {}, and cat in the spec"),
        (("dog", "cat", "emu"), "class 2 is emu in {}, and nothing in the spec"),
    ],
)
def test_folders_of_other_classes(tmp_path: Path, refused: Refused, there: Sequence[str], said: str) -> None:
    for name in there:
        save(tmp_path / "train" / name / "1.png", picture())
    listed = (ClassName("dog"), ClassName("cat"))
    card = folder_card(listed, "classification")
    fault = refused(lambda: open_folder(card, FolderSettings(listed), tmp_path, "train"))
    assert (fault.code, fault.message) == ("E0516", said.format(tmp_path / "train"))


# --- labels ----------------------------------------------------------------------------------------


def coloured(root: Path, mode: str) -> None:
    fill(root, ["a"], below="train")
    path = root / "labels" / "train" / "a.png"
    if mode == "P":
        palette = [0, 0, 1] * 256
        for index, each in enumerate(LISTED):
            palette[3 * (index + 40) : 3 * (index + 40) + 3] = each.colour or ()
        shuffled = Image.frombytes("P", (W, H), (RAW + np.uint8(40)).tobytes())
        shuffled.putpalette(palette)
        shuffled.save(path)
    else:
        alpha = np.full((H, W, 1), 255, np.uint8)
        save(path, COLOURS if mode == "RGB" else np.concatenate([COLOURS, alpha], 2))


@pytest.mark.parametrize("mode", ["P", "RGB", "RGBA"])
@pytest.mark.parametrize("said", ["in the spec", "in classes.txt"])
def test_colours_tell_the_classes(tmp_path: Path, mode: str, said: str) -> None:
    coloured(tmp_path, mode)
    listed = LISTED if said == "in the spec" else tuple(ClassName(each.name) for each in LISTED)
    if said == "in classes.txt":
        (tmp_path / "classes.txt").write_text("road 128 64 128\n# mine\n\nvoid 0 0 0\ncar 0 0 142\n")
    _, label = opened(tmp_path, labels="colours", listed=listed).read(0)
    assert torch.equal(label, torch.from_numpy(MEANT))


def test_a_colour_of_no_class_is_named(tmp_path: Path, refused: Refused) -> None:
    coloured(tmp_path, "RGB")
    pixels = COLOURS.copy()
    pixels[2, 3] = (1, 2, 3)
    path = save(tmp_path / "labels" / "train" / "a.png", pixels)
    fault = refused(lambda: opened(tmp_path, labels="colours").read(0))
    assert fault.code == "E0507"
    assert fault.message == f"{path} has label (1, 2, 3); the labels of folder are the colours of its classes"


def test_colours_need_colours(tmp_path: Path, refused: Refused) -> None:
    coloured(tmp_path, "RGB")
    fault = refused(lambda: opened(tmp_path, labels="colours", listed=(ClassName("road"),)))
    assert fault.message.startswith(f"folder: {tmp_path / 'classes.txt'} gives road no colour")
    save(tmp_path / "labels" / "train" / "a.png", RAW)
    fault = refused(lambda: opened(tmp_path, labels="colours").read(0))
    assert (fault.code, "it has no colours (mode L)" in fault.message) == ("E0505", True)
    assert fault.help_text == "labels = index reads the values of its pixels"


def test_indices_of_a_picture_in_colours_say_how_to_read_it(tmp_path: Path, refused: Refused) -> None:
    coloured(tmp_path, "RGB")
    fault = refused(lambda: opened(tmp_path).read(0))
    assert "this one has colours" in fault.message
    assert fault.help_text == "data { labels = colours } tells classes by their colours"


def test_a_value_of_no_class_is_named(tmp_path: Path, refused: Refused) -> None:
    fill(tmp_path, ["a"], below="train")
    path = save(tmp_path / "labels" / "train" / "a.png", RAW + np.uint8(1))
    fault = refused(lambda: opened(tmp_path).read(0))
    assert fault.message == f"{path} has label 3; the labels of folder are 0 to 2, 1 for void"


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(depth: int, colour: int, size: tuple[int, int], *chunks: bytes) -> bytes:
    head = struct.pack(">IIBBBBB", *size, depth, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", head) + b"".join(chunks) + _chunk(b"IEND", b"")


ROWS = _chunk(b"IDAT", zlib.compress(b"".join(b"\0" + bytes(row) for row in RAW)))


@pytest.mark.parametrize("labels", ["index", "colours"])
def test_a_palette_image_without_a_palette(tmp_path: Path, refused: Refused, labels: str) -> None:
    fill(tmp_path, ["a"], below="train")
    path = tmp_path / "labels" / "train" / "a.png"
    path.write_bytes(png(8, 3, (W, H), ROWS))
    if labels == "index":
        assert torch.equal(opened(tmp_path).read(0)[1], torch.from_numpy(MEANT))
    else:
        fault = refused(lambda: opened(tmp_path, labels="colours").read(0))
        assert fault.code in ("E0505", "E0507")
        assert str(path) in fault.message


# --- images ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["L", "LA", "RGBA", "P", "CMYK", "1"])
def test_images_of_any_mode_become_red_green_and_blue(tmp_path: Path, mode: str) -> None:
    fill(tmp_path, ["a"], below="train")
    (tmp_path / "images" / "train" / "a.png").unlink()
    picture_of_mode = Image.fromarray(picture()).convert(mode)
    path = tmp_path / "images" / "train" / ("a.jpg" if mode == "CMYK" else "a.png")
    picture_of_mode.save(path)
    image, _ = opened(tmp_path).read(0)
    assert (image.shape, image.dtype) == ((3, H, W), torch.uint8)
    if mode != "CMYK":
        expected = np.asarray(Image.open(path).convert("RGB")).transpose(2, 0, 1).copy()
        assert torch.equal(image, torch.from_numpy(expected))


def test_a_palette_image_with_transparency_gives_no_warning(tmp_path: Path) -> None:
    fill(tmp_path, ["a"], below="train")
    path = tmp_path / "images" / "train" / "a.png"
    Image.fromarray(picture()).convert("P").save(path, transparency=bytes(range(256)))
    assert opened(tmp_path).read(0)[0].shape == (3, H, W)


@pytest.mark.parametrize("which", ["images", "labels"])
def test_sixteen_bits_are_refused(tmp_path: Path, refused: Refused, which: str) -> None:
    fill(tmp_path, ["a"], below="train")
    path = save(tmp_path / which / "train" / "a.png", RAW.astype(np.uint16))
    fault = refused(lambda: opened(tmp_path).read(0))
    assert fault.code == "E0505"
    assert fault.message.startswith(f"{path}: ")
    assert "8 bits" in fault.message
    assert "8 bits" in fault.help_text


@pytest.mark.parametrize("orientation", range(2, 9))
def test_an_image_is_turned_as_its_exif_tag_says(tmp_path: Path, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = save(tmp_path / "images" / "train" / "a.png", picture(), exif=exif)
    turned = {2: np.fliplr, 3: lambda a: np.rot90(a, 2), 4: np.flipud, 5: lambda a: a.transpose(1, 0, 2)}
    turned |= {6: lambda a: np.rot90(a, 3), 7: lambda a: np.rot90(a, 2).transpose(1, 0, 2), 8: np.rot90}
    expected = turned[orientation](picture())
    save(tmp_path / "labels" / "train" / "a.png", np.zeros(expected.shape[:2], np.uint8))
    image, _ = opened(tmp_path).read(0)
    assert path.is_file()
    assert torch.equal(image, torch.from_numpy(expected.transpose(2, 0, 1).copy()))


def test_an_image_turned_against_its_label_says_so(tmp_path: Path, refused: Refused) -> None:
    fill(tmp_path, ["a"], below="train")
    exif = Image.Exif()
    exif[0x0112] = 6
    save(tmp_path / "images" / "train" / "a.png", picture(), exif=exif)
    fault = refused(lambda: opened(tmp_path).read(0))
    assert fault.code == "E0506"
    assert f"is {H} x {W}, its image" in fault.message
    assert "EXIF" in fault.help_text


@pytest.mark.parametrize("damage", ["cut", "empty", "text"])
@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_a_broken_image_is_named(tmp_path: Path, refused: Refused, damage: str, suffix: str) -> None:
    save(tmp_path / "labels" / "train" / "a.png", RAW)
    path = save(tmp_path / "images" / "train" / f"a.{suffix}", picture())
    whole = path.read_bytes()
    path.write_bytes({"cut": whole[: len(whole) * 3 // 5], "empty": b"", "text": b"text\n" * 9}[damage])
    fault = refused(lambda: opened(tmp_path).read(0))
    assert fault.code == "E0505"
    assert fault.message.startswith(f"{path}: ")


@pytest.mark.parametrize("side", [10_000, 60_000])
def test_a_bomb_is_refused_before_it_is_decoded(tmp_path: Path, refused: Refused, side: int) -> None:
    fill(tmp_path, ["a"], below="train")
    path = tmp_path / "images" / "train" / "a.png"
    path.write_bytes(png(8, 2, (side, side), ROWS))
    fault = refused(lambda: opened(tmp_path).read(0))
    assert fault.code == "E0505"
    assert fault.message == f"{path}: it says it has more than 89,478,485 pixels"


# --- what a folder can have wrong ------------------------------------------------------------------


def test_nothing_there(tmp_path: Path, refused: Refused) -> None:
    for make in ("images", "labels"):
        fault = refused(lambda: opened(tmp_path))
        assert (fault.code, fault.message) == ("E0503", f"folder: {tmp_path / make} is missing")
        assert "PATH/images/" in fault.help_text
        (tmp_path / make).mkdir()
    fault = refused(lambda: opened(tmp_path))
    assert fault.message == f"folder: {tmp_path / 'images'} has no images .png, .jpg, .jpeg"
    fill(tmp_path, ["a"], below="train")
    assert "val is missing" in refused(lambda: opened(tmp_path, "val")).message


def test_one_list_without_the_other(tmp_path: Path, refused: Refused) -> None:
    fill(tmp_path, ["a"])
    (tmp_path / "train.txt").write_text("a\n")
    fault = refused(lambda: opened(tmp_path, "val"))
    assert fault.message == f"folder: {tmp_path / 'val.txt'} is missing"


@pytest.mark.parametrize(("line", "number"), [("a\nz", 2), ("/etc/passwd", 1), ("../images/a", 1)])
def test_a_line_that_names_no_image(tmp_path: Path, refused: Refused, line: str, number: int) -> None:
    fill(tmp_path, ["a"])
    (tmp_path / "train.txt").write_text(line)
    fault = refused(lambda: opened(tmp_path))
    assert (fault.code, fault.help_text) == ("E0504", "a line is the name of an image")
    assert fault.message.startswith(f"{tmp_path / 'train.txt'}, line {number}: ")


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b" \n"])
def test_a_list_of_nothing(tmp_path: Path, refused: Refused, content: bytes) -> None:
    fill(tmp_path, ["a"])
    (tmp_path / "train.txt").write_bytes(content)
    fault = refused(lambda: opened(tmp_path))
    assert (fault.code, fault.message.startswith(f"folder: {tmp_path / 'train.txt'} ")) == ("E0503", True)


def test_names_without_a_partner_are_counted(tmp_path: Path, refused: Refused) -> None:
    fill(tmp_path, ["a", "b", "c", "d"])
    for name in "bcd":
        (tmp_path / "labels" / f"{name}.png").rename(tmp_path / "labels" / f"{name}_mask.png")
    fault = refused(lambda: opened(tmp_path))
    assert fault.code == "E0505"
    assert fault.message == (
        f"{tmp_path / 'images' / 'b.png'}: {tmp_path / 'labels'} has no label b.png for it, nor for 2 more"
    )
    for name in "bcd":
        (tmp_path / "images" / f"{name}.png").unlink()
    fault = refused(lambda: opened(tmp_path))
    assert "b_mask.png: " in fault.message
    assert "has no image b_mask for it, nor for 2 more" in fault.message


def test_two_images_of_one_name(tmp_path: Path, refused: Refused) -> None:
    fill(tmp_path, ["a"])
    save(tmp_path / "images" / "a.JPG", picture())
    assert "has the same name" in refused(lambda: opened(tmp_path)).message


def test_links(tmp_path: Path, refused: Refused) -> None:
    root, elsewhere = tmp_path / "set", tmp_path / "elsewhere"
    fill(root, ["a"], below="train")
    save(elsewhere / "b.png", picture())
    (root / "images" / "train" / "b.png").symlink_to(root / "images" / "train" / "a.png")
    (root / "labels" / "train" / "b.png").symlink_to("a.png")
    assert len(opened(root)) == 2
    (root / "images" / "train" / "b.png").unlink()
    (root / "images" / "train" / "b.png").symlink_to(elsewhere / "b.png")
    fault = refused(lambda: opened(root))
    assert fault.message == f"{root / 'images' / 'train' / 'b.png'}: the link leads away"
    (root / "images" / "train" / "b.png").unlink()
    (root / "images" / "train" / "b.png").symlink_to("gone.png")
    assert "there is no such file" in refused(lambda: opened(root)).message
    (root / "labels").rename(tmp_path / "drawn")
    (root / "labels").symlink_to(tmp_path / "drawn")
    (root / "images" / "train" / "b.png").unlink()
    (tmp_path / "drawn" / "train" / "b.png").unlink()
    assert len(opened(root)) == 1


@pytest.mark.parametrize(
    ("text", "code", "said"),
    [
        ("road\nvoid\nlorry\n", "E0516", "class 2 is lorry in {}, and car in the spec"),
        ("road\nvoid\n", "E0516", "class 2 is nothing in {}, and car in the spec"),
        ("road\nvoid\ncar\nbus\n", "E0516", "class 3 is bus in {}, and nothing in the spec"),
        ("void\nroad\ncar\n", "E0516", "class 0 is void in {}, and road in the spec"),
        ("road 1 2 3\n", "E0516", "class 0 is road (1, 2, 3) in {}, and road (128, 64, 128) in the spec"),
        ("\nroad 1 2\n", "E0504", "{}, line 2: a colour is three whole numbers"),
        ("road 1 2 300\n", "E0504", "{}, line 1: a colour is three whole numbers"),
    ],
)
def test_classes_must_be_those_of_the_spec(
    tmp_path: Path, refused: Refused, text: str, code: str, said: str
) -> None:
    fill(tmp_path, ["a"], below="train")
    (tmp_path / "classes.txt").write_text(text)
    fault = refused(lambda: opened(tmp_path))
    assert fault.code == code
    assert fault.message.startswith(said.format(tmp_path / "classes.txt"))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read(tmp_path: Path, refused: Refused) -> None:
    fill(tmp_path, ["a"], below="train")
    (tmp_path / "images" / "train" / "a.png").chmod(0)
    assert "cannot be read" in refused(lambda: opened(tmp_path).read(0)).message


def test_no_damage_of_a_file_raises_anything_else(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    fill(tmp_path, ["a"], below="train")
    paths = [tmp_path / which / "train" / "a.png" for which in ("images", "labels")]
    jpeg = save(tmp_path / "a.jpg", picture()).read_bytes()
    whole = [path.read_bytes() for path in paths]
    refusals = 0
    for content in (*whole, jpeg):
        for _ in range(150):
            broken = bytearray(content)
            for at in rng.integers(0, len(broken), 3):
                broken[at] = int(rng.integers(256))
            paths[0].write_bytes(broken)
            try:
                opened(tmp_path, labels="index").read(0)
            except HnasError:
                refusals += 1
    assert refusals > 200
