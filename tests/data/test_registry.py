from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from hnas.data.registry import GENERATED, locate, open_dataset, parse_data_flags
from hnas.data.shapes import Shapes
from hnas.diag import Diagnostic
from hnas.schema.datasets import CARDS

Refused = Callable[[Callable[[], object]], Diagnostic]


def test_the_folder_of_the_flag_wins_over_the_environment(tmp_path: Path) -> None:
    given, above = tmp_path / "given", tmp_path / "above"
    given.mkdir()
    (above / "camvid").mkdir(parents=True)
    environ = {"HNAS_DATA": str(above)}
    assert locate("camvid", {"camvid": given}, environ) == given
    assert locate("camvid", {}, environ) == above / "camvid"


def test_the_flag_of_one_set_says_nothing_of_another(tmp_path: Path) -> None:
    assert locate("cityscapes", {"camvid": tmp_path}, {}) is None


@pytest.mark.parametrize("environ", [{}, {"HNAS_DATA": ""}, {"HNAS_DATA": "/nowhere/at/all"}])
def test_without_flag_and_folder_there_is_none(environ: dict[str, str]) -> None:
    assert locate("camvid", {}, environ) is None


def test_a_folder_of_the_flag_that_is_not_there_is_refused(tmp_path: Path, refused: Refused) -> None:
    path = tmp_path / "gone"
    fault = refused(lambda: locate("camvid", {"camvid": path}, {"HNAS_DATA": str(tmp_path)}))
    assert fault.code == "E0502"
    assert fault.message == f"camvid: {path} is not there"
    assert fault.help_text == CARDS["camvid"].layout


def test_a_file_in_place_of_the_folder_is_refused(tmp_path: Path, refused: Refused) -> None:
    path = tmp_path / "camvid.zip"
    path.touch()
    fault = refused(lambda: locate("camvid", {"camvid": path}, {}))
    assert fault.code == "E0502"
    assert fault.message == f"camvid: {path} is a file, not a folder"


def test_a_set_that_is_not_read_says_so_whether_it_has_a_folder_or_not(
    tmp_path: Path, refused: Refused
) -> None:
    for ask in (
        lambda: locate("imagenet", {}, {}),
        lambda: locate("imagenet", {"imagenet": tmp_path}, {}),
        lambda: open_dataset(CARDS["imagenet"], "train", tmp_path),
    ):
        fault = refused(ask)
        assert fault.code == "E0514"
        assert fault.message == "the images of imagenet are not read by hnas"


@pytest.mark.parametrize("name", ["camvid", "cityscapes", "cifar10"])
def test_a_set_without_a_folder_says_how_to_give_one(name: str, refused: Refused) -> None:
    fault = refused(lambda: open_dataset(CARDS[name], "train", None))
    assert fault.code == "E0501"
    assert f"the data set {name} is not on this machine" in fault.message
    assert f"--data {name}=PATH" in fault.help_text
    assert "HNAS_DATA" in fault.help_text


def test_a_generated_set_needs_no_folder() -> None:
    assert GENERATED == ("shapes",)
    assert open_dataset(CARDS["shapes"], "val", None) == Shapes("val")


def test_sets_of_files_are_opened_by_name(tmp_path: Path, write_png: Callable[..., Path]) -> None:
    blank = np.zeros((4, 4), np.uint8)
    write_png(tmp_path / "a.png", blank)
    write_png(tmp_path / "b.png", blank)
    (tmp_path / "val.txt").write_text("a.png b.png\n")
    write_png(tmp_path / "leftImg8bit" / "val" / "ulm" / "x_leftImg8bit.png", blank)
    write_png(tmp_path / "gtFine" / "val" / "ulm" / "x_gtFine_labelIds.png", blank)
    for name in ("camvid", "cityscapes"):
        found = open_dataset(CARDS[name], "val", tmp_path)
        assert (len(found), found.card) == (1, CARDS[name])


def test_flags_are_parsed_the_last_of_a_name_holds(tmp_path: Path) -> None:
    flags = ["camvid=/one", "cityscapes=relative/two", f"camvid={tmp_path}/with=sign"]
    assert parse_data_flags(flags) == {
        "camvid": tmp_path / "with=sign",
        "cityscapes": Path("relative/two"),
    }
    assert parse_data_flags([]) == {}


def test_a_tilde_is_the_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert parse_data_flags(["camvid=~/data"]) == {"camvid": tmp_path / "data"}


@pytest.mark.parametrize("flag", ["", "camvid", "camvid=", "/data/camvid"])
def test_a_flag_of_another_form_is_refused(flag: str, refused: Refused) -> None:
    fault = refused(lambda: parse_data_flags([flag]))
    assert fault.code == "E0509"
    assert fault.message == f"--data {flag}: there is no NAME=PATH"
    assert "NAME=PATH" in fault.help_text


@pytest.mark.parametrize(("name", "advice"), [("camvd", "did you mean camvid?"), ("", "known here: ")])
def test_a_flag_of_an_unknown_set_is_refused(name: str, advice: str, refused: Refused) -> None:
    fault = refused(lambda: parse_data_flags([f"{name}=/data"]))
    assert fault.code == "E0509"
    assert f"there is no data set {name}" in fault.message
    assert fault.help_text.startswith(advice)
