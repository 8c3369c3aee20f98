"""Single layers in the body of a function: attributes evaluated, types inferred, what is searched masked.

A searched number of channels allocates the largest and masks (`MapType.live`); whatever may give
masked channels a value again, a convolution's bias or a norm's shift, is masked after it.
"""

import re
from collections.abc import Mapping
from itertools import product
from typing import TYPE_CHECKING

from hnas.ir import graph as g
from hnas.ir import template as t
from hnas.ir.expr import Const, Value
from hnas.ir.layer import Primitive, TypeRuleError, check_value
from hnas.ir.ops import PRIMITIVES
from hnas.ir.rules import times
from hnas.ir.table import MOST_ENTRIES, Table
from hnas.ir.types import MapType, Segment, as_channels, whole
from hnas.passes.errors import DoesNotFit, NotNested

if TYPE_CHECKING:
    from hnas.passes.build import Body, Builder, Place

_REVIVE = ("conv", "pointwise", "linear", "transposed", "norm")
"""Layers after which masked channels may hold values again."""

_KERNELS = ("conv", "depthwise")


def plain(label: str) -> str:
    """A label as a name: `sep(3)` is `sep_3`."""
    return re.sub(r"[^A-Za-z0-9]+", "_", label).strip("_")


def is_none(template: t.Template) -> bool:
    """Whether an option is `none`: no connection."""
    return isinstance(template, t.Prim) and template.name == "none"


def channel_count(source: MapType) -> dict[str, Value | Table]:
    """The fact `channels` of a map: a number, or its values where they are searched."""
    if not source.live:
        return {"channels": source.channels}
    if any(segment.gate for segment in source.live):
        return {}
    tables = [segment.table for segment in source.live if segment.table is not None]
    axes = tuple(dict.fromkeys(axis for table in tables for axis in table.axes))
    entries = 1
    for axis in axes:
        entries *= axis.count
    if entries > MOST_ENTRIES:
        return {}
    counts: list[Value] = []
    for options in product(*(range(axis.count) for axis in axes)):
        picked = {axis.group: {option: 1} for axis, option in zip(axes, options, strict=True)}
        counts.append(sum(segment.count(picked) for segment in source.live))
    return {"channels": Table(axes, tuple(counts))}


def layer(builder: "Builder", prim: t.Prim, body: "Body", source: str, place: "Place", prefix: str) -> str:
    """Append a primitive layer; the name of its result, masked where channels are searched."""
    primitive, given = PRIMITIVES[prim.name], body.types[source]
    name = body.free(prefix + prim.name)
    attrs: dict[str, Value] = {}
    tables: dict[str, Table] = {}
    fixed = builder.fixed.setdefault(id(prim), {})
    operands = (source,)
    try:
        for key, expr in prim.attrs:
            if key in fixed:
                attrs[key] = fixed[key]
                continue
            attribute = primitive.attribute(key)
            assert attribute is not None, key
            value = builder.searched(expr, place, prim.name, body.recorded, name)
            if isinstance(value, Table):
                if not _nests(primitive, key, value):
                    raise builder.fail(NotNested(expr.span, what=key, operator=prim.name))
                tables[key] = Table(
                    value.axes, tuple(check_value(attribute, entry) for entry in value.values)
                )
                attrs[key] = tables[key].largest()
            else:
                attrs[key] = check_value(attribute, value)
                if isinstance(expr, Const):
                    fixed[key] = attrs[key]
        if prim.like is not None:
            operands = (source, body.params[0][0])
            result = MapType(given.channels, body.params[0][1].stride)
        else:
            result = primitive.result(attrs, given, builder.dims)
        live = _live(primitive, attrs, given, tables.get("c"), result)
    except TypeRuleError as error:
        where = f"it gets a map of {given}, {place.text}"
        raise builder.fail(
            DoesNotFit(prim.span, operator=prim.name, why=str(error), where=where, advice=error.mend)
        ) from None
    result = result.with_channels(result.channels, live)
    kernel = tables.get("k")
    kind = g.Op(prim.name, tuple(attrs.items()), kernel)
    value = body.put(name, kind, operands, result, prim.span)
    if live and prim.name in _REVIVE:
        return body.add(f"{name}.live", g.Mask(), (value,), result, prim.span)
    return value


def _nests(primitive: Primitive, key: str, table: Table) -> bool:
    """Whether the options of an attribute can be masks of one tensor."""
    plain = all(isinstance(value, int) and not isinstance(value, bool) for value in table.values)
    return plain and (key == "c" or (key == "k" and primitive.name in _KERNELS))


def _live(
    primitive: Primitive, attrs: Mapping[str, Value], given: MapType, counts: Table | None, result: MapType
) -> tuple[Segment, ...]:
    """Which channels of a layer's result are there."""
    if given.live and (attrs.get("groups", 1) != 1 or primitive.name == "shuffle"):
        raise TypeRuleError(
            f"groups of channels need a fixed number of them, and those of {given} are searched"
        )
    if primitive.attribute("c") is None:
        return given.live
    if counts is not None:
        return (Segment(result.channels, counts),)
    return () if "c" in attrs else given.live


def extern_layer(
    builder: "Builder", op: t.Extern, body: "Body", source: str, place: "Place", prefix: str
) -> str:
    """Append a Python class's layer, of the type it declares."""
    given = body.types[source]
    attrs = [(name, builder.value(expr, place, op.name)) for name, expr in op.args]
    channels = as_channels(builder.value(op.channels, place, f"channels of {op.name}"))
    step = builder.value(op.stride, place, f"stride of {op.name}")
    steps = step if isinstance(step, tuple) else (step,)
    if channels is None or not all(whole(s) for s in steps):
        why = "it must declare whole numbers from 1 as channels and stride of its result"
        raise builder.fail(DoesNotFit(op.span, operator=op.name, why=why, where=place.text))
    if given.live:
        why = "it needs a fixed number of channels, and those it gets are searched"
        raise builder.fail(DoesNotFit(op.span, operator=op.name, why=why, where=place.text))
    result = MapType(channels, times(given.stride, step))
    kind = g.Op("extern", tuple(attrs), extern=op.target)
    return body.add(prefix + op.name, kind, (source,), result, op.span)
