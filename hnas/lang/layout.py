"""Where the lines of formatted text break, and how each is indented."""

from itertools import pairwise
from typing import final

from attrs import define, field

from hnas.lang.align import Line
from hnas.lang.pieces import Piece, gap, may_break

WIDTH = 110
"""A block on one line that would be longer gets a line an item."""
_STEP = 2
"""Columns a block is indented by."""
_DEEPER = 4
"""Columns by which the lines of an item that follow its first are indented."""


# --- where lines break ---------------------------------------------------------------------------


@final
@define
class _Body:
    """The items of a block, or of the file, while its pieces are looked at."""

    firsts: list[int] = field(factory=list[int])
    """The index of the first piece of each item."""
    tall: list[bool] = field(factory=list[bool])
    """For each item, whether it goes over several lines."""


def break_lines(pieces: list[Piece]) -> None:
    """Decide for each piece whether it begins a line.

    Breaks are kept as they were, where a line may break. An item of several lines shares none of them
    with another item, nor with the braces around it.
    """
    starts = _flat_starts(pieces)
    bodies = [_Body()]
    brackets: list[bool] = []  # of the open brackets, whether a line breaks after them
    for index, (before, piece) in enumerate(pairwise([Piece(""), *pieces])):
        if piece.begins_item:
            bodies[-1].firsts.append(index)
            bodies[-1].tall.append(index == 0)  # nothing stands beside `hnas 1`
        elif piece.role == "block":
            bodies.append(_Body())
        elif piece.role == "end" and len(bodies) > 1:
            body = bodies.pop()
            length = starts[index] + 1 - starts[bodies[-1].firsts[-1]]
            fits = (len(bodies) - 1) * _STEP + length <= WIDTH
            bodies[-1].tall[-1] |= _break_block(pieces, body, piece, fits=fits)
        elif piece.role != "end":
            piece.breaks = _breaks_value(before, piece, brackets)
            bodies[-1].tall[-1] |= piece.breaks
    _break_items(pieces, bodies[0], every=False)
    pieces[-1].breaks = True


def _flat_starts(pieces: list[Piece]) -> list[int]:
    """Where each piece would start, were all of the text one line."""
    starts: list[int] = []
    past = 0
    for before, piece in pairwise([Piece(""), *pieces]):
        past += gap(before, piece)
        starts.append(past)
        past += len(piece.text)
    return starts


def _breaks_value(before: Piece, piece: Piece, brackets: list[bool]) -> bool:
    """Whether a piece within an item begins a line; keeps `brackets` up."""
    breaks = bool(piece.remarks) or (piece.newlines > 0 and may_break(before, piece))
    if piece.role == "close":
        hangs = brackets.pop()
        breaks = bool(piece.remarks) or (hangs and piece.newlines > 0 and before.role != "open")
    elif before.role == "open":
        brackets[-1] = breaks
    if piece.role == "open":
        brackets.append(False)
    return breaks


def _break_block(pieces: list[Piece], body: _Body, closing: Piece, *, fits: bool) -> bool:
    """Break a block into lines, unless it was written on one and fits; whether it was broken."""
    if not body.firsts:
        closing.breaks = bool(closing.remarks)
        return closing.breaks
    parts = [*(pieces[i] for i in body.firsts), closing]
    written = any(part.newlines or part.remarks for part in parts) or any(body.tall)
    if written or not fits:
        closing.breaks = True
        _break_items(pieces, body, every=not written)
    return closing.breaks


def _break_items(pieces: list[Piece], body: _Body, *, every: bool) -> None:
    above = True
    for index, tall in zip(body.firsts, body.tall, strict=True):
        first = pieces[index]
        first.breaks = every or above or tall or bool(first.newlines or first.remarks)
        above = tall


def with_last_commas(pieces: list[Piece]) -> list[Piece]:
    """A comma before every closing bracket that begins a line, as print.py writes them."""
    found: list[Piece] = []
    opened: list[Piece] = []
    before = Piece("")
    for piece in pieces:
        if piece.role == "open":
            opened.append(piece)
        elif piece.role == "close" and not opened.pop().group and piece.breaks and before.role != "open":
            found.append(Piece(","))
        found.append(piece)
        before = piece
    return found


# --- lines ---------------------------------------------------------------------------------------


@final
@define
class _Bracket:
    """An open bracket of a value: its line, where in that it stands, whether its content hangs below."""

    line: Line
    offset: int
    piece: Piece
    hangs: bool

    def content(self, piece: Piece) -> Line:
        """A line within it that begins with `piece`: under what follows the bracket, if anything does."""
        # an operand goes on in it, unless there is but one
        deeper = _DEEPER if piece.role == "operator" and not self.piece.group else 0
        if self.hangs:
            return Line(_DEEPER + deeper, self.line)
        past = 2 if self.piece.text == "{" else 1
        return Line(deeper, self.line, self.offset + past)

    def closing(self) -> Line:
        """A line that begins with its closing bracket."""
        return Line(0, self.line, None if self.hangs else self.offset)


@final
@define
class _Writer:
    lines: list[Line] = field(factory=list[Line])
    item: Line = field(factory=Line)
    """The line the innermost item began on."""
    alone: bool = False
    """Whether no other item began on that line before."""
    depth: int = 0
    """Blocks that are open."""
    brackets: list[_Bracket] = field(factory=list[_Bracket])

    def write(self, before: Piece, piece: Piece, following: Piece) -> None:
        """Add a piece, on a new line if it begins one."""
        if piece.role == "end":
            self.depth -= 1
        if piece.breaks:
            self._begin(before, piece)
        line = self.lines[-1]
        if not piece.breaks:
            line.text += " " * gap(before, piece)
        self._note(line, piece, following)
        line.text += piece.text

    def _note(self, line: Line, piece: Piece, following: Piece) -> None:
        """What the lines that follow need to know of a piece that is about to be added to `line`."""
        if piece.begins_item:
            self.item, self.alone = line, piece.breaks
            line.sign = None  # of several items on a line, none is aligned
        match piece.role:
            case "sign" if self.alone and self.item is line:
                line.sign = len(line.text)
            case "block":
                self.depth += 1
                line.ends_run |= following.breaks
            case "open":
                self.brackets.append(_Bracket(line, len(line.text), piece, following.breaks))
            case "close":
                self.brackets.pop()
            case _:
                pass

    def _begin(self, before: Piece, piece: Piece) -> None:
        """A new line for a piece, its comments before it."""
        if piece.remarks and not piece.remarks[0].newlines and self.lines:
            self.lines[-1].comment = piece.remarks.pop(0).text
        first = before.role in ("open", "block") or not self.lines
        for remark in piece.remarks:
            self._space(remark.newlines, not first)
            self.lines.append(self._place(piece, comment=True))
            self.lines[-1].comment = remark.text
            first = False
        self._space(piece.newlines, not first and piece.role not in ("operator", "close", "end"))
        if piece.text:
            self.lines.append(self._place(piece))

    def _space(self, newlines: int, wanted: bool) -> None:
        if newlines > 1 and wanted:
            self.lines.append(Line(ends_run=True))

    def _place(self, piece: Piece, *, comment: bool = False) -> Line:
        """An empty line that begins where `piece` belongs, or the comment before it."""
        if piece.begins_item or piece.role == "end":
            inside = comment and piece.role == "end"
            return Line((self.depth + inside) * _STEP, ends_run=comment or piece.role == "end")
        if not self.brackets:
            return Line(_DEEPER, self.item, ends_run=comment)
        bracket = self.brackets[-1]
        if piece.role == "close" and not comment:
            return bracket.closing()
        line = bracket.content(piece)
        line.ends_run = comment
        return line


def lines_of(pieces: list[Piece]) -> list[Line]:
    """The lines of pieces whose breaks are decided."""
    writer = _Writer()
    before = Piece("")
    for piece, following in pairwise([*pieces, Piece("")]):
        writer.write(before, piece, following)
        before = piece
    return writer.lines
