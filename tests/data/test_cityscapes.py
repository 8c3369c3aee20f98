from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from hnas.data.cityscapes import open_cityscapes
from hnas.diag import Diagnostic
from hnas.schema.datasets import CITYSCAPES

WritePng = Callable[[Path, NDArray[np.uint8]], Path]
Refused = Callable[[Callable[[], object]], Diagnostic]
MakeSet = Callable[..., Path]

LABEL_ID_OF = {
    "road": 7, "sidewalk": 8, "building": 11, "wall": 12, "fence": 13, "pole": 17, "traffic light": 19,
    "traffic sign": 20, "vegetation": 21, "terrain": 22, "sky": 23, "person": 24, "rider": 25, "car": 26,
    "truck": 27, "bus": 28, "train": 31, "motorcycle": 32, "bicycle": 33,
}  # fmt: skip
"""As the set's own tools list them."""
NAMES = ("aachen/aachen_000001_000019", "aachen/aachen_000000_000019", "ulm/ulm_000000_000019")
SHAPE = (5, 8)


def numbered(values: list[int]) -> NDArray[np.uint8]:
    pixels = np.full(SHAPE[0] * SHAPE[1], 255, np.uint8)
    pixels[: len(values)] = values
    return pixels.reshape(SHAPE)


@pytest.fixture
def make_set(tmp_path: Path, write_png: WritePng) -> MakeSet:
    """Three images of train; `kinds` gives the annotations that are there, by kind."""

    def make(**kinds: NDArray[np.uint8]) -> Path:
        for number, name in enumerate(NAMES):
            image = np.full((*SHAPE, 3), number, np.uint8)
            write_png(tmp_path / "leftImg8bit" / "train" / f"{name}_leftImg8bit.png", image)
            for kind, pixels in kinds.items():
                write_png(tmp_path / "gtFine" / "train" / f"{name}_gtFine_{kind}.png", pixels)
        return tmp_path

    return make


def test_images_of_all_cities_come_in_the_order_of_their_names(make_set: MakeSet) -> None:
    images = open_cityscapes(make_set(labelTrainIds=numbered([0])), "train")
    assert [Path(images.name(i)).name.removesuffix("_leftImg8bit.png") for i in range(len(images))] == [
        "aachen_000000_000019",
        "aachen_000001_000019",
        "ulm_000000_000019",
    ]
    assert [int(images.read(i)[0].max()) for i in range(3)] == [1, 0, 2]


def test_the_labels_of_its_test_images_are_not_public(make_set: MakeSet, refused: Refused) -> None:
    told = refused(lambda: open_cityscapes(make_set(labelTrainIds=numbered([0])), "test"))
    assert (told.code, told.message) == ("E0520", "cityscapes has no images for test")
    assert "not public" in told.help_text


def test_train_ids_are_taken_as_they_are(make_set: MakeSet) -> None:
    images = open_cityscapes(make_set(labelTrainIds=numbered([*range(19)])), "train")
    assert images.read(0)[1].flatten()[:20].tolist() == [*range(19), 255]
    assert images.card is CITYSCAPES


def test_label_ids_are_mapped_where_there_are_no_train_ids(make_set: MakeSet) -> None:
    images = open_cityscapes(make_set(labelIds=numbered([*range(34)])), "train")
    found = images.read(0)[1].flatten()[:34].tolist()
    expected = [255] * 34
    for name, label_id in LABEL_ID_OF.items():
        expected[label_id] = CITYSCAPES.classes.index(name)
    assert found == expected


def test_train_ids_are_preferred(make_set: MakeSet) -> None:
    root = make_set(labelTrainIds=numbered([3]), labelIds=numbered([7]))
    assert int(open_cityscapes(root, "train").read(2)[1][0, 0]) == 3


@pytest.mark.parametrize(("kind", "value"), [("labelTrainIds", 19), ("labelTrainIds", 33), ("labelIds", 34)])
def test_a_label_out_of_range_names_the_file(
    make_set: MakeSet, refused: Refused, kind: str, value: int
) -> None:
    images = open_cityscapes(make_set(**{kind: numbered([0, value])}), "train")
    fault = refused(lambda: images.read(0))
    assert fault.code == "E0507"
    assert f"aachen_000000_000019_gtFine_{kind}.png has label {value}; " in fault.message


def test_a_missing_folder_is_named(make_set: MakeSet, refused: Refused) -> None:
    root = make_set(labelIds=numbered([7]))
    fault = refused(lambda: open_cityscapes(root, "val"))
    assert fault.code == "E0503"
    assert fault.message == f"cityscapes: {root / 'leftImg8bit' / 'val'} is missing"
    assert "gtFine" in fault.help_text


def test_a_folder_without_images_is_named(tmp_path: Path, refused: Refused) -> None:
    folder = tmp_path / "leftImg8bit" / "train"
    (folder / "ulm").mkdir(parents=True)
    fault = refused(lambda: open_cityscapes(tmp_path, "train"))
    assert fault.code == "E0503"
    assert fault.message == f"cityscapes: {folder} has no images *_leftImg8bit.png"


def test_no_annotations_at_all_is_refused_at_once(make_set: MakeSet, refused: Refused) -> None:
    root = make_set()
    fault = refused(lambda: open_cityscapes(root, "train"))
    assert fault.code == "E0505"
    assert "aachen_000000_000019_gtFine_labelTrainIds.png" in fault.message
    assert "nor one of labelIds" in fault.message


def test_one_missing_annotation_is_named_before_anything_starts(make_set: MakeSet, refused: Refused) -> None:
    root = make_set(labelIds=numbered([7]))
    lost = root / "gtFine" / "train" / "ulm" / "ulm_000000_000019_gtFine_labelIds.png"
    lost.unlink()
    fault = refused(lambda: open_cityscapes(root, "train"))
    assert fault.code == "E0505"
    assert fault.message == f"{lost}: there is no such file"


def test_a_cut_annotation_and_one_of_another_size_are_named(
    make_set: MakeSet, refused: Refused, write_png: WritePng
) -> None:
    root = make_set(labelTrainIds=numbered([0]))
    folder = root / "gtFine" / "train" / "aachen"
    cut = folder / "aachen_000000_000019_gtFine_labelTrainIds.png"
    cut.write_bytes(cut.read_bytes().partition(b"IEND")[0][:-12])
    other = write_png(
        folder / "aachen_000001_000019_gtFine_labelTrainIds.png", np.zeros((SHAPE[0] + 1, SHAPE[1]), np.uint8)
    )
    images = open_cityscapes(root, "train")
    broken, differs = refused(lambda: images.read(0)), refused(lambda: images.read(1))
    assert (broken.code, differs.code) == ("E0505", "E0506")
    assert broken.message.startswith(f"{cut}: ")
    assert differs.message.startswith(f"{other} is 6 x 8, its image ")
