"""`hnas new`: what it writes checks clean, and it never writes over anything."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from helpers import ROOT, SPEC

from hnas.compiler import Compilation

Call = Callable[..., Any]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to write in."""
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path / "work"


def _spec(path: str = "spec.hnas") -> None:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_bytes(SPEC.read_bytes())


def test_a_first_spec_checks_clean(hnas: Call) -> None:
    said = hnas("new", "mine")
    assert (said.code, said.out, said.err) == (0, "wrote  mine.hnas\nnext   hnas show mine.hnas\n", "")
    compilation = Compilation(Path("mine.hnas"))
    assert compilation.check() == ()
    assert (compilation.space.name, compilation.data.name) == ("mine", "shapes")
    assert compilation.profiles == ("paper", "quick")
    text = Path("mine.hnas").read_text(encoding="utf-8")
    assert "base" not in text
    assert "hnas search mine.hnas" in text
    assert 50 <= text.count("\n") <= 75
    assert max(map(len, text.splitlines())) <= 110


def test_what_the_starter_says_about_itself_is_true() -> None:
    text = (ROOT / "hnas" / "cli" / "examples" / "base.hnas").read_text(encoding="utf-8")
    path = Path("base.hnas")
    path.write_text(text, encoding="utf-8")
    assert "enter = one_of { 4, 8 } would search it" in text
    entered = Compilation(path, sets=("trellis.enter=one_of { 4, 8 }",))
    assert entered.counts.paths > Compilation(path).counts.paths
    assert Compilation(path, sets=("F=16",)).space.params["F"] == 16


def test_a_variation_whole(hnas: Call) -> None:
    _spec("in/spec.hnas")
    said = hnas("new", "wide", "--from", "in/spec.hnas")
    assert (said.code, said.err) == (0, "")
    assert said.out == "wrote  wide.hnas\nnext   hnas diff in/spec.hnas wide.hnas\n"
    assert (
        Path("wide.hnas").read_text(encoding="utf-8")
        == """\
hnas 1

# A variation of auto_deeplab: all is as in/spec.hnas has it, but for what is written here.
# Take a # away and change the value. What differs:
#   hnas diff in/spec.hnas wide.hnas

use "in/spec.hnas"

space wide extends auto_deeplab {
  # F = 8
  # B = 5
  # L = 12

  # cell dense { op += avg(5)  op -= atrous(5) }
  # trellis {
  #   strides = [4, 8, 16, 32]
  #   missing = closest
  #   weigh   = outgoing
  # }
  # data = cityscapes
  # search { epochs = 40  batch = 2 }
}
"""
    )
    assert hnas("check", "wide.hnas").out == "wide.hnas: ok\n"


def test_every_hint_of_a_variation_can_be_taken(hnas: Call) -> None:
    _spec()
    hnas("new", "wide", "--from", "spec.hnas")
    text = Path("wide.hnas").read_text(encoding="utf-8")
    Path("wide.hnas").write_text(re.sub(r"(?m)^  # ", "  ", text), encoding="utf-8")
    compilation = Compilation(Path("wide.hnas"))
    assert compilation.check() == ()
    labels = [option.label for option in compilation.space.cells["dense"].options]
    assert "avg(5)" in labels
    assert "atrous(5)" not in labels


def test_a_variation_of_a_variation_and_of_one_space_of_several(hnas: Call) -> None:
    _spec()
    hnas("new", "wide", "--from", "spec.hnas")
    assert hnas("new", "wider", "--from", "wide.hnas").code == 0
    assert hnas("check", "wider.hnas").code == 0
    Path("two.hnas").write_text(
        'hnas 1\nuse "spec.hnas"\nspace a extends auto_deeplab {}\nspace b extends auto_deeplab {}\n',
        encoding="utf-8",
    )
    assert "E0218" in hnas("new", "c", "--from", "two.hnas").err
    assert hnas("new", "c", "--from", "two.hnas", "--space", "b").code == 0
    assert "space c extends b {" in Path("c.hnas").read_text(encoding="utf-8")


def test_nothing_is_overwritten(hnas: Call) -> None:
    Path("mine.hnas").write_text("keep", encoding="utf-8")
    said = hnas("new", "mine")
    assert (said.code, said.out) == (1, "")
    assert said.err == (
        "error[E0801]: mine.hnas is there already\n = help: choose another name, or move the file away\n"
    )
    assert Path("mine.hnas").read_text(encoding="utf-8") == "keep"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("one_of", "one_of is a word of the language; choose another name"),
        ("2x", "'2x' is no name of the language: letters, digits and _: hnas new _2x"),
        ("mine.hnas", ": hnas new mine\n"),
        ("in/mine", ": hnas new in_mine\n"),
        ("größe", ": hnas new gr__e\n"),
        ("", "'' is no name of the language: letters, digits and _\n"),
    ],
)
def test_names_the_language_has_not(hnas: Call, folder: Path, name: str, words: str) -> None:
    said = hnas("new", name)
    assert (said.code, said.out) == (2, "")
    assert words in said.err
    assert list(folder.iterdir()) == []


def test_a_spec_elsewhere_is_refused_with_what_to_do(hnas: Call, folder: Path) -> None:
    _spec("../spec.hnas")
    said = hnas("new", "mine", "--from", "../spec.hnas")
    assert said.code == 1
    assert said.err == (
        "error[E0220]: ../spec.hnas is outside the spec's folder\n"
        " = help: call hnas new in the folder of spec.hnas or in one above it, or copy spec.hnas here: "
        "a spec uses files of its own folder and below\n"
    )
    assert list(folder.iterdir()) == []


def test_bases_that_cannot_be_extended(hnas: Call) -> None:
    _spec()
    assert "E0101" in hnas("new", "mine", "--from", "none.hnas").err
    taken = hnas("new", "auto_deeplab", "--from", "spec.hnas")
    assert taken.code == 1
    assert "error[E0802]: spec.hnas has a space auto_deeplab already" in taken.err
    Path("bad.hnas").write_text(
        SPEC.read_text(encoding="utf-8").replace("layers  = L", "layers = 0"), "utf-8"
    )
    assert "E0206" in hnas("new", "mine", "--from", "bad.hnas").err
    assert hnas("new", "mine", "--space", "auto_deeplab").code == 2
    assert not Path("mine.hnas").exists()
