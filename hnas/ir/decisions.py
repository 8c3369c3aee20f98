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
from hnas.ir.space import Share, Take
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
@frozen
class Decision:
    """One searched decision.

    `kind`: `node` (edges and operators of a cell's node), `move` (where the path goes from a
    state), `enter` (the stride of layer 1).
    """

    id: str
    kind: Literal["node", "move", "enter"]
    groups: tuple[Group, ...]
    take: Take
    share: Share
    span: Span = field(kw_only=True, eq=False, repr=False)


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


@final
@frozen
class Exit:
    """A way out of a state: the option's label, the state it leads to."""

    label: str
    target: State


@final
@frozen
class TrellisChoices:
    """Which states there are and how they are joined.

    Attributes:
        layers: For each layer from 1, its strides, fine to coarse.
        exits: The ways out of every state, in the order of the group's options; those of the stem
            (layer 0) are what `enter` allows.
        decisions: For every state with more than one exit, the id of the decision that picks it.
        weigh: What the weights of moves sum to one over.
        before: The stride of H(-1), the map of the stem before its last.
    """

    start: State
    layers: tuple[tuple[Stride, ...], ...]
    exits: Mapping[State, tuple[Exit, ...]]
    decisions: Mapping[State, str]
    weigh: Literal["outgoing", "incoming", "independent"]
    before: Stride | None = None

    def states(self) -> Iterator[State]:
        """Every state from layer 1 on, layer by layer, fine to coarse."""
        for number, strides in enumerate(self.layers, 1):
            for stride in strides:
                yield State(number, stride)


Pick = tuple[str, str]
"""A group's name within its decision, and the label of the option taken."""


Picked = Mapping[str, Mapping[int, int]]
"""For each group, how often each of its options is picked."""


@final
@frozen
class Architecture:
    """A space with its choices made: for each decision that is active, its picks in order."""

    picks: Mapping[str, tuple[Pick, ...]]

    def path(self, trellis: TrellisChoices) -> tuple[Stride, ...]:
        """The stride of each layer from 1 on.

        Raises:
            KeyError: A decision on the way has no pick.
        """
        state, strides = trellis.start, list[Stride]()
        while len(strides) < len(trellis.layers):
            ways = trellis.exits[state]
            if state in trellis.decisions:
                label = self.picks[trellis.decisions[state]][0][1]
                ways = tuple(way for way in ways if way.label == label)
                if not ways:
                    raise KeyError(label)
            state = ways[0].target
            strides.append(state.stride)
        return tuple(strides)


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
        content = {
            "decisions": [
                [
                    d.id,
                    d.kind,
                    d.take.how,
                    d.take.count,
                    d.share,
                    [[g.name, list(g.options)] for g in d.groups],
                ]
                for d in self.decisions
            ],
            "exits": [
                [state.id, [[e.label, e.target.id] for e in exits]]
                for state, exits in sorted(self.trellis.exits.items())
            ],
        }
        return hashlib.sha256(json.dumps(content, separators=(",", ":")).encode()).hexdigest()[:16]
