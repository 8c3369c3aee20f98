"""expand: the space laid out as a graph.

Operates on a Space. Assumes its names are resolved. Produces the super-network's graph and the
DecisionTable, or diagnostics. The cost grows with layers times states: cells and operators are
functions, each built once for the types it meets.
"""

from fractions import Fraction
from typing import final

from attrs import define, field, frozen

from hnas.diag import Sink
from hnas.ir import graph as g
from hnas.ir.decisions import DecisionTable, Picked, State
from hnas.ir.expr import Value, spell
from hnas.ir.space import Cell, Space
from hnas.ir.types import MapType, Stride, order, ratio, spell_stride, whole
from hnas.passes.build import Body, Builder, Place, ReportedError
from hnas.passes.cell import Chosen, cell_function
from hnas.passes.decide import cell_for, choices_prefix, decide, incoming, move_between
from hnas.passes.errors import DoesNotFit, Excludes, NeedsPath, NoInput, StemStride, WrongWidth
from hnas.passes.head import Head

IMAGE = "image"
"""The parameter of the main function: (N, 3, H, W)."""


@final
@frozen
class Expanded:
    """A space laid out: the graph and the decisions left open in it."""

    graph: g.Graph
    decisions: DecisionTable


def expand(
    space: Space, sink: Sink, *, searching: bool = True, picked: Picked | None = None
) -> Expanded | None:
    """The super-network of `space`, or None after diagnostics.

    Args:
        space: The space; a fixed `path` in its trellis leaves only cells to be decided.
        sink: Gets the diagnostics.
        searching: The fact `searching`: true for the super-network, false for a network to be trained.
        picked: What is chosen of the cells, where that is: only that is built, the options left out
            need not fit.
    """
    before = len(sink.errors)
    try:
        expanded = _Expander(space, sink, searching, picked).run()
    except ReportedError:
        expanded = None
    return None if len(sink.errors) > before else expanded


def decisions(space: Space, sink: Sink) -> DecisionTable | None:
    """The decisions of `space` alone, or None after diagnostics: only the stem is laid out for them."""
    before = len(sink.errors)
    try:
        table = _Expander(space, sink, True, None).decisions()
    except ReportedError:
        table = None
    return None if len(sink.errors) > before else table


@final
@define
class _Expander:
    space: Space
    sink: Sink
    searching: bool
    picked: Picked | None
    builder: Builder = field(init=False)
    main: Body = field(init=False)
    states: dict[State, str] = field(factory=dict[State, str])
    layers: dict[int, dict[Stride, str]] = field(factory=dict[int, dict[Stride, str]])
    """The same by layer; -1 and 0 are the stem's."""
    entered: dict[str, str] = field(factory=dict[str, str])
    """H(l-2) as cells get it, by the name it was given: the moves into a state share it."""

    def __attrs_post_init__(self) -> None:
        self.builder = Builder(self.space.dims, self.sink)
        self.main = Body(((IMAGE, MapType(3, 1)),))

    def decisions(self) -> DecisionTable | None:
        """Lay out the stem, whose strides say where the trellis begins, and decide."""
        before, last = self._stem()
        return decide(self.space, before, last, self.sink)

    def run(self) -> Expanded | None:
        trellis = self.space.trellis
        self._exclusions()
        table = self.decisions()
        if table is None:
            return None
        if trellis.prev_prev == "on_path" and any(len(strides) > 1 for strides in table.trellis.layers):
            raise self.builder.fail(NeedsPath(trellis.span))
        sources = incoming(table.trellis)
        for state in table.trellis.states():
            self._state(state, sources[state], table)
        last = [State(trellis.layers, stride) for stride in table.trellis.layers[-1]]
        head = Head(self.space, self.builder, self.main, self.states, last, table, self._place)
        result = head.run(self.space.head, "head")
        # an auxiliary head helps to train a deep network; a super-network is searched without
        trains = self.space.aux is not None and not self.searching
        aux = head.run(self.space.aux, "aux") if trains and self.space.aux is not None else None
        functions = (
            *self.builder.functions.values(),
            g.Function("main", self.main.params, tuple(self.main.nodes), result, aux),
        )
        return Expanded(g.Graph(functions, dict(self.states), self.space.dims), table)

    def _exclusions(self) -> None:
        trellis = self.space.trellis
        if trellis.mix == "before_cell" and trellis.coarser == "operators":
            why = "maps are summed before the operators that would make them equal in size"
            first, second = "mix = before_cell", "coarser = operators"
            raise self.builder.fail(Excludes(trellis.span, first=first, second=second, why=why))

    def _place(self, state: State | None = None) -> Place:
        facts: dict[str, Value] = {"classes": self.space.classes, "searching": self.searching, "step": 1}
        if state is None:
            return Place(facts, "in the stem")
        facts |= {"stride": state.stride, "layer": state.layer}
        where = f"at layer {state.layer}, stride {spell_stride(state.stride)}"
        width = self.builder.value(self.space.trellis.width, Place(facts, where), "width")
        number = whole(width)
        if number is None:
            span = self.space.trellis.width.span
            raise self.builder.fail(WrongWidth(span, what="width", value=spell(width), where=where))
        return Place({**facts, "width": number}, where)

    # --- stem ------------------------------------------------------------------------------------

    def _stem(self) -> tuple[Stride, Stride]:
        """Lay out the stem; the strides of H(-1) and H(0). A stem of one map is both."""
        value = IMAGE
        values: list[str] = []
        for number, template in enumerate(self.space.stem, 1):
            name = "stem" if len(self.space.stem) == 1 else f"stem.{number}"
            value = self.builder.call(template, self.main, value, self._place(), name)
            values.append(value)
        strides: list[Stride] = []
        for layer, name in ((-1, values[-2:][0]), (0, values[-1])):
            stride = self.main.types[name].stride
            if stride is None:
                why = "it ends in a map of one pixel, and the trellis starts from one with a stride"
                span = self.space.stem[-1].span
                raise self.builder.fail(DoesNotFit(span, operator="the stem", why=why, where=""))
            self._keep(State(layer, stride), name)
            strides.append(stride)
        return strides[0], strides[1]

    # --- states ----------------------------------------------------------------------------------

    def _state(self, state: State, sources: tuple[tuple[State, int], ...], table: DecisionTable) -> None:
        """sH(l): the cell of every incoming move, weighed by beta and summed (paper, Eq. 6)."""
        place = self._place(state)
        trellis = self.space.trellis
        entries = [(source, position, self._enter(state, source, place)) for source, position in sources]
        if trellis.mix == "before_cell" and len(entries) > 1:
            value = self._mixed(f"{state.id}.prev", [(s, p, v) for s, p, (v, _) in entries], table, place)
            cell = cell_for(self.space, entries[0][0], state)
            result = self._cell(state, cell, cell.name, value, entries[0][2][1], place, table)
        else:
            calls: list[tuple[State, int, str]] = []
            for source, position, (prev, before) in entries:
                cell, move = cell_for(self.space, source, state), self._move(source, state)
                calls.append((source, position, self._cell(state, cell, move, prev, before, place, table)))
            result = self._mixed(state.id, calls, table, place)
        self._keep(state, result)

    def _keep(self, state: State, name: str) -> None:
        self.states[state] = name
        self.layers.setdefault(state.layer, {})[state.stride] = name

    def _move(self, source: State, state: State) -> str:
        """The name of a move into a state: `finer`, or `finer_2` for one of two strides."""
        by = ratio(state.stride, source.stride) or ratio(source.stride, state.stride)
        at = self.space.trellis.strides
        steps = abs(at.index(state.stride) - at.index(source.stride)) if source.stride in at and by else 1
        move = move_between(source, state)
        return move if steps < 2 else f"{move}_{steps}"

    def _mixed(
        self, name: str, values: list[tuple[State, int, str]], table: DecisionTable, place: Place
    ) -> str:
        """The sum of `values`, each weighed by the move that brings it; a lone way out weighs one."""
        decided = [(s, p, v) for s, p, v in values if s in table.trellis.decisions]
        plain_values = [v for s, _, v in values if s not in table.trellis.decisions]
        span = self.space.trellis.moves_span
        if decided:
            operands = tuple(v for _, _, v in decided)
            self.builder.join("sum", operands, Body(_typed(self.main, operands)), "check", place, span)
            weights = tuple((table.trellis.decisions[s], p) for s, p, _ in decided)
            result = self.main.types[operands[0]]
            mixed = f"{name}.weighed" if plain_values else name
            plain_values.append(self.main.add(mixed, g.Mix(weights), operands, result, span))
        return self.builder.join("sum", tuple(plain_values), self.main, name, place, span)

    def _cell(
        self,
        state: State,
        cell: Cell,
        move: str,
        prev: str,
        before: str | None,
        place: Place,
        table: DecisionTable,
    ) -> str:
        inputs = {"prev": prev} | ({"prev_prev": before} if before is not None else {})
        used = {name: inputs[name] for name in cell.inputs if name in inputs}
        if not used:
            where = f"at layer {state.layer}, stride {spell_stride(state.stride)}"
            raise self.builder.fail(NoInput(cell.span, cell=cell.name, where=where))
        types = {name: self.main.types[value] for name, value in used.items()}
        prefix = choices_prefix(cell, state)
        chosen = Chosen(prefix, self.picked) if self.picked is not None else None
        function = cell_function(self.builder, cell, types, place, chosen)
        own = f"{state.id}.{move}" if move != cell.name else f"{state.id}.{cell.name}"
        shared = self.space.trellis.operators == "shared"
        weights = f"{state.id}.{cell.name}" if shared else f"{state.id}.{move}.{cell.name}"
        stats = f"{state.id}.{move}.{cell.name}" if move != cell.name else weights
        call = g.Call(function.name, weights, stats, prefix)
        return self.main.add(own, call, tuple(used.values()), function.types[function.result], cell.span)

    # --- how maps enter a cell -------------------------------------------------------------------

    def _enter(self, state: State, source: State, place: Place) -> tuple[str, str | None]:
        """The maps prev and prev_prev as a cell at `state` gets them from a move out of `source`."""
        name = f"{state.id}.{self._move(source, state)}"
        carried = self.space.trellis.coarser == "operators" and order(source.stride, state.stride) == "finer"
        target = source.stride if carried else state.stride
        prev = self._bring("prev", self.states[source], target, place, f"{name}.prev")
        cell = cell_for(self.space, source, state)
        if "prev_prev" not in cell.inputs:
            return prev, None
        return prev, self._prev_prev(state, target, place)

    def _prev_prev(self, state: State, target: Stride, place: Place) -> str | None:
        """H(l-2) at `target`: one map for all moves that meet the cell at the same stride."""
        trellis = self.space.trellis
        below = self.layers[state.layer - 2]
        on_path = trellis.prev_prev == "on_path"
        if on_path:
            stride = next(iter(below))
        elif state.stride in below:
            stride = state.stride
        elif trellis.missing == "drop":
            return None
        else:
            stride = _closest(below, state.stride)
        name = f"{state.id}.prev_prev"
        if target != state.stride:
            name = f"{name}.stride{spell_stride(target)}"
        value = below[stride]
        if name not in self.entered:
            aligned = stride != target and (on_path or trellis.coarser == "operators")
            if aligned:
                self.entered[name] = self._align(value, target, place, name)
            else:
                self.entered[name] = self._bring("prev_prev", value, target, place, name)
        return self.entered[name]

    def _align(self, value: str, target: Stride, place: Place, name: str) -> str:
        """An input of another size than prev: resized and projected, or through an operator instead."""
        align = self.space.trellis.align
        if isinstance(align, str):
            return self._project("prev_prev", self._resize(value, target, f"{name}.resize"), place, 1, name)
        stride = self.main.types[value].stride
        step = ratio(target, stride) if stride is not None else None
        stepped = Place({**place.facts, "step": step or 1}, place.text)
        return self.builder.call(align, self.main, value, stepped, f"{name}.align")

    def _bring(self, which: str, value: str, target: Stride, place: Place, name: str) -> str:
        """A map brought to `target` as the trellis says, and projected."""
        stride = self.main.types[value].stride
        assert stride is not None
        kind = order(stride, target)
        if kind == "same":
            return self._project(which, value, place, 1, name)
        if kind is None:
            span = self.space.trellis.span
            raise self.builder.fail(StemStride(span, fine=spell_stride(stride), coarse=spell_stride(target)))
        way = self.space.trellis.coarser if kind == "finer" else self.space.trellis.finer
        step: Value = _step(target, stride)
        if way == "projection":
            return self._project(which, value, place, step, name)
        if way == "bilinear" or way == "operators":
            return self._project(which, self._resize(value, target, f"{name}.resize"), place, 1, name)
        assert not isinstance(way, str)
        stepped = Place({**place.facts, "step": step}, place.text)
        return self._project(
            which, self.builder.call(way, self.main, value, stepped, f"{name}.resample"), place, 1, name
        )

    def _resize(self, value: str, target: Stride, name: str) -> str:
        kind = g.Op("resize", (("to", target), ("mode", "bilinear")))
        result = MapType(self.main.types[value].channels, target)
        return self.main.add(name, kind, (value,), result, self.space.trellis.span)

    def _project(self, which: str, value: str, place: Place, step: Value, name: str) -> str:
        project = self.space.trellis.project
        template = project.get(which, project.get("*"))
        if template is None:
            return value
        stepped = Place({**place.facts, "step": step}, place.text)
        return self.builder.call(template, self.main, value, stepped, f"{name}.project")


def _closest(maps: dict[Stride, str], stride: Stride) -> Stride:
    """Of the strides there are, the nearest finer one, else the nearest coarser one."""
    finer = [s for s in maps if order(s, stride) == "finer"]
    return max(finer) if finer else min(maps)


def _step(target: Stride, stride: Stride) -> Value:
    """By how much the resolution shrinks; below one where it grows."""
    down = ratio(target, stride)
    if down is not None:
        return down
    up = ratio(stride, target)
    return Fraction(1, up) if isinstance(up, int) else 1


def _typed(body: Body, values: tuple[str, ...]) -> tuple[tuple[str, MapType], ...]:
    return tuple((value, body.types[value]) for value in values)
