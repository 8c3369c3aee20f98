"""The tokens of a text as the formatter sees them: what each is, and what stood before it.

Operates on a text that parses. Produces `Piece`s in order, an empty one last. Their comments stand only
where a line may break, so that keeping a comment never breaks a line at a place it should not.
"""

from bisect import bisect_left
from collections.abc import Iterator
from itertools import pairwise
from typing import Any, Literal, cast, final

import attrs
from attrs import define, field

from hnas.diag import Source
from hnas.lang import ast
from hnas.lang.scan import scan

Role = Literal["", "sign", "operator", "prefix", "open", "close", "block", "end"]


@final
@define
class Remark:
    """A comment, and how many line breaks stood between it and what came before."""

    text: str
    newlines: int


@final
@define(eq=False)
class Piece:
    """A token of the formatted text.

    `role` is what it does for the layout: `sign` is the `=`, `+=` or `-=` of an item; `operator` joins
    two operands, as do `if` and `else`; `prefix` is the minus of a negative; `open` and `close` are the
    brackets of values; `block` and `end` are the braces of a block, and `end` the end of the text.
    """

    text: str
    newlines: int = 0
    """Line breaks between it and its last comment, or the token before it."""
    remarks: list[Remark] = field(factory=list[Remark])
    """The comments before it. The first trails the line before, if no line break is before it."""
    role: Role = ""
    begins_item: bool = False
    begins_value: bool = False
    """A `(` that is not of a call: a space may stand before it."""
    group: bool = False
    """The `(` of a pair that only groups: no comma may be added in it."""
    breaks: bool = False
    """Whether it begins a line. The layout decides."""


def pieces_of(source: Source, file: ast.File, *, parentheses: bool) -> list[Piece]:
    """The pieces of `source`, whose tree is `file`; the last one is empty and ends the text.

    `parentheses`: whether to add them around pipelines that `if` and `else` part.
    """
    pieces, starts = _read(source, file)
    _mark_items(pieces, starts, file)
    opened = _mark_values(pieces, starts, file)
    if parentheses:
        pieces = _wrapped(pieces, opened)
    pieces = _without_last_commas(pieces)
    _move_behind_commas_before_operators(pieces)
    _lift_comments(pieces)
    return pieces


def gap(before: Piece, piece: Piece) -> int:
    """How many spaces stand between two pieces on one line."""
    if piece.begins_item:
        return 1 if before.role == "block" else 2
    if before.role in ("open", "block") and piece.role in ("close", "end"):
        return 0
    if before.role == "open":
        return 1 if before.text == "{" else 0
    if piece.role == "close":
        return 1 if piece.text == "}" else 0
    glued = piece.text in (",", ":", ".", "..") or before.text in (".", "..") or before.role == "prefix"
    of_call = piece.text == "(" and not piece.begins_value
    return 0 if glued or of_call else 1


# --- reading -------------------------------------------------------------------------------------


def _read(source: Source, file: ast.File) -> tuple[list[Piece], list[int]]:
    """A piece for each token, with the comments and line breaks before it, and where each starts."""
    text = source.text
    comments = iter([*file.comments, None])
    comment = next(comments)
    pieces: list[Piece] = []
    starts: list[int] = []
    past = 0
    for start, token in [*((t.start, t.text) for t in scan(source).tokens), (len(text), "")]:
        piece = Piece(token)
        while comment is not None and comment.span.start < start:
            newlines = text.count("\n", past, comment.span.start)
            piece.remarks.append(Remark(comment.text.rstrip(), newlines))
            past = comment.span.end
            comment = next(comments)
        piece.newlines = text.count("\n", past, start)
        past = start + len(token)
        pieces.append(piece)
        starts.append(start)
    pieces[-1].role = "end"
    return pieces, starts


def _mark_items(pieces: list[Piece], starts: list[int], file: ast.File) -> None:
    """Where items begin, their signs, and the braces of blocks."""
    pieces[0].begins_item = True  # `hnas 1` is laid out like an item
    waiting = list(file.items)
    while waiting:
        item = waiting.pop()
        first, past = bisect_left(starts, item.span.start), bisect_left(starts, item.span.end)
        pieces[first].begins_item = True
        match item:
            case ast.Set() | ast.Decl() | ast.Define():
                pieces[bisect_left(starts, item.value.span.start) - 1].role = "sign"
            case ast.Block() | ast.Extern():
                pieces[_opening(pieces, past - 1)].role = "block"
                pieces[past - 1].role = "end"
                waiting += item.items
            case ast.Use() | ast.Limit():
                pass


def _opening(pieces: list[Piece], closing: int) -> int:
    """The index of the brace that the one at `closing` closes."""
    depth = 0
    for index in range(closing, -1, -1):
        depth += {"}": 1, "{": -1}.get(pieces[index].text, 0)
        if depth == 0:
            return index
    raise AssertionError("the text was parsed, so its braces match")


def _mark_values(pieces: list[Piece], starts: list[int], file: ast.File) -> list[tuple[Piece, Piece]]:
    """Operators and brackets of values; the first and last piece of each pipeline beside `if` or `else`."""
    for piece in pieces:
        if piece.role == "" and piece.text in ("(", "[", "{"):
            piece.role = "open"
        elif piece.role == "" and piece.text in (")", "]", "}"):
            piece.role = "close"
    parted: list[tuple[Piece, Piece]] = []
    for node in _nodes(file):
        at = bisect_left(starts, node.span.start)
        match node:
            case ast.Binary(_, left):
                pieces[bisect_left(starts, left.span.end)].role = "operator"
            case ast.IfElse(then, test, other):
                for before in (then, test):
                    pieces[bisect_left(starts, before.span.end)].role = "operator"
                for part in (then, other):
                    if isinstance(part, ast.Binary) and part.op == "->":
                        first, past = (bisect_left(starts, s) for s in (part.span.start, part.span.end))
                        parted.append((pieces[first], pieces[past - 1]))
            case ast.Unary("-"):
                pieces[at].role = "prefix"
            case ast.Group():
                pieces[at].begins_value = pieces[at].group = True
            case ast.Tuple(items):
                pieces[at].begins_value = True
                pieces[at].group = len(items) == 1  # its comma is not to be touched
            case _:
                pass
    return parted


def _nodes(file: ast.File) -> Iterator[ast.Node]:
    """Every node of the tree, without recursion."""
    waiting: list[ast.Node] = list(file.items)
    while waiting:
        node = waiting.pop()
        yield node
        for each in attrs.fields(type(node)):
            value = getattr(node, each.name)
            parts = cast("tuple[Any, ...]", value) if isinstance(value, tuple) else (value,)
            waiting += [part for part in parts if isinstance(part, ast.Node)]


# --- changing ------------------------------------------------------------------------------------


def _wrapped(pieces: list[Piece], parted: list[tuple[Piece, Piece]]) -> list[Piece]:
    """Parentheses around pipelines beside `if` and `else`.

    `a if b else c -> d` is `a if b else (c -> d)`, which one sees only if it is written so.
    """
    firsts = {id(first) for first, _ in parted}
    lasts = {id(last) for _, last in parted}
    found: list[Piece] = []
    for piece in pieces:
        if id(piece) in firsts:
            found.append(
                Piece("(", piece.newlines, piece.remarks, "open", begins_value=True, group=True),
            )
            piece.newlines, piece.remarks = 0, []
        found.append(piece)
        if id(piece) in lasts:
            found.append(Piece(")", role="close"))
    return found


def _without_last_commas(pieces: list[Piece]) -> list[Piece]:
    """Without the commas before closing brackets; `with_last_commas` adds those that are wanted."""
    found: list[Piece] = []
    opened: list[Piece] = []
    for piece, following in pairwise(pieces):
        if piece.role == "open":
            opened.append(piece)
        elif piece.role == "close":
            opened.pop()
        if piece.text == "," and following.role == "close" and not opened[-1].group:
            _join(piece, following)
        else:
            found.append(piece)
    return [*found, pieces[-1]]


def _move_behind_commas_before_operators(pieces: list[Piece]) -> None:
    """Lines break after commas and before operators: take comments and breaks from the other side there."""
    for before, piece in pairwise(pieces):
        if before.text == ",":
            _join(before, piece)
            before.newlines, before.remarks = 0, []
        elif before.role == "operator":
            before.remarks += piece.remarks
            before.newlines = max(before.newlines, piece.newlines)
            piece.newlines, piece.remarks = 0, []


def _join(gone: Piece, piece: Piece) -> None:
    """Put what stood before `gone` before what stands before `piece`."""
    piece.remarks[:0] = gone.remarks
    piece.newlines = max(piece.newlines, gone.newlines)


def _lift_comments(pieces: list[Piece]) -> None:
    """Move each comment that stands where no line may break up to the last place before it where one may."""
    place = pieces[0]
    for before, piece in pairwise([Piece(""), *pieces]):
        if may_break(before, piece):
            place = piece
        elif piece.remarks:
            for remark in piece.remarks:
                place.remarks.append(Remark(remark.text, max(1, place.newlines)))
                place.newlines = 1
            piece.newlines, piece.remarks = 0, []


def may_break(before: Piece, piece: Piece) -> bool:
    """Whether a line may begin with `piece`."""
    return (
        piece.begins_item
        or piece.role in ("operator", "close", "end")
        or before.role == "open"
        or before.text == ","
    )
