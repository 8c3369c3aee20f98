"""The ways a cell's node takes its edges, numbered."""

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from itertools import accumulate
from math import prod
from typing import final

from attrs import define, field

from hnas.ir.decisions import Decision, Pick
from hnas.ir.ways import OutsideError, Picks, Ways, option_of

Term = tuple[int, int]
"""The positions of an edge's group and of its operator."""

_Share = tuple[Term, int, int]
"""A term, the ways of what stands under it, the ways of all that follows it."""


@final
class _Shares:
    """Numbers shared out among terms, each with its own ways times those of what follows it."""

    def __init__(self, shares: Iterable[_Share]) -> None:
        self.shares = tuple(shares)
        self.ends = tuple(accumulate((ways * after for _, ways, after in self.shares), initial=0))
        self._first = {term: number for number, (term, _, _) in reversed([*enumerate(self.shares)])}

    def at(self, index: int) -> tuple[_Share, int]:
        """The share a number lies in, and where in it."""
        number = bisect_right(self.ends, index) - 1
        return self.shares[number], index - self.ends[number]

    def of(self, term: Term) -> tuple[_Share, int]:
        """The share of a term, and the first number in it."""
        number = self._first[term]
        return self.shares[number], self.ends[number]


@final
@define(slots=False)
class NodeWays(Ways):
    """The edges of a cell's node, with what stands under the operators that are taken.

    Attributes:
        decision: The node.
        inner: For each group and each of its options, the ways of what stands under it.
    """

    decision: Decision
    inner: tuple[tuple[Ways, ...], ...]
    _of_sequences: dict[tuple[int, frozenset[int]], int] = field(
        factory=dict[tuple[int, frozenset[int]], int], init=False
    )
    _of_sets: dict[tuple[int, int], int] = field(factory=dict[tuple[int, int], int], init=False)
    _nexts: dict[tuple[int, frozenset[int]], _Shares] = field(
        factory=dict[tuple[int, frozenset[int]], _Shares], init=False
    )
    _edges: dict[tuple[int, int], _Shares] = field(factory=dict[tuple[int, int], _Shares], init=False)

    @cached_property
    def terms(self) -> tuple[Term, ...]:
        """Groups and options a term of the node's sum may take; of pairs, the first group stands for all."""
        how = self.decision.take.how
        groups = self.decision.groups[:1] if how == "pairs" else self.decision.groups
        return tuple(
            (position, option)
            for position, group in enumerate(groups)
            for option in range(len(group.options))
            if how != "edges" or option not in group.none
        )

    def _of(self, term: Term) -> Ways:
        return self.inner[term[0]][term[1]]

    def _count(self) -> int:
        count = self.decision.take.count or 1
        match self.decision.take.how:
            case "slots" | "pairs":
                # the paper's count: `count` times an input and its operator, in order, repetition allowed
                return self._sequences(count, frozenset())
            case "edges":
                return self._sets(0, count)
            case _:
                return prod(self._edge(position) for position in range(len(self.decision.groups)))

    def _edge(self, position: int) -> int:
        return sum(self._of(term).number for term in self.terms if term[0] == position)

    def _sequences(self, length: int, used: frozenset[int]) -> int:
        """Sequences of terms, where what stands under a term is chosen once however often it is taken."""
        if length == 0:
            return 1
        key = (length, used & self._told_apart)
        if key not in self._of_sequences:
            self._of_sequences[key] = self._next(length - 1, used).ends[-1]
        return self._of_sequences[key]

    @cached_property
    def _told_apart(self) -> frozenset[int]:
        """The terms with something under them; all the others are alike."""
        return frozenset(n for n, term in enumerate(self.terms) if self._of(term).number != 1)

    def _sets(self, first: int, length: int) -> int:
        """Sets of edges of `length` inputs from position `first` on."""
        if length == 0:
            return 1
        if len(self.decision.groups) - first < length:
            return 0
        if (first, length) not in self._of_sets:
            with_it = self._edge(first) * self._sets(first + 1, length - 1)
            self._of_sets[first, length] = with_it + self._sets(first + 1, length)
        return self._of_sets[first, length]

    def _found(self, terms: Sequence[Term]) -> tuple[Pick, ...]:
        groups = self.decision.groups
        if self.decision.take.how == "pairs":
            return tuple((groups[n].name, groups[n].options[option]) for n, (_, option) in enumerate(terms))
        return tuple((groups[position].name, groups[position].options[option]) for position, option in terms)

    def picks(self, index: int) -> Picks:
        """See `Ways`."""
        terms: list[Term] = []
        found: Picks = {}

        def take(shares: _Shares, index: int) -> int:
            """Take the term whose share of the index it is."""
            (term, _, after), index = shares.at(index)
            inner, index = divmod(index, after)
            if term not in terms:
                found.update(self._of(term).picks(inner))
            terms.append(term)
            return index

        count = self.decision.take.count or 1
        match self.decision.take.how:
            case "slots" | "pairs":
                used: frozenset[int] = frozenset()
                for left in range(count - 1, -1, -1):
                    index = take(self._next(left, used), index)
                    used |= {self.terms.index(terms[-1])}
            case "edges":
                first, left = 0, count
                while left:
                    with_it = self._edge(first) * self._sets(first + 1, left - 1)
                    if index < with_it:
                        index = take(self._of_edge(first, self._sets(first + 1, left - 1)), index)
                        left -= 1
                    else:
                        index -= with_it
                    first += 1
            case _:
                sizes = [self._edge(position) for position in range(len(self.decision.groups))]
                for position in range(len(sizes)):
                    index = take(self._of_edge(position, prod(sizes[position + 1 :])), index)
        return {self.decision.id: self._found(terms), **found}

    def _next(self, left: int, used: frozenset[int]) -> _Shares:
        key = (left, used & self._told_apart)
        if key not in self._nexts:
            self._nexts[key] = _Shares(
                (term, 1 if number in used else self._of(term).number, self._sequences(left, used | {number}))
                for number, term in enumerate(self.terms)
            )
        return self._nexts[key]

    def _of_edge(self, position: int, after: int) -> _Shares:
        if (position, after) not in self._edges:
            self._edges[position, after] = _Shares(
                (term, self._of(term).number, after) for term in self.terms if term[0] == position
            )
        return self._edges[position, after]

    def _taken(self, picks: Mapping[str, tuple[Pick, ...]]) -> list[Term]:
        """The terms that are picked: in order where that counts, else by input."""
        decision, take = self.decision, self.decision.take
        given = picks.get(decision.id)
        if given is None:
            raise OutsideError(decision.id, "nothing is chosen")
        names = {group.name: position for position, group in enumerate(decision.groups)}
        terms: list[Term] = []
        for name, label in given:
            if name not in names:
                raise OutsideError(decision.id, f"there is no input {name}")
            option = option_of(decision.id, decision.groups[names[name]], label)
            terms.append((0 if take.how == "pairs" else names[name], option))
        needed = len(decision.groups) if take.how == "all" else take.count or 1
        if len(terms) != needed:
            raise OutsideError(decision.id, f"{len(terms)} edges are chosen, {needed} are taken")
        if any(term not in self.terms for term in terms):
            raise OutsideError(decision.id, "an edge that is taken needs an operator other than none")
        if take.how in ("edges", "all"):
            terms.sort()
            if len({position for position, _ in terms}) < len(terms):
                raise OutsideError(decision.id, "an input is taken twice")
        return terms

    def index(self, picks: Mapping[str, tuple[Pick, ...]]) -> int:
        """See `Ways`."""
        result, terms, seen = 0, self._taken(picks), set[Term]()

        def before(shares: _Shares, taken: Term) -> int:
            """The ways that come before those of a term and the inner choices `picks` makes."""
            (_, _, after), first = shares.of(taken)
            inner = self._of(taken).index(picks) if taken not in seen else 0
            seen.add(taken)
            return first + inner * after

        match self.decision.take.how:
            case "slots" | "pairs":
                used: frozenset[int] = frozenset()
                for position, term in enumerate(terms):
                    result += before(self._next(len(terms) - position - 1, used), term)
                    used |= {self.terms.index(term)}
            case "edges":
                first = 0
                for position, term in enumerate(terms):
                    left = len(terms) - position
                    while first < term[0]:
                        result += self._edge(first) * self._sets(first + 1, left - 1)
                        first += 1
                    result += before(self._of_edge(first, self._sets(first + 1, left - 1)), term)
                    first += 1
            case _:
                sizes = [self._edge(position) for position in range(len(terms))]
                for position, term in enumerate(terms):
                    result += before(self._of_edge(position, prod(sizes[position + 1 :])), term)
        return result
