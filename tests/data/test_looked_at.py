"""Images from anywhere become red, green and blue; labels become images."""

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from hnas.data.looked_at import label_png, overlay_png, pictures, read_picture
from hnas.diag import HnasError
from hnas.schema.datasets import SHAPES

RGB = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3) * 10


def saved(folder: Path, image: Image.Image, name: str = "x.png", **how: object) -> Path:
    path = folder / name
    image.save(path, **how)
    return path


def test_colours_stay(tmp_path: Path) -> None:
    found = read_picture(saved(tmp_path, Image.fromarray(RGB)))
    assert found.dtype == torch.uint8
    assert torch.equal(found, torch.from_numpy(RGB).permute(2, 0, 1))


def test_grey_alpha_and_palettes_become_colours(tmp_path: Path) -> None:
    grey = np.array([[0, 100, 255]], dtype=np.uint8)
    expected = torch.tensor([[[0, 100, 255]]] * 3, dtype=torch.uint8)
    assert torch.equal(read_picture(saved(tmp_path, Image.fromarray(grey))), expected)
    clear = np.dstack([RGB, np.full((2, 3), 7, np.uint8)])
    found = read_picture(saved(tmp_path, Image.fromarray(clear)))
    assert torch.equal(found, torch.from_numpy(RGB).permute(2, 0, 1))
    palette = Image.fromarray(np.array([[1, 0]], dtype=np.uint8))
    palette.putpalette([9, 8, 7, 200, 100, 50])
    found = read_picture(saved(tmp_path, palette))
    assert found[:, 0].T.tolist() == [[200, 100, 50], [9, 8, 7]]


def test_more_than_eight_bits_are_refused(tmp_path: Path) -> None:
    path = saved(tmp_path, Image.fromarray(np.array([[0, 65535]], dtype=np.uint16)))
    with pytest.raises(HnasError, match=r"E0505.*more than 8 bits"):
        read_picture(path)


def test_an_image_is_turned_as_its_camera_was(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned a quarter to the right
    found = read_picture(saved(tmp_path, Image.fromarray(RGB), exif=exif))
    assert found.shape == (3, 3, 2)
    assert torch.equal(found.permute(1, 2, 0), torch.from_numpy(np.rot90(RGB, -1).copy()))


def test_what_is_no_image_is_said(tmp_path: Path) -> None:
    text = tmp_path / "x.png"
    text.write_text("no image")
    with pytest.raises(HnasError, match="this is no image"):
        read_picture(text)


def test_a_folder_gives_its_images_by_name(tmp_path: Path) -> None:
    for name in ("b.PNG", "a.jpg", "notes.txt", ".hidden.png"):
        (tmp_path / name).write_bytes(b"")
    assert [path.name for path in pictures(tmp_path)] == ["a.jpg", "b.PNG"]
    assert pictures(tmp_path / "notes.txt") == (tmp_path / "notes.txt",)
    (tmp_path / "empty").mkdir()
    for wrong, why in (("empty", "has no images"), ("missing", "no such file or folder")):
        with pytest.raises(HnasError, match=f"E0521.*{why}"):
            pictures(tmp_path / wrong)


def test_labels_are_indices_in_the_colours_of_the_card() -> None:
    labels = torch.tensor([[0, 3], [7, 1]], dtype=torch.uint8)
    image = Image.open(io.BytesIO(label_png(labels, SHAPES)))
    assert image.mode == "P"
    assert np.asarray(image).tolist() == labels.tolist()
    shown = np.asarray(image.convert("RGB"))
    assert [tuple(shown[y, x]) for y, x in ((0, 0), (0, 1), (1, 0), (1, 1))] == [
        SHAPES.colours[i] for i in (0, 3, 7, 1)
    ]


def test_an_overlay_is_the_mean_of_image_and_colours() -> None:
    image = torch.full((3, 1, 2), 100, dtype=torch.uint8)
    found = np.asarray(Image.open(io.BytesIO(overlay_png(image, torch.tensor([[3, 5]]), SHAPES))))
    for x, label in enumerate((3, 5)):
        assert found[0, x].tolist() == [round((100 + c) / 2) for c in SHAPES.colours[label]]
