"""Text to tree to text is the identity; the resolved text of a spec is a spec of the same space."""

from pathlib import Path

import lang_trees as trees
import pytest
from hypothesis import HealthCheck, given, settings
from lang_specs import GOOD, MINI

from hnas.compiler import Compilation
from hnas.diag import Source
from hnas.lang import ast
from hnas.lang.parser import parse, parse_assignment
from hnas.lang.print import print_expr, print_file

_QUIET = settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def _parsed(text: str) -> ast.File:
    return parse(Source("<test>", text))


def _expression(text: str) -> ast.Expr:
    return parse_assignment(Source("<test>", f"key = {text}")).value


@pytest.mark.parametrize("spec", GOOD, ids=lambda path: path.stem)
def test_a_spec_reads_back_as_it_was_printed(spec: Path) -> None:
    tree = _parsed(spec.read_text(encoding="utf-8"))
    text = print_file(tree)
    assert _parsed(text) == tree
    assert print_file(_parsed(text)) == text


@pytest.mark.parametrize("spec", GOOD, ids=lambda path: path.stem)
def test_no_printed_line_of_a_spec_is_long(spec: Path) -> None:
    text = print_file(_parsed(spec.read_text(encoding="utf-8")))
    assert max(len(line) for line in text.splitlines()) <= 110


@_QUIET
@given(trees.expressions)
def test_an_expression_reads_back_as_it_was_printed(tree: ast.Expr) -> None:
    text = print_expr(tree)
    read = _expression(text)
    assert trees.bare(read) == trees.bare(tree)
    assert print_expr(read) == text


@_QUIET
@given(trees.files)
def test_a_file_reads_back_as_it_was_printed(tree: ast.File) -> None:
    text = print_file(tree)
    read = _parsed(text)
    assert trees.bare(read) == trees.bare(tree)
    assert print_file(read) == text


@pytest.mark.parametrize(
    "text",
    [
        "a -> b -> c",
        "a -> (b -> c)",
        "(a if b else c) -> d",
        "a if b else c -> d",
        "a - (b - c) - d",
        "a / b * c // d",
        "-(-a)",
        "not (a and b) or c",
        "(a < b) == (c < d)",
        "2 * (relu -> norm)",
        "(1, 2, 2)",
        "(1,)",
        "((1, 2), 3)",
        "[1..3, 5]",
        "f(1..3, k = 2)(g)",
        "one_of(share = layer) { wide: a -> b, none }",
        "some_of {}",
        "{ coarser: a, layer(1..3): b }",
        'use_text("a \\"b\\" \\\\ c")',
        "1e5",
        "0.50",
    ],
)
def test_canonical_spelling_is_kept(text: str) -> None:
    assert print_expr(_expression(text)) == text


@pytest.mark.parametrize(
    ("text", "value"), [('"a\\"b"', 'a"b'), ('"a\\\\"', "a\\"), ('"\\\\\\""', '\\"'), ('""', "")]
)
def test_quotes_and_backslashes_of_texts_are_read(text: str, value: str) -> None:
    tree = _expression(text)
    assert isinstance(tree, ast.String)
    assert tree.value == value


def test_comments_are_kept_aside_and_change_no_tree() -> None:
    plain, commented = _parsed("hnas 1\na = 1\n"), _parsed('hnas 1 # one\n# two\na = 1 # "three"\n')
    assert plain == commented
    assert [comment.text for comment in commented.comments] == ["# one", "# two", '# "three"']


@pytest.mark.parametrize("spec", GOOD, ids=lambda path: path.stem)
def test_the_resolved_text_is_a_spec_of_the_same_space(spec: Path, tmp_path: Path) -> None:
    _reads_back_the_same(Compilation(spec), tmp_path)


@pytest.mark.parametrize("sets", [("F=6",), ("trellis.missing=drop", "dense.share=state"), ("data=camvid",)])
def test_the_resolved_text_holds_overrides(sets: tuple[str, ...], tmp_path: Path) -> None:
    changed = Compilation(MINI, sets=sets)
    assert changed.resolved_text != Compilation(MINI).resolved_text
    _reads_back_the_same(changed, tmp_path)


def test_the_resolved_text_holds_the_profile(tmp_path: Path) -> None:
    changed = Compilation(MINI, profile="tiny")
    assert changed.resolved_text != Compilation(MINI).resolved_text
    _reads_back_the_same(changed, tmp_path)


def _reads_back_the_same(compilation: Compilation, folder: Path) -> None:
    path = folder / "resolved.hnas"
    path.write_text(compilation.resolved_text, encoding="utf-8")
    again = Compilation(path)
    assert again.check() == ()
    assert again.resolved_text == compilation.resolved_text
    assert again.digests == compilation.digests
    assert again.decisions == compilation.decisions
    for settings_of in (lambda p: p.search, lambda p: p.data, lambda p: p.decode):
        assert settings_of(again.program) == settings_of(compilation.program)


def test_the_resolved_text_spells_every_default_out() -> None:
    text = Compilation(MINI).resolved_text
    for default in ("missing = closest", "join = sum", "share = network", "nesterov = false", "flip = true"):
        assert default in text
    assert default not in MINI.read_text(encoding="utf-8")


@settings(max_examples=50, deadline=None)
@given(trees.expressions)
def test_spans_of_a_tree_lie_within_its_text(tree: ast.Expr) -> None:
    text = print_expr(tree)
    read = _expression(text)
    assert read.span.text == text
