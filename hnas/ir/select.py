"""Values chosen by where one stands: `{ layer(1..3): early, coarser: reduction, other: late }`."""

from typing import Generic, Literal, TypeVar, final

from attrs import field, frozen

from hnas.diag import Span
from hnas.ir.types import Stride, spell_stride

T = TypeVar("T")


@final
@frozen
class Selector:
    """Where an entry applies.

    `any`: everywhere (`other`, or a bare value); `move`: to what a move builds; `layers`: from one layer
    to another, both included; `last`: in the last layer; `stride`: at a stride.
    """

    kind: Literal["any", "move", "layers", "last", "stride", "all"] = "any"
    move: str = ""
    first: int = 0
    to: int = 0
    stride: Stride | None = None
    parts: tuple["Selector", ...] = ()

    def applies(self, layer: int, stride: Stride, move: str | None, last: int) -> bool:
        """Whether a state of `layer` and `stride`, built by `move`, is meant."""
        match self.kind:
            case "any":
                return True
            case "move":
                return move == self.move
            case "layers":
                return self.first <= layer <= self.to
            case "last":
                return layer == last
            case "stride":
                return stride == self.stride
            case "all":
                return all(part.applies(layer, stride, move, last) for part in self.parts)

    def __str__(self) -> str:
        match self.kind:
            case "any":
                return "other"
            case "move":
                return self.move
            case "layers":
                return f"layer({self.first})" if self.first == self.to else f"layer({self.first}..{self.to})"
            case "last":
                return "last"
            case "stride":
                return f"stride({spell_stride(self.stride)})" if self.stride is not None else "stride"
            case "all":
                return ": ".join(map(str, self.parts))


@final
@frozen
class Entry(Generic[T]):
    """A value and where it holds."""

    when: Selector
    value: T
    span: Span = field(kw_only=True, eq=False, repr=False)


@final
@frozen
class Selected(Generic[T]):
    """Entries in order: the first that applies is taken."""

    entries: tuple[Entry[T], ...]

    def at(self, layer: int, stride: Stride, last: int, move: str | None = None) -> Entry[T] | None:
        """The entry for a state, None where none applies."""
        return next((e for e in self.entries if e.when.applies(layer, stride, move, last)), None)

    def values(self) -> tuple[T, ...]:
        """Every value."""
        return tuple(entry.value for entry in self.entries)
