# ruff: noqa: E501 - cells of a spec stand on lines of their own
"""Counting along a trellis, against going through every architecture."""

from itertools import combinations, product
from pathlib import Path

import pytest

from hnas.compiler import Compilation
from hnas.ir.decisions import Decision, DecisionTable, Pick
from hnas.ir.ranking import Ranking

SPEC = """hnas 1
space s {{
  op unit(k) = relu -> conv(k) -> norm
  op fit(step = 1) = relu -> conv(1, width, stride = step) -> norm
  cell c {{ inputs = [prev]  nodes = 1  op = one_of {{ none, skip, unit(3) }}  take = all  output = last  share = {share} }}
  cell two {{ nodes = 2  op = one_of {{ none, skip, unit(one_of {{ 1, 3 }}) }}  take = {take}  share = {share} }}
  stem = conv(3, 4, stride = 2) -> norm
  trellis {{ layers = {layers}  strides = [2, 4]  width = 4  cell = {cell}  project = fit  {trellis} }}
  head = sum_over(stride, conv(1, classes, bias = true) -> resize(1))
}}
data shapes {{ crop = 33 }}
decode {{ edges = {edges} }}
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
    "slots": ("network", "two", "path = [2, 4]", 2, "slots(2)"),
    "edges": ("network", "two", "path = [2, 4]", 2, "edges(2)"),
    "every": ("network", "two", "path = [2]", 1, "all"),
    "pairs": ("network", "two", "path = [2]", 1, "slots(2)  weigh = slots"),
    "within": ("state", "unit(one_of { 1, 3 })", "moves = some_of { same, within(coarser) }", 2),
}


def _of_node(node: Decision) -> list[tuple[Pick, ...]]:
    edges = [[(g.name, o) for o in g.options] for g in node.groups]
    count = node.take.count or 1
    match node.take.how:
        case "slots":
            return list(product([edge for group in edges for edge in group], repeat=count))
        case "edges":
            kept = [[e for k, e in enumerate(edges[n]) if k not in g.none] for n, g in enumerate(node.groups)]
            return [picks for chosen in combinations(kept, count) for picks in product(*chosen)]
        case _:
            return list(product(*edges))


def _every(table: DecisionTable) -> set[object]:
    """The architectures that differ in what matters, by making every decision in every way."""
    ways: list[list[tuple[Pick, ...]]] = []
    for d in table.decisions:
        if d.kind == "node":
            ways.append(_of_node(d))
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
    return found


def _compiled(case: str, tmp_path: Path) -> Compilation:
    share, cell, trellis, layers, *take = CASES[case]
    path = tmp_path / "s.hnas"
    counted = take[0] if take else "all"
    edges = "strongest(2)" if take and counted != "all" else "strongest(1)"
    text = SPEC.format(share=share, cell=cell, trellis=trellis, layers=layers, take=counted, edges=edges)
    path.write_text(text, encoding="utf-8")
    return Compilation(path)


@pytest.mark.parametrize("case", CASES)
def test_architectures_are_as_many_as_there_are(case: str, tmp_path: Path) -> None:
    compilation = _compiled(case, tmp_path)
    table, ranking = compilation.decisions, Ranking(compilation.decisions)
    every = _every(table)
    assert compilation.counts.architectures == ranking.count == len(every)
    numbered = [ranking.unrank(index) for index in range(ranking.count)]
    assert {tuple(sorted(each.picks.items())) for each in numbered} == every
    assert [ranking.rank(each) for each in numbered] == list(range(ranking.count))
