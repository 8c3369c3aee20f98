"""The states of a trellis and the decisions of a space.

Operates on a Space and the stride of its stem. Produces the DecisionTable, or diagnostics: strides
that cannot be reached, states that cannot be left.
"""

from collections.abc import Iterator, Mapping

from hnas.diag import Note, Sink
from hnas.ir.decisions import Decision, DecisionTable, Exit, Group, State, TrellisChoices
from hnas.ir.space import Cell, Space, Take, Trellis
from hnas.ir.types import Stride, order, ratio, spell_stride
from hnas.passes.errors import DeadEnd, NoEntry, StemStride, Unreachable

_ONE = Take("slots", 1)


def decide(space: Space, before: Stride, stem_stride: Stride, sink: Sink) -> DecisionTable | None:
    """Every decision of `space`; None after diagnostics.

    Args:
        space: The space.
        before: Stride of H(-1), the last map of the stem but one.
        stem_stride: Stride of H(0), the stem's last map.
        sink: Gets the diagnostics.
    """
    trellis = space.trellis
    start = State(0, stem_stride)
    entries = _entries(trellis, stem_stride, sink)
    if entries is None:
        return None
    exits: dict[State, tuple[Exit, ...]] = {start: entries}
    layers: list[tuple[Stride, ...]] = []
    current = [entry.target for entry in entries]
    for layer in range(1, trellis.layers + 1):
        layers.append(tuple(s for s in trellis.strides if State(layer, s) in current))
        following: list[State] = []
        for state in current if layer < trellis.layers else ():
            ways = _ways(trellis, state)
            if not ways:
                sink.add(DeadEnd(trellis.moves_span, stride=spell_stride(state.stride), layer=layer))
                return None
            exits[state] = ways
            following += [way.target for way in ways if way.target not in following]
        current = following
    if not _all_reached(trellis, layers, sink):
        return None
    decided: dict[State, str] = {}
    decisions: list[Decision] = []
    for state, ways in exits.items():
        if len(ways) > 1:
            name = "trellis.enter" if state == start else f"trellis.{state.id}"
            kind = "enter" if state == start else "move"
            group = Group(name, "", tuple(way.label for way in ways))
            decided[state] = name
            decisions.append(Decision(name, kind, (group,), _ONE, "state", span=trellis.moves_span))
    choices = TrellisChoices(start, tuple(layers), exits, decided, trellis.weigh, before)
    cells = [d for prefix, cell, inputs in _cells(space, choices) for d in _nodes(prefix, cell, inputs)]
    return DecisionTable((*cells, *decisions), choices)


def choices_prefix(cell: Cell, state: State) -> str:
    """The prefix of the decisions of `cell` at `state`, as its sharing says."""
    stride = f"stride{spell_stride(state.stride)}"
    match cell.share:
        case "network":
            return cell.name
        case "stride":
            return f"{stride}.{cell.name}"
        case "layer":
            return f"layer{state.layer}.{cell.name}"
        case "state":
            return f"{state.id}.{cell.name}"


def move_between(source: State, target: State) -> str:
    """`finer`, `same` or `coarser`: how the stride changes from one state to the next."""
    return order(target.stride, source.stride) or "coarser"


def cell_for(space: Space, source: State, target: State) -> Cell:
    """The cell that builds `target` from the map of `source`."""
    cells = space.trellis.cells
    move = move_between(source, target)
    name = cells.get(move, cells.get("*"))
    return space.cells[name if name is not None else next(iter(cells.values()))]


def incoming(choices: TrellisChoices) -> Mapping[State, tuple[tuple[State, int], ...]]:
    """For every state, the states that lead to it with the position of that exit there."""
    found: dict[State, list[tuple[State, int]]] = {}
    for source, ways in choices.exits.items():
        for position, way in enumerate(ways):
            found.setdefault(way.target, []).append((source, position))
    return {state: tuple(sources) for state, sources in found.items()}


def _entries(trellis: Trellis, stem: Stride, sink: Sink) -> tuple[Exit, ...] | None:
    if trellis.path is not None:
        strides: tuple[Stride, ...] = trellis.path[:1]
    elif trellis.enter:
        strides = trellis.enter
    elif stem in trellis.strides:
        strides = (stem,)
    else:
        sink.add(NoEntry(trellis.span, stride=spell_stride(stem)))
        return None
    for stride in strides:
        if ratio(stride, stem) is None and ratio(stem, stride) is None:
            sink.add(StemStride(trellis.span, fine=spell_stride(stem), coarse=spell_stride(stride)))
            return None
    return tuple(Exit(spell_stride(stride), State(1, stride)) for stride in strides)


def _ways(trellis: Trellis, state: State) -> tuple[Exit, ...]:
    if trellis.path is not None:
        stride = trellis.path[state.layer]
        target = State(state.layer + 1, stride)
        return (Exit(move_between(state, target), target),)
    at = trellis.strides.index(state.stride)
    return tuple(
        Exit(move.label, State(state.layer + 1, trellis.strides[at + move.offset]))
        for move in trellis.moves
        if 0 <= at + move.offset < len(trellis.strides)
    )


def _all_reached(trellis: Trellis, layers: list[tuple[Stride, ...]], sink: Sink) -> bool:
    reached = {stride for strides in layers for stride in strides}
    ok = True
    for stride, span in zip(trellis.strides, trellis.strides_spans, strict=True):
        if stride in reached or trellis.path is not None:
            continue
        ok = False
        near = max((s for s in reached if order(s, stride) == "finer"), default=None)
        found = f"no layer gets beyond stride {spell_stride(near)}" if near else "no move leads to it"
        moves = ", ".join(move.label for move in trellis.moves)
        notes = (Note(f"the moves are {moves}; there are {trellis.layers} layers", trellis.moves_span),)
        advice = f"leave {spell_stride(stride)} out of strides, or allow more layers or moves"
        sink.add(Unreachable(span, stride=spell_stride(stride), why=found, notes=notes, advice=advice))
    return ok


def _cells(space: Space, choices: TrellisChoices) -> Iterator[tuple[str, Cell, frozenset[str]]]:
    """Every set of shared choices: its prefix, the cell, and the inputs its places have."""
    found: dict[str, tuple[Cell, set[str]]] = {}
    for state, sources in incoming(choices).items():
        for source, _ in sources:
            cell = cell_for(space, source, state)
            _, inputs = found.setdefault(choices_prefix(cell, state), (cell, set[str]()))
            inputs.update(present_inputs(space, choices, cell, state))
    for prefix, (cell, inputs) in found.items():
        yield prefix, cell, frozenset(inputs)


def present_inputs(space: Space, choices: TrellisChoices, cell: Cell, state: State) -> tuple[str, ...]:
    """The inputs a cell has at a state: all, but for a missing H(l-2) that is dropped."""
    if space.trellis.missing == "drop" and space.trellis.prev_prev == "same_stride":
        return tuple(i for i in cell.inputs if i != "prev_prev" or _has_own(choices, state))
    return cell.inputs


def _has_own(choices: TrellisChoices, state: State) -> bool:
    """Whether layer l-2 has a map of the state's stride; layers 0 and -1 are the stem's."""
    below = state.layer - 2
    if below >= 1:
        return state.stride in choices.layers[below - 1]
    return state.stride == (choices.start.stride if below == 0 else choices.before)


def _nodes(prefix: str, cell: Cell, inputs: frozenset[str]) -> Iterator[Decision]:
    if cell.fixed:
        return
    labels = tuple(option.label for option in cell.options)
    none = tuple(i for i, option in enumerate(cell.options) if option.is_none)
    for number, node in enumerate(cell.node_names()):
        sources = [s for s in cell.sources(number) if s in inputs or s not in cell.inputs]
        groups = tuple(Group(f"{prefix}.{node}.{source}", source, labels, none) for source in sources)
        yield Decision(f"{prefix}.{node}", "node", groups, cell.take, cell.share, span=cell.span)
