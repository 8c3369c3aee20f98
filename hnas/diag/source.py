"""Source texts and places in them.

Offsets count characters of the decoded text, from 0; lines and columns, as people and editors name
them, count from 1.
"""

from bisect import bisect_right
from functools import cached_property
from typing import final

from attrs import define, field, frozen

DEFAULT = "<default>"
"""Name of the text of a default."""
FLAG = "--set"
"""Name of the text of a `--set`."""
STDIN = "<stdin>"
"""Name of standard input."""


@final
@define(frozen=True, slots=False, eq=False)
class Source:
    """One text the compiler reads: a file, standard input, or the value of a flag.

    Attributes:
        name: How messages call it: a path as the user wrote it, `<stdin>`, or `--set`.
        text: Its whole decoded text.
    """

    name: str
    text: str = field(repr=False)

    @property
    def is_default(self) -> bool:
        """Whether it is the default of an attribute, which the user did not write."""
        return self.name == DEFAULT

    @property
    def is_file(self) -> bool:
        """Whether it is a file or standard input, and not the value of a flag or of a default."""
        return self.name not in (DEFAULT, FLAG)

    @cached_property
    def _starts(self) -> tuple[int, ...]:
        return (0, *(i + 1 for i, char in enumerate(self.text) if char == "\n"))

    def place(self, offset: int) -> tuple[int, int]:
        """The line and column, both from 1, of the character at `offset`."""
        line = bisect_right(self._starts, min(max(offset, 0), len(self.text)))
        return line, offset - self._starts[line - 1] + 1

    def line(self, number: int) -> str:
        """The text of line `number` (from 1) without its line break."""
        start = self._starts[number - 1]
        end = self._starts[number] if number < len(self._starts) else len(self.text)
        return self.text[start:end].rstrip("\r\n")


@final
@frozen(eq=False)
class Span:
    """Characters `start` up to, not including, `end` of a source."""

    source: Source = field(repr=False)
    start: int
    end: int

    @property
    def text(self) -> str:
        """The characters themselves."""
        return self.source.text[self.start : self.end]

    @property
    def place(self) -> tuple[int, int]:
        """Line and column, both from 1, of the first character."""
        return self.source.place(self.start)

    def __str__(self) -> str:
        line, column = self.place
        return f"{self.source.name}:{line}:{column}"

    def to(self, other: "Span") -> "Span":
        """The span from the start of this one to the end of `other`, of the same source."""
        return Span(self.source, self.start, max(self.end, other.end))
