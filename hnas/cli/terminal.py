"""What the command line says and how: data to stdout, messages to stderr, colour only on a terminal."""

import os
import sys
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TextIO

import click

from hnas.diag import Diagnostic
from hnas.diag.render import render

_PLAIN = str.maketrans("─│●·╲╱╳├┤┬┴┼╭╮╰╯╴╶╵╷↓↑↕…", "-|o.\\/X||+++..`'--||v^:~")
_COLOURS = {"error": "red", "warning": "yellow"}


def wants_colour(stream: TextIO) -> bool:
    """Whether a stream is a terminal that shows colours; https://no-color.org says otherwise."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def say(text: str = "") -> None:
    """A line of data, to stdout; what the stream's encoding lacks is spelled in ASCII."""
    if sys.stdout is not None:
        click.echo(_fitting(text, sys.stdout))


def tell(text: str) -> None:
    """A message, to stderr. Where nobody listens any more the work goes on without."""
    if sys.stderr is None:
        return
    try:
        click.echo(_fitting(text, sys.stderr), err=True)
    except BrokenPipeError:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - as long as the process


@contextmanager
def told_warnings() -> Iterator[None]:
    """What the Python half warns of while this lasts, as messages."""
    with warnings.catch_warnings(record=True) as remarks:
        warnings.simplefilter("always")
        yield
    for remark in remarks:
        tell(f"warning: {remark.message}")


def _fitting(text: str, stream: TextIO) -> str:
    encoding = getattr(stream, "encoding", None) or "utf-8"
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return text.translate(_PLAIN).encode(encoding, "replace").decode(encoding)
    return text


MOST_SHOWN = 20
"""Errors, and warnings, of one file that are shown: nobody reads more of them at once."""


def show_diagnostics(diagnostics: Iterable[Diagnostic]) -> None:
    """The first 20 errors and warnings, to stderr, a blank line between them, and how many there were."""
    listed = list(diagnostics)
    seen = {"error": 0, "warning": 0}
    for diagnostic in listed:
        seen[diagnostic.severity] += 1
        if seen[diagnostic.severity] > MOST_SHOWN:
            continue
        text = render(diagnostic)
        tell(_coloured(text, diagnostic) if wants_colour(sys.stderr) else text)
        if diagnostic.span is not None or len(listed) > 1:
            tell("")
    for severity, number in seen.items():
        if number > MOST_SHOWN:
            tell(f"{MOST_SHOWN} of {number} {severity}s shown")
        elif number > 1 and severity == "error":
            tell(f"{number} errors")


def _coloured(text: str, diagnostic: Diagnostic) -> str:
    """The headline in the colour of its severity, carets too, everything else as it is."""
    colour = _COLOURS[diagnostic.severity]
    head, *rest = text.split("\n")
    kind, sign, message = head.partition(": ")
    lines = [click.style(kind, fg=colour, bold=True) + click.style(sign + message, bold=True)]
    for line in rest:
        bar, sign, under = line.partition("| ")
        if not bar.strip() and under.lstrip().startswith("^"):
            line = f"{bar}{sign}" + click.style(under, fg=colour, bold=True)
        lines.append(line)
    return "\n".join(lines)


def spell_seconds(seconds: float) -> str:
    """`42 s`, `3:07`, `2:04:31`, `3 d 4 h`."""
    whole = round(seconds)
    hours, rest = divmod(whole, 3600)
    if whole < 60:
        return f"{whole} s"
    if hours == 0:
        return f"{rest // 60}:{rest % 60:02}"
    if hours < 48:
        return f"{hours}:{rest // 60:02}:{rest % 60:02}"
    return f"{hours // 24} d {hours % 24} h"
