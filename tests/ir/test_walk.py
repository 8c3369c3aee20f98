# ruff: noqa: E501 - cells of a spec stand on lines of their own
"""Counting along a trellis, against going through every architecture."""

from itertools import combinations, product
from pathlib import Path

import pytest

from hnas.compiler import Compilation
from hnas.ir.decisions import DecisionTable, Pick

SPEC = """hnas 1
space s {{
  op unit(k) = relu -> conv(k) -> norm
  op fit(step = 1) = relu -> conv(1, width, stride = step) -> norm
  cell c {{ inputs = [prev]  nodes = 1  op = one_of {{ none, skip, unit(3) }}  take = all  output = last  share = {share} }}
  stem = conv(3, 4, stride = 2) -> norm
  trellis {{ layers = {layers}  strides = [2, 4]  width = 4  cell = {cell}  project = fit  {trellis} }}
  head = sum_over(stride, conv(1, classes, bias = true) -> resize(1))
}}
data shapes {{ crop = 33 }}
decode {{ edges = strongest(1) }}
"""
CASES = {
    "path": ("network", "c", "moves = one_of { finer, same, coarser }", 3),
    "state": ("state", "c", "moves = one_of { finer, same, coarser }", 3),
    "stride": ("stride", "c", "moves = one_of { finer, same, coarser }", 3),
    "layer": ("layer", "c", "moves = one_of { finer, same, coarser }", 2),
    "link": ("link", "c", "moves = one_of { finer, same, coarser }", 2),
    "some": ("state", "c", "moves = some_of { finer, same, coarser }", 2),
    "some_stride": ("stride", "c", "moves = some_of { finer, same, coarser }", 3),
    "branches": ("state", "c", "moves = one_of { finer, same, coarser }  keep = branches(2)", 3),
    "nested": ("state", "one_of { unit(one_of { 1, 3, 5 }), skip }", "moves = one_of { same, coarser }", 3),
    "several": ("state", "some_of(1..2) { unit(1), unit(3), skip }", "path = [2, 4]", 2),
    "within": ("state", "unit(one_of { 1, 3 })", "moves = some_of { same, within(coarser) }", 2),
}


def _every(table: DecisionTable) -> int:
    """How many architectures differ in what matters, by making every decision in every way."""
    ways: list[list[tuple[Pick, ...]]] = []
    for d in table.decisions:
        if d.kind == "node":
            ways.append(
                [tuple(picks) for picks in product(*([(g.name, o) for o in g.options] for g in d.groups))]
            )
            continue
        (group,) = d.groups
        least, most = d.take.count or 1, d.take.most or 1
        sets = (c for n in range(least, most + 1) for c in combinations(group.options, n))
        ways.append([tuple((group.name, label) for label in chosen) for chosen in sets])
    found: set[object] = set()
    last, branches = len(table.trellis.layers), table.trellis.branches
    for made in product(*ways):
        picks = {d.id: pick for d, pick in zip(table.decisions, made, strict=True)}
        kept = table.pruned(picks)
        taken = table.trellis.taken(kept.picks)
        if not taken.layer(last):
            continue
        if branches > 1 and (
            len(taken.layer(last)) != branches or any(taken.leaving(n) > branches for n in range(last))
        ):
            continue
        if any(
            state.layer < last and not any(way.target.layer > state.layer for way in taken.ways[state])
            for state in taken.states
        ):
            continue
        found.add(tuple(sorted(kept.picks.items())))
    return len(found)


@pytest.mark.parametrize("case", CASES)
def test_architectures_are_as_many_as_there_are(case: str, tmp_path: Path) -> None:
    share, cell, trellis, layers = CASES[case]
    path = tmp_path / "s.hnas"
    path.write_text(SPEC.format(share=share, cell=cell, trellis=trellis, layers=layers), encoding="utf-8")
    compilation = Compilation(path)
    assert compilation.counts.architectures == _every(compilation.decisions)
