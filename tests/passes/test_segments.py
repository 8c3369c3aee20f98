"""Segments: a network of which backward runs parts again computes what it computes without."""

import copy
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import torch
from constructs import CASES, FIXED, SPACE, random_choices
from helpers import ROOT
from levels import (
    Forward,
    Observed,
    distance,
    errors,
    network_at,
    observe,
    only_architecture,
    supernet_at,
    unsettle,
    worst,
)
from small_examples import EXAMPLES, NETWORKS, SEARCHED
from test_levels import MORE, REFERENCE, THREE, images_of, space
from torch import Tensor, nn

from hnas.compiler import Compilation
from hnas.diag import HnasError
from hnas.ir.program_text import print_program
from hnas.ir.verify import ProgramError, verify
from hnas.passes.edges import droppable_edges
from hnas.passes.inline import inline
from hnas.passes.pipeline import LEVELS
from hnas.passes.segments import with_segments
from hnas.runtime.lower import Network
from hnas.runtime.segments import Segment
from hnas.runtime.supernet import SuperNet

BOUND = 1e-9
ENDS = (LEVELS[0], LEVELS[max(LEVELS)])
PASSES = ROOT / "tests" / "specs" / "passes.hnas"


_SLOW = ("nasnet/spec", "nasnet/enas", "nasnet/pnas", "darts/spec", "darts/cifar10")


def network_of(module: nn.Module) -> Network:
    found = module.network if isinstance(module, SuperNet) else module
    assert isinstance(found, Network)
    return found


def compare(
    module: nn.Module,
    images: Tensor,
    forward: Callable[[nn.Module], Forward] | None = None,
    prepare: Callable[[nn.Module], object] = nn.Module.train,
) -> None:
    """Hold a network that keeps all against itself running every part again, twice, and every second part."""
    module = module.double()
    unsettle(module, 3)
    start = {name: value.clone() for name, value in module.state_dict().items()}
    prepare(module)
    network = network_of(module)

    def observed(regions: Sequence[str]) -> Observed:
        network.compute_again(regions)
        module.load_state_dict(start)
        return observe(module, images, forward(module) if forward is not None else None)

    expected = observed(())
    for regions in (network.regions, network.regions[::2], network.regions[1::2]):
        found = observed(regions)
        assert any(isinstance(step, Segment) for step in network.steps) == bool(regions)
        far = errors(found, expected)
        assert max(far.values()) <= BOUND, worst(far)
    first, again = observed(network.regions), observed(network.regions)
    assert torch.equal(first.results[0], again.results[0])
    for one, other in ((first.gradients, again.gradients), (first.statistics, again.statistics)):
        for name, value in one.items():
            found = other[name]
            assert (value is None) == (found is None)
            assert value is None or found is None or torch.equal(value, found), name


@pytest.mark.parametrize("passes", ENDS, ids=["plain", "all"])
@pytest.mark.parametrize("case", CASES)
def test_a_construct(case: str, passes: Sequence[str], tmp_path: Path) -> None:
    compilation = space(tmp_path, **CASES[case])
    compare(supernet_at(compilation, passes), images_of((33, 29)))
    graph = compilation.specialized(random_choices(compilation.decisions, 1))
    compare(network_at(graph, passes), images_of((33, 29)))


@pytest.mark.parametrize("passes", ENDS, ids=["plain", "all"])
@pytest.mark.parametrize("case", MORE)
def test_layers_and_norms(case: str, passes: Sequence[str], tmp_path: Path) -> None:
    compilation = space(tmp_path, **MORE[case])
    compare(supernet_at(compilation, passes), images_of((33, 29)))


@pytest.mark.parametrize("name", [name for name in SEARCHED if name not in _SLOW])
def test_a_super_network_of_the_examples(name: str) -> None:
    compilation = Compilation(EXAMPLES / f"{name}.hnas", sets=SEARCHED[name])
    side = 64 if compilation.space.task == "classification" else 33
    compare(supernet_at(compilation, ENDS[1]), images_of(side, compilation.space.dims))


@pytest.mark.parametrize("name", ["darts/v2", "hrnet/spec", "unet/spec"])
def test_a_network_of_the_examples_with_its_auxiliary_head(name: str) -> None:
    sets, side = NETWORKS.get(name, ((), 32))
    compilation = Compilation(EXAMPLES / f"{name}.hnas", sets=sets)
    graph = compilation.specialized(only_architecture(compilation))
    compare(
        network_at(graph, ENDS[1]),
        images_of(side),
        lambda module: network_of(module).with_aux,
    )


def reference(passes: Sequence[str] = ENDS[1], *sets: str) -> SuperNet:
    return supernet_at(Compilation(EXAMPLES / "autodeeplab" / "spec.hnas", sets=(*REFERENCE, *sets)), passes)


@pytest.mark.parametrize("passes", LEVELS.values(), ids=lambda passes: "+".join(passes) or "plain")
@pytest.mark.parametrize("part", ["network", "arch"])
def test_a_step_that_trains_a_part(part: str, passes: Sequence[str]) -> None:
    def partly(module: nn.Module) -> None:
        module.train()
        for parameter in module.get_submodule(part).parameters():
            parameter.requires_grad_(False)

    compare(reference(passes), images_of(33), prepare=partly)


def test_edges_left_out() -> None:
    compilation = Compilation(EXAMPLES / "darts" / "v2.hnas", sets=NETWORKS["darts/v2"][0])
    graph = compilation.specialized(only_architecture(compilation))
    edges = droppable_edges(compilation.space, graph)

    def dropping(module: nn.Module) -> None:
        module.train()
        module.drop_path = 0.4  # type: ignore[assignment]

    compare(network_at(graph, ENDS[1], droppable=edges), images_of(32), prepare=dropping)


def test_a_pass_that_moves_no_statistics_moves_none_backward() -> None:
    model = reference().train()
    model.network.update_statistics(False)
    model.network.compute_again(model.network.regions)
    model(torch.randn(2, 3, 33, 33)).sum().backward()
    assert not any(value.any() for name, value in model.named_buffers() if name.endswith("mean"))
    model.network.update_statistics(True)
    model(torch.randn(2, 3, 33, 33)).sum().backward()
    moved = {name: value.clone() for name, value in model.named_buffers()}
    assert any(value.any() for name, value in moved.items() if name.endswith("mean"))


def test_random_numbers_after_a_pass_are_as_without(tmp_path: Path) -> None:
    """What runs again draws what it drew, and takes nothing from the generator."""
    model = supernet_at(space(tmp_path, **MORE["dropout"]), ENDS[1]).train()
    images = torch.randn(2, 3, 33, 29)
    drawn: list[Tensor] = []
    for regions in ((), model.network.regions):
        model.network.compute_again(regions)
        torch.manual_seed(5)
        model(images).sum().backward()
        drawn.append(torch.rand(4))
    assert torch.equal(*drawn)


def test_evaluation_and_copies() -> None:
    model = reference().double().eval()
    images = images_of(33)
    with torch.no_grad():
        before = model(images)
        model.network.compute_again(model.network.regions)
        torch.testing.assert_close(model(images), before, rtol=BOUND, atol=BOUND)
    twin = copy.deepcopy(model).train()
    twin(images).sum().backward()
    assert all(p.grad is None for p in model.parameters())
    assert all(p.grad is not None for p in twin.network.parameters())


def test_half_precision_is_as_exact_as_without() -> None:
    """Under autocast, against double precision: what runs again is cast as it was, sums differ in order."""
    model = reference(ENDS[1], THREE).train()
    start = copy.deepcopy(model.state_dict())

    def gradients(regions: Sequence[str], kind: torch.dtype) -> Tensor:
        model.to(kind).network.compute_again(regions)
        model.load_state_dict(start)

        def forward(given: Tensor) -> tuple[Tensor]:
            with torch.autocast("cpu", dtype=torch.bfloat16, enabled=kind == torch.float32):
                return (model(given).to(kind),)

        found = observe(model, images_of(33).to(kind), forward).gradients.values()
        return torch.cat([g.flatten().double() for g in found if g is not None])

    exact = gradients((), torch.float64)
    plain = distance(gradients((), torch.float32), exact)
    again = distance(gradients(model.network.regions, torch.float32), exact)
    assert 1e-3 < plain < 0.3, "it is half precision, and no nonsense"
    assert again <= 1.2 * plain


# --- in a program --------------------------------------------------------------------------------


def test_regions_are_marked_and_told() -> None:
    program = inline(Compilation(PASSES).graph)
    regions = list(dict.fromkeys(step.region for step in program.steps if step.region))
    marked = with_segments(program, [regions[2], regions[0]])
    assert marked.segments == (regions[0], regions[2])
    assert marked.steps is program.steps
    verify(marked)
    lines = print_program(marked).splitlines()
    marks = [line.strip() for line in lines if line.strip().startswith(("segment", "no segment"))]
    assert marks == [f"segment {regions[0]}", "no segment", f"segment {regions[2]}", "no segment"]
    at = lines.index(f"  segment {regions[2]}")
    first = next(n for n, step in enumerate(program.steps) if step.region == regions[2])
    assert lines[at + 1].strip().startswith(f"%{first} ")


def test_what_is_no_part_is_refused() -> None:
    program = inline(Compilation(PASSES).graph)
    with pytest.raises(HnasError, match=r"E0726: layer9 cannot .* no such part"):
        with_segments(program, ["layer9"])


def test_code_of_others_is_refused(tmp_path: Path) -> None:
    parts = FIXED | {
        "above": 'extern op noise(c) { class = "nowhere:Noise"  channels = c }',
        "cell": "cell c { inputs = [prev]  nodes = 1  op = one_of { noise(4), skip }  take = edges(1) }",
        "trellis": "path = 3 * [2]  width = 4  cell = c  project = fit",
    }
    path = tmp_path / "s.hnas"
    path.write_text(SPACE.format(**parts), encoding="utf-8")
    program = inline(Compilation(path, allow_extern=True).graph)
    region = next(step.region for step in program.steps if step.op == "extern")
    with pytest.raises(HnasError, match="it runs code of others"):
        with_segments(program, [region])
    program.segments = (region,)
    with pytest.raises(ProgramError, match="code of others"):
        verify(program)


def test_a_compilation_builds_such_networks() -> None:
    region = next(step.region for step in Compilation(PASSES).steps().steps if step.region)
    model = Compilation(PASSES, recompute=(region,)).supernet(0)
    assert model.network.segments == (region,)
    assert [step.name for step in model.network.steps if isinstance(step, Segment)] == [region]
