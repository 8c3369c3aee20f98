"""Diagnostics as plain text. Pure: no colour, no terminal, no files."""

import unicodedata
from collections.abc import Sequence

from hnas.diag.diagnostic import Diagnostic, Note
from hnas.diag.source import Span

_WIDEST_LINE = 160
"""Longer source lines are shown around the caret only, so that binary junk stays readable."""


def render(diagnostic: Diagnostic) -> str:
    """One diagnostic as text of several lines, without a trailing line break."""
    lines = [f"{diagnostic.severity}[{diagnostic.code}]: {diagnostic.message}"]
    placed = [note for note in diagnostic.notes if note.span is not None and not note.span.source.is_default]
    span = diagnostic.span
    if span is not None and not span.source.is_default:
        main = Note(diagnostic.caret_text, span)
        lines += _excerpts(main, placed)
        bar = " " * _gutter([main, *placed])
    else:
        bar = ""
    tail = [f"{bar} = note: {note.text}" for note in diagnostic.notes if note.span is None]
    if diagnostic.help_text:
        tail.append(f"{bar} = help: {diagnostic.help_text}")
    if tail and bar:
        lines.append(f"{bar} |")
    return "\n".join(lines + tail)


def _gutter(notes: Sequence[Note]) -> int:
    return max(len(str(note.span.place[0])) for note in notes if note.span is not None)


def _excerpts(main: Note, others: Sequence[Note]) -> list[str]:
    """The quoted lines, one block a file, lines ascending; `^` marks the main place, `-` the others."""
    assert main.span is not None
    width = _gutter([main, *others])
    lines: list[str] = []
    sources = [main.span.source]
    sources += [n.span.source for n in others if n.span is not None and n.span.source not in sources]
    for source in dict.fromkeys(sources):
        here = [n for n in (main, *others) if n.span is not None and n.span.source is source]
        head = main.span if source is main.span.source else here[0].span
        lines += [f"{' ' * width}--> {head}", f"{' ' * width} |"]
        here.sort(key=lambda n: n.span.place if n.span is not None else (0, 0))
        last = 0
        for note in here:
            assert note.span is not None
            number = note.span.place[0]
            text, under = _marked(note.span, "^" if note is main else "-")
            if last and number > last + 1:
                lines.append(f"{'.' * width}")
            if number != last:
                lines.append(f"{number:>{width}} | {text}".rstrip())
            lines.append(f"{' ' * width} | {under} {note.text}".rstrip())
            last = number
    return lines


def _marked(span: Span, mark: str) -> tuple[str, str]:
    """The line of the span's start, printable, and the marks that stand under it."""
    line, column = span.place
    text = span.source.line(line)
    start, end = column - 1, min(column - 1 + max(1, span.end - span.start), max(len(text), column))
    if len(text) > _WIDEST_LINE:
        left = max(0, start - _WIDEST_LINE // 2)
        text, start, end = text[left : left + _WIDEST_LINE], start - left, min(end - left, _WIDEST_LINE)
    shown = [_printable(char) for char in text]
    indent = sum(_columns(s) for s in shown[:start])
    length = sum(_columns(s) for s in shown[start:end])
    return "".join(shown), " " * indent + mark * max(1, length)


def _printable(char: str) -> str:
    if char == "\t":
        return "    "
    return char if char.isprintable() else "\N{REPLACEMENT CHARACTER}"


def _columns(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)
