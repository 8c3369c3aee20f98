"""`hnas explain`: every code has a page, and every example is told exactly what its page is about."""

import ast
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from attrs import frozen
from helpers import ROOT

from hnas.cli.catalogue import EXAMPLES, MODULES, catalogue, example_of, lacking, page, raised_by, title_of
from hnas.cli.occasions import OCCASIONS
from hnas.diag import Diagnostic
from hnas.diag.render import render

Call = Callable[..., Any]

EXAMPLED = sorted(path.stem for path in EXAMPLES.glob("*.hnas") if path.stem != "base")


def _declared() -> list[tuple[str, str]]:
    """Code and class name of whatever in the package is derived from Diagnostic."""
    found: list[tuple[str, str]] = []
    for path in sorted((ROOT / "hnas").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef) and "Diagnostic" in [ast.unparse(b) for b in node.bases]:
                codes = [
                    n.value.value
                    for n in node.body
                    if isinstance(n, ast.Assign)
                    and ast.unparse(n.targets[0]) == "code"
                    and isinstance(n.value, ast.Constant)
                ]
                found += [(str(code), node.name) for code in codes]
    return found


def test_the_catalogue_holds_every_diagnostic_and_each_code_once() -> None:
    declared = _declared()
    twice = sorted(code for code, times in Counter(code for code, _ in declared).items() if times > 1)
    assert not twice, f"codes of several classes: {', '.join(twice)}"
    known = {(code, kind.__name__) for code, kind in catalogue().items()}
    unknown = sorted(f"{code} {name}" for code, name in set(declared) - known)
    assert not unknown, f"add the modules of these to MODULES of hnas/cli/catalogue.py: {', '.join(unknown)}"
    assert known == set(declared)
    assert len(MODULES) == len({kind.__module__ for kind in catalogue().values()})


def test_every_code_has_a_page_with_meaning_example_and_mend() -> None:
    missing = [f"{code}: {what}" for code in catalogue() for what in lacking(code)]
    assert not missing, "pages of hnas explain lack:\n" + "\n".join(missing)


@pytest.mark.parametrize("code", catalogue())
def test_a_page_begins_with_its_title(code: str) -> None:
    kind = catalogue()[code]
    assert page(code).startswith(f"{kind.severity}[{code}]: {title_of(kind)}\n\n")


def test_what_is_shown_is_of_a_code_and_once() -> None:
    stale = sorted((set(EXAMPLED) | set(OCCASIONS)) - set(catalogue()))
    assert not stale, f"examples or occasions of codes there are no more: {', '.join(stale)}"
    twice = sorted(set(EXAMPLED) & set(OCCASIONS))
    assert not twice, f"an example is enough, their occasions are never shown: {', '.join(twice)}"


def test_what_a_page_lacks_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    @frozen
    class Undocumented(Diagnostic):
        code = "E9901"
        title = "WHAT"

    monkeypatch.setattr("hnas.cli.catalogue.catalogue", lambda: {"E9901": Undocumented})
    assert list(lacking("E9901")) == [
        "its section 99 is not in SECTIONS of hnas/cli/catalogue.py",
        f"the class Undocumented of {__name__} has no docstring: what it means",
        "there is neither hnas/cli/examples/E9901.hnas nor an entry in hnas/cli/occasions.py",
    ]


@pytest.mark.parametrize("code", [code for code, each in OCCASIONS.items() if not each.when])
def test_a_command_of_a_page_is_told_what_it_says(
    hnas: Call, code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    hnas("new", "base")
    said = hnas(*OCCASIONS[code].command.split()[1:])
    told = render(OCCASIONS[code].told)
    if code == "E0702":  # a machine with more devices lists them
        told = told.partition("auto")[0]
    assert told in said.err


@pytest.mark.parametrize("code", EXAMPLED)
def test_an_example_raises_its_code_and_nothing_else(code: str) -> None:
    assert [d.code for d in raised_by(example_of(code) or "")] == [code]


def test_a_page_whole(hnas: Call) -> None:
    said = hnas("explain", "E0304")
    assert (said.code, said.err) == (0, "")
    assert (
        said.out
        == """\
error[E0304]: stride STRIDE can never be reached

A stride of the list that no layer can have, from where the trellis is entered by its moves.

For example, mine.hnas (base.hnas: hnas new base)

    hnas 1
    use "base.hnas"

    space mine extends base {
      trellis { layers = 3  strides = [4, 8, 16, 32] }
    }

is told

    error[E0304]: stride 32 can never be reached
      --> mine.hnas:5:46
       |
     5 |   trellis { layers = 3  strides = [4, 8, 16, 32] }
       |                                              ^^ no layer gets beyond stride 16
      --> base.hnas:39:15
       |
    39 |     moves   = one_of { finer, same, coarser }
       |               ------------------------------- the moves are finer, same, coarser; there are 3 layers
       |
       = help: leave 32 out of strides, or allow more layers or moves
"""
    )


def test_the_page_of_a_code_no_file_raises_whole(hnas: Call) -> None:
    assert (
        hnas("explain", "E0501").out
        == """\
error[E0501]: the data set NAME is not on this machine

The data set of the spec is not on this machine: hnas downloads nothing.

Give its folder with `--data NAME=PATH`, or put it under $HNAS_DATA/NAME.

For example (base.hnas: hnas new base)

    hnas search base.hnas --set data=camvid

is told

    error[E0501]: the data set camvid is not on this machine
     = help: give its folder with --data camvid=PATH, or set HNAS_DATA to the folder above camvid/
"""
    )


@pytest.mark.parametrize("spelling", ["e0203", "[E0203]", "E0203"])
def test_a_code_may_be_written_as_it_was_seen(hnas: Call, spelling: str) -> None:
    assert hnas("explain", spelling).out.startswith("error[E0203]: `NAME` is not known here\n")


def test_without_a_code_all_are_listed(hnas: Call) -> None:
    said = hnas("explain")
    assert said.code == 0
    listed = [line.split()[0] for line in said.out.splitlines() if line.startswith("  ")]
    assert listed == list(catalogue())
    assert said.out.startswith("the text itself:\n  E0101  cannot read PATH: WHY\n")
    assert "  E0207  no value\n" in said.out
    assert max(map(len, said.out.splitlines())) <= 90


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("E02O3", "there is no code E02O3; did you mean E02"),
        ("nonsense", "there is no code nonsense; hnas explain lists them all"),
    ],
)
def test_unknown_codes(hnas: Call, code: str, words: str) -> None:
    said = hnas("explain", code)
    assert (said.code, said.out) == (2, "")
    assert words in said.err
