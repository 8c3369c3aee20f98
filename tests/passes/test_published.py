"""The network the paper published: its counts, exactly, and a forward pass at odd and even sizes.

Parameters: the paper's 10.15, 21.62 and 44.42 million; by part and to the last one as its authors'
code builds it. Multiply-adds of convolutions at 1024 x 2048 (the paper counts 4 to 6 % more by another rule).
"""

import json
from pathlib import Path

import pytest
import torch
from helpers import ROOT

from hnas.compiler import Compilation
from hnas.ir import cost

PUBLISHED = ROOT / "examples" / "autodeeplab" / "published.hnas"


def _network(*sets: str):  # type: ignore[no-untyped-def]
    compilation = Compilation(PUBLISHED, sets=sets)
    (architecture,) = compilation.networks().values()
    return compilation, architecture


@pytest.mark.parametrize(
    ("filters", "parameters", "macs"),
    [
        (20, 10_147_427, 317_541_632_000),
        (32, 21_622_451, 434_985_058_304),
        (48, 44_424_691, 653_584_883_712),
    ],
)
def test_its_counts(filters: int, parameters: int, macs: int) -> None:
    compilation, architecture = _network(f"F={filters}")
    graph = compilation.specialized(architecture)
    assert cost.total(cost.parameters(graph)) == parameters
    assert cost.multiply_adds(graph, (1024, 2048)) == macs


def test_its_parts() -> None:
    compilation, architecture = _network("F=20")
    shapes = cost.parameters(compilation.specialized(architecture))

    def total(*prefixes: str) -> int:
        return cost.total({n: s for n, s in shapes.items() if n.startswith(prefixes)})

    aspp = sum(cost.total({n: s}) for n, s in shapes.items() if ".aspp." in n)
    assert (total("stem"), total("layer"), aspp) == (112_832, 6_918_000, 1_815_552)
    assert total("head") - aspp == 1_301_043


def test_it_checks_and_shows(capsys: pytest.CaptureFixture[str]) -> None:
    from hnas.cli.main import run

    assert run(["check", str(PUBLISHED)]) == 0
    capsys.readouterr()
    assert run(["show", str(PUBLISHED), "--set", "F=32", "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["parameters"] == sum(figures["parts"].values()) == 21_622_451
    assert figures["parts"]["stem"] == 112_832
    assert run(["show", str(PUBLISHED)]) == 0
    assert "10,147,427" in capsys.readouterr().out


def test_the_module_has_the_parameters_that_were_counted() -> None:
    compilation, architecture = _network("F=4")
    module = compilation.network(architecture)
    counted = cost.parameters(compilation.specialized(architecture))
    assert {n: tuple(p.shape) for n, p in module.named_parameters()} == dict(counted)


@pytest.mark.parametrize("size", [(65, 65), (64, 96), (33, 97), (129, 64)], ids=str)
def test_forward_at_odd_and_even_sizes(size: tuple[int, int]) -> None:
    compilation, architecture = _network("F=4")
    module = compilation.network(architecture).eval()
    with torch.no_grad():
        scores = module(torch.randn(2, 3, *size))
    assert scores.shape == (2, 19, *size)
    assert bool(torch.isfinite(scores).all())


def test_it_cannot_be_searched_and_says_why(tmp_path: Path) -> None:
    from hnas.diag import HnasError

    with pytest.raises(HnasError) as caught:
        _ = Compilation(PUBLISHED).graph
    assert caught.value.diagnostics[0].code == "E0308"


def test_it_has_the_choices_of_the_searched_space() -> None:
    spec = ROOT / "examples" / "autodeeplab" / "spec.hnas"
    assert Compilation(PUBLISHED).decisions.digest == Compilation(spec).decisions.digest
