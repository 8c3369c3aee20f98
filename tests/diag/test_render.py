"""Diagnostics as text: where carets stand, what is quoted, what a line that is too long becomes."""

from typing import final

import pytest
from attrs import frozen

from hnas.diag import Diagnostic, HnasError, Note, Sink, Source, Span, did_you_mean
from hnas.diag.render import render


@final
@frozen
class _Odd(Diagnostic):
    code = "E9999"
    title = "{what} is odd"
    label = "this {what}"
    help = "write another {what}"
    what: str


@final
@frozen
class _Plain(Diagnostic):
    code = "W9999"
    severity = "warning"
    title = "this is plain"


def _at(source: Source, text: str, start: int = 0) -> Span:
    begin = source.text.index(text, start)
    return Span(source, begin, begin + len(text))


def _lines(diagnostic: Diagnostic) -> list[str]:
    return render(diagnostic).split("\n")


def _under(diagnostic: Diagnostic, mark: str = "^") -> str:
    """The characters of the quoted line that stand over the marks, by columns."""
    lines = _lines(diagnostic)
    at = next(i for i, line in enumerate(lines) if line.partition("|")[2].strip().startswith(mark))
    row, quoted = lines[at], lines[at - 1]
    return "".join(q for q, m in zip(quoted, row, strict=False) if m == mark)


def test_one_place() -> None:
    source = Source("a.hnas", "hnas 1\nspace s {\n  L = 3\n}\n")
    assert _lines(_Odd(_at(source, "L"), what="L")) == [
        "error[E9999]: L is odd",
        " --> a.hnas:3:3",
        "  |",
        "3 |   L = 3",
        "  |   ^ this L",
        "  |",
        "  = help: write another L",
    ]


def test_without_label_and_help_nothing_follows_the_caret() -> None:
    source = Source("a.hnas", "hnas 1\n")
    assert _lines(_Plain(_at(source, "1"))) == [
        "warning[W9999]: this is plain",
        " --> a.hnas:1:6",
        "  |",
        "1 | hnas 1",
        "  |      ^",
    ]


def test_no_place() -> None:
    assert _lines(_Odd(None, what="it")) == ["error[E9999]: it is odd", " = help: write another it"]
    assert _lines(_Plain(None)) == ["warning[W9999]: this is plain"]


def test_advice_stands_in_for_the_help_of_the_class() -> None:
    assert _lines(_Odd(None, what="it", advice="leave it"))[-1] == " = help: leave it"


def test_two_places_of_one_file_in_the_order_of_the_file() -> None:
    source = Source("a.hnas", "one\ntwo\nthree\nfour\n")
    diagnostic = _Odd(_at(source, "four"), what="x", notes=(Note("first here", _at(source, "two")),))
    assert _lines(diagnostic)[1:-2] == [
        " --> a.hnas:4:1",
        "  |",
        "2 | two",
        "  | --- first here",
        ".",
        "4 | four",
        "  | ^^^^ this x",
    ]


def test_places_on_neighbouring_lines_have_no_gap_and_on_one_line_quote_it_once() -> None:
    source = Source("a.hnas", "one two\nthree\n")
    near = _Odd(_at(source, "three"), what="x", notes=(Note("n", _at(source, "one")),))
    assert "." not in [line.strip() for line in _lines(near)]
    same = _Odd(_at(source, "two"), what="x", notes=(Note("n", _at(source, "one")),))
    assert _lines(same)[3:6] == ["1 | one two", "  | --- n", "  |     ^^^ this x"]


def test_two_places_in_two_files() -> None:
    source, other = Source("a.hnas", "one\n"), Source("b.hnas", "\n" * 9 + "  ten\n")
    diagnostic = _Odd(_at(source, "one"), what="x", notes=(Note("there", _at(other, "ten")),))
    assert _lines(diagnostic)[1:-2] == [
        "  --> a.hnas:1:1",
        "   |",
        " 1 | one",
        "   | ^^^ this x",
        "  --> b.hnas:10:3",
        "   |",
        "10 |   ten",
        "   |   --- there",
    ]


def test_a_note_without_a_place_is_a_sentence_below() -> None:
    source = Source("a.hnas", "one\n")
    lines = _lines(_Odd(_at(source, "one"), what="x", notes=(Note("and so on"),)))
    assert lines[-3:] == ["  |", "  = note: and so on", "  = help: write another x"]


@pytest.mark.parametrize("width", [1, 2, 3])
def test_the_gutter_is_as_wide_as_the_longest_number(width: int) -> None:
    source = Source("a.hnas", "\n" * (10 ** (width - 1) - 1) + "here\n")
    lines = _lines(_Odd(_at(source, "here"), what="x"))
    assert lines[1] == f"{' ' * width}--> a.hnas:{10 ** (width - 1)}:1"
    assert {line.index("|") for line in lines[2:-1]} == {width + 1}
    assert lines[-1].index("=") == width + 1


def test_tabs_are_four_columns_before_and_under_the_caret() -> None:
    source = Source("a.hnas", "\ta\t= here\n")
    diagnostic = _Odd(_at(source, "here"), what="x")
    assert _lines(diagnostic)[3] == "1 |     a    = here"
    assert _under(diagnostic) == "here"
    assert _under(_Odd(_at(source, "a\t="), what="x")) == "a    ="


@pytest.mark.parametrize("before", ["äöü ", "字字 ", "\U0001f600 ", "Ａ "])
def test_wide_characters_take_two_columns(before: str) -> None:
    source = Source("a.hnas", f"{before}here\n")
    row = _lines(_Odd(_at(source, "here"), what="x"))[4]
    wide = {"äöü ": 4, "字字 ": 5, "\U0001f600 ": 3, "Ａ ": 3}[before]
    assert row == f"  | {' ' * wide}^^^^ this x"


def test_a_caret_under_wide_characters_is_as_wide() -> None:
    source = Source("a.hnas", "a 字字 b\n")
    assert _lines(_Odd(_at(source, "字字"), what="x"))[4] == "  |   ^^^^ this x"


def test_characters_that_cannot_be_printed_are_replaced() -> None:
    source = Source("a.hnas", "a\x1b[31m here\x07\n")
    text = render(_Odd(_at(source, "here"), what="x"))
    assert "\x1b" not in text
    assert "\x07" not in text
    assert _under(_Odd(_at(source, "here"), what="x")) == "here"


@pytest.mark.parametrize("at", [0, 40, 500, 990])
def test_of_a_very_long_line_the_part_around_the_caret_is_shown(at: int) -> None:
    source = Source("a.hnas", "x" * at + "here" + "y" * (1000 - at) + "\n")
    diagnostic = _Odd(_at(source, "here"), what="x")
    assert _under(diagnostic) == "here"
    assert max(len(line) for line in _lines(diagnostic)) <= 180


def test_a_place_that_is_longer_than_the_shown_part_ends_with_it() -> None:
    source = Source("a.hnas", "x" * 5000)
    lines = _lines(_Odd(Span(source, 100, 4900), what="x"))
    assert max(len(line) for line in lines) <= 180
    assert lines[1] == " --> a.hnas:1:101"


def test_a_place_over_several_lines_is_marked_on_its_first() -> None:
    source = Source("a.hnas", "f(\n  1,\n)\n")
    lines = _lines(_Odd(Span(source, 0, 9), what="x"))
    assert lines[3:5] == ["1 | f(", "  | ^^ this x"]


@pytest.mark.parametrize("text", ["", "a", "a\n", "a\r\n"])
def test_an_empty_place_at_the_end_of_a_text_has_a_caret(text: str) -> None:
    source = Source("a.hnas", text)
    assert any(
        line.strip(" |").startswith("^")
        for line in _lines(_Odd(Span(source, len(text), len(text)), what="x"))
    )


def test_lines_end_without_spaces() -> None:
    source = Source("a.hnas", "one   \n\ntwo\n")
    diagnostic = _Plain(_at(source, "one"), notes=(Note("", _at(source, "two")),))
    assert [line for line in _lines(diagnostic) if line != line.rstrip()] == []


def test_a_sink_raises_what_it_holds_if_any_of_it_is_an_error() -> None:
    sink = Sink()
    sink.add(_Plain(None))
    sink.raise_errors()
    sink.add(_Odd(None, what="x"))
    with pytest.raises(HnasError, match="E9999: x is odd") as caught:
        sink.raise_errors()
    assert [d.code for d in caught.value.diagnostics] == ["W9999", "E9999"]


@pytest.mark.parametrize(
    ("name", "known", "said"),
    [
        ("layer", ("layers", "width"), "did you mean layers?"),
        ("zzz", ("b", "a", "b"), "known here: a, b"),
        ("zzz", (), ""),
        ("zzz", tuple(f"n{i}" for i in range(20)), ""),
    ],
)
def test_did_you_mean(name: str, known: tuple[str, ...], said: str) -> None:
    assert did_you_mean(name, known) == said


def test_a_word_that_no_file_is_named_by_is_cut() -> None:
    digits = _Odd(None, what="12345678" * 2_500)
    assert digits.message == f"{'12345678' * 5}...12345678 is odd"
    assert digits.help_text == f"write another {'12345678' * 5}...12345678"
    path = _Odd(None, what="/".join(["a" * 255] * 20))
    assert path.message == f"{path.what} is odd"
