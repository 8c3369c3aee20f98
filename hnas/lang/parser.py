"""Text to syntax tree. Every mistake of a text is reported that can be told apart from the others."""

import difflib
import re
from pathlib import Path
from typing import Any, BinaryIO, cast

from attrs import evolve
from lark import Token, UnexpectedCharacters, UnexpectedEOF, UnexpectedInput, UnexpectedToken

from hnas.diag import Diagnostic, HnasError, Source, Span
from hnas.lang import ast
from hnas.lang.grammar import parser
from hnas.lang.scan import Scan, scan
from hnas.lang.syntax_errors import BadCharacter, NoVersion, Unexpected, UnknownVersion, Unreadable
from hnas.lang.to_ast import to_ast

VERSIONS = (1,)
"""Versions of the language this hnas reads."""
MOST_ERRORS = 20
LARGEST_FILE = 1 << 20
"""Bytes."""


def read_source(path: Path, name: str | None = None) -> Source:
    """The text of a file, called `name` in messages.

    Raises:
        HnasError: It is missing, a folder, empty, over 1 MiB, not UTF-8, or no text at all.
    """
    return source_of(read_data(path, name), name or str(path))


def read_data(path: Path, name: str | None = None, suffix: str = ".hnas") -> bytes:
    """The bytes of a file, called `name` in messages; of one that is too large, the beginning.

    Args:
        path: The file.
        name: How messages call it.
        suffix: How names of such files end; messages list those that are there instead.

    Raises:
        HnasError: It is missing, a folder, or cannot be opened.
    """
    shown = name or str(path)
    try:
        if path.is_dir():
            advice = f"name a {suffix} file in it"
            raise HnasError(Unreadable(None, path=shown, why="it is a folder", advice=advice))
        with path.open("rb") as file:
            return file.read(LARGEST_FILE + 1)
    except FileNotFoundError:
        near = sorted(p.name for p in path.parent.glob(f"*{suffix}") if p.is_file())
        if len(near) > 5:
            near = difflib.get_close_matches(path.name, near, n=5) or near[:5]
        advice = f"in {path.parent}: {', '.join(near)}" if near else ""
        raise HnasError(Unreadable(None, path=shown, why="there is no such file", advice=advice)) from None
    except OSError as error:
        raise HnasError(Unreadable(None, path=shown, why=error.strerror or "it cannot be opened")) from None


def read_stream(stream: BinaryIO, name: str) -> Source:
    """The text of an open stream, as of standard input; what `read_source` raises."""
    return source_of(stream.read(LARGEST_FILE + 1), name)


def source_of(data: bytes, name: str) -> Source:
    """Bytes as a source; what `read_source` raises."""
    if len(data) > LARGEST_FILE:
        raise HnasError(Unreadable(None, path=name, why="it is larger than 1 MiB"))
    if b"\0" in data:
        raise HnasError(Unreadable(None, path=name, why="it is binary, not text"))
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        why = f"line {line} is not UTF-8 (byte {error.start})"
        raise HnasError(Unreadable(None, path=name, why=why, advice="save it as UTF-8")) from None
    return Source(name, text)


def parse(source: Source) -> ast.File:
    """The syntax tree of a whole text.

    Raises:
        HnasError: With every syntax error that can be told apart, at most 20.
    """
    found = scan(source)
    if not found.tokens:
        raise HnasError(Unreadable(None, path=source.name, why="it is empty", advice="begin with hnas 1"))
    problems = [*found.problems, *_version(source, found)]
    if found.fatal or any(isinstance(p, NoVersion | UnknownVersion) for p in problems):
        raise HnasError(*_in_order(problems))
    tree, errors = _parse_all(source, found, "start")
    problems += [e for e in errors if not any(_same_line(e, p) for p in problems)]
    if problems:
        raise HnasError(*_in_order(problems)[:MOST_ERRORS])
    assert isinstance(tree, ast.File)
    comments = tuple(
        ast.Comment(m.group("c"), span=Span(source, m.start("c"), m.end("c")))
        for m in re.finditer(r'"(?:[^"\\\n]|\\["\\])*"|(?P<c>#[^\n]*)', source.text)
        if m.group("c")
    )
    return evolve(tree, comments=comments)


def parse_assignment(source: Source) -> ast.Set:
    """The assignment of a `--set`: `trellis.strides=[4, 8, 16]`.

    Raises:
        HnasError: It is not one.
    """
    found = scan(source)
    if not found.problems:
        tree, errors = _parse_all(source, found, "assignment")
        if isinstance(tree, ast.Set):
            return tree
        raise HnasError(*(evolve(e, advice=_SET_HINT) for e in errors[:1]))
    raise HnasError(*found.problems[:1])


_SET_HINT = "write KEY=VALUE, like --set L=8 or --set trellis.strides=[4,8,16]"


def _version(source: Source, found: Scan) -> list[Diagnostic]:
    first = found.tokens[0]
    end = first.start + len(first.text)
    if first.text != "hnas" or len(found.tokens) < 2 or found.tokens[1].kind != "number":
        return [NoVersion(Span(source, first.start, end))]
    number = found.tokens[1]
    if number.text not in map(str, VERSIONS):
        return [
            UnknownVersion(Span(source, number.start, number.start + len(number.text)), version=number.text)
        ]
    return []


def _parse_all(source: Source, found: Scan, start: str) -> tuple[ast.File | ast.Set | None, list[Diagnostic]]:
    """Parse; after an error blank the item it is in and parse what is left, so that all are found."""
    errors: list[Diagnostic] = []
    text = source.text
    while len(errors) < MOST_ERRORS:
        try:
            tree = to_ast(cast(Any, parser()).parse(text, start=start), source)
            return (tree if not errors else None), errors
        except HnasError as error:
            offset = _offset_of(error)
            errors += error.diagnostics
        except UnexpectedInput as error:
            diagnostic, offset = _explain(source, found, error)
            errors.append(diagnostic)
        blanked = _without_item(text, found, offset)
        if blanked == text or start != "start":
            break
        text = blanked
    return None, errors


def _offset_of(error: HnasError) -> int:
    span = error.diagnostics[0].span
    return span.start if span is not None else 0


def _without_item(text: str, found: Scan, offset: int) -> str:
    """`text` with the lines of the item at `offset` replaced by spaces; offsets stay as they were."""
    tokens = found.tokens
    if not tokens:
        return text
    at = next((i for i, t in enumerate(tokens) if t.start >= offset), len(tokens) - 1)
    if at and (at >= len(tokens) or tokens[at].start > offset):
        at -= 1
    first = at
    while first > 0 and tokens[first - 1].line == tokens[at].line:
        first -= 1
    # an item may go on over lines that are indented deeper: go back to where it began
    while first > 2 and tokens[first].text not in "})]" and _goes_on(tokens, first):
        line = tokens[first - 1].line
        first -= 1
        while first > 0 and tokens[first - 1].line == line:
            first -= 1
    if first < 2:  # never the header
        first = min(2, len(tokens) - 1)
    depth, last = 0, first
    for i in range(first, len(tokens)):
        sign = tokens[i].text if tokens[i].kind == "sign" else ""
        if depth == 0 and i > at and tokens[i].line != tokens[i - 1].line and not _goes_on(tokens, i):
            break
        if sign in ("(", "[", "{"):
            depth += 1
        elif sign in (")", "]", "}"):
            if depth == 0:
                break
            depth -= 1
        last = i
    start, end = tokens[first].start, tokens[last].start + len(tokens[last].text)
    return text[:start] + re.sub(r"[^\n]", " ", text[start:end]) + text[end:]


def _goes_on(tokens: "list[Any]", i: int) -> bool:
    """Whether the line that token i begins continues the one before: by a sign that cannot end or begin."""
    before, here = tokens[i - 1].text, tokens[i].text
    joining = ("->", "+", "-", "*", "/", "//", "=", ",", "(", "[", ":", "else", "if", "and", "or", "not")
    return before in joining or here in (
        "->",
        "+",
        "*",
        "/",
        "//",
        ",",
        ")",
        "]",
        "if",
        "else",
        "and",
        "or",
        "=",
    )


def _explain(source: Source, found: Scan, error: UnexpectedInput) -> tuple[Diagnostic, int]:
    """What Lark found unexpected, in the user's words."""
    if isinstance(error, UnexpectedCharacters):
        start: int = cast(Any, error).pos_in_stream or 0  # Lark leaves it untyped
        token = next((t for t in found.tokens if t.start <= start < t.start + len(t.text)), None)
        text = token.text if token is not None else source.text[start : start + 1]
        begin = token.start if token is not None else start
        if token is not None and token.kind == "other":
            return BadCharacter(Span(source, begin, begin + 1), what=f"`{text}`"), begin
        return _unexpected(source, found, begin, text, set()), begin
    met = cast(Token, cast(Any, error).token) if isinstance(error, UnexpectedToken) else None
    if isinstance(error, UnexpectedToken) and met is not None and met.type != "$END":
        start = met.start_pos or 0
        whole = next((t for t in found.tokens if t.start <= start < t.start + len(t.text)), None)
        begin, text = (whole.start, whole.text) if whole is not None else (start, str(met))
        return _unexpected(source, found, begin, text, set(error.accepts or error.expected)), begin
    assert isinstance(error, UnexpectedToken | UnexpectedEOF)
    if not found.tokens:
        whole_text = Span(source, 0, len(source.text))
        return Unexpected(whole_text, found="an empty text", expected="something must stand here"), 0
    last = found.tokens[-1]
    span = Span(source, last.start, last.start + len(last.text))
    return Unexpected(span, found="the end of the text", expected="something must follow here"), last.start


def _unexpected(source: Source, found: Scan, begin: int, text: str, accepts: set[str]) -> Unexpected:
    span = Span(source, begin, begin + max(1, len(text)))
    at = next((i for i, t in enumerate(found.tokens) if t.start == begin), None)
    before = found.tokens[at - 1] if at else None
    beside = before is not None and at is not None and before.line == found.tokens[at].line
    advice = ""
    ends_value = before is not None and (before.kind in ("word", "number", "text") or before.text in ")]}")
    if text in RESERVED:
        advice = f"`{text}` is a word of the language and cannot be a name"
    elif text == ":":
        advice = "attributes are set with =, map entries stand inside { }"
    elif text == "==":
        advice = "attributes are set with a single ="
    elif text in ("<", ">", "<=", ">=", "!="):
        advice = "comparisons cannot be chained; write a < b and b < c"
    elif text in ("(", "{") and ends_value and beside and at and at > 1 and _is_value(found, at - 1):
        advice = "operators that follow each other are joined by ->"
    elif beside and ends_value and text[:1].isalnum():
        advice = "is a comma or -> missing before it?"
    elif text == ".":
        advice = "a dotted name stands on the left of = only"
    return Unexpected(span, found=f"`{text}`", expected=_expected(accepts), advice=advice)


def _is_value(found: Scan, at: int) -> bool:
    """Whether the word at `at` follows a value on its line, as in `relu conv(3)`."""
    previous = found.tokens[at - 1]
    return previous.line == found.tokens[at].line and (
        previous.kind in ("word", "number") or previous.text in ")]"
    )


RESERVED = frozenset(
    [
        "one_of",
        "some_of",
        "if",
        "else",
        "and",
        "or",
        "not",
        "true",
        "false",
        "use",
        "extern",
        "limit",
        "target",
        "extends",
        "of",
        "at",
        "hnas",
    ]
)
"""Words the grammar gives a meaning somewhere."""
_WORDS = {
    "NAME": "a name",
    "INT": "a number",
    "FLOAT": "a number",
    "STRING": "a text in quotes",
    "EQ": "=",
    "LBRACE": "{",
    "RBRACE": "}",
    "LPAR": "(",
    "RPAR": ")",
    "LSQB": "[",
    "RSQB": "]",
    "COMMA": "a comma",
    "COLON": ":",
}


def _expected(accepts: set[str]) -> str:
    """What may stand here, if that can be said in a few words."""
    words = sorted({_WORDS[name] for name in accepts if name in _WORDS})
    if not words or len(accepts) > 8:
        return ""
    return f"here stands {' or '.join(words)}"


def _same_line(a: Diagnostic, b: Diagnostic) -> bool:
    return (
        a.span is not None
        and b.span is not None
        and a.span.place[0] in (b.span.place[0], b.span.place[0] + 1)
    )


def _in_order(problems: list[Diagnostic]) -> list[Diagnostic]:
    return sorted(problems, key=lambda p: p.span.start if p.span is not None else -1)
