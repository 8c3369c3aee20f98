"""Other papers' spaces, held against their published counts; and what they compute."""

from pathlib import Path

import pytest
import torch
from helpers import ROOT, paths, random_architecture

from hnas.compiler import Compilation
from hnas.ir import cost
from hnas.ir.decisions import Architecture
from hnas.passes.absent import drop_absent
from hnas.passes.inline import inline
from hnas.runtime.arch import one_hot
from hnas.runtime.lower import lower

SPECS = ROOT / "tests" / "specs"


def _all(compilation: Compilation, operator: str) -> Architecture:
    """Every edge with the same operator."""
    return Architecture(
        {d.id: tuple((g.name, operator) for g in d.groups) for d in compilation.decisions.decisions}
    )


def test_nas_bench_201_has_15625_architectures() -> None:
    assert Compilation(SPECS / "nasbench201.hnas").counts.architectures == 15_625


@pytest.mark.parametrize(("operator", "parameters"), [("unit(3)", 1_531_546), ("skip", 73_306)])
def test_nas_bench_201_counts_parameters(operator: str, parameters: int) -> None:
    compilation = Compilation(SPECS / "nasbench201.hnas")
    graph = compilation.specialized(_all(compilation, operator))
    assert cost.total(cost.parameters(graph)) == parameters


def test_darts_counts_cells_and_parameters() -> None:
    compilation = Compilation(SPECS / "darts.hnas", sets=("C=36", "L=20"))
    assert compilation.counts.cells == 1_037_664_180**2, "two types of cell"
    (architecture,) = compilation.networks().values()
    shapes = cost.parameters(compilation.specialized(architecture))
    main = {name: shape for name, shape in shapes.items() if not name.startswith("aux")}
    assert cost.total(main) == 3_349_342, "the published count is without the auxiliary head"


def test_the_auxiliary_head_of_darts_is_part_of_the_network_to_be_trained_alone() -> None:
    compilation = Compilation(SPECS / "darts.hnas", sets=("C=36", "L=20"))
    (architecture,) = compilation.networks().values()
    shapes = cost.parameters(compilation.specialized(architecture))
    aux = cost.total({name: shape for name, shape in shapes.items() if name.startswith("aux")})
    # 576 x 128 + 2 x 128 + 128 x 768 x 4 + 2 x 768 + 768 x 10 + 10, as in quark0/darts
    assert aux == 476_426
    assert not [name for name in cost.parameters(compilation.graph) if name.startswith("aux")]


def test_the_auxiliary_result_comes_beside_the_other_one() -> None:
    compilation = Compilation(SPECS / "darts.hnas", sets=("C=4", "L=3"))
    (architecture,) = compilation.networks().values()
    network = compilation.network(architecture).eval()
    image = torch.randn(2, 3, 32, 32)
    with torch.no_grad():
        main, aux = network.with_aux(image)
        assert torch.equal(network(image), main)
    assert aux is not None
    assert aux.shape == main.shape == (2, 10, 1, 1)
    assert not torch.equal(aux, main)
    assert len(network.main_steps) < len(network.steps)


@pytest.mark.parametrize(
    ("spec", "sets"),
    [("nasbench201", ("N=1", "C=4")), ("darts", ("L=3", "C=4"))],
)
def test_a_chain_of_stages_computes_scores_of_classes(spec: str, sets: tuple[str, ...]) -> None:
    compilation = Compilation(SPECS / f"{spec}.hnas", sets=sets)
    model = compilation.supernet(0).eval()
    with torch.no_grad():
        assert model(torch.randn(2, 3, 32, 32)).shape == (2, 10, 1, 1)


def test_an_operator_that_stands_for_a_cell_is_called_with_the_step_of_the_move() -> None:
    compilation = Compilation(SPECS / "nasbench201.hnas", sets=("N=1", "C=4"))
    operators = [name for name in cost.parameters(compilation.graph) if ".residual." in name]
    assert {name.split(".")[0] for name in operators} == {"layer2", "layer4"}
    assert not any(d.id.startswith("residual") for d in compilation.decisions.decisions)


def test_one_hot_nas_bench_201_is_the_specialised_network() -> None:
    compilation = Compilation(SPECS / "nasbench201.hnas", sets=("N=1", "C=4"))
    model = compilation.supernet(0).double().eval()
    image = torch.randn(1, 3, 16, 16, dtype=torch.double)
    for operator in ("none", "skip", "unit(3)", "avg_pool(3)"):
        architecture = _all(compilation, operator)
        fixed = compilation.specialized(architecture, searching=True)
        network = lower(inline(fixed))
        missing, _ = network.load_state_dict(model.network.state_dict(), strict=False)
        assert not missing
        weights = {k: v.double() for k, v in one_hot(compilation.decisions, architecture).items()}
        with torch.no_grad():
            relaxed, chosen = model.network(image, weights), network.double().eval()(image)
        torch.testing.assert_close(relaxed, chosen)


# --- one, two and three axes -------------------------------------------------------------------------


def _sequences(tmp_path: Path) -> Path:
    text = (SPECS / "volumes.hnas").read_text(encoding="utf-8")
    for old, new in (
        ("dims    = 3", "dims    = 1"),
        ("(1, 3, 3)", "3"),
        ("stride = (1, 2, 2)", "stride = 2"),
    ):
        text = text.replace(old, new)
    path = tmp_path / "sequences.hnas"
    path.write_text(text.replace("[(1, 2, 2), (2, 4, 4), (4, 8, 8)]", "[2, 4, 8]"), encoding="utf-8")
    return path


@pytest.mark.parametrize("axes", [1, 3])
def test_maps_of_one_and_three_axes(tmp_path: Path, axes: int) -> None:
    path = SPECS / "volumes.hnas" if axes == 3 else _sequences(tmp_path)
    compilation = Compilation(path)
    torch.manual_seed(0)
    full = lower(inline(compilation.graph)).double().eval()
    image = torch.randn(2, 3, *(5, 17, 18)[:axes], dtype=torch.double)
    for seed, way in enumerate(paths(compilation.decisions)):
        architecture = random_architecture(compilation.decisions, way, seed)
        masked = (
            lower(inline(drop_absent(compilation.graph, compilation.decisions, architecture))).double().eval()
        )
        masked.load_state_dict(full.state_dict(), strict=False)
        chosen = lower(inline(compilation.specialized(architecture, searching=True))).double().eval()
        assert not chosen.load_state_dict(full.state_dict(), strict=False).missing_keys
        weights = {k: v.double() for k, v in one_hot(compilation.decisions, architecture).items()}
        with torch.no_grad():
            relaxed, fixed = masked(image, weights), chosen(image)
        assert fixed.shape == (2, 8, *image.shape[2:])
        torch.testing.assert_close(relaxed, fixed)


def test_a_found_network_of_volumes_reads_back(tmp_path: Path) -> None:
    compilation = Compilation(SPECS / "volumes.hnas")
    architecture = random_architecture(compilation.decisions, paths(compilation.decisions)[-1], 0)
    (tmp_path / "spec.hnas").write_text(compilation.resolved_text, encoding="utf-8")
    text = compilation.found_text(architecture, (), "spec.hnas")
    assert "path = [(1, 2, 2)" in text
    (tmp_path / "found.hnas").write_text(text, encoding="utf-8")
    assert Compilation(tmp_path / "found.hnas").networks() == {"found": architecture}
