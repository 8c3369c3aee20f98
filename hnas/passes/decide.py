"""The states of a trellis, the ways between them, and which of those are searched.

Operates on a Space and the strides of its stem's maps. Produces the TrellisChoices with their decisions,
or diagnostics: strides that cannot be reached, states that cannot be left.
"""

from collections.abc import Mapping
from typing import final

from attrs import define, field

from hnas.diag import Note, Sink
from hnas.ir.decisions import Decision, Exit, Group, State, TrellisChoices
from hnas.ir.expr import Sharing
from hnas.ir.space import Cell, Moves, Space, Take, Trellis, steps_back
from hnas.ir.types import Stride, order, ratio, spell_stride
from hnas.passes.errors import (
    DeadEnd,
    Excludes,
    NoEntry,
    NothingSaid,
    StemStride,
    Unreachable,
    WithinCycle,
)

_ONE = Take("slots", 1)

Stem = tuple[tuple[Stride, ...], tuple[Stride, ...]]
"""The strides of the stem's maps at layer -1 and at layer 0."""


def decide(
    space: Space, stem: Stem, each: bool, sink: Sink
) -> tuple[TrellisChoices, tuple[Decision, ...]] | None:
    """The trellis of `space` and the decisions of its ways; None after diagnostics.

    Args:
        space: The space.
        stem: Strides of H(-1) and H(0), the stem's last maps.
        each: Whether the stem has a map for every stride, from which layer 1 starts.
        sink: Gets the diagnostics.
    """
    return _Decider(space.trellis, stem, each, sink).run()


def move_between(source: State, target: State) -> str:
    """`finer`, `same`, `coarser` or `within(finer)`: how the stride changes from one state to the next."""
    way = order(target.stride, source.stride) or "coarser"
    return f"within({way})" if source.layer == target.layer else way


def cell_for(space: Space, source: State, target: State, sink: Sink) -> Cell | None:
    """The cell that builds `target` from the map of `source`; None after a diagnostic."""
    trellis = space.trellis
    move = move_between(source, target)
    found = trellis.cells.at(target.layer, target.stride, trellis.layers, move)
    if found is None:
        shown = spell_stride(target.stride)
        sink.add(NothingSaid(trellis.span, what="cell", layer=target.layer, stride=shown))
        return None
    return space.cells[found.value]


def incoming(choices: TrellisChoices) -> Mapping[State, tuple[tuple[State, int], ...]]:
    """For every state, the states that lead to it with the position of that exit there."""
    found: dict[State, list[tuple[State, int]]] = {}
    for source, ways in choices.exits.items():
        for position, way in enumerate(ways):
            found.setdefault(way.target, []).append((source, position))
    return {state: tuple(sources) for state, sources in found.items()}


def build_order(choices: TrellisChoices) -> tuple[State, ...]:
    """The states from layer 1 on, each after those that lead to it; fine to coarse where nothing says."""
    sources = incoming(choices)
    found: list[State] = []
    for number, strides in enumerate(choices.layers, 1):
        waiting = [State(number, stride) for stride in strides]
        while waiting:
            state = next(s for s in waiting if not any(source in waiting for source, _ in sources.get(s, ())))
            waiting.remove(state)
            found.append(state)
    return tuple(found)


@final
@define
class _Decider:
    trellis: Trellis
    stem: Stem
    each: bool
    sink: Sink
    exits: dict[State, tuple[Exit, ...]] = field(factory=dict[State, tuple[Exit, ...]])
    decided: dict[State, str] = field(factory=dict[State, str])
    decisions: list[Decision] = field(factory=list[Decision])
    single: bool = True

    def run(self) -> tuple[TrellisChoices, tuple[Decision, ...]] | None:
        trellis = self.trellis
        start = State(0, self.stem[1][0])
        current = self._enter(start)
        layers: list[tuple[Stride, ...]] = []
        for layer in range(1, trellis.layers + 1) if current is not None else ():
            assert current is not None
            states, following = self._layer(layer, current)
            if states is None:
                return None
            layers.append(tuple(s for s in trellis.strides if State(layer, s) in states))
            current = following
        if current is None or not self._all_reached(layers):
            return None
        choices = TrellisChoices(
            start=start,
            layers=tuple(layers),
            exits=self.exits,
            decisions=self.decided,
            weigh=trellis.weigh,
            stem=self.stem,
            branches=trellis.branches,
            single=self.single and trellis.branches == 1,
        )
        return choices, tuple(self.decisions)

    # --- layer 1 ---------------------------------------------------------------------------------

    def _enter(self, start: State) -> list[State] | None:
        """The ways out of the stem; the states of layer 1 they lead to."""
        trellis, enter = self.trellis, self.trellis.enter
        if self.each:
            sources = [State(0, stride) for stride in trellis.strides]
            for source in sources:
                self.exits[source] = (Exit("same", State(1, source.stride)),)
            self.single = self.single and len(sources) == 1
            return [State(1, stride) for stride in trellis.strides]
        stem = start.stride
        strides: tuple[Stride, ...]
        if trellis.path is not None:
            strides = trellis.path[:1]
        elif enter.strides:
            strides = enter.strides
        elif stem in trellis.strides:
            strides = (stem,)
        else:
            self.sink.add(NoEntry(trellis.span, stride=spell_stride(stem)))
            return None
        for stride in strides:
            if ratio(stride, stem) is None and ratio(stem, stride) is None:
                self.sink.add(StemStride(trellis.span, fine=spell_stride(stem), coarse=spell_stride(stride)))
                return None
        self.exits[start] = tuple(Exit(spell_stride(stride), State(1, stride)) for stride in strides)
        if trellis.path is None:
            take = _ONE if enter.how == "one" else Take("some", 1, len(strides))
            self._decide(start, "trellis.enter", "enter", enter.how, take)
        return [State(1, stride) for stride in strides]

    def _decide(self, state: State, name: str, kind: str, how: str, take: Take) -> None:
        ways = self.exits[state]
        if len(ways) < 2:
            return
        if how != "one":
            self.single = False
        if how == "all":
            return
        if how == "one" and self.trellis.branches > 1:
            take = Take("some", 1, min(self.trellis.branches, len(ways)))
        group = Group(name, "", tuple(way.label for way in ways))
        self.decided[state] = name
        kept = "enter" if kind == "enter" else "move"
        places = None if state.layer == 0 else frozenset((state,))
        span = self.trellis.moves_span
        self.decisions.append(
            Decision(name, kept, (group,), take, Sharing("state"), places=places, span=span)
        )

    # --- further layers --------------------------------------------------------------------------

    def _layer(self, layer: int, entered: list[State]) -> tuple[set[State] | None, list[State]]:
        """The states of a layer, their ways out noted, and the states those lead to; None: a dead end."""
        trellis = self.trellis
        waiting, states = list(entered), set(entered)
        following: list[State] = []
        while waiting:
            state = waiting.pop(0)
            moves = self._moves(state)
            if moves is None:
                return None, []
            ways = self._ways(state, moves)
            if layer < trellis.layers and not any(way.target.layer > layer for way in ways):
                self.sink.add(DeadEnd(moves.span, stride=spell_stride(state.stride), layer=layer))
                return None, []
            if ways:
                self.exits[state] = ways
                most = moves.most if moves.most is not None else len(ways)
                take = _ONE if moves.how == "one" else Take("some", moves.least, min(most, len(ways)))
                how = moves.how if trellis.path is None else "all"
                self._decide(state, f"trellis.{state.id}", "move", how, take)
            for way in ways:
                if way.target.layer > layer:
                    following += [way.target] if way.target not in following else []
                elif way.target not in states:
                    states.add(way.target)
                    waiting.append(way.target)
        if self._circles(states):
            self.sink.add(WithinCycle(trellis.moves_span, layer=layer))
            return None, []
        return states, following

    def _moves(self, state: State) -> Moves | None:
        trellis = self.trellis
        found = trellis.moves.at(state.layer, state.stride, trellis.layers)
        if found is None and trellis.path is None:
            shown = spell_stride(state.stride)
            self.sink.add(NothingSaid(trellis.moves_span, what="moves", layer=state.layer, stride=shown))
            return None
        moves = found.value if found is not None else Moves((), "all", span=trellis.moves_span)
        if trellis.path is None and moves.how == "one" and any(move.within for move in moves.moves):
            why = "a path has one state in a layer, and a move within a layer joins two"
            self.sink.add(Excludes(moves.span, first="one_of { ... }", second="within(...)", why=why))
            return None
        return moves

    def _ways(self, state: State, moves: Moves) -> tuple[Exit, ...]:
        trellis = self.trellis
        if trellis.path is not None:
            if state.layer >= trellis.layers:
                return ()
            target = State(state.layer + 1, trellis.path[state.layer])
            return (Exit(move_between(state, target), target),)
        at, last = trellis.strides.index(state.stride), state.layer >= trellis.layers
        return tuple(
            Exit(move.label, State(state.layer + (not move.within), trellis.strides[at + move.offset]))
            for move in moves.moves
            if 0 <= at + move.offset < len(trellis.strides) and (move.within or not last)
        )

    def _circles(self, states: set[State]) -> bool:
        """Whether the ways within a layer go round."""
        left = set(states)
        while left:
            free = {s for s in left if not any(way.target in left for way in self.exits.get(s, ()))}
            if not free:
                return True
            left -= free
        return False

    def _all_reached(self, layers: list[tuple[Stride, ...]]) -> bool:
        trellis = self.trellis
        reached = {stride for strides in layers for stride in strides}
        ok = True
        for stride, span in zip(trellis.strides, trellis.strides_spans, strict=True):
            if stride in reached or trellis.path is not None:
                continue
            ok = False
            near = max((s for s in reached if order(s, stride) == "finer"), default=None)
            found = f"no layer gets beyond stride {spell_stride(near)}" if near else "no move leads to it"
            labels = dict.fromkeys(move.label for moves in trellis.moves.values() for move in moves.moves)
            text = f"the moves are {', '.join(labels)}; there are {trellis.layers} layers"
            notes = (Note(text, trellis.moves_span),)
            advice = f"leave {spell_stride(stride)} out of strides, or allow more layers or moves"
            self.sink.add(
                Unreachable(span, stride=spell_stride(stride), why=found, notes=notes, advice=advice)
            )
        return ok


def present_inputs(space: Space, choices: TrellisChoices, cell: Cell, state: State) -> tuple[str, ...]:
    """The inputs a cell has at a state: all, but for a missing H(l-2) that is dropped."""
    if space.trellis.missing == "drop" and space.trellis.prev_prev == "same_stride":
        return tuple(i for i in cell.inputs if i == "prev" or has_map(choices, state, i))
    return cell.inputs


def has_map(choices: TrellisChoices, state: State, name: str) -> bool:
    """Whether the layer an input is of has a map of the state's stride."""
    back = steps_back(name)
    return back is None or state.stride in strides_of(choices, state.layer - back)


def strides_of(choices: TrellisChoices, layer: int) -> tuple[Stride, ...]:
    """The strides of a layer's maps; layers 0 and -1 are the stem's, and so is whatever lies before."""
    if layer >= 1:
        return choices.layers[layer - 1]
    return choices.stem[1] if layer == 0 else choices.stem[0]
