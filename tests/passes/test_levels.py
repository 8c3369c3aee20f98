"""The numerical contract: every level, and every pass by itself, computes what the plain network computes.

Results, loss, running statistics and all gradients are compared with those of -O0 in double precision,
each tensor by its relative error in the L2 norm.
"""

import copy
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import torch
from constructs import CASES, FIXED, ONE_CELL, OPEN, SPACE, random_choices
from helpers import ROOT, SPEC
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
