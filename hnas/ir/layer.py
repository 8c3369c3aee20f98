"""What a layer is to the compiler: its attributes, how it changes types, what it weighs and costs."""

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from functools import cached_property
from typing import Literal, final

from attrs import define, frozen

from hnas.ir.expr import Value, spell
from hnas.ir.types import MapType, whole

AttrKind = Literal["whole", "whole_or_zero", "number", "flag", "pad", "word"]
Attrs = Mapping[str, Value]


class TypeRuleError(Exception):
    """An operator cannot be applied to the map it gets; `str()` says why, `mend` what to do."""

    def __init__(self, message: str, mend: str = "") -> None:
        super().__init__(message)
        self.mend = mend


@final
@frozen
class Attribute:
    """An attribute of a primitive. `default` None: it must be given, unless `optional`."""

    name: str
    kind: AttrKind
    default: Value | None
    doc: str
    words: tuple[str, ...] = ()
    optional: bool = False
    per_axis: bool = False
    """Whether a tuple may give a value for each axis."""
    most: int | None = None
    """The largest value; of a number it is not reached."""


Shapes = tuple[tuple[str, tuple[int, ...]], ...]


@final
@define(frozen=True, slots=False)
class Primitive:
    """A layer of the language.

    Attributes:
        name: How a spec spells it.
        doc: One line for the manual.
        attributes: In the order positional arguments fill them.
        result: (attributes, type of the map it gets, dims) to the type of its result.
        weights: (attributes, type of the map, dims) to names and shapes of its parameters.
        macs: (attributes, type in, type out, dims) to multiply-adds for each output pixel.
    """

    name: str
    doc: str
    attributes: tuple[Attribute, ...]
    result: Callable[[Attrs, MapType, int], MapType]
    weights: Callable[[Attrs, MapType, int], Shapes]
    macs: Callable[[Attrs, MapType, MapType, int], int]

    def attribute(self, name: str) -> Attribute | None:
        """The attribute called `name`, if there is one."""
        return self._by_name.get(name)

    @cached_property
    def _by_name(self) -> Mapping[str, Attribute]:
        return {attribute.name: attribute for attribute in self.attributes}


def check_value(attribute: Attribute, value: Value) -> Value:
    """`value` in the form the attribute keeps it.

    Raises:
        TypeRuleError: It is of the wrong kind or out of range.
    """
    match attribute.kind:
        case "whole" | "whole_or_zero":
            least = 1 if attribute.kind == "whole" else 0
            values = value if isinstance(value, tuple) else (value,)
            if (attribute.per_axis or not isinstance(value, tuple)) and all(
                _whole_within(v, least, attribute.most) for v in values
            ):
                whole_values = tuple(int(v) for v in values if not isinstance(v, str))
                return whole_values if isinstance(value, tuple) else whole_values[0]
            needed = _whole_number(least, attribute.most, values)
        case "number":
            most = float("inf") if attribute.most is None else attribute.most
            if isinstance(value, int | Fraction) and not isinstance(value, bool) and 0 <= value < most:
                return value
            needed = "a number from 0" + ("" if attribute.most is None else f", below {attribute.most}")
        case "flag":
            if isinstance(value, bool):
                return value
            needed = "true or false"
        case "pad":
            if value == "same" or _whole_within(value, 0, attribute.most):
                return value
            needed = f"same or {_whole_number(0, attribute.most, (value,))}"
        case "word":
            if isinstance(value, str) and value in attribute.words:
                return value
            needed = " or ".join(attribute.words)
    raise TypeRuleError(f"{attribute.name} must be {needed}, this is {spell(value)}")


def _whole_within(value: Value, least: int, most: int | None) -> bool:
    number = 0 if value == 0 and not isinstance(value, bool) else whole(value)
    return number is not None and least <= number and (most is None or number <= most)


def _whole_number(least: int, most: int | None, values: Sequence[Value]) -> str:
    """What is needed in the place of `values`: the upper bound is told where it is the reason."""
    above = most is not None and any(
        _whole_within(v, least, None) and not _whole_within(v, least, most) for v in values
    )
    return f"a whole number up to {most:,}" if above else f"a whole number from {least}"
