"""Cells as functions: every edge its options, weighed by alpha; nodes sum, the cell concatenates."""

from collections.abc import Iterator, Mapping
from typing import final

from attrs import define, evolve, field

from hnas.diag import Span
from hnas.ir import graph as g
from hnas.ir.decisions import Decision, Group
from hnas.ir.expr import Sharing, Value, spell
from hnas.ir.space import Applied, Cell, CellOption, Joined, MapExpr, OneOfMaps, Read, Take, applied
from hnas.ir.table import Known, Table
from hnas.ir.template import Named, Template
from hnas.ir.types import MapType, Segment, Stride, as_channels, ratio, searched_apart
from hnas.passes.build import Body, Builder, MadeCell, Place
from hnas.passes.choices import names, scope
from hnas.passes.errors import Excludes, NotChosen, WrongOption, WrongWidth
from hnas.passes.layers import is_none, plain
from hnas.passes.searched import mixed


def cell_prefix(cell: Cell, facts: Known) -> str:
    """What the ids of a cell's decisions begin with, as its sharing says.

    An operator in the place of a cell decides for each state by itself, and brings its own name.
    """
    if cell.fixed:
        return names(scope(Sharing("state"), facts))
    if cell.share.scope == "group":
        return names(cell.share.group)
    return names(f"{scope(cell.share, facts)}.{cell.name}")


def node_decisions(cell: Cell, prefix: str, inputs: frozenset[str]) -> Iterator[Decision]:
    """The decisions of a cell's nodes: edges and their operators, or slots that take both jointly."""
    if cell.fixed or cell.equations:
        return
    labels = tuple(option.label for option in cell.options)
    none = tuple(i for i, option in enumerate(cell.options) if option.is_none)
    for number, node in enumerate(cell.node_names()):
        name = f"{prefix}.{node}"
        if cell.weigh == "slots":
            pairs = tuple(applied(label, source) for source, label in slot_pairs(cell, number))
            empty = tuple(i for i in range(len(pairs)) if i % len(labels) in none)
            count = cell.take.count or 1
            slots = (f"slot{position}" for position in range(1, count + 1))
            groups = tuple(Group(f"{name}.{slot}", slot, pairs, empty) for slot in slots)
            yield Decision(name, "node", groups, Take("pairs", count), cell.share, span=cell.span)
        else:
            sources = [s for s in cell.sources(number) if s in inputs or s not in cell.inputs]
            groups = tuple(Group(f"{name}.{source}", source, labels, none) for source in sources)
            yield Decision(name, "node", groups, cell.take, cell.share, span=cell.span)


def slot_pairs(cell: Cell, number: int) -> list[tuple[str, str]]:
    """What a slot of a node (from 0) chooses from: inputs and operators, the operator running fastest."""
    return [(source, option.label) for source in cell.sources(number) for option in cell.options]


def make_cell(builder: Builder, cell: Cell, inputs: Mapping[str, MapType], place: Place) -> MadeCell:
    """A cell that stands where an operator stands."""
    prefix = cell_prefix(cell, place.facts)
    function = cell_function(builder, cell, inputs, place, prefix)
    return MadeCell(function, prefix, tuple(node_decisions(cell, prefix, frozenset(inputs))))


def cell_function(
    builder: Builder, cell: Cell, inputs: Mapping[str, MapType], place: Place, prefix: str
) -> g.Function:
    """The function of `cell` for inputs of the given types, at a place whose width and stride hold.

    Node i is the sum over what it reads of the mixed operator of that edge (paper, Eq. 1 and 5); its
    mixes name groups `n2.prev`, which the call's `choices` completes. With the choices made only what is
    picked is built, and nothing is mixed.
    """
    place = _own_width(builder, cell, place).but(**{"@path": prefix, "@cell": prefix})
    key = _key(builder, cell, inputs, place, prefix)
    known = builder.cells.get(key)
    if known is None:
        known = builder.cells[key] = _Maker(builder, cell, inputs, place, prefix).run()
    return known


def _own_width(builder: Builder, cell: Cell, place: Place) -> Place:
    if cell.width is None:
        return place
    value = builder.value(cell.width, place, f"width of {cell.name}")
    if as_channels(value) is None:
        raise builder.fail(WrongWidth(cell.width.span, what="width", value=spell(value), where=place.text))
    return place.but(width=value)


@final
@define
class _Maker:
    """Makes the function of a cell."""

    builder: Builder
    cell: Cell
    inputs: Mapping[str, MapType]
    place: Place
    prefix: str
    body: Body = field(init=False)
    result: MapType = field(init=False)
    values: dict[str, str] = field(factory=dict[str, str])
    """Inputs and nodes that are there, by name."""

    def __attrs_post_init__(self) -> None:
        self.body = Body(tuple(self.inputs.items()))
        self.values = {name: name for name in self.inputs}
        self.result = _width_type(self.place.facts)

    def run(self) -> g.Function:
        cell = self.cell
        if cell.fixed:
            output = self._operator()
        else:
            for number, node in enumerate(cell.node_names()):
                if not cell.equations:
                    self._node(number, node)
                    continue
                value = self._map(cell.equations[number][1], node)
                self.values[node] = value if value is not None else self._nothing(node)
            output = self._output()
        return self.builder.add(plain(cell.name), next(iter(self.inputs.values())), self.body, output)

    def _stepped(self, source: str, edge: str) -> Place:
        """The place for an operator that brings a map to the stride of the cell."""
        given, step = self.body.types[source], 1
        if given.stride is not None and self.result.stride is not None:
            step = ratio(self.result.stride, given.stride) or 1
        return self.place.but(**{"step": step, "@edge": f"{self.prefix}.{edge}"})

    # --- an operator in the place of a cell ------------------------------------------------------

    def _operator(self) -> str:
        """The result of an operator that stands where a cell may stand."""
        (source,) = self.inputs
        (option,) = self.cell.options
        return self._option(source, "", option)

    # --- nodes that read every edge --------------------------------------------------------------

    def _node(self, number: int, node: str) -> None:
        cell, body = self.cell, self.body
        slots = cell.weigh == "slots"
        edges = (
            self._slots(number, node)
            if slots
            else [
                value
                for source in cell.sources(number)
                if source in self.values
                for value in self._edge(source, f"{node}.{source}")
            ]
        )
        if not edges:
            edges = [self._nothing(node)]
        if len(edges) == 1:  # a node keeps its own name, also over a single edge
            body.add(node, g.Join(cell.join), (edges[0],), self.result, cell.span)
        else:
            self.builder.join(cell.join, tuple(edges), body, node, self.place, cell.span)
        self.values[node] = node

    def _nothing(self, node: str) -> str:
        """Zeros: a node of which nothing is left that it reads."""
        source = next(iter(self.inputs))
        return self.body.add(f"{node}.none", g.Op("none"), (source,), self.result, self.cell.span)

    def _edge(self, source: str, edge: str) -> list[str]:
        """The mixed operator of one edge: the softmax(alpha)-weighted sum of its options (paper, Eq. 2 to 4).

        Or what is picked of it: nothing, one operator, or the same one several times.
        """
        options = self.cell.options
        taken = self.builder.choices.taken(f"{self.prefix}.{edge}")
        if taken is not None:
            return [
                value
                for position, times in taken.items()
                for value in [self._option(source, edge, options[position])] * times
            ]
        values: list[str] = []
        outer = self.body.recorded.when
        for position, option in enumerate(options):
            self.body.recorded.when = (*outer, (f"{self.prefix}.{edge}", (position,)))
            values.append(self._option(source, edge, option))
        self.body.recorded.when = outer
        if len(values) == 1:
            return values
        weights = tuple(((edge, position),) for position in range(len(values)))
        return [self.body.add(edge, g.Mix(weights), tuple(values), self.result, self.cell.span)]

    def _slots(self, number: int, node: str) -> list[str]:
        """The node's slots, each one pair of input and operator out of all of them (jointly weighed)."""
        pairs = slot_pairs(self.cell, number)
        slots = [f"slot{n}" for n in range(1, (self.cell.take.count or 1) + 1)]
        options = {option.label: option for option in self.cell.options}
        taken = [self.builder.choices.taken(f"{self.prefix}.{node}.{slot}") for slot in slots]
        built: dict[tuple[str, str], str] = {}
        found: list[str] = []
        weights: list[g.Weight] = []
        outer = self.body.recorded.when
        for slot, picked in zip(slots, taken, strict=True):
            for position, (source, label) in enumerate(pairs):
                if source not in self.values or (picked is not None and position not in picked):
                    continue
                pair = (source, label)
                if pair not in built:
                    # of several slots any may take the pair: what is chosen inside it always matters
                    under = ((f"{self.prefix}.{node}.{slot}", (position,)),) if len(slots) == 1 else ()
                    self.body.recorded.when = (*outer, *under)
                    built[pair] = self._option(source, f"{node}.{source}", options[label])
                    self.body.recorded.when = outer
                found.append(built[pair])
                weights.append(((f"{node}.{slot}", position),))
        if self.builder.choices.picked is not None or not found:
            return found
        mix = g.Mix(tuple(weights))
        return [self.body.add(f"{node}.mixed", mix, tuple(found), self.result, self.cell.span)]

    def _option(self, source: str, edge: str, option: CellOption) -> str:
        name = f"{edge}.{plain(option.label)}".lstrip(".")
        span = option.template.span
        if option.is_none:
            return self.body.add(name, g.Op("none"), (source,), self.result, span)
        place = self._stepped(source, edge)
        value = self.builder.call(option.template, self.body, source, place, name)
        return self._fits(value, option.label, span)

    def _fits(self, value: str, label: str, span: Span) -> str:
        given = self.body.types[value]
        if given != self.result:
            advice = ""
            if given.live and not self.result.live:
                advice = (
                    "its channels are searched; end it in conv(1, width), or search the width of the cell"
                )
            diagnostic = WrongOption(
                span,
                option=label,
                given=str(given),
                needed=str(self.result),
                where=self.place.text,
                advice=searched_apart(given, self.result) or advice,
            )
            raise self.builder.fail(diagnostic)
        return value

    def _output(self) -> str:
        nodes, cell = self.cell.node_names(), self.cell
        if cell.result is not None:
            value = self._map(cell.result, "output")
            return value if value is not None else self._nothing("output")
        if cell.output == "last":
            return self.values[nodes[-1]]
        ends = nodes if cell.output == "concat" else tuple(self._ends(nodes))
        return self.builder.join("concat", ends, self.body, "output", self.place, cell.span)

    def _ends(self, nodes: tuple[str, ...]) -> Iterator[str]:
        """The loose ends: nodes that no later one reads; in a super-network as far as none does."""
        if self.cell.weigh != "slots":
            why = "which nodes are read is known only where a slot weighs inputs and operators jointly"
            raise self.builder.fail(
                Excludes(self.cell.span, first="output = loose_ends", second="weigh = edges", why=why)
            )
        slots = range(1, (self.cell.take.count or 1) + 1)
        for number, node in enumerate(nodes):
            gate: list[tuple[str, tuple[int, ...]]] = []
            for later in range(number + 1, len(nodes)):
                reading = tuple(
                    position
                    for position, (source, _) in enumerate(slot_pairs(self.cell, later))
                    if source == node
                )
                gate += [(f"{self.prefix}.{nodes[later]}.slot{slot}", reading) for slot in slots]
            segment = Segment(self.result.channels, gate=tuple(gate))
            picked = self.builder.choices.picked
            if picked is not None:
                if segment.count(picked):
                    yield node
            elif not gate:
                yield node
            else:
                live = tuple(evolve(s, gate=tuple(gate)) for s in self.result.segments())
                masked = self.result.with_channels(self.result.channels, live)
                yield self.body.add(f"{node}.loose", g.Mask(), (node,), masked, self.cell.span)

    # --- nodes that say what they read -----------------------------------------------------------

    def _map(self, node: MapExpr, name: str) -> str | None:
        """The value of a map expression; None where all it reads is absent."""
        match node:
            case Read(source):
                return self.values.get(source)
            case Applied(operator, inner):
                value = self._map(inner, name)
                called = f"{name}.{_piece(operator)}"
                if value is None:
                    self.body.reserve(called)  # weights of what comes after it keep their names
                    return None
                if is_none(operator):
                    return self.body.add(
                        f"{name}.none", g.Op("none"), (value,), self.body.types[value], node.span
                    )
                return self.builder.call(operator, self.body, value, self._stepped(value, name), called)
            case Joined(how, items):
                values = [v for item in items if (v := self._map(item, name)) is not None]
                if not values:
                    return None
                return self.builder.join(
                    how, tuple(values), self.body, f"{name}.{how}", self.place, node.span
                )
            case OneOfMaps():
                return self._one_of(node, name)

    def _one_of(self, node: OneOfMaps, name: str) -> str | None:
        """A searched input."""
        choices, body = self.builder.choices, self.body
        most = node.most if node.most is not None else len(node.options)
        at = body.reserve(f"{name}.{node.factor.name}")
        factor = node.factor
        if not factor.named:
            factor = evolve(factor, name=at.rpartition(".")[2])
        group = choices.decide(
            factor, self.place.facts, name, node.span, body.recorded, take=Take("some", node.least, most)
        )
        taken, outer = choices.taken(group), body.recorded.when
        values: list[tuple[int, str]] = []
        for position, option in enumerate(node.options):
            if taken is not None and position not in taken:
                continue
            body.recorded.when = (*outer, (group, (position,)))
            value = self._map(option, f"{at}.{plain(factor.labels[position])}")
            body.recorded.when = outer
            if value is not None:
                values.append((position, value))
        if taken is not None and not taken:
            raise self.builder.fail(NotChosen(node.span, id=group))
        if not values:
            return None
        operands = tuple(value for _, value in values)
        if taken is not None:
            return self.builder.join("sum", operands, body, f"{at}.sum", self.place, node.span)
        weights = tuple(((_relative(group, self.prefix), position),) for position, _ in values)
        return mixed(self.builder, weights, operands, body, f"{at}.mixed", node.span, self.place)


def _relative(group: str, prefix: str) -> str:
    """A group as the function of a cell names it: its call's `choices` completes it, but for /ID."""
    return group.removeprefix(f"{prefix}.") if group.startswith(f"{prefix}.") else f"/{group}"


def _piece(template: Template) -> str:
    return plain(template.label) if isinstance(template, Named) else "op"


def _width_type(facts: Known) -> MapType:
    """The type of a node of a cell."""
    width, stride = facts["width"], facts["stride"]
    assert not isinstance(stride, str | Table)
    if isinstance(width, Table):
        channels = width.largest()
        return MapType(channels, _as_stride(stride), (Segment(channels, width),))
    assert isinstance(width, int)
    return MapType(width, _as_stride(stride))


def _key(
    builder: Builder, cell: Cell, inputs: Mapping[str, MapType], place: Place, prefix: str
) -> tuple[object, ...]:
    """What a cell's function depends on: types, width, stride, and facts its options ask for."""
    needed = builder.measure.cell_facts(cell) | {"width", "stride"}
    bound = builder.choices.picked is not None or cell.output == "loose_ends" or "?" in needed
    return (
        cell.name,
        prefix if bound else None,
        tuple(inputs.items()),
        tuple((name, place.facts[name]) for name in sorted(needed) if name in place.facts),
    )


def _as_stride(value: Value) -> Stride:
    if isinstance(value, tuple):
        return tuple(int(v) for v in value)
    assert isinstance(value, int)
    return value
