"""A layout of directed graphs without cycles, from left to right: Sugiyama's, in its four usual steps.

Places get ranks by their longest way from an input; an edge passes a point in every rank between its
ends; the order within a rank is that of the mean of the neighbours, swept to and fro; heights are the
closest to the neighbours' means that keep distance (isotonic regression). Sugiyama, Tagawa, Toda:
Methods for Visual Understanding of Hierarchical System Structures, 1981.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import final

from attrs import define, field, frozen

_SWEEPS = 12


@final
@frozen
class Layout:
    """Where everything stands.

    Attributes:
        ranks: The rank of every place; even numbers.
        heights: Of every place and point of an edge, from 0 down. A point is (edge, rank).
        points: For every edge its points from source to target; at least one.
    """

    ranks: Mapping[str, int]
    heights: Mapping["Item", float]
    points: Sequence[Sequence["Item"]]


Item = str | tuple[int, int]


def layered(places: Sequence[str], edges: Sequence[tuple[str, str]], *, place: float, point: float) -> Layout:
    """Lay a graph out.

    Args:
        places: In an order in which every edge leads on.
        edges: Source and target; several may have the same ends.
        place: How much room a place needs, in the unit of heights.
        point: How much a point of an edge needs.
    """
    depth = dict.fromkeys(places, 0)
    for target in places:
        depth[target] = max((depth[s] + 1 for s, t in edges if t == target), default=0)
    ranks = {name: 2 * each for name, each in depth.items()}
    points = [[(n, r) for r in range(ranks[s] + 1, ranks[t])] for n, (s, t) in enumerate(edges)]
    levels = _Levels(place, point)
    for name in places:
        levels.add(name, ranks[name])
    for (source, target), chain in zip(edges, points, strict=True):
        items: list[Item] = [source, *chain, target]
        for item in chain:
            levels.add(item, item[1])
        for a, b in pairwise(items):
            levels.before.setdefault(b, []).append(a)
            levels.after.setdefault(a, []).append(b)
    return Layout(ranks, levels.settled(), points)


@final
@define
class _Levels:
    place: float
    point: float
    ranks: dict[int, list[Item]] = field(factory=dict[int, list[Item]])
    before: dict[Item, list[Item]] = field(factory=dict[Item, list[Item]])
    after: dict[Item, list[Item]] = field(factory=dict[Item, list[Item]])

    def add(self, item: Item, rank: int) -> None:
        self.ranks.setdefault(rank, []).append(item)

    def settled(self) -> dict[Item, float]:
        """The heights, the least 0."""
        heights: dict[Item, float] = {}
        for rank in sorted(self.ranks):
            self._spread(self.ranks[rank], heights, {})
        for sweep in range(_SWEEPS):
            forward = sweep % 2 == 0
            beside = self.before if forward else self.after
            for rank in sorted(self.ranks, reverse=not forward):
                items = self.ranks[rank]
                wanted = {item: _mean([heights[n] for n in beside.get(item, ())]) for item in items}
                there = {item: heights[item] if w is None else w for item, w in wanted.items()}
                if sweep < _SWEEPS // 2:  # then only heights change
                    items.sort(key=lambda item: there[item])
                self._spread(items, heights, there)
        least = min(heights[i] - self._half(i) for i in heights)
        return {item: height - least for item, height in heights.items()}

    def _half(self, item: Item) -> float:
        return (self.place if isinstance(item, str) else self.point) / 2

    def _spread(self, items: list[Item], heights: dict[Item, float], wanted: Mapping[Item, float]) -> None:
        """Heights as near as can be to those wanted, in this order and apart from each other."""
        at, offsets = 0.0, list[float]()
        for number, item in enumerate(items):
            at += 0.0 if number == 0 else self._half(items[number - 1]) + self._half(item)
            offsets.append(at)
        levels = _increasing([wanted.get(i, 0.0) - o for i, o in zip(items, offsets, strict=True)])
        heights |= {i: v + o for i, v, o in zip(items, levels, offsets, strict=True)}


def _increasing(values: Sequence[float]) -> list[float]:
    """The nearest sequence, in squares, that never falls: neighbours that do are pooled."""
    pools: list[tuple[float, int]] = []
    for value in values:
        total, count = value, 1
        while pools and pools[-1][0] / pools[-1][1] > total / count:
            before = pools.pop()
            total, count = total + before[0], count + before[1]
        pools.append((total, count))
    return [total / count for total, count in pools for _ in range(count)]


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None
