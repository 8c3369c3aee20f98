"""What a network computes at a level, for tests that hold the levels against each other."""

from collections.abc import Callable, Mapping, Sequence

import torch
from attrs import frozen
from torch import Tensor, nn

from hnas.compiler import Compilation
from hnas.ir.decisions import Architecture
from hnas.ir.graph import Graph
from hnas.passes.inline import inline
from hnas.passes.pipeline import optimize
from hnas.runtime.lower import Network, lower
from hnas.runtime.supernet import SuperNet


def supernet_at(compilation: Compilation, passes: Sequence[str], seed: int = 0) -> SuperNet:
    """The super-network after `passes`; alpha and beta differ from each other as after some search."""
    torch.manual_seed(seed)
    program = optimize(inline(compilation.graph), passes)
    return SuperNet(program, compilation.decisions, (0.0, 0.5), allow_extern=compilation.allow_extern)


def network_at(
    graph: Graph,
    passes: Sequence[str],
    seed: int = 0,
    droppable: Mapping[str, frozenset[str]] | None = None,
    allow_extern: bool = False,
) -> Network:
    """A network with its choices made after `passes`."""
    torch.manual_seed(seed)
    return lower(optimize(inline(graph, droppable), passes), allow_extern=allow_extern)


def only_architecture(compilation: Compilation) -> Architecture:
    """The one network of a file, or of its space."""
    return next(iter(compilation.networks().values()), Architecture({}))


def unsettle(module: nn.Module, seed: int) -> None:
    """Move scales and shifts of norms off one and zero, as training does."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in module.parameters():
            noise = torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
            parameter.add_(noise.to(parameter) * 0.1)


@frozen
class Observed:
    """What one pass gives, everything the levels have to agree on.

    Attributes:
        results: The result, perhaps an auxiliary one.
        loss: A number that every result has a part in.
        statistics: The running statistics after the pass.
        gradients: By parameter; None where the pass gives none.
    """

    results: tuple[Tensor, ...]
    loss: Tensor
    statistics: Mapping[str, Tensor]
    gradients: Mapping[str, Tensor | None]


Forward = Callable[[Tensor], Sequence[Tensor | None]]


def observe(module: nn.Module, images: Tensor, forward: Forward | None = None, seed: int = 0) -> Observed:
    """A pass forward and back; `seed` is that of what the pass draws.

    The loss is that of random targets for every number of the results: no gradient is small by symmetry.
    """
    module.zero_grad(set_to_none=True)
    torch.manual_seed(seed)
    found = forward(images) if forward is not None else (module(images),)
    results = tuple(result for result in found if result is not None)
    generator = torch.Generator().manual_seed(7)
    loss = images.new_zeros(())
    for result in results:
        target = torch.randn(result.shape, generator=generator, dtype=torch.float64)
        loss = loss + (result.to(images) - target.to(images)).square().mean()
    loss.backward()
    return Observed(
        tuple(result.detach() for result in results),
        loss.detach(),
        {name: value.clone() for name, value in module.named_buffers()},
        {name: None if p.grad is None else p.grad.clone() for name, p in module.named_parameters()},
    )


def distance(found: Tensor, exact: Tensor) -> float:
    """The relative error in the L2 norm."""
    exact = exact.double()
    return float((found.double() - exact).norm() / exact.norm())


_ROUNDING = 1e-12
"""A tensor this small, beside what it was summed up from, is zero but for rounding."""


def errors(found: Observed, exact: Observed) -> dict[str, float]:
    """The relative error of every tensor that is not zero but for rounding, by name.

    A gradient that only one of the two has is an infinite error.
    """
    far = {"loss": distance(found.loss, exact.loss)}
    for number, (one, other) in enumerate(zip(found.results, exact.results, strict=True)):
        far[f"result {number}"] = distance(one, other)
    assert found.statistics.keys() == exact.statistics.keys()
    for name, value in exact.statistics.items():
        if not value.is_floating_point():
            assert torch.equal(found.statistics[name], value), name
            continue
        # the mean of a normalised map is zero; its scale is that of the map
        scale = exact.statistics[name.replace("running_mean", "running_var")].abs().sqrt().norm()
        if value.norm() > _ROUNDING * scale:
            far[f"statistics {name}"] = distance(found.statistics[name], value)
    assert found.gradients.keys() == exact.gradients.keys()
    largest = max((float(g.norm()) for g in exact.gradients.values() if g is not None), default=0.0)
    for name, gradient in exact.gradients.items():
        given = found.gradients[name]
        if gradient is None or given is None:
            if gradient is not given:
                far[f"gradient {name}"] = float("inf")
        elif gradient.norm() > _ROUNDING * largest:
            far[f"gradient {name}"] = distance(given, gradient)
    return far


def worst(far: Mapping[str, float]) -> str:
    """The largest errors, for a message."""
    return ", ".join(f"{name} {value:.1e}" for name, value in sorted(far.items(), key=lambda e: -e[1])[:5])
