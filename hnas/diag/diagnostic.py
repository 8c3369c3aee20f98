"""What is said to the user: diagnostics, the sink that collects them, and the two kinds of error.

A diagnostic is a class: a stable code, templates for its text, and typed fields that fill them.
Nothing here formats for a terminal; `render` turns a diagnostic into plain text.
"""

import difflib
import re
from collections.abc import Iterable, Sequence
from typing import ClassVar, Literal, final

from attrs import define, field, frozen

from hnas.diag.source import Source, Span

_LONGEST_WORD = 256

Severity = Literal["error", "warning"]


@final
@frozen
class Note:
    """A second place that helps to understand a diagnostic, or, without a span, a sentence below it."""

    text: str
    span: Span | None = None


@frozen
class Diagnostic:
    """One remark to the user. Subclasses set the class attributes and add fields.

    `title`, `label` and `help` are `str.format` templates over the fields. The docstring of a
    subclass is its explanation: what it means, an example, how to mend it.

    Attributes:
        span: The place it is about, or None where no file of ours is to blame.
        notes: Further places or sentences.
        advice: Replaces `help`, where the mend depends on the case.
    """

    code: ClassVar[str]
    title: ClassVar[str]
    label: ClassVar[str] = ""
    help: ClassVar[str] = ""
    severity: ClassVar[Severity] = "error"

    span: Span | None
    notes: tuple[Note, ...] = field(default=(), kw_only=True)
    advice: str = field(default="", kw_only=True)

    def _fill(self, template: str) -> str:
        names: list[str] = [a.name for a in self.__attrs_attrs__]  # type: ignore[attr-defined]
        values: dict[str, object] = {name: getattr(self, name) for name in names}
        return template.format(**{k: _cut(v) if isinstance(v, str) else v for k, v in values.items()})

    @property
    def message(self) -> str:
        """The headline, one sentence without a full stop."""
        return self._fill(self.title)

    @property
    def caret_text(self) -> str:
        """What stands beside the caret; may be empty."""
        return self._fill(self.label)

    @property
    def help_text(self) -> str:
        """What to write or do instead; may be empty."""
        return self.advice or self._fill(self.help)


def _cut(text: str) -> str:
    """A text in which a word longer than any file's name is cut: nobody reads a number of 20,000 digits."""
    return re.sub(rf"[^\s/]{{{_LONGEST_WORD},}}", lambda word: f"{word[0][:40]}...{word[0][-8:]}", text)


class HnasError(Exception):
    """The input is at fault: a spec, a flag, a data set, a run folder. Carries what to tell the user."""

    def __init__(self, *diagnostics: Diagnostic) -> None:
        super().__init__("; ".join(f"{d.code}: {d.message}" for d in diagnostics))
        self.diagnostics = diagnostics

    def __reduce__(self) -> tuple[type["HnasError"], tuple[Diagnostic, ...]]:
        return HnasError, self.diagnostics  # from a worker process it must arrive as it was raised


class InternalError(Exception):
    """hnas itself is at fault. The command line asks the user to report it; `diagnostics` tell the place."""

    def __init__(self, message: str, *diagnostics: Diagnostic) -> None:
        super().__init__(message)
        self.diagnostics = diagnostics


@final
@define
class Sink:
    """Collects diagnostics, so that one run reports every mistake of a file."""

    diagnostics: list[Diagnostic] = field(factory=list[Diagnostic])

    def add(self, diagnostic: Diagnostic) -> None:
        """Take note of `diagnostic` and go on."""
        self.diagnostics.append(diagnostic)

    @property
    def errors(self) -> tuple[Diagnostic, ...]:
        """The diagnostics that are errors, in the order they were added."""
        return tuple(d for d in self.diagnostics if d.severity == "error")

    def raise_errors(self) -> None:
        """Raise HnasError with everything collected, if any of it is an error."""
        if self.errors:
            raise HnasError(*self.diagnostics)


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """`did you mean NAME?` for the nearest of `known`, else the known names, else nothing."""
    names = sorted(set(known))
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    if near:
        return f"did you mean {near[0]}?"
    return f"known here: {', '.join(names)}" if 0 < len(names) <= 16 else ""


def distinct(diagnostics: Sequence[Diagnostic]) -> tuple[Diagnostic, ...]:
    """Each diagnostic once, in the order of the text: an operator used twice is still wrong in one place."""
    seen: set[tuple[object, ...]] = set()
    found: list[Diagnostic] = []
    for d in diagnostics:
        span = d.span
        key = (d.code, d.message, *((_text(span.source), span.start, span.end) if span is not None else ()))
        if key not in seen:
            seen.add(key)
            found.append(d)
    sources = list({_text(d.span.source): None for d in found if d.span is not None})
    found.sort(key=lambda d: (sources.index(_text(d.span.source)), d.span.start) if d.span else (-1, 0))
    return tuple(found)


def _text(source: Source) -> tuple[str, str]:
    """What a source is told by: a file may be read twice, for its space and for the trained form."""
    return source.name, source.text
