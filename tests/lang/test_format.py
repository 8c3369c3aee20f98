"""The canonical form: golden texts, and what holds of every text.

`pytest --update-golden` writes the expected texts, `tests/format/CASE.out.hnas`.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator
from itertools import count, pairwise
from pathlib import Path
from random import Random

import lang_trees as trees
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lang_specs import TESTS

from hnas.diag import HnasError, Source
from hnas.lang import ast
from hnas.lang.align import common_width
from hnas.lang.format import format_text
from hnas.lang.parser import parse
from hnas.lang.print import print_expr, print_file
from hnas.lang.scan import LONGEST, scan

FORMAT = TESTS / "format"
CASES = sorted(FORMAT.glob("*.in.hnas"))
ROOT = TESTS.parent
STARTER = ROOT / "hnas" / "cli" / "examples" / "base.hnas"  # what `hnas new` writes
SPECS = [STARTER, *sorted([*ROOT.glob("examples/**/*.hnas"), *TESTS.glob("specs/**/*.hnas")])]
README = ROOT / "README.md"

_QUIET = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def _source(text: str) -> Source:
    return Source("<test>", text)


def _formatted(text: str) -> str:
    return format_text(_source(text))


def _is_kept(text: str) -> str:
    """Everything that formatting promises of a text; the formatted text."""
    formatted = _formatted(text)
    before, after = parse(_source(text)), parse(_source(formatted))
    assert trees.bare(after) == trees.bare(before)
    assert [c.text for c in after.comments] == [c.text.rstrip() for c in before.comments]
    assert _formatted(formatted) == formatted
    assert formatted.endswith("\n")
    assert not re.search(r"\n\n\n|\n\n\Z|\A\n|[ \t]\n", formatted)
    return formatted


# --- golden texts --------------------------------------------------------------------------------


@pytest.mark.parametrize("case", CASES, ids=lambda p: p.name.removesuffix(".in.hnas"))
def test_the_form_of_a_text(case: Path, update_golden: bool) -> None:
    formatted = _is_kept(case.read_text(encoding="utf-8"))
    expected = case.with_name(case.name.replace(".in.", ".out."))
    if update_golden:
        expected.write_text(formatted, encoding="utf-8")
    assert formatted == expected.read_text(encoding="utf-8")


def test_no_expected_text_is_left_over() -> None:
    names = {path.name for path in FORMAT.iterdir()}
    assert names == {case.name.replace(".in.", kind) for case in CASES for kind in (".in.", ".out.")}


def _own_texts() -> Iterator[tuple[str, str]]:
    for path in SPECS:
        yield path.stem, path.read_text(encoding="utf-8")
    for number, text in enumerate(
        re.findall(r"```\w*\n(hnas 1\n.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    ):
        yield f"README-{number}", text


@pytest.mark.parametrize("text", [pytest.param(text, id=name) for name, text in _own_texts()])
def test_every_spec_of_the_project_is_formatted(text: str) -> None:
    assert _formatted(text) == text


# --- meaning, comments, idempotence --------------------------------------------------------------


@_QUIET
@given(trees.files)
def test_a_printed_tree_keeps_its_meaning(tree: ast.File) -> None:
    _is_kept(print_file(tree))


@_QUIET
@given(trees.expressions)
def test_an_expression_is_spaced_as_it_is_printed(tree: ast.Expr) -> None:
    text = f"hnas 1\na = {print_expr(tree)}\n"
    formatted = _is_kept(text)
    bare = formatted.translate(str.maketrans("", "", "()"))
    assert bare == text.translate(str.maketrans("", "", "()"))  # some may have been added


_GAPS = (" ", "   ", "\t", "\n", "\r\n", "\n\n\n", " # c\n", "\n# c\n", "\n\n# c\n\n# d  \n\n", "#\n#c\n")


def _respaced(text: str, random: Random, gaps: tuple[str, ...], share: float) -> str:
    """`text` with other gaps between so large a share of its tokens, and its comments taken away."""
    tokens = scan(_source(text)).tokens
    parts: list[str] = []
    for before, token in pairwise([None, *tokens]):
        past = 0 if before is None else before.start + len(before.text)
        gap = re.sub("#.*", "", text[past : token.start])
        if random.random() < share:
            # a value begins on the line of its sign
            after_sign = before is not None and before.text in ("=", "+=", "-=")
            gap = random.choice(tuple(g for g in gaps if "\n" not in g) if after_sign else gaps)
        parts += [gap, token.text]
    return "".join(parts)


@_QUIET
@given(trees.files, st.randoms(use_true_random=False))
def test_a_tree_spread_over_lines_and_comments_keeps_both(tree: ast.File, random: Random) -> None:
    _is_kept(_respaced(print_file(tree), random, _GAPS, 0.5))


def _numbered(text: str) -> str:
    """`text` with a number for each comment."""
    number = count()
    return re.sub(r"#.*", lambda _: f"# {next(number)}", text)


@pytest.mark.parametrize("spec", SPECS, ids=lambda path: path.stem)
@pytest.mark.parametrize("share", [0.02, 0.2, 1.0])
def test_comments_anywhere_in_a_spec_stay_at_their_item(spec: Path, share: float) -> None:
    for seed in range(4):
        random = Random(f"{spec.stem}:{seed}")
        text = _numbered(_respaced(spec.read_text(encoding="utf-8"), random, _GAPS, share))
        after = {comment: begun for comment, begun, _ in _begun(_is_kept(text))}
        for comment, begun, inside in _begun(text):
            # one that stood where no line may break now stands above its item
            assert after[comment] == begun or (inside and after[comment] == begun - 1)


def _begun(text: str) -> Iterator[tuple[str, int, bool]]:
    """For each comment, how many items begin before it, and whether it is within the last of them."""
    file = parse(_source(text))
    spans: list[tuple[int, int]] = []
    waiting = list(file.items)
    while waiting:
        item = waiting.pop()
        spans.append((item.span.start, item.span.end))
        if isinstance(item, ast.Block | ast.Extern):
            waiting += item.items
    spans.sort()
    for comment in file.comments:
        begun = bisect_right(spans, (comment.span.start, 0))
        yield comment.text, begun, begun > 0 and comment.span.start < spans[begun - 1][1]


@pytest.mark.parametrize("spec", SPECS, ids=lambda path: path.stem)
def test_a_comment_behind_an_item_stays_on_its_line(spec: Path) -> None:
    text = spec.read_text(encoding="utf-8")
    number = count()
    marked = re.sub(r"(?m)(?<=\S)$", lambda _: f" #{next(number)}#", re.sub(r"(?m) *#.*", "", text))
    kept = re.findall(r"(?m)^ *(.*?) +#(\d+)#$", _is_kept(marked))
    expected = re.findall(r"(?m)^ *(.*?) +#(\d+)#$", marked)
    assert [(_tight(code), n) for code, n in kept] == [(_tight(code), n) for code, n in expected]


def _tight(code: str) -> str:
    return re.sub(r"\s+", "", code)


@pytest.mark.fuzz
@given(trees.files, st.randoms(use_true_random=False))
@settings(max_examples=2000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_many_trees_spread_over_lines_keep_everything(tree: ast.File, random: Random) -> None:
    _is_kept(_respaced(print_file(tree), random, _GAPS, random.random()))


# --- single rules --------------------------------------------------------------------------------


def test_a_byte_order_mark_and_carriage_returns_go(tmp_path: Path) -> None:
    from hnas.lang.parser import read_source

    path = tmp_path / "x.hnas"
    path.write_bytes(b"\xef\xbb\xbfhnas 1\r\na = 1 # c \r\n\r\n\r\nb = 2")
    assert format_text(read_source(path)) == "hnas 1\na = 1    # c\n\nb = 2\n"


def test_syntax_errors_are_raised_all() -> None:
    with pytest.raises(HnasError) as caught:
        _formatted("hnas 1\na = \nb = 2 $\n")
    assert len(caught.value.diagnostics) == 2


def test_what_is_added_never_makes_a_text_too_deep() -> None:
    deep = "x -> (" * 40 + "a if b else c -> d" + ")" * 40
    text = f"hnas 1\na = {deep}\n"
    assert "else (c -> d)" in _is_kept(text)
    deep = "a if b else c -> (" * 40 + "x" + ")" * 40
    assert _is_kept(f"hnas 1\na = {deep}\n") == f"hnas 1\na = {deep}\n"


def test_what_is_added_never_makes_a_text_too_long() -> None:
    item = "a = b if c else d -> e\n"  # nine tokens
    fits = "hnas 1\n" + item * ((LONGEST - 2) // 9)
    tokens = len(scan(_source(fits)).tokens)
    assert LONGEST - 2 < tokens <= LONGEST
    assert "(" not in _formatted(fits)


@pytest.mark.parametrize(
    ("widths", "width"),
    [
        ([], 0),
        ([7, 7, 7, 4], 7),
        ([16, 9, 12, 9, 9], 12),  # one too far
        ([6, 7, 5, 5, 5, 4, 7, 5, 5, 7, 7, 9, 3, 9], 7),  # two too dear
        ([6, 5, 7, 4, 3, 9], 9),
        ([21, 13, 13], 13),
    ],
)
def test_the_width_keys_are_padded_to(widths: list[int], width: int) -> None:
    assert common_width(widths) == width


@pytest.mark.parametrize("spec", SPECS, ids=lambda path: path.stem)
def test_indentation_and_alignment_are_found_again(spec: Path) -> None:
    text = spec.read_text(encoding="utf-8")
    flat = "\n".join(line if "#" in line[:5] else re.sub(" +", " ", line) for line in text.splitlines())
    assert _formatted(flat) == text
