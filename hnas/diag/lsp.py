"""Diagnostics in the shape of the Language Server Protocol. Pure: what they are, as plain data.

A position is a line and a character, both from 0; characters are UTF-16 code units, and lines end
as the protocol says: at a line feed, a carriage return, or the two together.
"""

import re
from collections.abc import Callable
from typing import Any

from hnas.diag.diagnostic import Diagnostic
from hnas.diag.source import Source, Span

_SEVERITIES = {"error": 1, "warning": 2}
_LINE_END = re.compile(r"\r\n|\r|\n")


def position(text: str, offset: int) -> dict[str, int]:
    """Line and character of the character at `offset`."""
    before = text[:offset]
    # an offset between \r and \n is still on the line that the two end
    ends = [end for end in _LINE_END.finditer(text, 0, min(len(text), offset + 1)) if end.end() <= offset]
    start = ends[-1].end() if ends else 0
    return {"line": len(ends), "character": len(before[start:].encode("utf-16-le", "surrogatepass")) // 2}


def span_range(span: Span | None) -> dict[str, dict[str, int]]:
    """The range of a span; the very start of the text for what has no place in one, as a flag has none."""
    if span is None or not span.source.is_file:
        return {"start": {"line": 0, "character": 0}, "end": {"line": 0, "character": 0}}
    text = span.source.text
    return {"start": position(text, span.start), "end": position(text, span.end)}


def diagnostic_data(diagnostic: Diagnostic, uri: Callable[[Source], str]) -> dict[str, Any]:
    """One diagnostic as the protocol has it.

    Its message is the headline and, on a second line, what stands beside the caret. The mend is
    `data.help`, sentences without a place are `data.notes`.

    Args:
        diagnostic: What is said.
        uri: How a file is called.
    """
    label = diagnostic.caret_text
    found: dict[str, Any] = {
        "range": span_range(diagnostic.span),
        "severity": _SEVERITIES[diagnostic.severity],
        "code": diagnostic.code,
        "source": "hnas",
        "message": f"{diagnostic.message}\n{label}" if label else diagnostic.message,
    }
    related = [
        {
            "location": {"uri": uri(note.span.source), "range": span_range(note.span)},
            "message": note.text,
        }
        for note in diagnostic.notes
        if note.span is not None and note.span.source.is_file
    ]
    if related:
        found["relatedInformation"] = related
    notes = [note.text for note in diagnostic.notes if note.span is None]
    data = {"help": diagnostic.help_text} if diagnostic.help_text else {}
    if notes or data:
        found["data"] = {**data, **({"notes": notes} if notes else {})}
    return found
