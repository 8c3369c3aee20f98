"""The ways decisions can be made, numbered: how many, the one with a number, the number of one.

Each class here is a bijection between 0 .. number - 1 and the picks of some decisions. Nothing is
listed: a number is taken apart by what the parts count.
"""

from abc import ABC, abstractmethod
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from itertools import accumulate, combinations, product
from math import comb, prod
from typing import final

from attrs import define

from hnas.diag import HnasError
from hnas.ir.decisions import Decision, Group, Pick
from hnas.ir.errors import MOST_STATES, TooManyStates

Picks = dict[str, tuple[Pick, ...]]
"""What decisions pick, by their ids."""


class OutsideError(ValueError):
    """What is picked is none of the ways a decision can be made.

    Attributes:
        id: The decision.
        why: What is wrong with its picks.
    """

    def __init__(self, id: str, why: str) -> None:
        super().__init__(f"{id}: {why}")
        self.id = id
        self.why = why


class Ways(ABC):
    """A numbered set of ways."""

    @cached_property
    def number(self) -> int:
        """How many there are.

        Raises:
            HnasError: They are too many to be counted.
        """
        return self._count()

    @abstractmethod
    def _count(self) -> int: ...

    @abstractmethod
    def picks(self, index: int) -> Picks:
        """The way with a number in 0 .. number - 1."""

    @abstractmethod
    def index(self, picks: Mapping[str, tuple[Pick, ...]]) -> int:
        """The number of the way that `picks` makes.

        Raises:
            OutsideError: It is none of them.
        """


@final
@define(slots=False)
class Together(Ways):
    """Independent parts: every way of each with every way of the others."""

    parts: tuple[Ways, ...]

    def _count(self) -> int:
        return prod(part.number for part in self.parts)

    def picks(self, index: int) -> Picks:
        """The last part's number changes first."""
        found: Picks = {}
        for part in reversed(self.parts):
            index, rest = divmod(index, part.number)
            found |= part.picks(rest)
        return found

    def index(self, picks: Mapping[str, tuple[Pick, ...]]) -> int:
        """See `Ways`."""
        result = 0
        for part in self.parts:
            result = result * part.number + part.index(picks)
        return result


@final
@define(slots=False)
class Options(Ways):
    """From `least` to `most` options of a group, fewer first, each number of them in the group's order."""

    decision: Decision

    @property
    def group(self) -> Group:
        """The only group."""
        return self.decision.groups[0]

    @cached_property
    def sizes(self) -> range:
        """How many options may be taken."""
        return range(self.decision.take.count or 1, (self.decision.take.most or 1) + 1)

    def _count(self) -> int:
        return sum(comb(len(self.group.options), size) for size in self.sizes)

    def subsets(self) -> list[frozenset[int]]:
        """Every set of options that can be taken, in order.

        Raises:
            HnasError: They are more than can be gone through.
        """
        if self.number > MOST_STATES:
            raise HnasError(TooManyStates(self.decision.span, what=self.decision.id, most=MOST_STATES))
        every = range(len(self.group.options))
        return [frozenset(chosen) for size in self.sizes for chosen in combinations(every, size)]

    def chosen(self, options: Iterable[int]) -> Picks:
        """A set of options as the picks of the decision."""
        return {self.decision.id: tuple((self.group.name, self.group.options[n]) for n in sorted(options))}

    def taken(self, picks: Mapping[str, tuple[Pick, ...]]) -> list[int]:
        """The options that are picked, sorted."""
        found = picks.get(self.decision.id)
        if found is None:
            raise OutsideError(self.decision.id, "nothing is chosen")
        taken = sorted({option_of(self.decision.id, self.group, label) for _, label in found})
        if len(taken) < len(found) or len(taken) not in self.sizes:
            raise OutsideError(self.decision.id, f"{len(found)} options are chosen")
        return taken

    def picks(self, index: int) -> Picks:
        """See `Ways`."""
        left, size = len(self.group.options), self.sizes[0]
        while index >= comb(left, size):
            index -= comb(left, size)
            size += 1
        taken: list[int] = []
        for option in range(left):
            if len(taken) == size:
                break
            here = comb(left - option - 1, size - len(taken) - 1)
            if index < here:
                taken.append(option)
            else:
                index -= here
        return self.chosen(taken)

    def index(self, picks: Mapping[str, tuple[Pick, ...]]) -> int:
        """See `Ways`."""
        taken, total = self.taken(picks), len(self.group.options)
        result = sum(comb(total, size) for size in self.sizes if size < len(taken))
        following = 0
        for position, option in enumerate(taken):
            left = len(taken) - position - 1
            result += sum(comb(total - skipped - 1, left) for skipped in range(following, option))
            following = option + 1
        return result


@final
@define(slots=False)
class Component(Ways):
    """Decisions that depend on each other: those that are asked for go through their options.

    Where a decision does not matter, its first option stands for all of them.

    Attributes:
        members: The decisions and their ways, each after those it depends on.
        given: The options that are taken of groups above.
    """

    members: tuple[tuple[Decision, Ways], ...]
    given: Mapping[str, frozenset[int]]

    @cached_property
    def asked(self) -> tuple[Options, ...]:
        """The members whose options others depend on."""
        owners = {g.id: ways for d, ways in self.members for g in d.groups if isinstance(ways, Options)}
        names = dict.fromkeys(group for d, _ in self.members for group, _ in d.when)
        return tuple(owners[name] for name in names if name in owners)

    @cached_property
    def _subsets(self) -> tuple[list[frozenset[int]], ...]:
        found = tuple(ways.subsets() for ways in self.asked)
        if prod(map(len, found)) > MOST_STATES:
            first = self.members[0][0]
            raise HnasError(TooManyStates(first.span, what=first.id, most=MOST_STATES))
        return found

    @cached_property
    def _ends(self) -> list[int]:
        """For each case, the options taken of what is asked, the ways of it and of those before it."""
        return list(accumulate(self._ways(case) for case in product(*self._subsets)))

    def _count(self) -> int:
        return self._ends[-1]

    def _told(self, case: Sequence[frozenset[int]]) -> dict[str, frozenset[int]]:
        told = dict(self.given)
        for ways, options in zip(self.asked, case, strict=True):
            told[ways.group.id] = options
        return told

    def _ways(self, case: Sequence[frozenset[int]]) -> int:
        told, idle, free = self._parts(case)
        for ways in idle:
            # one way stands for all of a decision that does not matter
            if told[ways.group.id] != frozenset(range(ways.sizes[0])):
                return 0
        return prod(ways.number for ways in free)

    def _parts(
        self, case: Sequence[frozenset[int]]
    ) -> tuple[dict[str, frozenset[int]], list[Options], list[Ways]]:
        """The options taken, those asked for that do not matter, and what is free besides."""
        told = self._told(case)
        asked = {id(ways) for ways in self.asked}
        idle: list[Options] = []
        free: list[Ways] = []
        for decision, ways in self.members:
            matters = _matters(decision, told)
            if id(ways) in asked and isinstance(ways, Options):
                if not matters:
                    idle.append(ways)
            elif matters:
                free.append(ways)
        return told, idle, free

    def _case(self, number: int) -> list[frozenset[int]]:
        found: list[frozenset[int]] = []
        for subsets in reversed(self._subsets):
            number, digit = divmod(number, len(subsets))
            found.append(subsets[digit])
        return found[::-1]

    def picks(self, index: int) -> Picks:
        """See `Ways`."""
        number = bisect_right(self._ends, index)
        case = self._case(number)
        _, idle, free = self._parts(case)
        found: Picks = {}
        for ways, options in zip(self.asked, case, strict=True):
            if not any(ways is other for other in idle):
                found |= ways.chosen(options)
        rest = index - (self._ends[number - 1] if number else 0)
        return found | Together(tuple(free)).picks(rest)

    def index(self, picks: Mapping[str, tuple[Pick, ...]]) -> int:
        """See `Ways`."""
        case: list[frozenset[int]] = []
        number = 0
        for ways, subsets in zip(self.asked, self._subsets, strict=True):
            known = ways.decision.id in picks
            case.append(frozenset(ways.taken(picks)) if known else subsets[0])
            number = number * len(subsets) + (ways.index(picks) if known else 0)
        _, idle, free = self._parts(case)
        for ways in self.asked:
            if ways.decision.id not in picks and not any(ways is other for other in idle):
                raise OutsideError(ways.decision.id, "nothing is chosen")
        return (self._ends[number - 1] if number else 0) + Together(tuple(free)).index(picks)


def _matters(decision: Decision, told: Mapping[str, frozenset[int]]) -> bool:
    """Whether the options a decision needs are taken, as far as they are told."""
    return all(not told[group].isdisjoint(options) for group, options in decision.when if group in told)


def option_of(id: str, group: Group, label: str) -> int:
    """The position of an option.

    Raises:
        OutsideError: The group has none of that label.
    """
    if label not in group.options:
        raise OutsideError(id, f"there is no option {label}")
    return group.options.index(label)
