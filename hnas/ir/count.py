"""How many: exact numbers of paths, cells and architectures, by counting, never by enumeration."""

from math import comb
from typing import final

from attrs import frozen

from hnas.ir.decisions import Decision, DecisionTable, State, TrellisChoices


@final
@frozen
class Counts:
    """Sizes of a space.

    Attributes:
        paths: Ways through the trellis.
        cells: Choices of all nodes of all cells, as `take` says they count.
        distinct_cells: The same up to the order of what a node sums.
        decodable_cells: Cells that decoding can end at: distinct edges, never none.
        architectures: Paths times cells; cells of states a path leaves out are not chosen.
    """

    paths: int
    cells: int
    distinct_cells: int
    decodable_cells: int
    architectures: int


def count(table: DecisionTable, edges: int | None) -> Counts:
    """The counts of a space whose decoding keeps `edges` distinct edges a node (None: all)."""
    nodes = [d for d in table.decisions if d.kind == "node"]
    cells = distinct = decodable = 1
    for node in nodes:
        cells *= ways(node)
        distinct *= distinct_ways(node)
        decodable *= _decodable(node, edges)
    paths = count_paths(table.trellis)
    return Counts(paths, cells, distinct, decodable, paths * cells)


def ways(decision: Decision) -> int:
    """In how many ways a decision can be made, as its `take` counts them."""
    sizes = [len(group.options) for group in decision.groups]
    match decision.take.how:
        case "slots":
            # the paper's count: `count` times an input and its operator, in order, repetition allowed
            return sum(sizes) ** (decision.take.count or 1)
        case "edges":
            # distinct inputs, each with an operator other than none
            kept = [len(group.options) - len(group.none) for group in decision.groups]
            return _subsets(kept, decision.take.count or 1)
        case "all":
            product = 1
            for size in sizes:
                product *= size
            return product


def distinct_ways(decision: Decision) -> int:
    """The same up to the order of the summands: multisets where slots may repeat."""
    if decision.take.how == "slots":
        total = sum(len(group.options) for group in decision.groups)
        return comb(total + (decision.take.count or 1) - 1, decision.take.count or 1)
    return ways(decision)


def _decodable(decision: Decision, edges: int | None) -> int:
    kept = [len(group.options) - len(group.none) for group in decision.groups]
    if edges is None or decision.take.how == "all":
        return ways(decision)
    return _subsets(kept, min(edges, len(kept)))


def _subsets(sizes: list[int], take: int) -> int:
    """The sum over all sets of `take` positions of the product of their sizes."""
    partial = [1] + [0] * take
    for size in sizes:
        for taken in range(take, 0, -1):
            partial[taken] += partial[taken - 1] * size
    return partial[take]


def count_paths(trellis: TrellisChoices) -> int:
    """Ways from the stem through every layer."""
    ending: dict[State, int] = {trellis.start: 1}
    for _ in trellis.layers:
        following: dict[State, int] = {}
        for state, number in ending.items():
            for way in trellis.exits[state]:
                following[way.target] = following.get(way.target, 0) + number
        ending = following
    return sum(ending.values())
