"""Numbering the architectures of a space: a bijection, at any size, the same on every machine."""

from collections import Counter
from pathlib import Path
from random import Random

import pytest

from hnas.compiler import Compilation
from hnas.ir.decisions import Architecture
from hnas.ir.ranking import Ranking
from hnas.ir.ways import OutsideError

EXAMPLES = sorted((Path(__file__).parent.parent.parent / "examples").glob("*/spec.hnas"))
REFERENCE = next(path for path in EXAMPLES if path.parent.name == "autodeeplab")
BENCH = next(path for path in EXAMPLES if path.parent.name == "nasbench201")


@pytest.mark.parametrize("spec", EXAMPLES, ids=lambda path: path.parent.name)
def test_every_number_has_an_architecture_and_back(spec: Path) -> None:
    compilation = Compilation(spec)
    table, ranking, random = compilation.decisions, Ranking(compilation.decisions), Random(3)
    last = ranking.count - 1
    for index in (0, last, last // 2, *(random.randrange(ranking.count) for _ in range(20))):
        architecture = ranking.unrank(index)
        assert ranking.rank(architecture) == index
        assert table.pruned(architecture.picks) == architecture


def test_numbers_of_400_digits(tmp_path: Path) -> None:
    compilation = Compilation(REFERENCE, sets=("L=100", "dense.share=layer"))
    ranking = Ranking(compilation.decisions)
    assert ranking.count > 10**400
    architecture = ranking.sample(Random(0))
    assert ranking.unrank(ranking.rank(architecture)) == architecture


def test_samples_are_uniform_over_the_architectures() -> None:
    """Chi squared of the first edge's operators and of paths: 5 standard deviations are never reached."""
    ranking, random, number = Ranking(Compilation(BENCH).decisions), Random(1), 4_000
    edge = Compilation(BENCH).decisions.decisions[0].id
    seen = Counter(ranking.sample(random).picks[edge][0][1] for _ in range(number))
    assert len(seen) == 5
    expected = number / 5
    chi = sum((found - expected) ** 2 / expected for found in seen.values())
    assert chi < 4 + 5 * (2 * 4) ** 0.5
    small = Compilation(REFERENCE, sets=("L=5",))
    paths = Ranking(small.decisions)
    table = small.decisions.trellis
    ways = Counter(paths.sample(random).path(table) for _ in range(number))
    expected = number / small.counts.paths
    assert len(ways) == small.counts.paths
    chi = sum((found - expected) ** 2 / expected for found in ways.values())
    freedom = small.counts.paths - 1
    assert chi < freedom + 5 * (2 * freedom) ** 0.5


def test_the_same_seed_gives_the_same_architectures() -> None:
    ranking = Ranking(Compilation(REFERENCE).decisions)
    assert [ranking.sample(Random(7)) for _ in range(2)] == [ranking.sample(Random(7)) for _ in range(2)]
    assert ranking.sample(Random(7)) != ranking.sample(Random(8))


@pytest.mark.parametrize("index", [-1, 15_625, 10**400])
def test_numbers_out_of_range(index: int) -> None:
    with pytest.raises(IndexError):
        Ranking(Compilation(BENCH).decisions).unrank(index)


def test_what_is_outside_is_named() -> None:
    compilation = Compilation(REFERENCE)
    ranking = Ranking(compilation.decisions)
    picks = dict(ranking.unrank(5).picks)

    def outside(**changed: tuple[tuple[str, str], ...]) -> OutsideError:
        names = {key.replace("__", "."): value for key, value in changed.items()}
        with pytest.raises(OutsideError) as caught:
            ranking.rank(Architecture({**picks, **names}))
        return caught.value

    assert outside(dense__n2=(("prev", "sep(3)"),)).id == "dense.n2"
    assert "no option sep(9)" in str(outside(dense__n2=(("prev", "sep(9)"), ("prev", "sep(3)"))))
    assert "no input n7" in str(outside(dense__n2=(("n7", "sep(3)"), ("prev", "sep(3)"))))
    del picks["dense.n3"]
    assert outside().id == "dense.n3"
