"""Cells as functions: every edge its options, weighed by alpha; nodes sum, the cell concatenates."""

from collections.abc import Mapping
from typing import final

from attrs import frozen

from hnas.ir import graph as g
from hnas.ir.decisions import Picked
from hnas.ir.expr import Value
from hnas.ir.space import Cell, CellOption
from hnas.ir.types import MapType, Stride, ratio
from hnas.passes.build import Body, Builder, Place, plain
from hnas.passes.errors import WrongOption


@final
@frozen
class Chosen:
    """What an architecture picks of a cell: for each group of the prefix, how often each option."""

    prefix: str
    picked: Picked

    def __call__(self, edge: str) -> Mapping[int, int]:
        """How often each option of an edge is taken."""
        return self.picked.get(f"{self.prefix}.{edge}", {})


def cell_function(
    builder: Builder, cell: Cell, inputs: Mapping[str, MapType], place: Place, chosen: Chosen | None = None
) -> g.Function:
    """The function of `cell` for inputs of the given types, at a place whose width and stride hold.

    Node i is the sum over what it reads of the mixed operator of that edge (paper, Eq. 1 and 5); its
    mixes name groups `n2.prev`, which the call's `choices` completes. With `chosen` only what it picks
    is built, and nothing is mixed.
    """
    key = _key(builder, cell, inputs, place, chosen)
    known = builder.cells.get(key)
    if known is not None:
        return known
    width, stride = place.facts["width"], place.facts["stride"]
    assert isinstance(width, int)
    assert not isinstance(stride, str)
    result = MapType(width, _as_stride(stride))
    body = Body(tuple(inputs.items()))
    if cell.fixed:
        function = _operator(builder, cell, body, result, place)
        builder.cells[key] = function
        return function
    for number, node in enumerate(cell.node_names()):
        edges = [
            value
            for source in cell.sources(number)
            if source in body.types
            for value in _edge(builder, cell, body, source, f"{node}.{source}", result, place, chosen)
        ]
        if len(edges) == 1:  # a node keeps its own name, also over a single edge
            body.add(node, g.Join(cell.join), (edges[0],), result, cell.span)
        else:
            builder.join(cell.join, tuple(edges), body, node, place, cell.span)
    nodes = cell.node_names()
    output = (
        nodes[-1]
        if cell.output == "last"
        else builder.join("concat", nodes, body, "output", place, cell.span)
    )
    function = builder.add(plain(cell.name), next(iter(inputs.values())), body, output)
    builder.cells[key] = function
    return function


def _operator(builder: Builder, cell: Cell, body: Body, result: MapType, place: Place) -> g.Function:
    """The function of an operator that stands where a cell may stand."""
    ((source, given),) = body.params
    (option,) = cell.options
    value = _option(builder, body, source, "", option, result, _stepped(place, result, given))
    return builder.add(plain(cell.name), given, body, value)


def _stepped(place: Place, result: MapType, given: MapType) -> Place:
    """The place for an operator that brings a map of type `given` to the stride of `result`."""
    step: Value = 1
    if given.stride is not None and result.stride is not None:
        step = ratio(result.stride, given.stride) or 1
    return Place({**place.facts, "step": step}, place.text)


def _edge(
    builder: Builder,
    cell: Cell,
    body: Body,
    source: str,
    name: str,
    result: MapType,
    place: Place,
    chosen: Chosen | None,
) -> list[str]:
    """The mixed operator of one edge: the softmax(alpha)-weighted sum of its options (paper, Eq. 2 to 4).

    Or what is picked of it: nothing, one operator, or the same one several times.
    """
    stepped = _stepped(place, result, body.types[source])
    if chosen is not None:
        taken: list[str] = []
        for position, times in chosen(name).items():
            taken += [_option(builder, body, source, name, cell.options[position], result, stepped)] * times
        return taken
    values = [_option(builder, body, source, name, option, result, stepped) for option in cell.options]
    if len(values) == 1:
        return values
    weights = tuple((name, position) for position in range(len(values)))
    return [body.add(name, g.Mix(weights), tuple(values), result, cell.span)]


def _option(
    builder: Builder, body: Body, source: str, edge: str, option: CellOption, result: MapType, place: Place
) -> str:
    name = f"{edge}.{plain(option.label)}".lstrip(".")
    span = option.template.span
    if option.is_none:
        return body.add(name, g.Op("none"), (source,), result, span)
    value = builder.call(option.template, body, source, place, name)
    given = body.types[value]
    if given != result:
        where = place.text
        diagnostic = WrongOption(span, option=option.label, given=str(given), needed=str(result), where=where)
        raise builder.fail(diagnostic)
    return value


def _key(
    builder: Builder, cell: Cell, inputs: Mapping[str, MapType], place: Place, chosen: Chosen | None
) -> tuple[object, ...]:
    """What a cell's function depends on: types, width, stride, and facts its options ask for."""
    facts = frozenset[str]().union(*(builder.facts_in(option.template) for option in cell.options))
    needed = facts | {"width", "stride"}
    return (
        cell.name,
        chosen.prefix if chosen is not None else None,
        tuple(inputs.items()),
        tuple((name, place.facts[name]) for name in sorted(needed) if name in place.facts),
    )


def _as_stride(value: Value) -> Stride:
    if isinstance(value, tuple):
        return tuple(int(v) for v in value)
    assert isinstance(value, int)
    return value
