import contextlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from hnas.data.camvid import open_camvid
from hnas.diag import Diagnostic, HnasError

WritePng = Callable[[Path, NDArray[np.uint8]], Path]
Refused = Callable[[Callable[[], object]], Diagnostic]
MakeSet = Callable[..., Path]

HEIGHT, WIDTH = 6, 8


def picture(value: int = 0) -> NDArray[np.uint8]:
    pixels = np.arange(HEIGHT * WIDTH * 3, dtype=np.uint8).reshape(HEIGHT, WIDTH, 3)
    return pixels + np.uint8(value)


def annotation() -> NDArray[np.uint8]:
    """All labels there may be: 0 to 11 and 255."""
    values = np.zeros(HEIGHT * WIDTH, np.uint8)
    values[:13] = [*range(12), 255]
    return values.reshape(HEIGHT, WIDTH)


@pytest.fixture
def make_set(tmp_path: Path, write_png: WritePng) -> MakeSet:
    """Two images of train, listed below `prefix`."""

    def make(prefix: str = "") -> Path:
        lines = []
        for number in range(2):
            write_png(tmp_path / "train" / f"{number}.png", picture(number))
            write_png(tmp_path / "trainannot" / f"{number}.png", annotation())
            lines.append(f"{prefix}train/{number}.png {prefix}trainannot/{number}.png")
        (tmp_path / "train.txt").write_text("\n".join(lines) + "\n")
        return tmp_path

    return make


@pytest.mark.parametrize("prefix", ["", "/SegNet/CamVid/", "CamVid/", "../CamVid/", "./"])
def test_listed_paths_are_found_whatever_root_they_carry(make_set: MakeSet, prefix: str) -> None:
    images = open_camvid(make_set(prefix), "train")
    assert len(images) == 2
    for number in range(2):
        image, _ = images.read(number)
        assert torch.equal(image, torch.from_numpy(picture(number).transpose(2, 0, 1).copy()))


def test_the_test_part_is_read_where_it_is_there(
    tmp_path: Path, make_set: MakeSet, write_png: WritePng, refused: Refused
) -> None:
    root = make_set()
    told = refused(lambda: open_camvid(root, "test"))
    assert (told.code, told.message) == ("E0503", f"camvid: {root / 'test.txt'} is missing")
    (root / "test.txt").write_text("/SegNet/CamVid/test/7.png /SegNet/CamVid/testannot/7.png\n" * 2)
    told = refused(lambda: open_camvid(root, "test"))
    assert told.message == f"camvid: {root / 'test.txt'} lists 2 images, and none of them is there"
    write_png(tmp_path / "test" / "7.png", picture(7))
    write_png(tmp_path / "testannot" / "7.png", annotation())
    images = open_camvid(root, "test")
    assert len(images) == 2
    assert torch.equal(images.read(0)[0], torch.from_numpy(picture(7).transpose(2, 0, 1).copy()))


def test_an_absolute_path_below_the_root_is_found(tmp_path: Path, make_set: MakeSet) -> None:
    assert open_camvid(make_set(f"{tmp_path}/"), "train").read(1)[0].shape == (3, HEIGHT, WIDTH)


def test_label_11_and_255_are_void_all_others_stay(make_set: MakeSet) -> None:
    _, label = open_camvid(make_set(), "train").read(0)
    assert (label.dtype, label.shape) == (torch.uint8, (HEIGHT, WIDTH))
    assert label.flatten()[:13].tolist() == [*range(11), 255, 255]


def test_a_palette_annotation_is_read_by_index_not_by_colour(make_set: MakeSet) -> None:
    root = make_set()
    palette = Image.frombytes("P", (WIDTH, HEIGHT), annotation().tobytes())
    palette.putpalette([v for i in range(256) for v in (255 - i, i, 7)])
    palette.save(root / "trainannot" / "0.png")
    images = open_camvid(root, "train")
    assert torch.equal(images.read(0)[1], images.read(1)[1])


def test_a_grey_image_is_read_as_rgb(make_set: MakeSet, write_png: WritePng) -> None:
    root = make_set()
    write_png(root / "train" / "0.png", np.full((HEIGHT, WIDTH), 9, np.uint8))
    image, _ = open_camvid(root, "train").read(0)
    assert image.shape == (3, HEIGHT, WIDTH)
    assert image.unique().tolist() == [9]


def test_empty_lines_of_the_list_are_skipped(make_set: MakeSet) -> None:
    root = make_set()
    listed = root / "train.txt"
    listed.write_text("\n" + listed.read_text().replace("\n", "\n  \n"))
    assert len(open_camvid(root, "train")) == 2


def test_a_missing_list_is_named(tmp_path: Path, refused: Refused) -> None:
    fault = refused(lambda: open_camvid(tmp_path, "val"))
    assert fault.code == "E0503"
    assert fault.message == f"camvid: {tmp_path / 'val.txt'} is missing"
    assert "train.txt" in fault.help_text


@pytest.mark.parametrize("content", ["", "\n \n"])
def test_an_empty_list_is_refused(tmp_path: Path, refused: Refused, content: str) -> None:
    (tmp_path / "train.txt").write_text(content)
    fault = refused(lambda: open_camvid(tmp_path, "train"))
    assert fault.code == "E0503"
    assert fault.message == f"camvid: {tmp_path / 'train.txt'} lists no images"


def test_a_list_that_is_no_text_is_refused(tmp_path: Path, refused: Refused) -> None:
    (tmp_path / "train.txt").write_bytes(b"\x89PNG\xff\xfe\x00")
    fault = refused(lambda: open_camvid(tmp_path, "train"))
    assert fault.code == "E0503"
    assert "train.txt is not a text file" in fault.message


@pytest.mark.parametrize(
    ("line", "why"), [("train/0.png", "1 word instead of two"), ("a b c", "3 words instead of two")]
)
def test_a_bad_line_is_named_by_its_number(make_set: MakeSet, refused: Refused, line: str, why: str) -> None:
    root = make_set()
    with (root / "train.txt").open("a") as listed:
        listed.write(f"\n{line}\n")
    fault = refused(lambda: open_camvid(root, "train"))
    assert fault.code == "E0504"
    assert fault.message == f"{root / 'train.txt'}, line 4: {why}"


@pytest.mark.parametrize("folder", ["train", "trainannot"])
def test_a_missing_file_is_named_before_anything_starts(
    make_set: MakeSet, refused: Refused, folder: str
) -> None:
    root = make_set()
    images = open_camvid(root, "train")
    (root / folder / "1.png").unlink()
    for fault in (refused(lambda: open_camvid(root, "train")), refused(lambda: images.read(1))):
        assert fault.code == "E0505"
        assert fault.message == f"{root / folder / '1.png'}: there is no such file"
    for path in (root / folder).iterdir():
        path.unlink()
    with pytest.raises(HnasError) as caught:
        open_camvid(root, "train")
    named = [f"{root / folder / f'{n}.png'}: there is no such file" for n in range(2)]
    if folder == "train":
        named = [f"camvid: {root / 'train.txt'} lists 2 images, and none of them is there"]
    assert [d.message for d in caught.value.diagnostics] == named


@pytest.mark.parametrize("folder", ["train", "trainannot"])
@pytest.mark.parametrize("damage", ["cut", "empty", "no image"])
def test_a_broken_file_is_named_when_it_is_read(
    make_set: MakeSet, refused: Refused, folder: str, damage: str
) -> None:
    root = make_set()
    path = root / folder / "0.png"
    whole = path.read_bytes()
    path.write_bytes(
        {"cut": whole[: whole.index(b"IDAT") + 14], "empty": b"", "no image": b"this is text\n" * 9}[damage]
    )
    fault = refused(lambda: open_camvid(root, "train").read(0))
    assert fault.code == "E0505"
    assert fault.message.startswith(f"{path}: ")
    assert {"empty": "it is empty", "cut": "cannot be read"}.get(damage, "this is no image") in fault.message


def test_no_cut_of_a_file_is_read_as_something_else(make_set: MakeSet) -> None:
    root = make_set()
    path = root / "trainannot" / "0.png"
    whole = path.read_bytes()
    images = open_camvid(root, "train")
    label = images.read(0)[1]
    codes = []
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        try:
            # without the last bytes all pixels may still be there
            assert torch.equal(images.read(0)[1], label), length
        except HnasError as error:
            codes += [d.code for d in error.diagnostics]
    assert set(codes) == {"E0505"}
    assert len(codes) > len(whole) / 2


def test_sizes_that_differ_name_both_files_and_sizes(
    make_set: MakeSet, refused: Refused, write_png: WritePng
) -> None:
    root = make_set()
    write_png(root / "trainannot" / "0.png", np.zeros((HEIGHT, WIDTH - 1), np.uint8))
    fault = refused(lambda: open_camvid(root, "train").read(0))
    assert fault.code == "E0506"
    assert fault.message == (
        f"{root / 'trainannot' / '0.png'} is 6 x 7, its image {root / 'train' / '0.png'} is 6 x 8"
    )


@pytest.mark.parametrize("value", [12, 128, 254])
def test_a_label_out_of_range_names_file_value_and_what_is_allowed(
    make_set: MakeSet, refused: Refused, write_png: WritePng, value: int
) -> None:
    root = make_set()
    labels = annotation()
    labels[5, 7] = value
    path = write_png(root / "trainannot" / "1.png", labels)
    fault = refused(lambda: open_camvid(root, "train").read(1))
    assert fault.code == "E0507"
    assert fault.message == f"{path} has label {value}; the labels of camvid are 0 to 10, 11 for void"


def test_an_annotation_in_colours_is_refused(
    make_set: MakeSet, refused: Refused, write_png: WritePng
) -> None:
    root = make_set()
    path = write_png(root / "trainannot" / "0.png", picture())
    fault = refused(lambda: open_camvid(root, "train").read(0))
    assert fault.code == "E0505"
    assert fault.message == f"{path}: an annotation has one value a pixel, this one has colours"


def test_an_annotation_of_16_bits_is_refused(make_set: MakeSet, refused: Refused) -> None:
    root = make_set()
    path = root / "trainannot" / "0.png"
    Image.fromarray(annotation().astype(np.uint16)).save(path)
    fault = refused(lambda: open_camvid(root, "train").read(0))
    assert fault.code == "E0505"
    assert fault.message.startswith(f"{path}: annotations have 8 bits a pixel")


def test_no_flipped_bit_is_read_as_other_labels(tmp_path: Path) -> None:
    label = (np.add.outer(np.arange(90) // 10, np.arange(120) // 15) % 11).astype(np.uint8)
    Image.fromarray(np.zeros((90, 120, 3), np.uint8)).save(tmp_path / "a.png")
    Image.fromarray(label).save(tmp_path / "b.png")
    (tmp_path / "train.txt").write_text("a.png b.png\n")
    whole, images, wrong = (tmp_path / "b.png").read_bytes(), open_camvid(tmp_path, "train"), 0
    for at in range(len(whole)):
        (tmp_path / "b.png").write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        with contextlib.suppress(HnasError):
            wrong += not torch.equal(images.read(0)[1], torch.from_numpy(label))
    assert wrong == 0


def test_a_list_with_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    for name, pixels in (("a.png", np.zeros((4, 4, 3), np.uint8)), ("b.png", np.zeros((4, 4), np.uint8))):
        Image.fromarray(pixels).save(tmp_path / name)
    (tmp_path / "train.txt").write_bytes(b"\xef\xbb\xbfa.png b.png\n")
    assert open_camvid(tmp_path, "train").read(0)[1].shape == (4, 4)
