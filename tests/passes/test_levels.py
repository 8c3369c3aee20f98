"""The numerical contract: every level, and every pass by itself, computes what the plain network computes.

Results, loss, running statistics and all gradients are compared with those of -O0 in double precision,
each tensor by its relative error in the L2 norm.
"""

import copy
import functools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest
import torch
from constructs import CASES, FIXED, ONE_CELL, OPEN, SPACE, random_choices
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
from small_examples import DISCONNECTED, EXAMPLES, NETWORKS, SEARCHED
from torch import Tensor, nn

from hnas.compiler import Compilation
from hnas.diag import HnasError
from hnas.passes.edges import droppable_edges
from hnas.passes.pipeline import LEVELS, PASSES
from hnas.runtime.errors import BatchTooSmall

Passes = Sequence[str]
Make = Callable[[Passes], nn.Module]

BOUND = 1e-9
HIGHEST = LEVELS[max(LEVELS)]
APART = (*((name,) for name in PASSES), ("share", "fold"), ("share", "batch"), ("batch", "layout"))
"""Passes by themselves, and those that another one makes work for."""
EVERY = (*APART, *(LEVELS[level] for level in sorted(LEVELS) if level))


def images_of(side: int | Sequence[int], dims: int = 2, count: int = 2, seed: int = 1) -> Tensor:
    axes = (side,) * dims if isinstance(side, int) else side
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(count, 3, *axes, generator=generator, dtype=torch.float64)


def with_aux(module: nn.Module) -> Forward:
    return module.with_aux  # type: ignore[return-value]


def compare(
    make: Make,
    images: Tensor,
    each: Sequence[Passes],
    forward: Callable[[nn.Module], Forward] | None = None,
    prepare: Callable[[nn.Module], object] = nn.Module.train,
    bound: float = BOUND,
) -> Observed:
    """Hold networks after each of `each` against the one without passes, all in one state."""
    exact = make(()).double()
    unsettle(exact, 3)
    start = {name: value.clone() for name, value in exact.state_dict().items()}
    prepare(exact)
    expected = observe(exact, images, forward(exact) if forward is not None else None)
    for passes in each:
        module = make(passes).double()
        module.load_state_dict(start)
        prepare(module)
        found = observe(module, images, forward(module) if forward is not None else None)
        far = errors(found, expected)
        largest = max(far.values())
        assert largest <= bound, f"{'+'.join(passes)}: {worst(far)}"
    return expected


def space(folder: Path, **parts: str) -> Compilation:
    """A small space, its parts as in `constructs`."""
    path = folder / "s.hnas"
    path.write_text(SPACE.format(**(FIXED | parts)), encoding="utf-8")
    compilation = Compilation(path)
    assert compilation.check() == ()
    return compilation


# --- every example -------------------------------------------------------------------------------

_SIDES = {"fbnet/spec": 64, "proxylessnas/spec": 64}
"""Maps of one pixel would leave a norm two values, which makes rounding large."""


@pytest.mark.parametrize("name", SEARCHED)
def test_a_super_network_of_the_examples(name: str) -> None:
    compilation = Compilation(EXAMPLES / f"{name}.hnas", sets=SEARCHED[name])
    side = _SIDES.get(name, 32 if compilation.space.task == "classification" else 33)
    images = images_of(side, compilation.space.dims)
    compare(lambda passes: supernet_at(compilation, passes), images, (LEVELS[1], HIGHEST))


@pytest.mark.parametrize("name", [*NETWORKS, DISCONNECTED])
def test_a_network_of_the_examples(name: str) -> None:
    sets, side = NETWORKS.get(name, ((), 32))
    compilation = Compilation(EXAMPLES / f"{name}.hnas", sets=sets)
    side = 64 if name.startswith(("fbnet", "proxylessnas")) else side
    graph = compilation.specialized(only_architecture(compilation))
    expected = compare(lambda passes: network_at(graph, passes), images_of(side), (HIGHEST,), with_aux)
    assert len(expected.results) == 1 + (compilation.space.aux is not None)


# --- every construct -----------------------------------------------------------------------------


@pytest.mark.parametrize("case", CASES)
def test_a_construct_after_every_pass(case: str, tmp_path: Path) -> None:
    compilation = space(tmp_path, **CASES[case])
    images = images_of((33, 29))
    compare(lambda passes: supernet_at(compilation, passes), images, EVERY)
    graph = compilation.specialized(random_choices(compilation.decisions, 1))
    compare(lambda passes: network_at(graph, passes), images, EVERY)


_EDGES = "cell c {{ inputs = [prev]  nodes = 2  op = one_of {{ {} }}  take = edges(1) }}"
_PATH = "path = 3 * [2]  width = 4  cell = c  project = fit"
_NORM = "norm = batch({})"
MORE = {
    "groups": {"cell": _EDGES.format("conv(3, groups = 2), conv(1), skip"), "trellis": _PATH},
    "bias": {
        "cell": _EDGES.format("conv(3, bias = true), conv(1, bias = true) -> relu, skip"),
        "trellis": _PATH,
    },
    "even_kernels": {"cell": _EDGES.format("conv(2), avg_pool(2), max_pool(2), skip"), "trellis": _PATH},
    "pools": {
        "cell": _EDGES.format("avg_pool(3) -> norm, max_pool(3) -> norm, none, skip"),
        "trellis": _PATH,
    },
    "dilated": {
        "cell": _EDGES.format("depthwise(3, dilation = (2, 9)) -> pointwise -> norm, depthwise(5)"),
        "trellis": _PATH,
    },
    "dropout": {
        "cell": _EDGES.format("conv(3) -> dropout(0.5), dropout(0.3) -> conv(1), skip"),
        "trellis": _PATH,
        "head": "dropout(0.4) -> conv(1, classes, bias = true) -> resize(1)",
    },
    "shared_statistics": {
        "above": _NORM.format("affine = not searching, stats = shared"),
        **{part: OPEN[part] for part in ("strides", "head")},
        "cell": ONE_CELL.replace("conv(3)", "conv(3) -> norm").replace("c {", "c {  share = layer"),
        "trellis": OPEN["trellis"],
    },
    "statistics_per_move": {
        "above": _NORM.format("affine = true, stats = per_move"),
        **{part: OPEN[part] for part in ("strides", "head")},
        "cell": ONE_CELL.replace("conv(3)", "conv(3) -> norm"),
        "trellis": OPEN["trellis"],
    },
    "scales_and_shifts": {
        "above": _NORM.format("affine = true"),
        "cell": _EDGES.format("conv(3) -> norm, conv(1) -> norm -> relu, norm"),
        "trellis": _PATH,
    },
    "odd_weights": {
        "cell": _EDGES.format("unit(3), shuffle(2), shift, grid_pool(2), relu6 -> conv(1) -> norm"),
        "trellis": _PATH,
    },
}


@pytest.mark.parametrize("case", MORE)
def test_layers_and_norms_after_every_pass(case: str, tmp_path: Path) -> None:
    compilation = space(tmp_path, **MORE[case])
    images = images_of((33, 29))
    compare(lambda passes: supernet_at(compilation, passes), images, EVERY)
    graph = compilation.specialized(random_choices(compilation.decisions, 1))
    compare(lambda passes: network_at(graph, passes), images, EVERY)


# --- every way a network is used -----------------------------------------------------------------

LINE = {
    "above": "dims = 1",
    "cell": _EDGES.format("unit(3), depthwise(3) -> pointwise, skip"),
    "trellis": _PATH,
}


def test_signals_of_one_axis(tmp_path: Path) -> None:
    compilation = space(tmp_path, **LINE)
    compare(lambda passes: supernet_at(compilation, passes), images_of((37,)), EVERY)


def test_volumes() -> None:
    compilation = Compilation(ROOT / "tests" / "specs" / "volumes.hnas", sets=("F=2",))
    compare(lambda passes: supernet_at(compilation, passes), images_of((9, 17, 13)), EVERY)


REFERENCE = ("L=3", "B=2", "F=2")
THREE = "trellis.strides=[4, 8, 16]"


@functools.cache
def reference(
    *sets: str, name: str = "autodeeplab/spec", strides: str = "trellis.strides=[4, 8]"
) -> Compilation:
    """Two strides have every kind of move; rounding is that of three, as in the examples."""
    return Compilation(EXAMPLES / f"{name}.hnas", sets=(*REFERENCE, strides, *sets))


def supernet(compilation: Compilation) -> Make:
    return lambda passes: supernet_at(compilation, passes)


def settled(module: nn.Module) -> None:
    """In evaluation, with the running statistics of a few images."""
    module.train()
    with torch.no_grad():
        for seed in range(3):
            module(images_of((33, 29), seed=seed))
    module.eval()


def test_evaluation_with_running_statistics(tmp_path: Path) -> None:
    compare(supernet(reference()), images_of((33, 29)), EVERY, prepare=settled)
    compilation = space(tmp_path, **MORE["statistics_per_move"])
    compare(supernet(compilation), images_of((33, 29)), EVERY, prepare=settled)


def test_a_pass_that_moves_no_statistics() -> None:
    def still(module: nn.Module) -> None:
        module.train()
        module.network.update_statistics(False)  # type: ignore[operator, union-attr]

    expected = compare(supernet(reference()), images_of(33), (HIGHEST,), prepare=still)
    assert not any(value.any() for name, value in expected.statistics.items() if name.endswith("mean"))


@pytest.mark.parametrize("part", ["network", "arch"])
def test_a_step_that_trains_a_part(part: str) -> None:
    def partly(module: nn.Module) -> None:
        module.train()
        for parameter in module.get_submodule(part).parameters():
            parameter.requires_grad_(False)

    expected = compare(supernet(reference()), images_of(33), EVERY, prepare=partly)
    assert all((g is None) == name.startswith(part) for name, g in expected.gradients.items())


def test_one_option_drawn_for_each_choice() -> None:
    def drawing(module: nn.Module) -> None:
        module.train()
        module.arch.tau = 3.0  # type: ignore[union-attr]

    compare(supernet(reference()), images_of(33), EVERY, prepare=drawing)
    compilation = Compilation(EXAMPLES / "dints" / "spec.hnas", sets=SEARCHED["dints/spec"])
    images = images_of(33, compilation.space.dims)
    compare(supernet(compilation), images, (LEVELS[1], HIGHEST), prepare=drawing)


def test_edges_left_out() -> None:
    compilation = Compilation(EXAMPLES / "darts" / "v2.hnas", sets=NETWORKS["darts/v2"][0])
    graph = compilation.specialized(only_architecture(compilation))
    edges = droppable_edges(compilation.space, graph)

    def dropping(module: nn.Module) -> None:
        module.train()
        assert module.edges, "there are edges to leave out"
        module.drop_path = 0.4  # type: ignore[assignment]

    images = images_of(32)
    compare(
        lambda passes: network_at(graph, passes, droppable=edges), images, EVERY, with_aux, prepare=dropping
    )


def test_layers_of_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "drawing_layers.py").write_text(
        "import torch\nfrom torch import nn\n\nclass Noise(nn.Module):\n"
        "    def __init__(self, channels, c):\n        super().__init__()\n"
        "        self.norm = nn.BatchNorm2d(channels)\n\n"
        "    def forward(self, x):\n        return self.norm(x) + torch.randn(x.shape, dtype=x.dtype)\n",
        encoding="utf-8",
    )
    monkeypatch.syspath_prepend(tmp_path)
    parts = FIXED | {
        "above": 'extern op noise(c) { class = "drawing_layers:Noise"  channels = c }',
        "cell": _EDGES.format("noise(4), noise(4) -> conv(3), skip"),
        "trellis": _PATH,
    }
    path = tmp_path / "s.hnas"
    path.write_text(SPACE.format(**parts), encoding="utf-8")
    compare(supernet(Compilation(path, allow_extern=True)), images_of(33), EVERY)


# --- what is kept --------------------------------------------------------------------------------


def trained(module: nn.Module, steps: int, start: int = 0) -> list[float]:
    """The losses of a few steps of gradient descent."""
    module.train()
    descent = torch.optim.SGD(module.parameters(), lr=0.05, momentum=0.9)
    losses: list[float] = []
    for step in range(start, start + steps):
        observed = observe(module, images_of(33, seed=step), seed=step)
        losses.append(float(observed.loss))
        descent.step()
    return losses


def test_a_state_of_any_level_goes_on_at_any_other() -> None:
    compilation = reference()
    for before in LEVELS.values():
        first = supernet_at(compilation, before).double()
        trained(first, 2)
        kept = copy.deepcopy(first.state_dict())
        curves: list[list[float]] = []
        for after in LEVELS.values():
            second = supernet_at(compilation, after, seed=1).double()
            second.load_state_dict(kept)
            assert {n: tuple(v.shape) for n, v in second.state_dict().items()} == {
                n: tuple(v.shape) for n, v in kept.items()
            }
            curves.append(trained(second, 2, start=2))
        assert curves[1:] == [pytest.approx(curves[0], rel=BOUND)] * (len(curves) - 1)


def test_parameters_start_alike_and_in_one_order() -> None:
    compilation = reference()
    plain, *others = (supernet_at(compilation, passes).state_dict() for passes in LEVELS.values())
    for other in others:
        assert list(other) == list(plain)
        assert all(torch.equal(value, plain[name]) for name, value in other.items())


@pytest.mark.parametrize("passes", LEVELS.values(), ids=lambda passes: "+".join(passes) or "plain")
def test_a_copy_goes_its_own_way(passes: Passes) -> None:
    model = supernet_at(reference(), passes).double().train()
    trained(model, 1)
    twin = copy.deepcopy(model)
    before = copy.deepcopy(model.state_dict())
    there = trained(twin, 2, start=1)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert trained(model, 2, start=1) == there
    ends = model.state_dict(), twin.state_dict()
    assert all(torch.equal(value, ends[1][name]) for name, value in ends[0].items())


@pytest.mark.parametrize("passes", LEVELS.values(), ids=lambda passes: "+".join(passes) or "plain")
def test_statistics_move_after_a_change_of_type(passes: Passes) -> None:
    model = supernet_at(reference(), passes).double().float().double().train()
    other = supernet_at(reference(), ()).double().train()
    other.load_state_dict(model.state_dict())
    images = images_of(33)
    far = errors(observe(model, images), observe(other, images))
    assert max(far.values()) <= BOUND, worst(far)
    assert model.network.statistics or not passes


@pytest.mark.parametrize("passes", LEVELS.values(), ids=lambda passes: "+".join(passes) or "plain")
@pytest.mark.parametrize("affine", ["true", "false"])
def test_too_few_values_for_a_norm(passes: Passes, affine: str, tmp_path: Path) -> None:
    compilation = space(
        tmp_path,
        above=_NORM.format(f"affine = {affine}"),
        cell=_EDGES.format("conv(3) -> norm, conv(1) -> norm, skip").replace("take", "output = last  take"),
        trellis=_PATH.replace("fit", "skip"),
        stem="conv(3, 4, stride = 2)",
    )
    model = supernet_at(compilation, passes).train()
    with pytest.raises(HnasError) as caught:
        model(torch.zeros(1, 3, 2, 2))
    (diagnostic,) = caught.value.diagnostics
    assert isinstance(diagnostic, BatchTooSmall)
    assert diagnostic.place.startswith("layer1.stride2.same.c.n")


# --- in single and half precision ----------------------------------------------------------------


def mean_errors(
    make: Callable[[Passes, int], nn.Module], image: Tensor, levels: Sequence[Passes]
) -> list[dict[str, float]]:
    """Of each level the errors in single precision against the plain network in double, over ten seeds."""
    sums: list[dict[str, float]] = [{} for _ in levels]
    for seed in range(10):
        exact = make((), seed).double().train()
        unsettle(exact, seed)
        start = {name: value.clone() for name, value in exact.state_dict().items()}
        images = image + 0.1 * images_of(tuple(image.shape[2:]), seed=seed)
        expected = observe(exact, images)
        for found, passes in zip(sums, levels, strict=True):
            single = make(passes, seed).train()
            single.load_state_dict(start)
            for name, error in errors(observe(single, images.float()), expected).items():
                found[name] = found.get(name, 0.0) + error / 10
    return sums


def test_half_precision_is_as_exact_as_without_passes() -> None:
    """Under autocast, against the plain network in double precision; rounding to 8 bits is the error."""
    compilation = reference("norm=batch(affine = true, stats = per_move)", strides=THREE)
    images = images_of((33, 29), count=4)
    exact = supernet_at(compilation, ()).double().train()
    unsettle(exact, 3)
    start = {name: value.clone() for name, value in exact.state_dict().items()}
    expected = observe(exact, images)

    def whole(gradients: Mapping[str, Tensor | None]) -> Tensor:
        return torch.cat([gradients[name].flatten().double() for name in expected.gradients])  # type: ignore[union-attr]

    far: list[tuple[float, float]] = []
    for passes in LEVELS.values():
        model = supernet_at(compilation, passes).train()
        model.load_state_dict(start)

        def coarse(given: Tensor, model: nn.Module = model) -> tuple[Tensor]:
            with torch.autocast("cpu", dtype=torch.bfloat16):
                return (model(given).float(),)

        found = observe(model, images.float(), coarse)
        assert all(g is None or g.dtype == torch.float32 for g in found.gradients.values())
        result = distance(found.results[0], expected.results[0])
        far.append((result, distance(whole(found.gradients), whole(expected.gradients))))
    plain = far[0]
    assert 1e-3 < plain[0] < 0.1, "it is half precision, and no nonsense"
    for other in far[1:]:
        assert all(error <= 1.5 * before for error, before in zip(other, plain, strict=True)), far


KINDS = ("loss", "result", "statistics", "gradient network", "gradient arch")


@pytest.mark.parametrize("name", ["autodeeplab/spec", "autodeeplab/separable"])
def test_single_precision_is_as_exact_as_without_passes(name: str) -> None:
    """By kind of tensor, and of 29 tensors in 30 each by itself.

    What is far is the mean of a map whose mean is close to zero, as of a pool of normalised maps, and what a
    norm makes next to nothing of: such a gradient is what is left of large numbers that cancel.
    """
    compilation = reference(name=name, strides=THREE)
    plain, *others = mean_errors(
        lambda passes, seed: supernet_at(compilation, passes, seed),
        images_of((33, 29)),
        list(LEVELS.values()),
    )
    for found in others:
        for kind in KINDS:
            mine, before = (
                [error for name, error in far.items() if name.startswith(kind)] for far in (found, plain)
            )
            assert sum(mine) / len(mine) <= max(1e-6, 2 * sum(before) / len(before)), kind
        far = [n for n, error in found.items() if error > max(1e-6, 2 * plain[n])]
        assert 30 * len(far) <= len(found), far
