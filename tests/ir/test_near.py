"""Neighbours, mutations and the canonical form."""

from itertools import pairwise
from math import comb
from pathlib import Path
from random import Random

import pytest
from spaces import CASES, small_space

from hnas.compiler import Compilation
from hnas.ir.decisions import Architecture
from hnas.ir.near import Near, canonical
from hnas.ir.ranking import Ranking

EXAMPLES = Path(__file__).parent.parent.parent / "examples"


def _of(example: str, *sets: str) -> tuple[Compilation, Ranking, Near]:
    compilation = Compilation(EXAMPLES / example / "spec.hnas", sets=sets)
    return compilation, Ranking(compilation.decisions), Near(compilation.decisions)


@pytest.mark.parametrize("case", CASES)
def test_neighbours_are_mutual_distinct_and_of_the_space(case: str, tmp_path: Path) -> None:
    table = small_space(case, tmp_path).decisions
    ranking, near, random = Ranking(table), Near(table), Random(2)
    every = ranking.count <= 50
    indices = range(ranking.count) if every else random.sample(range(ranking.count), 10)
    for index in indices:
        found = [ranking.rank(other) for other in near.neighbours(ranking.unrank(index))]
        assert index not in found
        assert len(set(found)) == len(found)
        for other in found if every else found[:5]:
            back = {ranking.rank(each) for each in near.neighbours(ranking.unrank(other))}
            assert index in back


def test_every_operator_of_every_edge() -> None:
    _, ranking, near = _of("nasbench201")
    for index in (0, 777, 15_624):
        assert len(list(near.neighbours(ranking.unrank(index)))) == 6 * 4


def test_darts_changes_an_operator_or_an_input() -> None:
    """Of each of 2 x 4 nodes: 2 edges x 6 other operators, and 2 x (inputs left) x 7 operators."""
    _, ranking, near = _of("darts")
    expected = 2 * sum(2 * 6 + 2 * (inputs - 2) * 7 for inputs in (2, 3, 4, 5))
    assert len(list(near.neighbours(ranking.sample(Random(0))))) == expected


def test_a_path_changes_one_stride() -> None:
    compilation, ranking, near = _of("autodeeplab")
    trellis = compilation.decisions.trellis
    architecture = ranking.sample(Random(4))
    path = architecture.path(trellis)
    cells = {name: made for name, made in architecture.picks.items() if name.startswith("dense.")}
    others = [
        other.path(trellis)
        for other in near.neighbours(architecture)
        if {n: m for n, m in other.picks.items() if n.startswith("dense.")} == cells
    ]

    def fits(way: tuple[int, ...]) -> bool:
        return way[0] in (4, 8) and all(a in (b, 2 * b, b / 2) for a, b in pairwise(way))

    expected = [
        way
        for layer in range(12)
        for stride in (4, 8, 16, 32)
        if stride != path[layer] and fits(way := (*path[:layer], stride, *path[layer + 1 :]))
    ]
    assert sorted(others) == sorted(expected)


@pytest.mark.parametrize("example", ["autodeeplab", "darts", "nasnet", "dints", "fasterseg", "dpc", "fbnet"])
def test_mutations_are_neighbours_of_the_space(example: str) -> None:
    _, ranking, near = _of(example)
    random = Random(1)
    architecture = ranking.sample(random)
    for _ in range(4):
        other = near.mutated(architecture, random)
        assert other != architecture
        assert ranking.unrank(ranking.rank(other)) == other
        architecture = other


def test_a_space_of_one_architecture_has_no_neighbour() -> None:
    _, ranking, near = _of("unet")
    architecture = ranking.unrank(0)
    assert list(near.neighbours(architecture)) == []
    with pytest.raises(ValueError, match="no choice can be changed alone"):
        near.mutated(architecture, Random(0))


def test_canonical_forms_are_as_many_as_the_distinct_cells(tmp_path: Path) -> None:
    """A node of two slots out of n edges: n (n + 1) / 2 multisets."""
    compilation, ranking, _ = _of("autodeeplab", "B=1", "trellis.path=[4,4,4,4,4,4,4,4,4,4,4,4]")
    table = compilation.decisions
    edges = sum(len(group.options) for group in table.by_id["dense.n1"].groups)
    forms = {canonical(table, ranking.unrank(i)).picks["dense.n1"] for i in range(ranking.count)}
    assert len(forms) == comb(edges + 1, 2) == compilation.counts.distinct_cells


def test_pairs_of_slots_swap() -> None:
    compilation, ranking, _ = _of("nasnet")
    table = compilation.decisions
    architecture = ranking.sample(Random(5))
    node = next(d for d in table.decisions if d.take.how == "pairs")
    (first, a), (second, b) = architecture.picks[node.id]
    swapped = Architecture({**architecture.picks, node.id: ((first, b), (second, a))})
    assert a == b or swapped != architecture
    assert canonical(table, swapped) == canonical(table, architecture)
    assert canonical(table, canonical(table, swapped)) == canonical(table, swapped)


@pytest.mark.parametrize("case", CASES)
def test_counted_neighbours_are_those_that_are_listed(case: str, tmp_path: Path) -> None:
    table = small_space(case, tmp_path).decisions
    ranking, near, random = Ranking(table), Near(table), Random(7)
    for _ in range(8):
        architecture = ranking.sample(random)
        assert near.count(architecture) == sum(1 for _ in near.neighbours(architecture))


def test_neighbours_beyond_listing_are_counted() -> None:
    """Every state has a cell of its own, so one stride replaced brings a cell to choose in every way.

    A term of a node with k inputs has 8 k - 1 others; there are 12 cells of nodes with 2 to 6 inputs.
    """
    compilation, ranking, near = _of("autodeeplab", "dense.share=state")
    (shared, _, _) = _of("autodeeplab")
    architecture = ranking.sample(Random(0))
    path = architecture.path(compilation.decisions.trellis)
    others = 0
    for layer, stride in enumerate(path):
        for other in {4, 8, 16, 32} - {stride}:
            try:
                _ = compilation.decisions.along((*path[:layer], other, *path[layer + 1 :]))
            except ValueError:
                continue
            others += 1
    terms = 12 * sum(2 * (8 * k - 1) for k in range(2, 7))
    assert others > 0
    assert near.count(architecture) == terms + others * shared.counts.cells


def test_architectures_are_collected_in_sets() -> None:
    _, ranking, _ = _of("nasbench201")
    assert len({ranking.unrank(index % 7) for index in range(20)}) == 7
