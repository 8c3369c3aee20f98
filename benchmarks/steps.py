"""What the benchmarks time: the passes of a step, and what the machine can do at best."""

import time
from collections.abc import Callable, Sequence
from typing import final

import torch
from attrs import frozen
from torch import Tensor, nn

from hnas.runtime.supernet import SuperNet

Run = Callable[[], None]


def device() -> torch.device:
    """The GPU where there is one."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def wait() -> None:
    """Until all that was asked of the device is done."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def passes_of(model: nn.Module, images: Tensor) -> dict[str, Run]:
    """The passes of a step, forward and backward, without optimisers.

    A bilevel step of a super-network is one for the weights and one for alpha and beta, each with the
    gradients of those alone; of a network it is one for the weights.
    """
    if not isinstance(model, SuperNet):
        return {"weights": lambda: _pass(model, images, (), list(model.parameters()))}
    weights, arch = model.weight_parameters(), model.arch_parameters()
    return {
        "weights": lambda: _pass(model, images, arch, weights),
        "architecture": lambda: _pass(model, images, weights, arch),
    }


def _pass(model: nn.Module, images: Tensor, constant: Sequence[Tensor], asked: Sequence[Tensor]) -> None:
    with_gradients_of(asked, constant)
    loss = model(images).square().mean()
    if loss.requires_grad:
        loss.backward()
    with_gradients_of((*asked, *constant), ())
    for parameter in asked:
        parameter.grad = None


def with_gradients_of(asked: Sequence[Tensor], constant: Sequence[Tensor]) -> None:
    """From here on a pass computes the gradients of `asked`, not those of `constant`."""
    for parameters, wanted in ((asked, True), (constant, False)):
        for parameter in parameters:
            parameter.requires_grad_(wanted)


def seconds(run: Run) -> float:
    """What a run takes."""
    wait()
    begun = time.perf_counter()
    run()
    wait()
    return time.perf_counter() - begun


@final
@frozen
class Rates:
    """What the machine does at best.

    Attributes:
        flops: Of a large product of matrices in float32, a second; a multiplication and an addition are two.
        bytes: Read and written by a large copy, a second.
    """

    flops: float
    bytes: float


def rates() -> Rates:
    """Measured, the best of five each."""
    side = 8192 if torch.cuda.is_available() else 2048
    left, right = (torch.randn(side, side, device=device()) for _ in range(2))
    source = torch.randn(2**28 // 4, device=device())
    target = torch.empty_like(source)
    product = min(seconds(lambda: torch.mm(left, right)) for _ in range(5))
    copied = min(seconds(lambda: target.copy_(source)) for _ in range(5))
    return Rates(2 * side**3 / product, 2 * source.nbytes / copied)
