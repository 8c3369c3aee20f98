"""Counting along a trellis: the ways through it, each with the decisions that matter on it.

States are met in an order in which each stands after those that lead to it. What is remembered is the
frontier, the states alive that are still to come, and which of the shared decisions were met already;
a decision is forgotten with the last place that could meet it. A path has one state in its frontier.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from itertools import accumulate, combinations
from typing import final

from attrs import frozen

from hnas.diag import HnasError
from hnas.ir.decisions import Decision, Exit, Pick, Place, State, TrellisChoices
from hnas.ir.errors import MOST_STATES, TooManyStates
from hnas.ir.ways import OutsideError, Picks, Together, Ways

Key = tuple[frozenset[State], frozenset[int], int, int]
"""The frontier, the shared roots that were met; of a trellis that keeps branches the states of the last
layer that were met, and the ways taken out of the layer at hand."""


@final
@frozen
class Step:
    """What may follow at a state: the ways taken out of it, the roots met with them, what is remembered then.

    Where the state is not alive, `ways` is None.
    """

    ways: tuple[Exit, ...] | None
    roots: Together
    after: Key


@final
@frozen(eq=False, repr=False)
class _Fork:
    """A state under what is remembered there.

    Attributes:
        key: What is remembered.
        steps: What may follow.
        after: For each of them, the fork it leads to.
        ends: Where the numbers of each begin, and where those of the last end.
    """

    key: Key
    steps: tuple[Step, ...]
    after: tuple["_Fork", ...]
    ends: tuple[int, ...]

    @property
    def number(self) -> int:
        """In how many ways it goes on."""
        return self.ends[-1]


@final
@frozen
class Root:
    """Decisions that belong to places: they count where one of these is alive (None: always).

    Where they are `required`, what is not alive in any of these places does not count at all.
    """

    places: frozenset[Place] | None
    ways: Ways
    required: bool = False


@final
class Walk(Ways):
    """The ways through a trellis, each weighed by the ways of the decisions that matter on it, numbered."""

    def __init__(self, trellis: TrellisChoices, roots: Iterable[Root], takes: "Takes") -> None:
        self.trellis = trellis
        self.takes = takes
        self._always = Together(tuple(root.ways for root in roots if root.places is None))
        placed = [(root, root.places) for root in roots if root.places is not None]
        self._roots = [root.ways for root, _ in placed]
        self._required = frozenset(number for number, (root, _) in enumerate(placed) if root.required)
        self._single: dict[Place, list[int]] = {}
        self._shared: dict[Place, list[int]] = {}
        for number, (root, places) in enumerate(placed):
            at = self._single if len(places) == 1 and not root.required else self._shared
            for place in places:
                at.setdefault(place, []).append(number)
        self._order = state_order(trellis)
        self._closing = self._last_met()
        self._met: dict[tuple[int, ...], Together] = {}

    @property
    def _first(self) -> Key:
        return frozenset(self.trellis.sources), frozenset(), 0, 0

    def _last_met(self) -> list[frozenset[int]]:
        """After each state, the shared roots that no later one can meet."""
        last: dict[int, int] = {}
        for position, state in enumerate(self._order):
            exits = self.trellis.exits.get(state, ())
            places: list[Place] = [state, *((state, way.target) for way in exits)]
            for place in places:
                for number in self._shared.get(place, ()):
                    last[number] = position
        found: list[set[int]] = [set() for _ in self._order]
        for number, position in last.items():
            found[position].add(number)
        return [frozenset(numbers) for numbers in found]

    # --- one state after the other ---------------------------------------------------------------

    def _steps(self, position: int, key: Key) -> Iterator[Step]:
        """What may follow at the state of a position, under what is remembered."""
        frontier, met, ended, before = key
        state = self._order[position]
        fresh = position == 0 or self._order[position - 1].layer != state.layer
        links, closing = 0 if fresh else before, self._closing[position]
        required = closing & self._required
        if state not in frontier:
            if required <= met:
                yield Step(None, self._together(()), (frontier, met - closing, ended, links))
            return
        branches, rest = self.trellis.branches, frontier - {state}
        end = ended + (state.layer == len(self.trellis.layers) and branches > 1)
        for ways in self.takes.of(state):
            out = links + len(ways) if branches > 1 else 0
            if out > branches > 1:
                continue  # so many paths take at most one way each
            places: list[Place] = [state, *((state, way.target) for way in ways)]
            new: list[int] = []
            seen = met
            for place in places:
                new += self._single.get(place, ())
                fresh_here = [n for n in self._shared.get(place, ()) if n not in seen]
                if fresh_here:
                    new += fresh_here
                    seen |= frozenset(fresh_here)
            if not required <= seen:
                continue
            alive = rest | {way.target for way in ways}
            yield Step(ways, self._together(tuple(new)), (alive, seen - closing, end, out))

    def _together(self, numbers: tuple[int, ...]) -> Together:
        if numbers not in self._met:
            self._met[numbers] = Together(tuple(self._roots[n] for n in numbers))
        return self._met[numbers]

    def _ends(self, key: Key) -> bool:
        """Whether a way may end so: with as many branches as are kept."""
        return key[2] == (self.trellis.branches if self.trellis.branches > 1 else 0)

    def _count(self) -> int:
        known: dict[Key, int] = {self._first: self._always.number}
        for position in range(len(self._order)):
            following: dict[Key, int] = {}
            for key, number in known.items():
                for step in self._steps(position, key):
                    following[step.after] = following.get(step.after, 0) + number * step.roots.number
            known = following
            if len(known) > MOST_STATES:
                raise HnasError(TooManyStates(None, what="the ways through the trellis", most=MOST_STATES))
        return sum(number for key, number in known.items() if self._ends(key))

    @cached_property
    def _begin(self) -> "_Fork":
        """The first state, and through it every one after: what may follow, numbered."""
        reached: list[dict[Key, tuple[Step, ...]]] = []
        keys: Iterable[Key] = (self._first,)
        for position in range(len(self._order)):
            reached.append({key: tuple(self._steps(position, key)) for key in keys})
            keys = dict.fromkeys(step.after for steps in reached[-1].values() for step in steps)
        forks = {key: _Fork(key, (), (), (0, int(self._ends(key)))) for key in keys}
        for found in reversed(reached):
            following = forks
            forks: dict[Key, _Fork] = {}
            for key, steps in found.items():
                after = tuple(following[step.after] for step in steps)
                each = (s.roots.number * fork.number for s, fork in zip(steps, after, strict=True))
                forks[key] = _Fork(key, steps, after, tuple(accumulate(each, initial=0)))
        return forks[self._first]

    # --- numbers and picks -----------------------------------------------------------------------

    def picks(self, index: int) -> Picks:
        """See `Ways`."""
        always, index = divmod(index, self.number // self._always.number)
        found, fork = self._always.picks(always), self._begin
        for state in self._order:
            taken = bisect_right(fork.ends, index) - 1
            index -= fork.ends[taken]
            step, fork = fork.steps[taken], fork.after[taken]
            if step.roots.parts:
                inner, index = divmod(index, fork.number)
                found |= step.roots.picks(inner)
            if step.ways is not None and state in self.trellis.decisions:
                found[self.trellis.decisions[state]] = tuple(("", way.label) for way in step.ways)
        return found

    def index(self, picks: Mapping[str, tuple[Pick, ...]]) -> int:
        """See `Ways`."""
        each = self.number // self._always.number
        result, fork = 0, self._begin
        for state in self._order:
            taken = frozenset(self._taken(state, picks)) if state in fork.key[0] else None
            number = next(
                (n for n, s in enumerate(fork.steps) if s.ways is None or frozenset(s.ways) == taken), None
            )
            if number is None:
                raise OutsideError(self.trellis.decisions.get(state, state.id), "these moves are not allowed")
            result += fork.ends[number]
            step, fork = fork.steps[number], fork.after[number]
            if step.roots.parts:
                result += step.roots.index(picks) * fork.number
        if not fork.number:
            branches = self.trellis.branches
            raise OutsideError("trellis", f"{fork.key[2]} branches end apart, {branches} are kept")
        return self._always.index(picks) * each + result

    def _taken(self, state: State, picks: Mapping[str, tuple[Pick, ...]]) -> tuple[Exit, ...]:
        exits = self.trellis.exits.get(state, ())
        name = self.trellis.decisions.get(state)
        if name is None:
            return exits
        if name not in picks:
            raise OutsideError(name, "nothing is chosen")
        labels = [label for _, label in picks[name]]
        unknown = [label for label in labels if label not in {way.label for way in exits}]
        if unknown:
            raise OutsideError(name, f"there is no move {unknown[0]}")
        return tuple(way for way in exits if way.label in labels)


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
