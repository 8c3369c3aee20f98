"""`hnas explain`: every code has a page, and every example is told exactly what its page is about."""

import ast
from collections.abc import Callable
from typing import Any

import pytest
from helpers import ROOT

from hnas.cli.catalogue import EXAMPLES, MODULES, SECTIONS, catalogue, example_of, page, raised_by, title_of

Call = Callable[..., Any]

COMPILED = ("01", "02", "03")
"""Sections of codes that a spec can raise."""
NO_EXAMPLE = {
    "E0110": "needs a file of 30,001 words",
    "E0219": "--profile names a profile, a file does not",
}
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
    assert len({code for code, _ in declared}) == len(declared)
    assert sorted(declared) == sorted((code, kind.__name__) for code, kind in catalogue().items())
    assert len(MODULES) == len({kind.__module__ for kind in catalogue().values()})


@pytest.mark.parametrize("code", catalogue())
def test_every_code_is_explained(code: str) -> None:
    kind = catalogue()[code]
    assert code[1:3] in SECTIONS
    assert code[0] == {"error": "E", "warning": "W"}[kind.severity]
    assert (kind.__doc__ or "").strip()
    assert title_of(kind) in page(code)
    # a mend: of the example, of the class, or in a paragraph of its own
    assert any(sign in page(code) for sign in ("= help: ", "What to do: ")) or "\n\n" in (kind.__doc__ or "")


def test_every_code_a_spec_can_raise_has_an_example() -> None:
    compiled = {code for code in catalogue() if code[1:3] in COMPILED}
    assert set(EXAMPLED) == compiled - set(NO_EXAMPLE)


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

What to do: give its folder with --data NAME=PATH, or set HNAS_DATA to the folder above NAME/.
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
