"""Maps with selectors: `{ layer(1..3): early, stride(8): middle, coarser: reduction, other: late }`."""

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from hnas.diag import Note, Sink, did_you_mean
from hnas.ir.select import Entry, Selected, Selector
from hnas.ir.types import Stride
from hnas.lang import ast
from hnas.lang.errors import GivenTwice, NoEffect, WrongValue
from hnas.lang.evaluate import Names, constant
from hnas.lang.walk import kind_of, ungroup

T = TypeVar("T")

MOVES = ("finer", "same", "coarser")


class Strided(Protocol):
    """Reads a stride; None after a diagnostic."""

    def __call__(self, node: ast.Expr | ast.Range, what: str) -> Stride | None: ...


def selected(
    node: ast.Expr,
    read: Callable[[ast.Expr], T | None],
    *,
    what: str,
    moves: bool,
    layers: int,
    strides: Sequence[Stride],
    stride: Strided,
    names: Names,
    sink: Sink,
) -> Selected[T] | None:
    """A value, or a map from places to values; None after diagnostics.

    Args:
        node: The expression.
        read: Reads a value.
        what: The attribute, for messages.
        moves: Whether entries may be chosen by the move into a state.
        layers: Layers of the trellis.
        strides: Its strides.
        stride: Reads a stride.
        names: What names mean.
        sink: Gets the diagnostics.
    """
    value = ungroup(node)
    if not isinstance(value, ast.Map):
        found = read(node)
        return None if found is None else Selected((Entry(Selector(), found, span=node.span),))
    entries: list[Entry[T]] = []
    seen: dict[Selector, Entry[T]] = {}
    failed = not value.entries
    if failed:
        sink.add(WrongValue(value.span, what=what, needed="at least one entry", found="this is empty"))
    for item in value.entries:
        when = _selector(item.key, moves, layers, stride, names, sink)
        found = read(item.value)
        if when is None or found is None:
            failed = True
            continue
        entry = Entry(when, found, span=item.key.span)
        if when in seen:
            notes = (Note("first here", seen[when].span),)
            sink.add(GivenTwice(item.key.span, what=f"the entry {when} of {what}", notes=notes))
            failed = True
            continue
        if when.kind == "stride" and strides and when.stride not in strides:
            sink.add(NoEffect(item.key.span, what=str(when), why="the trellis has no such stride"))
        if seen and any(other.kind == "any" for other in seen):
            sink.add(NoEffect(item.key.span, what=str(when), why="the entry other stands before it"))
        seen[when] = entry
        entries.append(entry)
    return None if failed else Selected(tuple(entries))


def _selector(
    key: ast.Expr, moves: bool, layers: int, stride: Strided, names: Names, sink: Sink
) -> Selector | None:
    words = ("last", "other", *(MOVES if moves else ()))
    match key:
        case ast.Ref("other"):
            return Selector()
        case ast.Ref("last"):
            return Selector("last")
        case ast.Ref(name) if moves and name in MOVES:
            return Selector("move", name)
        case ast.Call(ast.Ref("within"), (ast.Arg(None, ast.Ref(name)),)) if moves and name in MOVES:
            return Selector("move", f"within({name})")
        case ast.Call(ast.Ref("stride"), (ast.Arg(None, value),)):
            found = stride(value, "a stride")
            return None if found is None else Selector("stride", stride=found)
        case ast.Call(ast.Ref("layer"), (ast.Arg(None, value),)):
            low, high = (value.low, value.high) if isinstance(value, ast.Range) else (value, value)
            first, to = constant(low, names, sink), constant(high, names, sink)
            if first is None or to is None:
                return None
            if _number(first) and _number(to) and first <= to:
                assert isinstance(first, int)
                assert isinstance(to, int)
                if first > layers:
                    why = f"the trellis has {layers} layers"
                    sink.add(NoEffect(key.span, what=f"layer({first})", why=why))
                return Selector("layers", first=first, to=to)
            needed = f"layers from 1 to {layers}, like layer(3) or layer(1..3)"
            sink.add(WrongValue(key.span, what="a selector", needed=needed, found="this is something else"))
            return None
        case _:
            advice = did_you_mean(key.name, words) if isinstance(key, ast.Ref) else ""
            needed = f"{', '.join(words)}, layer(1..3) or stride(8)"
            found = f"this is {kind_of(key)}"
            sink.add(WrongValue(key.span, what="a selector", needed=needed, found=found, advice=advice))
            return None


def _number(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1
