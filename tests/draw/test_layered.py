"""Layouts of cells: ranks, order and distances."""

from itertools import pairwise

from hnas.draw.layered import layered


def test_an_edge_leads_on_and_things_keep_apart() -> None:
    places = ["a", "b", "n1", "n2", "n3", "out"]
    edges = [("a", "n1"), ("b", "n1"), ("a", "n2"), ("n1", "n2"), ("n2", "n3"), ("b", "n3"), ("n3", "out")]
    found = layered(places, [*edges, ("n1", "out")], place=0.5, point=0.2)
    assert [found.ranks[name] for name in places] == [0, 0, 2, 4, 6, 8]
    by_rank: dict[int, list[tuple[float, float]]] = {}
    for item, height in found.heights.items():
        rank, half = (found.ranks[item], 0.25) if isinstance(item, str) else (item[1], 0.1)
        by_rank.setdefault(rank, []).append((height, half))
    for level in by_rank.values():
        for (upper, a), (lower, b) in pairwise(sorted(level)):
            assert lower - upper >= a + b - 1e-9
    assert all(height >= half - 1e-9 for level in by_rank.values() for height, half in level)


def test_a_single_way_is_straight() -> None:
    found = layered(["a", "b", "c"], [("a", "b"), ("b", "c")], place=1.0, point=0.2)
    assert len({round(height, 9) for height in found.heights.values()}) == 1


def test_edges_that_need_not_cross_do_not() -> None:
    found = layered(["a", "b", "c", "d"], [("a", "d"), ("b", "c")], place=1.0, point=0.2)
    above = found.heights["a"] < found.heights["b"]
    assert (found.heights["d"] < found.heights["c"]) == above
