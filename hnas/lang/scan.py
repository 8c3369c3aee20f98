"""A first look at the text, token by token: bounds, brackets, layout. Linear, and never recursive.

What is found here is told apart better than a parser could: which brace was left open is seen by
indentation, a forgotten value by the end of its line.
"""

import re
from typing import final

from attrs import define, field, frozen

from hnas.diag import Diagnostic, Note, Source, Span
from hnas.lang.syntax_errors import (
    BadCharacter,
    LongNumber,
    MissingValue,
    TooDeep,
    TooLong,
    Unclosed,
    UnclosedText,
    Unopened,
)

LONGEST = 30_000
"""Tokens of a file; the reference spec has about 430."""
DEEPEST = 64
"""Brackets within brackets."""

_TOKEN = re.compile(
    r"""(?P<space>[ \t\r\n]+|\#[^\n]*)
      | (?P<text>"(?:[^"\\\n]|\\["\\])*")
      | (?P<open_text>"[^\n]*)
      | (?P<word>[A-Za-z_][A-Za-z_0-9]*)
      | (?P<number>[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?[A-Za-z_0-9]*)
      | (?P<sign>->|\+=|-=|==|!=|<=|>=|//|\.\.|[-+*/=<>(){}\[\],:.])
      | (?P<other>.)""",
    re.VERBOSE,
)
_NUMBER = re.compile(r"[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_BOUNDED = re.compile(r"[0-9]{1,18}(\.[0-9]{1,18})?([eE][+-]?[0-9]{1,3})?")
"""What the grammar takes for a number."""
_CLOSING = {"(": ")", "[": "]", "{": "}"}


@final
@frozen
class Token:
    """A word, number, text or sign, and where it stands. `line` counts from 0."""

    kind: str
    text: str
    start: int
    line: int
    indent: int


@final
@define
class Scan:
    """The tokens of a text and what is wrong with them."""

    tokens: list[Token] = field(factory=list[Token])
    problems: list[Diagnostic] = field(factory=list[Diagnostic])

    @property
    def fatal(self) -> bool:
        """Whether brackets are so wrong that parsing would only add noise."""
        return any(
            isinstance(p, Unclosed | Unopened | TooLong | TooDeep | UnclosedText) for p in self.problems
        )


def scan(source: Source) -> Scan:
    """Every token of `source`, and the problems that can be told without a grammar."""
    found = Scan()
    line = indent = 0
    fresh = True
    previous_end = 0
    for match in _TOKEN.finditer(source.text):
        kind, text, start = match.lastgroup or "other", match.group(), match.start()
        if kind == "space":
            breaks = text.count("\n")
            if breaks:
                line += breaks
                fresh, previous_end = True, start + text.rfind("\n") + 1
            continue
        if fresh:
            indent, fresh = start - previous_end, False
        if kind == "open_text":
            found.problems.append(UnclosedText(Span(source, start, match.end())))
        elif kind == "other":
            found.problems.append(_bad(source, start, text))
        elif kind == "number" and _NUMBER.fullmatch(text) and not _BOUNDED.fullmatch(text):
            small = "." in text or "-" in text
            bound = "18 digits" if small else "1e18"
            found.problems.append(LongNumber(Span(source, start, match.end()), number=text, bound=bound))
        found.tokens.append(Token(kind, text, start, line, indent))
        if len(found.tokens) > LONGEST:
            found.problems.append(TooLong(Span(source, start, match.end()), bound=LONGEST))
            return found
    _brackets(source, found)
    _values(source, found)
    return found


def _bad(source: Source, start: int, char: str) -> BadCharacter:
    span = Span(source, start, start + 1)
    mends = {
        ";": "items need no separator; begin a new line",
        "'": 'texts stand in double quotes, "like this"',
        "!": "write not, or != for unequal",
        "%": "there is no remainder; a // b is the whole quotient",
        "&": "write and",
        "|": "write or; parallel operators are sum(a, b) or concat(a, b)",
        "→": "write ->",
        "×": "write *",
        "\N{NO-BREAK SPACE}": "write a plain space",
    }
    what = f"`{char}`" if char.isprintable() else f"the character U+{ord(char):04X}"
    return BadCharacter(span, what=what, advice=mends.get(char, ""))


def _brackets(source: Source, found: Scan) -> None:
    """Match brackets. A block whose braces do not match is told by the first line not indented under it."""
    stack: list[Token] = []
    suspect: Token | None = None
    last_line = -1
    for token in found.tokens:
        first, last_line = token.line != last_line, token.line
        if token.kind != "sign":
            pass
        elif token.text in _CLOSING:
            if first and suspect is None:
                suspect = _left_open(stack, token)
            stack.append(token)
            if len(stack) > DEEPEST:
                span = Span(source, token.start, token.start + 1)
                found.problems.append(TooDeep(span, what="brackets are", bound=DEEPEST))
                return
            continue
        elif token.text in _CLOSING.values():
            if not stack or _CLOSING[stack[-1].text] != token.text:
                _mismatch(source, found, stack, token, suspect)
                return
            opened = stack.pop()
            if suspect is opened and token.indent == opened.indent:
                suspect = None
            continue
        if first and suspect is None:
            suspect = _left_open(stack, token)
    if stack:
        _report_unclosed(source, found, suspect or stack[-1])


def _left_open(stack: list[Token], token: Token) -> Token | None:
    """The innermost open brace, if `token` begins a line that is not indented under its line."""
    if stack and stack[-1].text == "{" and token.line > stack[-1].line and token.indent <= stack[-1].indent:
        return stack[-1]
    return None


def _mismatch(source: Source, found: Scan, stack: list[Token], token: Token, suspect: Token | None) -> None:
    span = Span(source, token.start, token.start + 1)
    if not stack:
        if suspect is None:
            found.problems.append(Unopened(span, found=f"`{token.text}`", advice="take it away"))
        return
    notes = (Note(f"`{token.text}` comes first", span),)
    _report_unclosed(source, found, stack[-1], notes)


def _report_unclosed(source: Source, found: Scan, token: Token, notes: tuple[Note, ...] = ()) -> None:
    span = Span(source, token.start, token.start + 1)
    closing = _CLOSING[token.text]
    found.problems.append(Unclosed(span, bracket=token.text, closing=closing, notes=notes))


def _values(source: Source, found: Scan) -> None:
    for before, token, following in zip(
        [None, *found.tokens], found.tokens, [*found.tokens[1:], None], strict=False
    ):
        if token.kind != "sign" or token.text not in ("=", "+=", "-=") or before is None:
            continue
        if following is None or following.line > token.line or following.text in ("}", ")", ","):
            span = Span(source, token.start, token.start + len(token.text))
            found.problems.append(MissingValue(span, key=f"`{before.text}`", sign=token.text))
