"""Warnings about what a space defines and never uses: who is asked, and what counts as a use."""

from pathlib import Path

import pytest
from lang_specs import MINI

from hnas.compiler import Compilation

TEXT = MINI.read_text(encoding="utf-8")


def _codes(path: Path, text: str) -> list[str]:
    path.write_text(text, encoding="utf-8")
    return [d.code for d in Compilation(path).check()]


@pytest.mark.parametrize(
    ("use", "codes"),
    [
        ("", ["W0203"]),
        ("profile p { search { epochs = G } }", []),
        ("train { epochs = G  batch = 1  weights = sgd(lr = 0.1) }", []),
        (
            "train { epochs = 1  batch = 1  weights = sgd(lr = 0.1)  G = 3 }",
            ["W0203"],
        ),  # once, not for each form
        ("profile p { G = 3 }", ["W0203"]),
    ],
)
def test_a_parameter_is_used_where_it_is_named(tmp_path: Path, use: str, codes: list[str]) -> None:
    text = TEXT.replace("  param F = 4\n", "  param F = 4\n  param G = 40\n")
    assert _codes(tmp_path / "spec.hnas", f"{text}\n{use}\n") == codes


def test_a_space_that_extends_another_may_override_what_that_one_uses(tmp_path: Path) -> None:
    (tmp_path / "base.hnas").write_text(TEXT, encoding="utf-8")
    over = "trellis { cell = conv(3, width) }  head = sum_over(stride, conv(1, classes) -> resize(1))"
    derived = f'hnas 1\nuse "base.hnas"\nspace other extends mini {{ param G = 2  {over} }}\n'
    assert _codes(tmp_path / "spec.hnas", derived) == []


def test_a_warning_gives_way_to_errors(tmp_path: Path) -> None:
    assert _codes(tmp_path / "spec.hnas", TEXT.replace("cell    = dense", "cell    = dens")) == ["E0203"]


def test_overrides_are_no_reason_to_warn(tmp_path: Path) -> None:
    assert Compilation(MINI, sets=("trellis.cell=conv(3, width)",)).check() == ()
