"""The decisions of a space and an architecture, which makes them. All that search ever sees.

A decision takes one or more options out of one or more groups. A group is what one relaxation
weighs: the operators of one edge, the moves that leave one state. Ids are paths of names, never
positions: `dense.n2.prev`, `trellis.layer3.stride8`.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Literal, final

from attrs import define, field, frozen

from hnas.diag import Span
from hnas.ir.expr import Sharing
from hnas.ir.space import Take
from hnas.ir.types import Stride, spell_stride


@final
@frozen
class Group:
    """Options that are weighed against each other.

    Attributes:
        id: Its name in the super-network's architecture parameters.
        name: What tells it apart within its decision: the input of an edge; empty for a lone group.
        options: Labels, as found networks spell them.
        none: Positions of the options that mean no connection.
    """

    id: str
    name: str
    options: tuple[str, ...]
    none: tuple[int, ...] = ()


@final
@frozen(order=True)
class State:
    """A layer and a stride: a place of the trellis. Layer 0 is the stem's last map."""

    layer: int
    stride: Stride

    @property
    def id(self) -> str:
        """`layer3.stride8`."""
        return f"layer{self.layer}.stride{spell_stride(self.stride)}"


Place = State | tuple[State, State]
"""A state, or a move into one: what must be alive for a decision to matter."""

When = tuple[tuple[str, tuple[int, ...]], ...]
"""Groups by their ids, of each of which one of these options must be taken for a decision to matter."""


@final
@frozen
class Decision:
    """One searched decision.

    Attributes:
        id: A path of names.
        kind: `node` (edges and operators of a cell's node), `move` (where the path goes from a state),
            `enter` (the stride of layer 1), `choice` (an operator, a number, an input).
        groups: What is weighed; most decisions have one.
        take: How many options are taken.
        share: Who shares it.
        when: Options of other decisions without which it does not matter; empty: it always does.
        places: Of the trellis, one of which must be alive for it to matter; None: it always does.
    """

    id: str
    kind: Literal["node", "move", "enter", "choice"]
    groups: tuple[Group, ...]
    take: Take
    share: Sharing | None
    when: When = ()
    places: frozenset[Place] | None = field(default=None, repr=False)
    span: Span = field(kw_only=True, eq=False, repr=False)


@final
@frozen
class Exit:
    """A way out of a state: the option's label, the state it leads to."""

    label: str
    target: State


@final
@frozen
class Taken:
    """What an architecture leaves of a trellis: the states that are alive, the ways taken out of each."""

    states: frozenset[State]
    ways: Mapping[State, tuple[Exit, ...]]

    def entering(self, state: State) -> tuple[State, ...]:
        """The states from which a way that is taken leads to `state`."""
        return tuple(s for s, ways in self.ways.items() if any(way.target == state for way in ways))

    def leaving(self, number: int) -> int:
        """How many ways are taken out of a layer."""
        return sum(len(ways) for state, ways in self.ways.items() if state.layer == number)

    def layer(self, number: int) -> tuple[Stride, ...]:
        """The strides alive in a layer, fine to coarse."""
        return tuple(sorted((s.stride for s in self.states if s.layer == number), key=_pixels))


@final
@define(frozen=True, slots=False)
class TrellisChoices:
    """Which states there are and how they are joined.

    Attributes:
        start: The last map of the stem; of a stem with a map for every stride, the finest.
        layers: For each layer from 1, its strides, fine to coarse.
        exits: The ways out of every state, in the order of the group's options; those of the stem
            (layer 0) are what `enter` allows. A way within a layer leads to another state of it.
        decisions: For every state whose ways are searched, the id of the decision that picks them;
            of any other state every way is taken.
        weigh: What the weights of moves sum to one over.
        stem: The strides of the stem's maps at layer -1 and layer 0.
        branches: How many states of the last layer a found network has where one way is taken of each.
        single: Whether every architecture is one path: a stride for each layer.
    """

    start: State
    layers: tuple[tuple[Stride, ...], ...]
    exits: Mapping[State, tuple[Exit, ...]]
    decisions: Mapping[State, str]
    weigh: Literal["outgoing", "incoming", "independent"]
    stem: tuple[tuple[Stride, ...], tuple[Stride, ...]] = ((), ())
    branches: int = 1
    single: bool = True

    def states(self) -> Iterator[State]:
        """Every state from layer 1 on, layer by layer, fine to coarse."""
        for number, strides in enumerate(self.layers, 1):
            for stride in strides:
                yield State(number, stride)

    @cached_property
    def sources(self) -> tuple[State, ...]:
        """The maps of the stem from which ways lead on: alive in every architecture."""
        return tuple(state for state in self.exits if state.layer == 0)

    def taken(self, picks: Mapping[str, tuple["Pick", ...]]) -> Taken:
        """The states that are alive and the ways that are taken under `picks`.

        Raises:
            KeyError: A decision of a state that is alive has no pick, or one that leads nowhere.
        """
        waiting, ways = list(self.sources), dict[State, tuple[Exit, ...]]()
        seen = set(waiting)
        while waiting:
            state = waiting.pop(0)
            out = self.exits.get(state, ())
            if state in self.decisions:
                labels = [label for _, label in picks[self.decisions[state]]]
                out = tuple(way for way in out if way.label in labels)
                if not out:
                    raise KeyError(self.decisions[state])
            ways[state] = out
            for way in out:
                if way.target not in seen:
                    seen.add(way.target)
                    waiting.append(way.target)
        return Taken(frozenset(s for s in seen if s.layer > 0), ways)


def _pixels(stride: Stride) -> tuple[int, ...]:
    return (stride,) if isinstance(stride, int) else stride


Pick = tuple[str, str]
"""A group's name within its decision, and the label of the option taken."""


Picked = Mapping[str, Mapping[int, int]]
"""For each group, how often each of its options is picked."""


@final
@frozen(unsafe_hash=False)
class Architecture:
    """A space with its choices made: for each decision that is active, its picks in order."""

    picks: Mapping[str, tuple[Pick, ...]] = field(hash=False)

    def __hash__(self) -> int:
        """Architectures with the same picks are equal: they may be counted and collected in sets."""
        return hash(frozenset(self.picks.items()))

    def path(self, trellis: TrellisChoices) -> tuple[Stride, ...]:
        """The stride of each layer from 1 on, in a trellis where an architecture is one path.

        Raises:
            KeyError: A decision on the way has no pick.
            ValueError: Several states of a layer are alive.
        """
        taken = trellis.taken(self.picks)
        found = [taken.layer(number) for number in range(1, len(trellis.layers) + 1)]
        if any(len(strides) != 1 for strides in found):
            raise ValueError("several states of a layer are alive")
        return tuple(strides[0] for strides in found)


@final
@define(frozen=True, slots=False)
class DecisionTable:
    """Every decision of a space, in the order the spec and the trellis give them."""

    decisions: tuple[Decision, ...]
    trellis: TrellisChoices

    @cached_property
    def by_id(self) -> Mapping[str, Decision]:
        """Decisions by their id."""
        return {decision.id: decision for decision in self.decisions}

    def groups(self) -> Iterator[Group]:
        """Every group of every decision: one architecture parameter each."""
        for decision in self.decisions:
            yield from decision.groups

    def along(self, path: tuple[Stride, ...]) -> Mapping[str, tuple[Pick, ...]]:
        """The picks of `enter` and the moves that make `path`.

        Raises:
            ValueError: The trellis has no such path; the message names the first layer that differs.
        """
        if not self.trellis.single:
            raise ValueError("several states may be alive in a layer; say choose trellis.STATE = [MOVES]")
        if len(path) != len(self.trellis.layers):
            raise ValueError(f"the path has {len(path)} layers, the space has {len(self.trellis.layers)}")
        picks: dict[str, tuple[Pick, ...]] = {}
        state = self.trellis.start
        for layer, stride in enumerate(path, 1):
            way = next((e for e in self.trellis.exits[state] if e.target == State(layer, stride)), None)
            if way is None:
                raise ValueError(f"layer {layer} cannot have stride {spell_stride(stride)} here")
            if state in self.trellis.decisions:
                picks[self.trellis.decisions[state]] = (("", way.label),)
            state = way.target
        return picks

    def matters(self, decision: Decision, picks: Mapping[str, tuple[Pick, ...]], taken: Taken) -> bool:
        """Whether a decision matters where those above it are made as `picks` says."""
        if not is_placed(decision, taken):
            return False
        for group, options in decision.when:
            owner = self._owners.get(group)
            if owner is None:
                continue
            found = next(g for g in owner.groups if g.id == group)
            made = picks.get(owner.id, ())
            if not any((found.name, found.options[option]) in made for option in options):
                return False
        return True

    @cached_property
    def _decided(self) -> Mapping[str, State]:
        return {name: state for state, name in self.trellis.decisions.items()}

    @cached_property
    def _owners(self) -> Mapping[str, Decision]:
        return {group.id: decision for decision in self.decisions for group in decision.groups}

    def pruned(self, picks: Mapping[str, tuple[Pick, ...]]) -> Architecture:
        """The architecture of `picks`, without those that do not matter in it.

        Raises:
            KeyError: A decision of the trellis that matters has no pick.
        """
        taken = self.trellis.taken(picks)
        kept: dict[str, tuple[Pick, ...]] = {}
        for decision in self.decisions:
            if decision.id not in picks:
                continue
            if decision.kind in ("move", "enter"):
                if self._decided[decision.id] in taken.ways:
                    kept[decision.id] = picks[decision.id]
            elif self.matters(decision, kept, taken):
                kept[decision.id] = picks[decision.id]
        return Architecture(kept)

    def picked(self, architecture: Architecture) -> Picked:
        """What an architecture picks, group by group. Groups it says nothing about pick nothing."""
        found: dict[str, dict[int, int]] = {group.id: {} for group in self.groups()}
        for decision in self.decisions:
            groups = {group.name: group for group in decision.groups}
            for source, label in architecture.picks.get(decision.id, ()):
                group = groups[source]
                position = group.options.index(label)
                found[group.id][position] = found[group.id].get(position, 0) + 1
        return found

    @cached_property
    def digest(self) -> str:
        """What binds an architecture to spaces with the same choices: ids, options, adjacency."""
        content: dict[str, list[object]] = {
            "decisions": [_content(decision) for decision in self.decisions],
            "exits": [
                [state.id, [[e.label, e.target.id] for e in exits]]
                for state, exits in sorted(self.trellis.exits.items())
            ],
        }
        if self.trellis.branches > 1:
            content["branches"] = [self.trellis.branches]
        return hashlib.sha256(json.dumps(content, separators=(",", ":")).encode()).hexdigest()[:16]


def is_placed(decision: Decision, taken: Taken) -> bool:
    """Whether a place that a decision belongs to is alive."""
    return decision.places is None or any(_alive(place, taken) for place in decision.places)


def _alive(place: Place, taken: Taken) -> bool:
    """Whether a state is alive, or a way into one is taken."""
    if isinstance(place, State):
        return place in taken.states
    source, target = place
    return any(way.target == target for way in taken.ways.get(source, ()))


def _content(decision: Decision) -> list[object]:
    groups = [[g.name, list(g.options)] for g in decision.groups]
    take, share = decision.take, str(decision.share) if decision.share is not None else None
    found: list[object] = [decision.id, decision.kind, take.how, take.count, share, groups]
    return found if take.most is None else [*found, take.most]
