"""What a drawing of a trellis shows: its states, and the ways and links between them. Needs no matplotlib."""

from collections.abc import Iterator, Mapping
from typing import Literal, final

from attrs import frozen

from hnas.ir.decisions import Architecture, Decision, DecisionTable, State, Taken
from hnas.ir.space import Space
from hnas.ir.types import Stride, fine_to_coarse

Weights = Mapping[str, tuple[float, ...]]
"""For every group of choices by its id the weights of its options."""


@final
@frozen
class Line:
    """From a state to another one.

    Attributes:
        source, target: The states.
        kind: A `way` to the next layer or within one, or a `link` from an earlier layer.
        weight: What the way is weighed with, beta; None where nothing weighs it.
        taken: Whether the architecture takes it.
    """

    source: State
    target: State
    kind: Literal["way", "link"]
    weight: float | None
    taken: bool


@final
@frozen
class States:
    """A trellis as it is drawn.

    Attributes:
        layers: From layer 0, the stem, on: the strides of each.
        alive: The states of the architecture; None without one.
        lines: What is between them.
    """

    layers: tuple[tuple[Stride, ...], ...]
    alive: frozenset[State] | None
    lines: tuple[Line, ...]

    @property
    def rows(self) -> tuple[Stride, ...]:
        """Every stride, fine to coarse."""
        return fine_to_coarse(stride for layer in self.layers for stride in layer)


def states_of(
    space: Space,
    table: DecisionTable,
    weights: Weights | None = None,
    architecture: Architecture | None = None,
) -> States:
    """The trellis of a space: weighed, and with an architecture in it, where they are given.

    An architecture without weights is drawn alone: of the ways and links only those it takes.
    """
    trellis = table.trellis
    taken = trellis.taken(architecture.picks) if architecture is not None else None
    first = fine_to_coarse(state.stride for state in (trellis.start, *trellis.exits) if state.layer == 0)
    lines = (*_ways(table, weights, taken), *_links(space, table, weights, architecture, taken))
    if taken is not None and weights is None:
        lines = tuple(line for line in lines if line.taken)
    alive = taken.states | set(trellis.sources) if taken is not None else None
    return States((first, *trellis.layers), alive, lines)


def _ways(table: DecisionTable, weights: Weights | None, taken: Taken | None) -> Iterator[Line]:
    for state, exits in table.trellis.exits.items():
        chosen = taken.ways.get(state, ()) if taken is not None else ()
        decision = table.trellis.decisions.get(state)
        group = table.by_id[decision].groups[0] if decision is not None else None
        for way in exits:
            weight = None
            if weights is not None:
                # a way that nothing decides is taken in every architecture
                weight = 1.0 if group is None else weights[group.id][group.options.index(way.label)]
            yield Line(state, way.target, "way", weight, way in chosen)


def _links(
    space: Space,
    table: DecisionTable,
    weights: Weights | None,
    architecture: Architecture | None,
    taken: Taken | None,
) -> Iterator[Line]:
    """What `skips` adds: searched where an option of it is `none`."""
    trellis, seen = space.trellis, set[tuple[State, State]]()
    decided = _decided(table) if trellis.skips else {}
    there = {State(n, stride) for n, strides in enumerate(table.trellis.layers, 1) for stride in strides}
    there |= {State(0, stride) for stride in table.trellis.stem[1]}
    for skip in trellis.skips:
        for target in table.trellis.states():
            for layer in skip.layers(target.layer, trellis.layers):
                source = State(layer, target.stride)
                if source not in there or (source, target) in seen:
                    continue
                seen.add((source, target))
                decision = decided.get(f"{target.id}.from.layer{layer}")
                alive = taken is not None and target in taken.states
                alive = alive and taken is not None and (layer == 0 or source in taken.states)
                weight = None if weights is None else _kept(decision, weights)
                yield Line(source, target, "link", weight, alive and _picked(decision, architecture))


def _decided(table: DecisionTable) -> Mapping[str, Decision]:
    """The decisions that can leave a link out, by the place of the link."""
    found: dict[str, Decision] = {}
    for decision in table.decisions:
        place, between, name = decision.id.rpartition(".")
        if between and ".from.layer" in place and "." not in name and decision.groups[0].none:
            found[place] = decision
    return found


def _kept(decision: Decision | None, weights: Weights) -> float:
    """How much of a link is not `none`."""
    if decision is None:
        return 1.0
    group = decision.groups[0]
    return 1.0 - sum(weights[group.id][option] for option in group.none)


def _picked(decision: Decision | None, architecture: Architecture | None) -> bool:
    if decision is None or architecture is None:
        return True
    group = decision.groups[0]
    none = {group.options[option] for option in group.none}
    return any(label not in none for _, label in architecture.picks.get(decision.id, ()))
