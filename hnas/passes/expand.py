"""expand: the space laid out as a graph.

Operates on a Space. Assumes its names are resolved. Produces the super-network's graph and the
DecisionTable, or diagnostics; with an architecture, the network it is: the same road, on which only what
is chosen is built. The cost grows with layers times states: cells and operators are functions, each
built once for the types it meets.
"""

from collections.abc import Callable
from typing import final

from attrs import define, field, frozen

from hnas.diag import Sink
from hnas.ir import graph as g
from hnas.ir.decisions import Architecture, Decision, DecisionTable, State, Taken, TrellisChoices
from hnas.ir.expr import Value, spell
from hnas.ir.space import Cell, Space
from hnas.ir.table import Table
from hnas.ir.template import EachState, Template
from hnas.ir.types import MapType, Stride, as_channels, ratio, spell_stride
from hnas.passes.build import Body, Builder, Place, ReportedError
from hnas.passes.cell import cell_function, cell_prefix, make_cell, node_decisions
from hnas.passes.decide import build_order, cell_for, decide, incoming, move_between, present_inputs
from hnas.passes.entering import Entering
from hnas.passes.errors import DoesNotFit, Excludes, NeedsPath, NoInput, NothingSaid, WrongWidth
from hnas.passes.head import Head
from hnas.passes.layers import plain
from hnas.passes.shapes import check_shapes
from hnas.passes.sizes import check_sizes
from hnas.passes.tidy import tidy

IMAGE = "image"
"""The parameter of the main function: (N, 3, H, W)."""


@final
@frozen
class Expanded:
    """A space laid out: the graph and the decisions left open in it."""

    graph: g.Graph
    decisions: DecisionTable


@final
@frozen
class Made:
    """The choices of a space, made.

    Attributes:
        table: The decisions of the space.
        architecture: What is taken of them.
        absent: The type a state's map has in the super-network, for one that is not alive: where maps
            are joined along the channels, zeros keep its place. None where there is no super-network.
    """

    table: DecisionTable
    architecture: Architecture
    absent: Callable[[State], MapType] | None = None


def expand(space: Space, sink: Sink, *, searching: bool = True, made: Made | None = None) -> Expanded | None:
    """The super-network of `space`, or None after diagnostics.

    Args:
        space: The space; a fixed `path` in its trellis leaves only cells to be decided.
        sink: Gets the diagnostics.
        searching: The fact `searching`: true for the super-network, false for a network to be trained.
        made: The choices, where they are made: only what they take is built, the options left out
            need not fit.
    """
    before = len(sink.errors)
    try:
        expanded = _Expander(space, sink, searching, made).run()
    except ReportedError:
        expanded = None
    return None if len(sink.errors) > before else expanded


def decisions(space: Space, sink: Sink) -> DecisionTable | None:
    """The decisions of a space of which no super-network can be built, or None after diagnostics.

    Only the stem is laid out for them; what is searched must stand in cells.
    """
    before = len(sink.errors)
    try:
        table = _Expander(space, sink, True, None).decisions_alone()
    except ReportedError:
        table = None
    return None if len(sink.errors) > before else table


@final
@define
class _Expander:
    space: Space
    sink: Sink
    searching: bool
    made: Made | None
    builder: Builder = field(init=False)
    main: Body = field(init=False)
    maps: dict[int, dict[Stride, str]] = field(factory=dict[int, dict[Stride, str]])
    """The map of every state that is alive, by layer; -1 and 0 are the stem's."""
    choices: TrellisChoices = field(init=False)
    moves: tuple[Decision, ...] = ()
    taken: Taken | None = None
    entering: Entering = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.builder = Builder(self.space, self.sink)
        self.builder.cell = make_cell
        if self.made is not None:
            self.builder.choices.picked = self.made.table.picked(self.made.architecture)
        self.main = Body(((IMAGE, MapType(3, 1)),))

    # --- the stages ------------------------------------------------------------------------------

    def run(self) -> Expanded | None:
        trellis = self.space.trellis
        self._exclusions()
        if not self._decide():
            return None
        if self.made is not None:
            self.taken = self.choices.taken(self.made.architecture.picks)
        elif trellis.prev_prev == "on_path" and any(len(strides) > 1 for strides in self.choices.layers):
            raise self.builder.fail(NeedsPath(trellis.span))
        absent = self.made.absent if self.made is not None else None
        self.entering = Entering(
            self.space, self.builder, self.main, self.maps, self.choices, self.taken, absent
        )
        sources = incoming(self.choices)
        for state in build_order(self.choices):
            if self.taken is None or state in self.taken.states:
                self._state(state, sources[state])
        head = Head(self.space, self.builder, self.main, self.maps, self.choices, self._place, absent)
        result = head.run(self.space.head, "head")
        # an auxiliary head helps to train a deep network; a super-network is searched without
        trains = self.space.aux is not None and not self.searching
        aux = head.run(self.space.aux, "aux") if trains and self.space.aux is not None else None
        functions = (
            *self.builder.functions.values(),
            g.Function("main", self.main.params, tuple(self.main.nodes), result, aux),
        )
        states = {State(n, stride): name for n, maps in self.maps.items() for stride, name in maps.items()}
        graph = g.Graph(functions, states, self.space.dims)
        check_sizes(graph, self.builder.fail)
        check_shapes(graph, self.builder.fail)
        if self.made is not None:
            return Expanded(tidy(graph), self.made.table)
        found = self.main.recorded.finished()
        return Expanded(graph, DecisionTable((*found, *self.moves), self.choices))

    def decisions_alone(self) -> DecisionTable | None:
        if not self._decide():
            return None
        self._refuse_choices()
        for state, sources in incoming(self.choices).items():
            for source, _ in sources:
                cell = self._cell_for(source, state)
                facts = self._place(state).but(**{"@link": self._link(source, state)}).facts
                inputs = frozenset(present_inputs(self.space, self.choices, cell, state))
                self._note(cell, cell_prefix(cell, facts), inputs, (source, state))
        return DecisionTable((*self.main.recorded.finished(), *self.moves), self.choices)

    def _refuse_choices(self) -> None:
        """Of a space whose cells read along the path, only edges of cells can be told apart without one."""
        trellis, measure = self.space.trellis, self.builder.measure
        others = [self.space.head, *trellis.project.values(), *(skip.operator for skip in trellis.skips)]
        others += [way for way in (trellis.finer, trellis.coarser, trellis.align) if not isinstance(way, str)]
        searched = any(map(measure.chooses, others)) or any(
            "?" in measure.cell_facts(cell) for cell in self.space.cells.values()
        )
        if searched:
            why = "what is searched inside operators depends on the path too"
            raise self.builder.fail(
                Excludes(trellis.span, first="prev_prev = on_path", second="one_of in an operator", why=why)
            )

    def _exclusions(self) -> None:
        trellis = self.space.trellis
        if trellis.mix == "before_cell" and trellis.coarser == "operators":
            why = "maps are summed before the operators that would make them equal in size"
            first, second = "mix = before_cell", "coarser = operators"
            raise self.builder.fail(Excludes(trellis.span, first=first, second=second, why=why))

    def _decide(self) -> bool:
        """Lay out the stem, whose strides say where the trellis begins, and decide."""
        each = len(self.space.stem) == 1 and isinstance(self.space.stem[0], EachState)
        stem = self._stem_each(self.space.stem[0]) if each else self._stem()
        found = decide(self.space, stem, each, self.sink)
        if found is None:
            return False
        self.choices, self.moves = found
        return True

    def _place(self, state: State | None = None) -> Place:
        facts: dict[str, Value | Table] = {
            "classes": self.space.classes,
            "searching": self.searching,
            "step": 1,
        }
        if state is None:
            return Place(facts, "in the stem")
        facts |= {"stride": state.stride, "layer": state.layer}
        where = f"at layer {state.layer}, stride {spell_stride(state.stride)}"
        trellis = self.space.trellis
        entry = trellis.width.at(state.layer, state.stride, trellis.layers)
        if entry is None:
            shown = spell_stride(state.stride)
            raise self.builder.fail(NothingSaid(trellis.span, what="width", layer=state.layer, stride=shown))
        width = self.builder.searched(entry.value, Place(facts, where), "width", self.main.recorded, state.id)
        numbers = width.values if isinstance(width, Table) else (width,)
        wrong = next((number for number in numbers if as_channels(number) is None), None)
        if wrong is not None:
            span = entry.value.span
            raise self.builder.fail(WrongWidth(span, what="width", value=spell(wrong), where=where))
        return Place({**facts, "width": width}, where)

    # --- stem ------------------------------------------------------------------------------------

    def _stem(self) -> tuple[tuple[Stride, ...], tuple[Stride, ...]]:
        """Lay out the stem; the strides of H(-1) and H(0). A stem of one map is both."""
        value = IMAGE
        values: list[str] = []
        for number, template in enumerate(self.space.stem, 1):
            name = "stem" if len(self.space.stem) == 1 else f"stem.{number}"
            value = self.builder.call(template, self.main, value, self._place(), name)
            values.append(value)
        strides: list[Stride] = []
        for layer, name in ((-1, values[-2:][0]), (0, values[-1])):
            stride = self._stride_of(name, self.space.stem[-1])
            self.maps.setdefault(layer, {})[stride] = name
            strides.append(stride)
        return (strides[0],), (strides[1],)

    def _stem_each(self, template: Template) -> tuple[tuple[Stride, ...], tuple[Stride, ...]]:
        """A map for every stride, as H(0) and H(-1) both."""
        assert isinstance(template, EachState)
        strides = self.space.trellis.strides
        for stride in strides:
            place = self._place(State(1, stride))
            name = f"stem.stride{spell_stride(stride)}"
            value = self.builder.call(template.body, self.main, IMAGE, place, name)
            if self._stride_of(value, template) != stride:
                why = (
                    f"it gives a map of {self.main.types[value]}, the state has stride {spell_stride(stride)}"
                )
                raise self.builder.fail(
                    DoesNotFit(template.span, operator="the stem", why=why, where=place.text)
                )
            for layer in (-1, 0):
                self.maps.setdefault(layer, {})[stride] = value
        return strides, strides

    def _stride_of(self, name: str, template: Template) -> Stride:
        stride = self.main.types[name].stride
        if stride is None:
            why = "it ends in a map of one pixel, and the trellis starts from one with a stride"
            raise self.builder.fail(DoesNotFit(template.span, operator="the stem", why=why, where=""))
        return stride

    # --- states ----------------------------------------------------------------------------------

    def _state(self, state: State, sources: tuple[tuple[State, int], ...]) -> None:
        """sH(l): the cell of every incoming move, weighed by beta and summed (paper, Eq. 6)."""
        recorded = self.main.recorded
        recorded.place = state
        place = self._place(state)
        before_cell = self.space.trellis.mix == "before_cell" and len(sources) > 1
        if self.taken is not None:
            entering = self.taken.entering(state)
            sources = tuple((source, position) for source, position in sources if source in entering)
        if before_cell:
            result = self._cell_of_mix(state, sources, place)
        else:
            calls: list[tuple[State, int, str]] = []
            for source, position in sources:
                recorded.place = (source, state)
                move = self._move(source, state)
                moved = place.but(**{"@link": self._link(source, state)})
                prev, target = self.entering.prev(state, source, moved, f"{state.id}.{move}")
                cell = self._cell_for(source, state)
                inputs = self._inputs(cell, state, prev, target, place)
                recorded.place = (source, state)
                calls.append((source, position, self._cell(state, cell, move, inputs, moved)))
            recorded.place = state
            result = self._mixed(state.id, calls, place)
        self.maps.setdefault(state.layer, {})[state.stride] = result
        recorded.place = None

    def _cell_of_mix(self, state: State, sources: tuple[tuple[State, int], ...], place: Place) -> str:
        """The moves' maps summed first, then one cell."""
        entries: list[tuple[State, int, str]] = []
        for source, position in sources:
            moved = place.but(**{"@link": self._link(source, state)})
            name = f"{state.id}.{self._move(source, state)}"
            entries.append((source, position, self.entering.prev(state, source, moved, name)[0]))
        value = self._mixed(f"{state.id}.prev", entries, place)
        cell = self._cell_for(sources[0][0], state)
        inputs = self._inputs(cell, state, value, state.stride, place)
        return self._cell(state, cell, cell.name, inputs, place)

    def _inputs(self, cell: Cell, state: State, prev: str, target: Stride, place: Place) -> dict[str, str]:
        """The maps a cell gets, those that are there, in the order it names them."""
        self.main.recorded.place = state
        prev = self.entering.linked(state, prev, place)
        found: dict[str, str] = {}
        for name in cell.inputs:
            value = prev if name == "prev" else self.entering.earlier(name, state, target, place)
            if value is not None:
                found[name] = value
        if not found:
            where = f"at layer {state.layer}, stride {spell_stride(state.stride)}"
            raise self.builder.fail(NoInput(cell.span, cell=cell.name, where=where))
        return found

    def _cell_for(self, source: State, state: State) -> Cell:
        cell = cell_for(self.space, source, state, self.sink)
        if cell is None:
            raise ReportedError
        return cell

    def _move(self, source: State, state: State) -> str:
        """The name of a move into a state: `finer`, or `finer_2` for one of two strides."""
        by = ratio(state.stride, source.stride) or ratio(source.stride, state.stride)
        at = self.space.trellis.strides
        steps = abs(at.index(state.stride) - at.index(source.stride)) if source.stride in at and by else 1
        move = plain(move_between(source, state))
        return move if steps < 2 else f"{move}_{steps}"

    def _link(self, source: State, state: State) -> str:
        return f"{state.id}.{self._move(source, state)}"

    def _mixed(self, name: str, values: list[tuple[State, int, str]], place: Place) -> str:
        """The sum of `values`, each weighed by the move that brings it; a lone way out weighs one."""
        searched = dict[State, str]() if self.taken is not None else self.choices.decisions
        decided = [(s, p, v) for s, p, v in values if s in searched]
        plain_values = [v for s, _, v in values if s not in searched]
        span = self.space.trellis.moves_span
        if decided:
            operands = tuple(v for _, _, v in decided)
            typed = Body(tuple((value, self.main.types[value]) for value in operands))
            self.builder.join("sum", operands, typed, "check", place, span)
            weights = tuple(((searched[s], p),) for s, p, _ in decided)
            result = self.main.types[operands[0]]
            mixed = f"{name}.weighed" if plain_values else name
            plain_values.append(self.main.add(mixed, g.Mix(weights), operands, result, span))
        return self.builder.join("sum", tuple(plain_values), self.main, name, place, span)

    def _cell(self, state: State, cell: Cell, move: str, inputs: dict[str, str], place: Place) -> str:
        types = {name: self.main.types[value] for name, value in inputs.items()}
        prefix = cell_prefix(cell, place.facts)
        self._note(cell, prefix, frozenset(inputs), self.main.recorded.place)
        function = cell_function(self.builder, cell, types, place, prefix)
        own = f"{state.id}.{move}" if move != cell.name else f"{state.id}.{cell.name}"
        shared = self.space.trellis.operators == "shared"
        weights = f"{state.id}.{cell.name}" if shared else f"{state.id}.{move}.{cell.name}"
        stats = f"{state.id}.{move}.{cell.name}" if move != cell.name else weights
        self.builder.bring(function, self.main)
        call = g.Call(function.name, weights, stats, prefix)
        return self.main.add(own, call, tuple(inputs.values()), function.types[function.result], cell.span)

    def _note(
        self, cell: Cell, prefix: str, inputs: frozenset[str], place: State | tuple[State, State] | None
    ) -> None:
        recorded = self.main.recorded
        outer, recorded.place = recorded.place, place
        for decision in node_decisions(cell, prefix, inputs):
            self.builder.choices.note(recorded, decision)
        recorded.place = outer
