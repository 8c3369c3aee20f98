"""How many: exact numbers of paths, cells and architectures, by counting, never by enumeration.

A decision counts where it matters: one that stands in an operator only where that operator is taken,
one that belongs to a state only where the state is alive. Decisions that depend on each other form a
component, whose ways are counted together; what depends on the way through the trellis is counted along
it, state by state (`ir/walk.py`).
"""

from collections.abc import Iterable, Mapping, Sequence
from math import factorial, prod
from typing import final

from attrs import frozen

from hnas.ir.decisions import DecisionTable
from hnas.ir.nodes import NodeWays
from hnas.ir.tree import Tree, architectures
from hnas.ir.walk import Takes, Walk


@final
@frozen
class Counts:
    """Sizes of a space.

    Attributes:
        paths: Ways through the trellis.
        cells: Choices of all nodes of all cells, as `take` says they count.
        cells_by_type: The same by the name of the cell, or of the group it shares its choices with.
        distinct_cells: The same up to the order of what a node sums.
        decodable_cells: Cells that decoding can end at: distinct edges, never none.
        architectures: Ways through the trellis, each with the choices that matter on it.
    """

    paths: int
    cells: int
    cells_by_type: Mapping[str, int]
    distinct_cells: int
    decodable_cells: int
    architectures: int


def count(table: DecisionTable, edges: int | None) -> Counts:
    """The counts of a space whose decoding keeps `edges` distinct edges a node (None: what it takes).

    Raises:
        HnasError: Counting would need more than 10^7 states.
    """
    tree = Tree(table.decisions)
    distinct = decodable = 1
    cells: dict[str, int] = {}
    for decision in table.decisions:
        if decision.kind == "node":
            node = tree.node(decision)
            cell = decision.id.split(".")[-2]
            cells[cell] = cells.get(cell, 1) * node.number
            distinct *= distinct_ways(node)
            decodable *= _decodable(node, edges)
    takes = Takes(table.trellis, table.decisions)
    paths = Walk(table.trellis, (), takes).number
    return Counts(paths, prod(cells.values()), cells, distinct, decodable, architectures(table).number)


def distinct_ways(node: NodeWays) -> int:
    """The ways of a node up to the order of its summands: multisets where slots may repeat."""
    take = node.decision.take
    if take.how in ("slots", "pairs"):
        groups = node.inner[:1] if take.how == "pairs" else node.inner
        return _multisets([ways.number for group in groups for ways in group], take.count or 1)
    return node.number


def _decodable(node: NodeWays, edges: int | None) -> int:
    """The ways decoding can end at: distinct edges, never none; of slots, distinct pairs in order."""
    decision = node.decision
    kept = [
        [ways.number for option, ways in enumerate(inner) if option not in group.none]
        for group, inner in zip(decision.groups, node.inner, strict=True)
    ]
    if decision.take.how == "pairs":
        slots = decision.take.count or 1
        return _distinct(kept[0], min(slots, len(kept[0]))) * factorial(slots)
    if decision.take.how == "all":
        return node.number
    return _distinct([sum(group) for group in kept], min(edges or decision.take.count or 1, len(kept)))


def _multisets(weights: Iterable[int], length: int) -> int:
    """Multisets of `length` options; what stands under an option taken twice is chosen once."""
    partial = [1] + [0] * length
    for weight in weights:
        following = list(partial)
        for taken in range(length):
            for times in range(1, length - taken + 1):
                following[taken + times] += partial[taken] * weight
        partial = following
    return partial[length]


def _distinct(sizes: Sequence[int], take: int) -> int:
    """The sum over all sets of `take` positions of the product of their sizes."""
    partial = [1] + [0] * take
    for size in sizes:
        for taken in range(take, 0, -1):
            partial[taken] += partial[taken - 1] * size
    return partial[take]
