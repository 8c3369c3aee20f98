"""Counting along a trellis, against going through every architecture."""

from itertools import combinations, product
from pathlib import Path

import pytest
from spaces import CASES, small_space

from hnas.ir.decisions import Decision, DecisionTable, Pick
from hnas.ir.ranking import Ranking


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


@pytest.mark.parametrize("case", CASES)
def test_architectures_are_as_many_as_there_are(case: str, tmp_path: Path) -> None:
    compilation = small_space(case, tmp_path)
    table, ranking = compilation.decisions, Ranking(compilation.decisions)
    every = _every(table)
    assert compilation.counts.architectures == ranking.count == len(every)
    numbered = [ranking.unrank(index) for index in range(ranking.count)]
    assert {tuple(sorted(each.picks.items())) for each in numbered} == every
    assert [ranking.rank(each) for each in numbered] == list(range(ranking.count))
