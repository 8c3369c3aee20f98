"""The ways decisions can be made, numbered: how many, the one with a number, the number of one.

Each class here is a bijection between 0 .. number - 1 and the picks of some decisions. Nothing is
listed: a number is taken apart by what the parts count.
"""

from abc import ABC, abstractmethod
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from itertools import accumulate, combinations
from math import comb, prod
from typing import final

from attrs import define, field

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
class Fixed(Ways):
    """One way: these options of a decision, told elsewhere."""

    options: Options
    taken: frozenset[int]

    def _count(self) -> int:
        return 1

    def picks(self, index: int) -> Picks:
        """See `Ways`."""
        return self.options.chosen(self.taken)

    def index(self, picks: Mapping[str, tuple[Pick, ...]]) -> int:
        """See `Ways`."""
        if frozenset(self.options.taken(picks)) != self.taken:
            raise OutsideError(self.options.decision.id, "another option is taken elsewhere")
        return 0


Told = Mapping[str, frozenset[int]]
"""Groups by their ids, and the options that are taken of them."""


@final
@define(slots=False)
class Cases(Ways):
    """Decisions that others depend on go through their options; what is left depends on what is told.

    Where one does not matter, its first option stands for all of them.

    Attributes:
        asked: The decisions others depend on, each after those it depends on itself.
        given: The options that are taken of groups above.
        rest: What is left under what is told, the given and the options of what is asked.
        says: Whether what is asked is picked here, and not by the rest.
    """

    asked: tuple[Options, ...]
    given: Told
    rest: Callable[[Told], Ways]
    says: bool = True
    _rests: dict[int, Ways] = field(factory=dict[int, Ways], init=False)

    @cached_property
    def _subsets(self) -> tuple[list[frozenset[int]], ...]:
        found = tuple(ways.subsets() for ways in self.asked)
        if prod(map(len, found)) > MOST_STATES:
            first = self.asked[0].decision
            raise HnasError(TooManyStates(first.span, what=first.id, most=MOST_STATES))
        return found

    @cached_property
    def _ends(self) -> list[int]:
        """For each case, the options taken of what is asked, the ways of it and of those before it."""
        cases = range(prod(map(len, self._subsets)))
        return list(accumulate(self._rest(case).number if self._stands(case) else 0 for case in cases))

    def _count(self) -> int:
        return self._ends[-1]

    def _told(self, number: int) -> dict[str, frozenset[int]]:
        told = dict(self.given)
        for ways, subsets in zip(reversed(self.asked), reversed(self._subsets), strict=True):
            number, digit = divmod(number, len(subsets))
            told[ways.group.id] = subsets[digit]
        return told

    def _rest(self, number: int) -> Ways:
        if number not in self._rests:
            self._rests[number] = self.rest(self._told(number))
        return self._rests[number]

    def _stands(self, number: int) -> bool:
        """Whether a case counts: one of them stands for all of a decision that does not matter."""
        told = self._told(number)
        return all(
            matters(ways.decision, told) or told[ways.group.id] == frozenset(range(ways.sizes[0]))
            for ways in self.asked
        )

    def picks(self, index: int) -> Picks:
        """See `Ways`."""
        number = bisect_right(self._ends, index)
        told, found = self._told(number), Picks()
        for ways in self.asked if self.says else ():
            if matters(ways.decision, told):
                found |= ways.chosen(told[ways.group.id])
        return found | self._rest(number).picks(index - (self._ends[number - 1] if number else 0))

    def index(self, picks: Mapping[str, tuple[Pick, ...]]) -> int:
        """See `Ways`."""
        number = 0
        for ways, subsets in zip(self.asked, self._subsets, strict=True):
            number = number * len(subsets) + (ways.index(picks) if ways.decision.id in picks else 0)
        told = self._told(number)
        for ways in self.asked if self.says else ():
            if ways.decision.id not in picks and matters(ways.decision, told):
                raise OutsideError(ways.decision.id, "nothing is chosen")
        if not self._stands(number):
            raise OutsideError(self.asked[0].decision.id, "what does not matter is chosen")
        return (self._ends[number - 1] if number else 0) + self._rest(number).index(picks)


def matters(decision: Decision, told: Told) -> bool:
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
