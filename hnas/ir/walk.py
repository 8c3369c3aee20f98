"""Counting along a trellis: the ways through it, each with the decisions that matter on it.

States are met in an order in which each stands after those that lead to it. What is remembered is the
frontier, the states alive that are still to come, and which of the shared decisions were met already;
a decision is forgotten with the last place that could meet it. A path has one state in its frontier.
"""

from collections.abc import Iterable, Sequence
from itertools import combinations
from typing import final

from attrs import frozen

from hnas.diag import HnasError
from hnas.ir.decisions import Decision, Exit, Place, State, TrellisChoices
from hnas.ir.errors import TooManyStates

MOST_STATES = 10**7
"""States that counting may remember at once."""


@final
@frozen
class Scope:
    """Decisions that belong to places: they count where one of these is alive (None: always)."""

    places: frozenset[Place] | None
    ways: int


Key = tuple[frozenset[State], frozenset[int], int, int]
"""The frontier, the shared scopes that were met; of a trellis that keeps branches the states of the last
layer that were met, and the ways taken out of the layer at hand."""


def count_ways(trellis: TrellisChoices, scopes: Sequence[Scope], takes: "Takes | None" = None) -> int:
    """Ways through the trellis; each weighed by the ways of the scopes that are alive on it.

    Raises:
        HnasError: More than 10^7 states would have to be remembered.
    """
    total = 1
    single: dict[Place, int] = {}
    shared: dict[Place, list[int]] = {}
    for number, scope in enumerate(scopes):
        if scope.places is None:
            total *= scope.ways
        elif len(scope.places) == 1:
            (place,) = scope.places
            single[place] = single.get(place, 1) * scope.ways
        else:
            for place in scope.places:
                shared.setdefault(place, []).append(number)
    order = state_order(trellis)
    closing = _closing(order, trellis, shared)
    takes = takes or Takes(trellis, ())
    last = len(trellis.layers)
    known: dict[Key, int] = {(frozenset(trellis.sources), frozenset(), 0, 0): total}
    layer = 0
    for position, state in enumerate(order):
        following: dict[Key, int] = {}
        fresh, layer = state.layer != layer, state.layer
        for (frontier, met, ended, before), number in known.items():
            links = 0 if fresh else before
            if state not in frontier:
                key = (frontier, met - closing[position], ended, links)
                following[key] = following.get(key, 0) + number
                continue
            here = number * single.get(state, 1)
            met_here, here = _meet(shared.get(state, ()), met, here, scopes)
            rest = frontier - {state}
            end = ended + (state.layer == last and trellis.branches > 1)
            for ways in takes.of(state):
                ways_number, ways_met, alive = here, met_here, set(rest)
                for way in ways:
                    link = (state, way.target)
                    ways_number *= single.get(link, 1)
                    ways_met, ways_number = _meet(shared.get(link, ()), ways_met, ways_number, scopes)
                    alive.add(way.target)
                out = links + len(ways) if trellis.branches > 1 else 0
                if out > trellis.branches > 1:
                    continue  # so many paths take at most one way each
                key = (frozenset(alive), ways_met - closing[position], end, out)
                following[key] = following.get(key, 0) + ways_number
        known = following
        if len(known) > MOST_STATES:
            raise HnasError(TooManyStates(None, what="the ways through the trellis", most=MOST_STATES))
    wanted = trellis.branches if trellis.branches > 1 else 0
    return sum(number for (_, _, ended, _), number in known.items() if ended == wanted)


@final
class Takes:
    """The sets of ways that may be taken out of a state."""

    def __init__(self, trellis: TrellisChoices, decisions: Iterable[Decision]) -> None:
        self.trellis = trellis
        self.takes = {d.id: d.take for d in decisions}
        self.found: dict[State, tuple[tuple[Exit, ...], ...]] = {}

    def of(self, state: State) -> tuple[tuple[Exit, ...], ...]:
        """Every set of ways out of a state that can be taken."""
        found = self.found.get(state)
        if found is None:
            found = self.found[state] = self._sets(state)
        return found

    def _sets(self, state: State) -> tuple[tuple[Exit, ...], ...]:
        ways = self.trellis.exits.get(state, ())
        name = self.trellis.decisions.get(state)
        if name is None:
            return (ways,)
        take = self.takes.get(name)
        least, most = (1, 1) if take is None or take.most is None else (take.count or 1, take.most)
        if sum(1 for _ in ways) > 20:
            raise HnasError(TooManyStates(None, what=f"the moves out of {state.id}", most=MOST_STATES))
        return tuple(
            chosen
            for size in range(least, most + 1)
            for chosen in combinations(ways, size)
            if _leads(chosen, state, self.trellis)
        )


def _leads(ways: tuple[Exit, ...], state: State, trellis: TrellisChoices) -> bool:
    """Whether a set of ways leads on: moves within a layer alone do not."""
    return state.layer >= len(trellis.layers) or any(way.target.layer > state.layer for way in ways)


def _meet(
    numbers: Sequence[int], met: frozenset[int], ways: int, scopes: Sequence[Scope]
) -> tuple[frozenset[int], int]:
    """The scopes met with those of a place, and the ways with those that are met first here."""
    new = [n for n in numbers if n not in met]
    for number in new:
        ways *= scopes[number].ways
    return (met | frozenset(new) if new else met), ways


def _closing(
    order: Sequence[State], trellis: TrellisChoices, shared: dict[Place, list[int]]
) -> list[frozenset[int]]:
    """After each state, the shared scopes that no later one can meet."""
    last: dict[int, int] = {}
    for position, state in enumerate(order):
        places: list[Place] = [state, *((state, way.target) for way in trellis.exits.get(state, ()))]
        for place in places:
            for number in shared.get(place, ()):
                last[number] = position
    found: list[set[int]] = [set() for _ in order]
    for number, position in last.items():
        found[position].add(number)
    return [frozenset(numbers) for numbers in found]


def state_order(trellis: TrellisChoices) -> tuple[State, ...]:
    """The stem's states and those of every layer, each after the states that lead to it."""
    found: list[State] = list(trellis.sources)
    for number, strides in enumerate(trellis.layers, 1):
        waiting = [State(number, stride) for stride in strides]
        within = {
            (source, way.target)
            for source in waiting
            for way in trellis.exits.get(source, ())
            if way.target.layer == number
        }
        while waiting:
            free = next(s for s in waiting if not any((source, s) in within for source in waiting))
            waiting.remove(free)
            found.append(free)
    return tuple(found)
