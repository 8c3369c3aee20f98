"""Lines of formatted text: where they are indented to, and what is aligned across them."""

from collections.abc import Iterable, Iterator
from typing import final

from attrs import define

_BEFORE_COMMENT = 2
"""Spaces between code and comment, at least."""
_COMMENT_COLUMNS = range(9, 70, 10)
"""Where the comments of a file begin that stand behind code, counted from 0: all at the first of these
columns that will do, so that most changes of a line leave the others as they are. Lines that go past the
last have theirs farther to the right, with those of their neighbours.
"""
_FARTHEST = 3
"""A key that sticks out by more columns is not aligned to."""
_DEAREST = 10
"""Nor is one, if that takes more spaces in the lines of shorter keys, a line that it aligns."""


@final
@define(eq=False)
class Line:
    """One line. Its column is `indent`, counted from the column of `anchor`, or of its character `under`."""

    indent: int = 0
    anchor: "Line | None" = None
    under: int | None = None
    text: str = ""
    comment: str = ""
    sign: int | None = None
    """Where in `text` the sign stands that is aligned with those of other lines."""
    ends_run: bool = False
    """Whether signs above and below it are aligned apart."""
    pad: int = 0
    """Spaces before the sign."""
    column: int = 0

    @property
    def blank(self) -> bool:
        """Whether nothing stands on it."""
        return not self.text and not self.comment

    def shifted(self, offset: int) -> int:
        """The column of character `offset` of the text."""
        moved = self.pad if self.sign is not None and offset > self.sign else 0
        return self.column + offset + moved

    @property
    def code(self) -> str:
        """The text, indented and aligned."""
        at = self.sign or 0
        return " " * self.column + self.text[:at] + " " * self.pad + self.text[at:]


def render(lines: list[Line]) -> str:
    """The text of `lines`, aligned; ends with a line break."""
    _align_signs(lines)
    for line in lines:  # an anchor comes before the lines that hang on it
        start = 0
        if line.anchor is not None:
            start = line.anchor.column if line.under is None else line.anchor.shifted(line.under)
        line.column = start + line.indent
    return "".join(f"{text}\n" for text in _with_comments(lines))


def _align_signs(lines: Iterable[Line]) -> None:
    """Align each run: lines with signs, one line of another kind at most between two of them."""
    run: list[Line] = []
    others = 0
    for line in [*lines, Line(ends_run=True)]:
        if line.sign is not None:
            run.append(line)
            others = 0
        elif line.anchor is None:
            others += 1
        if line.ends_run or others > 1:
            _align(run)
            run = []


def _align(run: list[Line]) -> None:
    widths = [line.sign for line in run if line.sign is not None]
    target = common_width(widths)
    for line, width in zip(run, widths, strict=True):
        line.pad = max(0, target - width)


def common_width(widths: list[int]) -> int:
    """The width that keys of these widths are padded to; those that are wider stick out."""
    target = min(widths, default=0)
    for width in sorted({*widths}):
        step = width - target
        spaces = step * sum(w <= target for w in widths)
        if step > _FARTHEST or spaces > _DEAREST * widths.count(width):
            break
        target = width
    return target


def _with_comments(lines: list[Line]) -> Iterator[str]:
    usual = _comment_column(lines)
    run: list[Line] = []
    for line in [*lines, None]:
        if line is not None and line.text and line.comment:
            run.append(line)
            continue
        column = max([usual, *(len(each.code) + _BEFORE_COMMENT for each in run)])
        for each in run:
            yield f"{each.code:<{column}}{each.comment}"
        run = []
        if line is not None:
            yield line.code if line.text else f"{' ' * line.column}{line.comment}".rstrip()


def _comment_column(lines: list[Line]) -> int:
    """Where comments behind code begin, but for lines that are too long."""
    least = [len(line.code) + _BEFORE_COMMENT for line in lines if line.text and line.comment]
    widest = max((column for column in least if column <= _COMMENT_COLUMNS[-1]), default=0)
    return next(column for column in _COMMENT_COLUMNS if column >= widest)
