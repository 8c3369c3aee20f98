"""`hnas data`: what it says of sets that are right, that have faults, and of none."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from hnas.cli import surveying
from hnas.data.measure import measure

Call = Callable[..., Any]

SPEC = """hnas 1
use "base.hnas"
space mine extends base { data folder { root = "pictures"  classes = "classes.txt"  crop = 9 } }
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hnas: Call) -> Path:
    """A folder with a spec and a set of 6 + 2 images; image 3 is smaller than the crop."""
    monkeypatch.chdir(tmp_path)
    assert hnas("new", "base").code == 0
    Path("mine.hnas").write_text(SPEC)
    pictures = tmp_path / "pictures"
    for split, number in (("train", 6), ("val", 2)):
        for n in range(number):
            height, width = (6, 8) if n == 3 else (12, 16)
            label = np.zeros((height, width), np.uint8)
            label[: height // 2, : width // 2], label[height // 2 :] = 2, 1
            for kind, pixels in (("labels", label), ("images", np.full((height, width, 3), 51, np.uint8))):
                (pictures / kind / split).mkdir(parents=True, exist_ok=True)
                Image.fromarray(pixels).save(pictures / kind / split / f"{n}.png")
    for listed in (tmp_path / "classes.txt", pictures / "classes.txt"):
        listed.write_text("road 128 64 128\nvoid\nwet road\nsky 10 20 30\n")
    return pictures


def test_a_set_that_is_right(hnas: Call, folder: Path) -> None:
    said = hnas("data", "mine.hnas")
    assert (said.code, said.err) == (0, "")
    assert (
        said.out
        == f"""data folder, in {folder}
  train  6 images, 6 to 12 x 8 to 16 (2 sizes)
  val    2 images, 12 x 16
  1 image is smaller than the crop of 9 x 9: filled up with void

  class     % of train  % of val  images  median-frequency  inverse-log
  road           50.00     50.00       6             1.000        2.388
  wet road       50.00     50.00       6             1.000        2.388
  sky             0.00      0.00       0                 -       50.498
  void: 50.00 % of the pixels of train

  mean of train      [0.200, 0.200, 0.200], and the spec has [0.485, 0.456, 0.406]
  deviation of train [0.000, 0.000, 0.000], and the spec has [0.229, 0.224, 0.225]
"""
    )


def test_figures(hnas: Call, folder: Path) -> None:
    said = hnas("data", "mine.hnas", "--json")
    found = json.loads(said.out)
    assert (said.code, found["broken"], found["root"]) == (0, [], str(folder))
    assert found["classes"] == ["road", "wet road", "sky"]
    assert found["splits"]["train"]["labels"] == [252, 252, 0]
    assert found["splits"]["train"]["sizes"] == [
        {"size": [12, 16], "images": 5},
        {"size": [6, 8], "images": 1},
    ]
    assert found["splits"]["train"]["median_frequency"] == [1, 1, None]
    assert found["splits"]["train"]["smaller_than_crop"] == 1
    assert found["splits"]["val"]["void"] == 192


def test_broken_files_are_all_told(hnas: Call, folder: Path) -> None:
    (folder / "images" / "train" / "1.png").write_bytes(b"")
    Image.fromarray(np.full((12, 16), 9, np.uint8)).save(folder / "labels" / "train" / "4.png")
    (folder / "labels" / "val" / "1.png").write_text("text")
    said = hnas("data", "mine.hnas")
    assert said.code == 1
    assert [line for line in said.err.splitlines() if line.startswith("error")] == [
        f"error[E0505]: {folder}/images/train/1.png: it is empty",
        f"error[E0507]: {folder}/labels/train/4.png has label 9; the labels of folder are 0 to 3, 1 for void",
        f"error[E0505]: {folder}/labels/val/1.png: this is no image",
    ]
    assert said.err.endswith("3 errors\n")
    assert "train  4 images" in said.out
    assert "val    1 images" in said.out
    assert [each["code"] for each in json.loads(hnas("data", "mine.hnas", "--json").out)["broken"]] == [
        *("E0505", "E0507", "E0505")
    ]


def test_of_many_broken_files_20_are_shown(hnas: Call, folder: Path) -> None:
    for n in range(30):
        for kind in ("images", "labels"):
            (folder / kind / "train" / f"x{n}.png").write_bytes(b"x")
    said = hnas("data", "mine.hnas")
    assert (said.code, said.err.count("error[E0505]")) == (1, 20)
    assert said.err.endswith("20 of 30 errors shown\n")


def test_one_split_that_cannot_be_opened_leaves_the_other(hnas: Call, folder: Path) -> None:
    (folder / "labels" / "val" / "1.png").unlink()
    said = hnas("data", "mine.hnas")
    assert said.code == 1
    assert "has no label 1.png for it" in said.err
    assert "train  6 images" in said.out
    (folder / "labels" / "train" / "1.png").unlink()
    said = hnas("data", "mine.hnas")
    assert (said.code, said.out) == (1, "")
    assert said.err.endswith("2 errors\n")


def test_the_flag_goes_before_what_the_spec_says(hnas: Call, folder: Path) -> None:
    moved = folder.rename(folder.with_name("moved"))
    said = hnas("data", "mine.hnas")
    assert (said.code, said.out) == (1, "")
    assert f"folder: {folder} is not there" in said.err
    said = hnas("data", "mine.hnas", "--data", f"folder={moved}")
    assert (said.code, said.err) == (0, "")


def test_a_sheet(hnas: Call, folder: Path) -> None:
    said = hnas("data", "mine.hnas", "--sheet", "out.png", "--samples", "3")
    assert said.code == 0
    assert said.out.endswith("sheet    out.png\n")
    with Image.open("out.png") as sheet:
        sheet.load()
        pixels = np.asarray(sheet.convert("RGB"))
    grey, road = np.array([51, 51, 51]), 0.45 * 51 + 0.55 * np.array([128, 64, 128])
    for colour in (grey, road.round(), np.array([128, 64, 128])):
        assert (np.abs(pixels - colour).max(2) < 1).any(), colour
    said = hnas("data", "mine.hnas", "--sheet", "nowhere/out.png")
    assert (said.code, "E0605" in said.err or "cannot" in said.err) == (1, True)


def test_a_sheet_of_a_set_with_a_label_an_image(hnas: Call, tmp_path: Path) -> None:
    for split in ("train", "val"):
        for name in ("dog", "cat"):
            path = tmp_path / "pets" / split / name / "1.jpg"
            path.parent.mkdir(parents=True)
            Image.fromarray(np.full((9, 200, 3), 77, np.uint8)).save(path)
    sets = ("--set", "data.classes=[dog, cat]", "--set", "data.task=classification")
    said = hnas("data", "mine.hnas", *sets, "--data", "folder=pets", "--sheet", "out.png")
    assert (said.code, said.err) == (0, "")
    assert "train  2 images, 9 x 200" in said.out
    assert "void: 0.00 % of the labels of train" in said.out
    assert Path("out.png").stat().st_size > 0


def test_a_set_that_is_not_here(hnas: Call) -> None:
    said = hnas("data", "mine.hnas", "--set", "data=camvid")
    assert (said.code, "E0501" in said.err, said.out) == (1, True, "")
    said = hnas("data", "mine.hnas", "--data", "camvid=pictures")
    assert (said.code, "--data gives camvid, but the spec reads folder" in said.err) == (1, True)


def test_generated_images(hnas: Call) -> None:
    said = hnas("data", "base.hnas")
    assert (said.code, said.err) == (0, "")
    assert "data shapes\n  train  240 images, 97 x 129\n  val    60 images, 97 x 129\n" in said.out
    assert "deviation of train [" in said.out


def test_an_interrupt_leaves_no_traceback_and_no_sheet(hnas: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(*arguments: Any) -> None:
        measure(*arguments)
        raise KeyboardInterrupt

    monkeypatch.setattr(surveying, "measure", stopped)
    said = hnas("data", "mine.hnas", "--sheet", "out.png")
    assert (said.code, said.out, said.err) == (130, "", "\nstopped\n")
    assert not Path("out.png").exists()


def test_progress_is_told_where_it_takes_long(hnas: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(surveying._EVERY, False, 0.0)
    said = hnas("data", "mine.hnas")
    lines = said.err.splitlines()
    assert len(lines) == 5 + 1
    assert lines[0].startswith("train: 1 of 6 images, ")


def test_a_search_on_a_folder(hnas: Call, folder: Path) -> None:
    arguments = ("--set", "data.resize=[16, 16]", "--batch", "2", "--epochs", "1", "--max-steps", "1")
    said = hnas("search", "mine.hnas", *arguments, "--out", "run", "--threads", "1", "--profile", "quick")
    assert said.code == 0, said.err
    record = json.loads(Path("run/run.json").read_text())
    assert record["data"] == {"name": "folder", "root": str(folder)}
    moved = folder.rename(folder.with_name("moved"))
    resume = ("search", "--resume", "run", "--max-steps", "2")
    assert hnas(*resume).code == 1
    assert hnas(*resume, "--data", f"folder={moved}").code == 0
