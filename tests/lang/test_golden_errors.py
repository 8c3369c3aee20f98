"""What every mistake in a spec reads like: `tests/errors/STAGE/CASE.hnas` and the text expected of it.

`pytest --update-golden` writes the expected texts; a change of one is to be read like a change of prose.
"""

import inspect
from pathlib import Path

import pytest

from hnas.compiler import Compilation
from hnas.diag import Diagnostic, HnasError
from hnas.diag.render import render
from hnas.lang import block_errors, syntax_errors
from hnas.lang import errors as lang_errors
from hnas.lang.scan import LONGEST
from hnas.passes import errors as pass_errors

ERRORS = Path(__file__).parent.parent / "errors"
STAGES = ("syntax", "resolve", "check", "expand", "network")
CASES = sorted(path for path in ERRORS.glob("*/*.hnas") if not path.name.startswith("_"))
"""Files whose name begins with `_` are used by others."""

UNREACHABLE: dict[str, str] = {
    "E0110": "needs a file of 30,001 words; test_a_file_that_is_too_long_is_refused makes one",
    "E0318": "a network that leaves a choice open is refused when it is read, with E0204",
    "E0219": "--profile names a profile, a file does not; see test_set_and_profiles.py",
}
"""Codes no file in tests/errors can show, and why."""


def _said(path: Path) -> str:
    try:
        diagnostics = Compilation(path).check()
    except HnasError as error:
        diagnostics = error.diagnostics
    return "".join(f"{render(d)}\n\n" for d in diagnostics).rstrip("\n") + "\n"


def _classes() -> list[type[Diagnostic]]:
    found: list[type[Diagnostic]] = []
    for module in (syntax_errors, lang_errors, block_errors, pass_errors):
        for _, value in inspect.getmembers(module, inspect.isclass):
            if issubclass(value, Diagnostic) and value.__module__ == module.__name__:
                found.append(value)
    return found


@pytest.mark.parametrize("case", CASES, ids=lambda p: f"{p.parent.name}/{p.stem}")
def test_the_text_of_a_diagnostic(case: Path, update_golden: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(case.parent)
    said = _said(Path(case.name))
    expected = case.with_suffix(".err")
    if update_golden:
        expected.write_text(said, encoding="utf-8")
    assert said == expected.read_text(encoding="utf-8")


def test_every_stage_has_cases_and_no_expected_text_is_left_over() -> None:
    assert {case.parent.name for case in CASES} == set(STAGES)
    assert set(ERRORS.glob("*/*.err")) == {case.with_suffix(".err") for case in CASES}


@pytest.mark.parametrize("case", CASES, ids=lambda p: f"{p.parent.name}/{p.stem}")
def test_no_text_names_a_folder_of_this_machine(case: Path) -> None:
    assert str(ERRORS.parent.parent) not in case.with_suffix(".err").read_text(encoding="utf-8")


def test_every_diagnostic_has_a_case() -> None:
    text = "".join(case.with_suffix(".err").read_text(encoding="utf-8") for case in CASES)
    codes = {c.code for c in _classes()}
    uncovered = {code for code in codes if f"[{code}]" not in text}
    assert uncovered == set(UNREACHABLE), "add a case, or say in UNREACHABLE why there can be none"


def test_codes_are_unique_and_every_class_explains_itself() -> None:
    classes = _classes()
    assert len({c.code for c in classes}) == len(classes)
    assert [c.__name__ for c in classes if not (c.__doc__ or "").strip()] == []


def test_several_mistakes_of_one_file_are_reported_in_one_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ERRORS / "check")
    with_several = Compilation(Path("several.hnas")).check()
    assert len({d.code for d in with_several}) >= 5
    assert len(with_several) >= 6


def test_a_file_that_is_too_long_is_refused(tmp_path: Path) -> None:
    long = tmp_path / "long.hnas"
    long.write_text("hnas 1\n" + "a = 1\n" * (LONGEST // 3), encoding="utf-8")
    (diagnostic,) = Compilation(long).check()
    assert diagnostic.code == "E0110"
    assert f"{LONGEST:,}" in diagnostic.message
    assert diagnostic.span is not None
    assert diagnostic.span.place == (LONGEST // 3 + 1, 3)  # hnas, 1, 9,999 items, and an `a` before this =
