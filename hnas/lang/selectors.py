"""Maps with selectors: `{ layer(1..3): early, stride(8): middle, coarser: reduction, other: late }`."""

from collections.abc import Callable, Sequence
from typing import Generic, Protocol, TypeVar, final

from attrs import frozen

from hnas.diag import Note, Sink, Span, did_you_mean
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

    def __call__(self, node: ast.Expr | ast.Range, what: str) -> Stride | None:
        """Read `node`; `what` is for messages."""
        ...


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
    reader = _Reader(read, what, moves, layers, strides, stride, names, sink)
    value = ungroup(node)
    if not isinstance(value, ast.Map):
        found = read(node)
        return None if found is None else Selected((Entry(Selector(), found, span=node.span),))
    entries = reader.entries(value, ())
    return None if entries is None else Selected(tuple(entries))


@final
@frozen
class _Reader(Generic[T]):
    """Reads maps with selectors; see `selected`."""

    read: Callable[[ast.Expr], T | None]
    what: str
    moves: bool
    layers: int
    strides: Sequence[Stride]
    stride: Strided
    names: Names
    sink: Sink

    def entries(self, node: ast.Map, outer: tuple[Selector, ...]) -> list[Entry[T]] | None:
        """The entries of a map, each under the selectors it stands in; None after diagnostics."""
        sink, found = self.sink, list[Entry[T]]()
        seen: dict[Selector, Span] = {}
        failed = not node.entries
        if failed:
            sink.add(
                WrongValue(node.span, what=self.what, needed="at least one entry", found="this is empty")
            )
        for item in node.entries:
            when = _selector(item.key, self.moves, self.layers, self.stride, self.names, sink)
            inner = ungroup(item.value)
            nested = self.entries(inner, (*outer, when)) if isinstance(inner, ast.Map) and when else None
            value = None if isinstance(inner, ast.Map) else self.read(item.value)
            if when is None or (value is None and nested is None):
                failed = True
                continue
            if when in seen:
                notes = (Note("first here", seen[when]),)
                sink.add(GivenTwice(item.key.span, what=f"the entry {when} of {self.what}", notes=notes))
                failed = True
                continue
            if when.kind == "stride" and self.strides and when.stride not in self.strides:
                sink.add(NoEffect(item.key.span, what=str(when), why="the trellis has no such stride"))
            if any(other.kind == "any" for other in seen):
                sink.add(NoEffect(item.key.span, what=str(when), why="the entry other stands before it"))
            seen[when] = item.key.span
            if nested is not None:
                found += nested
            elif value is not None:
                whole = (*outer, when)
                selector = when if not outer else Selector("all", parts=whole)
                found.append(Entry(selector, value, span=item.key.span))
        return None if failed else found


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
            if isinstance(first, int) and isinstance(to, int) and 1 <= first <= to:
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
