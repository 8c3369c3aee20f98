"""How many: exact numbers of paths, cells and architectures, by counting, never by enumeration.

A decision counts where it matters: one that stands in an operator only where that operator is taken,
one that belongs to a state only where the state is alive. Decisions that depend on each other form a
component, whose ways are counted together; what depends on the way through the trellis is counted along
it, state by state (`ir/walk.py`).
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations, product
from math import comb, factorial, prod
from typing import final

from attrs import frozen

from hnas.diag import HnasError
from hnas.ir.decisions import Decision, DecisionTable, Place
from hnas.ir.errors import TooManyStates
from hnas.ir.walk import MOST_STATES, Scope, Takes, count_ways


@final
@frozen
class Counts:
    """Sizes of a space.

    Attributes:
        paths: Ways through the trellis.
        cells: Choices of all nodes of all cells, as `take` says they count.
        distinct_cells: The same up to the order of what a node sums.
        decodable_cells: Cells that decoding can end at: distinct edges, never none.
        architectures: Ways through the trellis, each with the choices that matter on it.
    """

    paths: int
    cells: int
    distinct_cells: int
    decodable_cells: int
    architectures: int


def count(table: DecisionTable, edges: int | None) -> Counts:
    """The counts of a space whose decoding keeps `edges` distinct edges a node (None: all).

    Raises:
        HnasError: Counting would need more than 10^7 states.
    """
    inner = _Inner(table.decisions)
    nodes = [d for d in table.decisions if d.kind == "node"]
    cells = distinct = decodable = 1
    for node in nodes:
        cells *= inner.ways(node)
        distinct *= inner.ways(node, ordered=False)
        decodable *= inner.decodable(node, edges)
    takes = Takes(table.trellis, table.decisions)
    paths = count_ways(table.trellis, (), takes)
    architectures = count_ways(table.trellis, _scopes(table, inner), takes)
    return Counts(paths, cells, distinct, decodable, architectures)


def ways(decision: Decision) -> int:
    """In how many ways a decision can be made, as its `take` counts them."""
    return _Inner((decision,)).ways(decision)


def distinct_ways(decision: Decision) -> int:
    """The same up to the order of the summands: multisets where slots may repeat."""
    return _Inner((decision,)).ways(decision, ordered=False)


def _scopes(table: DecisionTable, inner: "_Inner") -> tuple[Scope, ...]:
    """The ways of the decisions that no other one stands above, by the places they belong to."""
    found: dict[frozenset[Place] | None, int] = {}
    for component in inner.roots():
        places = component[0].places
        found[places] = found.get(places, 1) * inner.together(component)
    return tuple(Scope(places, number) for places, number in found.items() if number != 1)


@final
class _Inner:
    """Counts decisions with those that matter only under their options."""

    def __init__(self, decisions: Iterable[Decision]) -> None:
        self.decisions = tuple(d for d in decisions if d.kind not in ("move", "enter"))
        self.owner = {group.id: d for d in self.decisions for group in d.groups}
        self.below: dict[str | None, list[Decision]] = {}
        """Decisions by the innermost node they stand under an option of; None: under no node."""
        for decision in self.decisions:
            owners = [self.owner[g] for g, _ in decision.when if g in self.owner]
            nodes = [owner.id for owner in owners if owner.kind == "node"]
            self.below.setdefault(nodes[-1] if nodes else None, []).append(decision)

    def roots(self) -> list[list[Decision]]:
        """The components of the decisions that stand under no node."""
        return self._components(self.below.get(None, []))

    def _components(self, decisions: Sequence[Decision]) -> list[list[Decision]]:
        """The decisions in groups that depend on each other, each in the order given."""
        group = {d.id: n for n, d in enumerate(decisions)}
        for decision in decisions:
            for owner in {self.owner[g].id for g, _ in decision.when if g in self.owner}:
                if owner in group and group[owner] != group[decision.id]:
                    old, new = group[decision.id], group[owner]
                    group = {name: new if n == old else n for name, n in group.items()}
        found: dict[int, list[Decision]] = {}
        for decision in decisions:
            found.setdefault(group[decision.id], []).append(decision)
        return list(found.values())

    def together(
        self, component: Sequence[Decision], given: Mapping[str, frozenset[int]] | None = None
    ) -> int:
        """In how many ways the decisions of a component can be made, the options of some groups given."""
        if len(component) == 1:
            return self.ways(component[0])
        known = given or {}
        local = {g.id for d in component for g in d.groups}
        asked = list(dict.fromkeys(g for d in component for g, _ in d.when if g in local))
        choices = [_subsets(self.owner[g]) for g in asked]
        if prod(map(len, choices)) > MOST_STATES:
            raise HnasError(TooManyStates(component[0].span, what=component[0].id, most=MOST_STATES))
        total = 0
        for options in product(*choices):
            taken = {**known, **dict(zip(asked, options, strict=True))}
            number = 1
            for decision in component:
                # what stands under groups that are not told here is asked where those are taken
                if any(option not in taken[group] for group, option in decision.when if group in taken):
                    number *= _stands_for_all(decision, taken)
                elif decision.groups[0].id not in taken:
                    number *= self.ways(decision)
            total += number
        return total

    # --- single decisions ------------------------------------------------------------------------

    def ways(self, decision: Decision, *, ordered: bool = True) -> int:
        """In how many ways a decision can be made, with what stands under its options."""
        if decision.kind != "node":
            group = decision.groups[0]
            least, most = decision.take.count or 1, decision.take.most or 1
            return sum(comb(len(group.options), taken) for taken in range(least, most + 1))
        weights = [self._weights(decision, position) for position in range(len(decision.groups))]
        count_ = decision.take.count or 1
        match decision.take.how:
            case "slots":
                # the paper's count: `count` times an input and its operator, in order, repetition allowed
                return _sequences([w for group in weights for w in group], count_, ordered)
            case "pairs":
                return _sequences(weights[0], count_, ordered)
            case "edges":
                # distinct inputs, each with an operator other than none
                return _distinct(_without_none(decision, weights), count_)
            case _:
                return prod(sum(group) for group in weights)

    def decodable(self, decision: Decision, edges: int | None) -> int:
        """The ways decoding can end at: distinct edges, never none; of slots, distinct pairs in order."""
        weights = [self._weights(decision, position) for position in range(len(decision.groups))]
        kept = _without_none(decision, weights)
        if decision.take.how == "pairs":
            slots = decision.take.count or 1
            listed = _without_none(decision, weights[:1], listed=True)
            return _distinct(listed, min(slots, len(listed))) * factorial(slots)
        if edges is None or decision.take.how == "all":
            return self.ways(decision)
        return _distinct(kept, min(edges, len(kept)))

    def _weights(self, decision: Decision, position: int) -> list[int]:
        """For each option of a group, the ways of what stands under it."""
        group = decision.groups[position]
        under = self.below.get(decision.id, [])
        if not under:
            return [1] * len(group.options)
        found: list[int] = []
        for option in range(len(group.options)):
            mine = [d for d in under if (group.id, option) in d.when]
            given = {group.id: frozenset((option,))}
            found.append(prod(self.together(part, given) for part in self._components(mine)))
        return found


def _stands_for_all(decision: Decision, taken: Mapping[str, frozenset[int]]) -> int:
    """1 for the first way of a decision that does not matter, 0 for its others."""
    options = taken.get(decision.groups[0].id)
    if options is None:
        return 1
    least = decision.take.count or 1
    return int(options == frozenset(range(least)))


def _subsets(decision: Decision) -> list[frozenset[int]]:
    """Every set of options a decision can take of its group.

    Raises:
        HnasError: They are more than can be gone through.
    """
    number = len(decision.groups[0].options)
    sizes = range(decision.take.count or 1, (decision.take.most or 1) + 1)
    if sum(comb(number, size) for size in sizes) > MOST_STATES:
        raise HnasError(TooManyStates(decision.span, what=decision.id, most=MOST_STATES))
    return [frozenset(chosen) for size in sizes for chosen in combinations(range(number), size)]


def _without_none(decision: Decision, weights: list[list[int]], *, listed: bool = False) -> list[int]:
    """The ways of each group without its options that mean no connection; `listed`: each option's."""
    kept = [
        [w for option, w in enumerate(group_weights) if option not in group.none]
        for group, group_weights in zip(decision.groups, weights, strict=False)
    ]
    return kept[0] if listed else [sum(group) for group in kept]


def _sequences(weights: Iterable[int], length: int, ordered: bool) -> int:
    """Sequences of `length` options, or multisets of them; what stands under an option is chosen once.

    An option taken twice is one edge with one operator: its inner ways count once.
    """
    partial = [1] + [0] * length
    for weight in weights:
        following = list(partial)
        for taken in range(length):
            for times in range(1, length - taken + 1):
                orders = comb(taken + times, times) if ordered else 1
                following[taken + times] += partial[taken] * orders * weight
        partial = following
    return partial[length]


def _distinct(sizes: list[int], take: int) -> int:
    """The sum over all sets of `take` positions of the product of their sizes."""
    partial = [1] + [0] * take
    for size in sizes:
        for taken in range(take, 0, -1):
            partial[taken] += partial[taken - 1] * size
    return partial[take]
