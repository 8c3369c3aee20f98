"""How many: the published numbers of the reference, and brute-force enumeration of small spaces."""

from collections.abc import Iterator, Sequence
from itertools import combinations, pairwise, product
from pathlib import Path

import pytest

from hnas.compiler import Compilation
from hnas.diag import Source, Span
from hnas.ir.count import Counts, count, distinct_ways
from hnas.ir.decisions import Decision, Group
from hnas.ir.space import Take
from hnas.ir.tree import Tree
from hnas.ir.walk import Takes, Walk

TESTS = Path(__file__).parent.parent
REFERENCE = TESTS.parent / "examples" / "autodeeplab" / "spec.hnas"
MINI = TESTS / "specs" / "mini.hnas"
_NOWHERE = Span(Source("<test>", ""), 0, 0)


# --- the reference -------------------------------------------------------------------------------


def test_the_reference_has_the_published_numbers() -> None:
    counts = Compilation(REFERENCE).counts
    assert counts == Counts(
        paths=75_025,
        cells=556_627_761_561_600,
        cells_by_type={"dense": 556_627_761_561_600},
        distinct_cells=20_773_767_168_000,
        decodable_cells=762_683_172_300,
        architectures=75_025 * 556_627_761_561_600,
    )


def test_the_count_of_the_paper_is_that_of_paths_from_stride_4() -> None:
    assert Compilation(REFERENCE, sets=("trellis.enter=4",)).counts.paths == 28_657


def test_the_numbers_of_the_reference_in_closed_form() -> None:
    """Node i chooses among (i + 1) inputs and 8 operators, 7 of them other than none."""
    cells = distinct = decodable = 1
    for inputs in (2, 3, 4, 5, 6):
        options = 8 * inputs
        cells *= options**2
        distinct *= options * (options + 1) // 2
        decodable *= 7**2 * inputs * (inputs - 1) // 2
    counts = Compilation(REFERENCE).counts
    assert (counts.cells, counts.distinct_cells, counts.decodable_cells) == (cells, distinct, decodable)


# --- paths ---------------------------------------------------------------------------------------

_OFFSETS = {"finer": -1, "same": 0, "coarser": 1, "coarser(2)": 2, "finer(2)": -2}


def _enumerated(layers: int, strides: Sequence[int], enter: Sequence[int], moves: Sequence[str]) -> int:
    """Sequences of strides, one by one, each step of which is a move."""
    offsets = {_OFFSETS[move] for move in moves}
    return sum(
        path[0] in enter and all(strides.index(b) - strides.index(a) in offsets for a, b in pairwise(path))
        for path in product(strides, repeat=layers)
    )


@pytest.mark.parametrize("layers", [2, 3, 5])
@pytest.mark.parametrize(
    ("strides", "enter", "moves"),
    [
        ([4], [4], ["same"]),
        ([4, 8], [4], ["same", "coarser"]),
        ([4, 8], [4, 8], ["finer", "same", "coarser"]),
        ([4, 8, 16], [4, 8, 16], ["finer", "coarser"]),
        ([4, 8, 16], [8, 4], ["same", "finer", "coarser"]),
        ([4, 8, 16, 32], [4, 8], ["finer", "same", "coarser", "coarser(2)"]),
        ([4, 12, 24], [4], ["finer(2)", "finer", "same", "coarser", "coarser(2)"]),
    ],
)
def test_paths_are_as_many_as_can_be_enumerated(
    layers: int, strides: list[int], enter: list[int], moves: list[str]
) -> None:
    sets = (
        f"L={layers}",
        f"trellis.strides={strides}",
        f"trellis.enter=one_of {{ {', '.join(map(str, enter))} }}",
        f"trellis.moves=one_of {{ {', '.join(moves)} }}",
    )
    trellis = Compilation(MINI, sets=sets).decisions.trellis
    assert Walk(trellis, (), Takes(trellis, ())).number == _enumerated(layers, strides, enter, moves)


def test_a_fixed_path_is_one() -> None:
    assert Compilation(MINI, sets=("trellis.path=[4, 8, 8, 16]",)).counts.paths == 1


# --- cells ---------------------------------------------------------------------------------------


def _node(groups: Sequence[tuple[int, bool]], take: Take) -> Decision:
    """A node whose inputs have so many options each, `none` the first of them if the flag is set."""
    found = tuple(
        Group(f"c.n.i{i}", f"i{i}", tuple(f"o{k}" for k in range(size)), (0,) if none else ())
        for i, (size, none) in enumerate(groups)
    )
    return Decision("c.n", "node", found, take, "network", span=_NOWHERE)


def _picks(decision: Decision, *, none: bool) -> list[list[tuple[str, str]]]:
    """For each input, what it and one of its options make; without `none` where it does not count."""
    return [
        [(g.name, o) for k, o in enumerate(g.options) if none or k not in g.none] for g in decision.groups
    ]


def _subsets(decision: Decision, take: int) -> Iterator[frozenset[tuple[str, str]]]:
    for chosen in combinations(_picks(decision, none=False), take):
        yield from (frozenset(picks) for picks in product(*chosen))


_GROUPS = [
    [(1, False)],
    [(3, True)],
    [(3, True), (3, True)],
    [(2, False), (4, True), (3, True)],
    [(2, True), (2, True), (2, True), (5, False)],
]


@pytest.mark.parametrize("groups", _GROUPS, ids=str)
@pytest.mark.parametrize("slots", [1, 2, 3])
def test_slots_are_ordered_and_repeat(groups: list[tuple[int, bool]], slots: int) -> None:
    decision = _node(groups, Take("slots", slots))
    every = [pick for picks in _picks(decision, none=True) for pick in picks]
    chosen = list(product(every, repeat=slots))
    node = Tree([decision]).node(decision)
    assert node.number == len(chosen)
    assert distinct_ways(node) == len({tuple(sorted(picks)) for picks in chosen})


@pytest.mark.parametrize("groups", _GROUPS, ids=str)
@pytest.mark.parametrize("edges", [1, 2, 3])
def test_edges_are_distinct_inputs_and_never_none(groups: list[tuple[int, bool]], edges: int) -> None:
    decision = _node(groups, Take("edges", edges))
    chosen = list(_subsets(decision, edges))
    node = Tree([decision]).node(decision)
    assert node.number == distinct_ways(node) == len(chosen) == len(set(chosen))


@pytest.mark.parametrize("groups", _GROUPS, ids=str)
def test_all_takes_every_input_and_none_is_an_option(groups: list[tuple[int, bool]]) -> None:
    decision = _node(groups, Take("all", None))
    node = Tree([decision]).node(decision)
    assert node.number == distinct_ways(node) == len(list(product(*_picks(decision, none=True))))


@pytest.mark.parametrize(
    ("sets", "edges"),
    [
        ((), 2),
        (("decode.edges=strongest(1)",), 1),
        (("decode.edges=strongest(3)", "dense.take=slots(3)", "B=3"), 3),
        (("dense.take=edges(2)",), 2),
        (("decode.edges=strongest",), 2),
        (("decode.edges=strongest", "dense.take=slots(3)", "B=3"), 3),
        (("decode.edges=strongest", "dense.take=edges(1)"), 1),
        (("dense.take=slots(3)", "dense.op-=none"), 2),
    ],
)
def test_decodable_cells_keep_the_strongest_edges(sets: tuple[str, ...], edges: int) -> None:
    """A node of fewer inputs than edges keeps them all."""
    compilation = Compilation(MINI, sets=sets)
    expected = 1
    for decision in compilation.decisions.decisions:
        if decision.kind == "node":
            expected *= len(set(_subsets(decision, min(edges, len(decision.groups)))))
    assert compilation.counts.decodable_cells == expected


def test_where_every_edge_is_kept_every_cell_can_be_decoded() -> None:
    compilation = Compilation(TESTS / "specs" / "all_edges.hnas")
    every = 5**18  # 3 strides, each with a cell of 6 edges of 5 operators
    assert compilation.counts == Counts(1, every, {"searched": every}, every, every, every)
    assert count(compilation.decisions, None) == compilation.counts


def test_two_cells_of_two_distinct_inputs() -> None:
    one = 1
    for inputs in (2, 3, 4, 5):
        one *= 4**2 * inputs * (inputs - 1) // 2  # four operators other than none
    assert Compilation(TESTS / "specs" / "darts_like.hnas").counts.cells == one**2


@pytest.mark.parametrize(("share", "places"), [("network", 1), ("stride", 3), ("layer", 4), ("state", 11)])
def test_choices_that_are_not_shared_multiply(share: str, places: int) -> None:
    """Layer 1 has two strides, layers 2 to 4 have three."""
    counts = Compilation(MINI, sets=(f"dense.share={share}",)).counts
    assert counts.cells == Compilation(MINI).counts.cells ** places


def test_a_unit_counts_where_the_depth_reaches_it(tmp_path: Path) -> None:
    """Once-for-all (Cai et al., ICLR 2020): 5 units of 2 to 4 blocks, 3 kernels and 3 expansions each."""
    spec = tmp_path / "ofa.hnas"
    spec.write_text(
        """hnas 1
space ofa {
  op mb(k, e) = conv(1, e * channels) -> depthwise(k) -> conv(1, width)
  op unit = one_of { 2, 3, 4 } * mb(one_of { 3, 5, 7 }, one_of { 3, 4, 6 })
  stem = conv(3, 4, stride = 2)
  trellis { layers = 5  strides = [2]  path = [2, 2, 2, 2, 2]  width = 4  cell = unit }
  head = conv(1, classes) -> resize(1)
}
data shapes { crop = 33 }
""",
        encoding="utf-8",
    )
    assert Compilation(spec).counts.architectures == (9**2 + 9**3 + 9**4) ** 5
