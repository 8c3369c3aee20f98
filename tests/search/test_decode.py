"""Decoding: Viterbi against every path, the two strongest predecessors against the rule."""

import math
from pathlib import Path

import numpy as np
import pytest
from helpers import paths, small
from hypothesis import given, settings
from hypothesis import strategies as st

from hnas.compiler import Compilation
from hnas.diag import HnasError
from hnas.ir.decisions import DecisionTable
from hnas.schema.settings import DecodeSettings
from hnas.search.decode import decode, greedy, strongest, viterbi

VITERBI = DecodeSettings(2, "viterbi")


def _weights(table: DecisionTable, seed: int) -> dict[str, list[float]]:
    rng = np.random.default_rng(seed)
    return {group.id: rng.dirichlet(np.full(len(group.options), 0.5)).tolist() for group in table.groups()}


def _score(table: DecisionTable, path: tuple[object, ...], weights: dict[str, list[float]]) -> float:
    """The product of the weights of the moves of a path."""
    state, product = table.trellis.start, 1.0
    for stride in path:
        ways = table.trellis.exits[state]
        position = next(i for i, way in enumerate(ways) if way.target.stride == stride)
        if state in table.trellis.decisions:
            product *= weights[table.trellis.decisions[state]][position]
        state = ways[position].target
    return product


SHAPES = [
    ("L=1", "trellis.strides=[4, 8]"),
    ("L=2", "trellis.strides=[4, 8]"),
    ("L=4", "trellis.enter=4"),
    ("L=5", "trellis.strides=[4, 8, 16, 32]"),
    ("L=4", "trellis.moves=one_of { same, coarser }"),
    ("L=4", "trellis.strides=[4, 8, 16, 32]", "trellis.moves=one_of { finer, coarser, coarser(2) }"),
    ("L=5", "trellis.strides=[4, 12, 24]", "trellis.enter=one_of { 4, 12 }"),
]


@pytest.mark.parametrize("sets", SHAPES, ids=" ".join)
def test_viterbi_is_brute_force(sets: tuple[str, ...]) -> None:
    table = small(*sets).decisions
    every = paths(table)
    for seed in range(20):
        weights = _weights(table, seed)
        best = max(_score(table, path, weights) for path in every)
        assert math.isclose(_score(table, viterbi(table, weights), weights), best, rel_tol=1e-9)


def test_a_sum_of_logarithms_does_not_underflow() -> None:
    table = small("L=12").decisions
    weights = {g.id: [1e-300] * len(g.options) for g in table.groups()}
    assert len(viterbi(table, weights)) == 12


def test_weights_of_zero_still_give_a_path() -> None:
    table = small().decisions
    weights = {g.id: [0.0] * len(g.options) for g in table.groups()}
    assert viterbi(table, weights) in paths(table)


def test_greedy_follows_the_strongest_move_and_can_be_worse() -> None:
    table = small("trellis.enter=4", "L=2", "trellis.strides=[4, 8]").decisions
    layer1 = "trellis.layer1.stride4"
    weights = {g.id: [1.0 / len(g.options)] * len(g.options) for g in table.groups()}
    names = [way.label for way in table.trellis.exits[next(s for s in table.trellis.exits if s.layer == 1)]]
    weights[layer1] = [0.9 if name == "coarser" else 0.1 for name in names]
    assert greedy(table, weights) == (4, 8)
    assert decode(table, weights, DecodeSettings(2, "greedy")).path(table.trellis) == (4, 8)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10_000))
def test_nodes_take_the_two_strongest_predecessors_and_never_none(seed: int) -> None:
    table = small("B=3").decisions
    weights = _weights(table, seed)
    architecture = decode(table, weights, VITERBI)
    for decision in (d for d in table.decisions if d.kind == "node"):
        picks = architecture.picks[decision.id]
        assert len(picks) == len({source for source, _ in picks}) == 2
        strength = {
            g.name: max(w for i, w in enumerate(weights[g.id]) if i not in g.none) for g in decision.groups
        }
        kept = {source for source, _ in picks}
        assert min(strength[s] for s in kept) >= max((strength[s] for s in strength.keys() - kept), default=0)
        for source, operator in picks:
            group = next(g for g in decision.groups if g.name == source)
            assert operator != "none"
            assert weights[group.id][group.options.index(operator)] == strength[source]


TWO_TAKES = """hnas 1
space s {
  cell a { nodes = 3  op = one_of { none, conv(3), skip }  take = slots(1) }
  cell b { nodes = 3  op = one_of { none, conv(3), skip }  take = edges(2) }
  cell c { nodes = 3  op = one_of { none, conv(3), skip }  take = all }
  cell d extends a { take = slots(3) }
  stem = conv(3, 4, stride = 4)
  trellis {
    layers = 4  strides = [4]  path = 4 * [4]  width = 4  project = conv(1, width)
    cell = { layer(1): a, layer(2): b, layer(3): c, layer(4): d }
  }
  head = conv(1, classes) -> resize(1)
}
data shapes { crop = 33 }
"""


def test_without_a_block_decode_each_cell_keeps_what_it_takes(tmp_path: Path) -> None:
    (tmp_path / "s.hnas").write_text(TWO_TAKES)
    compilation = Compilation(tmp_path / "s.hnas")
    assert compilation.check() == ()
    assert "edges = strongest  path" in compilation.resolved_text
    table = compilation.decisions
    architecture = decode(table, _weights(table, 5), compilation.decode)
    kept = {name: len(picks) for name, picks in architecture.picks.items()}
    assert kept == {
        **{f"a.n{n}": 1 for n in (1, 2, 3)},
        **{f"b.n{n}": 2 for n in (1, 2, 3)},
        **{f"c.n{n}": n + 1 for n in (1, 2, 3)},  # every input, none too
        **{f"d.n{n}": 3 for n in (1, 2, 3)},
    }
    assert len({source for source, _ in architecture.picks["d.n3"]}) == 3
    (tmp_path / "found.hnas").write_text(compilation.found_text(architecture))
    assert Compilation(tmp_path / "found.hnas").networks() == {"found": architecture}


def test_none_is_not_kept_even_when_it_is_the_strongest() -> None:
    table = small().decisions
    node = next(d for d in table.decisions if d.kind == "node")
    weights = {g.id: [0.99 if o == "none" else 0.001 for o in g.options] for g in node.groups}
    assert all(operator != "none" for _, operator in strongest(node, weights, 2))


def test_a_decoded_network_reads_back_as_itself(tmp_path: Path) -> None:
    compilation = small()
    (tmp_path / "spec.hnas").write_text(compilation.resolved_text)
    architecture = decode(compilation.decisions, _weights(compilation.decisions, 3), VITERBI)
    (tmp_path / "found.hnas").write_text(compilation.found_text(architecture, (), "spec.hnas"))
    from hnas.compiler import Compilation

    again = Compilation(tmp_path / "found.hnas")
    assert again.check() == ()
    assert again.networks() == {"found": architecture}


def test_a_network_of_other_choices_is_refused(tmp_path: Path) -> None:
    compilation = small()
    architecture = decode(compilation.decisions, _weights(compilation.decisions, 3), VITERBI)
    (tmp_path / "spec.hnas").write_text(small("L=4").resolved_text)
    (tmp_path / "found.hnas").write_text(compilation.found_text(architecture, (), "spec.hnas"))
    from hnas.compiler import Compilation

    with pytest.raises(HnasError) as caught:
        Compilation(tmp_path / "found.hnas").networks()
    assert "layers" in str(caught.value)
