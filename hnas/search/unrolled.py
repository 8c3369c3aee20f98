"""Second order: the architecture's gradient at the weights as they will be after a step (DARTS, Sec. 2.3).

Liu, Simonyan, Yang, ICLR 2019. With w' = w - xi * (momentum * buffer + dL_train/dw + decay * w),

    dL_val(w', alpha)/dalpha  -  xi * d2 L_train(w, alpha)/dalpha dw * dL_val(w', alpha)/dw'      (Eq. 7)

where the second term is a difference of two gradients, at w +- epsilon * dL_val/dw' (Eq. 8). As in
the paper's code, the virtual step has momentum and weight decay, and no clipping.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, final

import torch
from attrs import frozen
from torch import Tensor, nn
from torch.optim import Optimizer

RADIUS = 0.01
"""How far the two points of the difference are from w: epsilon is this by the norm of dL_val/dw'."""

Loss = Callable[[], Tensor]


@final
@frozen
class Losses:
    """Losses of the network as it stands, each of one batch.

    Attributes:
        train: On the batch that the next weight step takes.
        val: On a batch held out from the weights.
        difference: As `train`, without autocast: two of these are subtracted.
    """

    train: Loss
    val: Loss
    difference: Loss


def unrolled_gradient(
    losses: Losses,
    optimizer: Optimizer,
    arch: Sequence[nn.Parameter],
    device: torch.device,
    radius: float = RADIUS,
) -> tuple[Tensor, list[Tensor | None]]:
    """The loss on the held-out batch after the virtual step, and its gradient by `arch`.

    Weights and the state of `optimizer` are the same to the bit afterwards, also after an exception. All
    passes draw the same random numbers: what is drawn is a part of the one function that is differentiated.

    Args:
        losses: The three losses.
        optimizer: SGD of the weights: its learning rate, momentum, buffers and decay make the virtual step.
        arch: What to differentiate by.
        device: Where all this is.
        radius: See RADIUS.
    """
    placed = [(p, group) for group in optimizer.param_groups for p in group["params"]]
    weights: list[nn.Parameter] = [p for p, _ in placed]
    before = [w.detach().clone() for w in weights]
    drawn = _Generators(device)
    try:
        slopes = torch.autograd.grad(losses.train(), weights, allow_unused=True)
        factors = [
            _virtual_step(w, slope, group, optimizer.state.get(w, {}))
            for (w, group), slope in zip(placed, slopes, strict=True)
        ]
        drawn.rewind()
        loss = losses.val()
        gradients = torch.autograd.grad(loss, [*arch, *weights], allow_unused=True)
        direct, pulls = gradients[: len(arch)], gradients[len(arch) :]
        vector = [
            torch.zeros_like(w) if pull is None else pull * factor
            for w, pull, factor in zip(weights, pulls, factors, strict=True)
        ]
        norm = torch.stack([v.norm() for v in vector]).norm()
        epsilon = radius / norm.clamp_min(torch.finfo(norm.dtype).tiny)
        sides: list[tuple[Tensor | None, ...]] = []
        for sign in (1, -1):
            with torch.no_grad():
                for w, at, v in zip(weights, before, vector, strict=True):
                    w.copy_(at + sign * epsilon * v)
            drawn.rewind()
            with _exact():
                sides.append(torch.autograd.grad(losses.difference(), list(arch), allow_unused=True))
    finally:
        with torch.no_grad():
            for w, at in zip(weights, before, strict=True):
                w.copy_(at)
    found: list[Tensor | None] = []
    for gradient, above, below in zip(direct, *sides, strict=True):
        if above is not None and below is not None:
            mixed = (above - below) / (2 * epsilon)
            gradient = -mixed if gradient is None else gradient - mixed
        found.append(gradient)
    return loss.detach(), found


@torch.no_grad()
def _virtual_step(
    w: nn.Parameter, slope: Tensor | None, group: dict[str, Any], state: dict[str, Any]
) -> float:
    """Move `w` as a step of SGD would, leaving its state alone; minus the derivative of w' by `slope`."""
    if slope is None:  # not a part of this network: the step passes over it too
        return 0.0
    rate, momentum = float(group["lr"]), float(group["momentum"])
    moved = slope + group["weight_decay"] * w
    buffer = state.get("momentum_buffer")
    carried = moved if buffer is None else moved + momentum * buffer
    if group["nesterov"]:
        w.sub_(rate * (moved + momentum * carried))
        return rate * (1 + momentum)
    w.sub_(rate * carried)
    return rate


@final
class _Generators:
    """The generators a pass draws from, as they are now."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._processor = torch.get_rng_state()
        self._cuda = torch.cuda.get_rng_state(device) if device.type == "cuda" else None

    def rewind(self) -> None:
        """Back to how they were: the next pass draws the same numbers again."""
        torch.set_rng_state(self._processor)
        if self._cuda is not None:
            torch.cuda.set_rng_state(self._cuda, self._device)


@contextmanager
def _exact() -> Iterator[None]:
    """No rounding to fewer bits than a number has: convolutions on a GPU do by default."""
    convolutions, products = torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False
    try:
        yield
    finally:
        torch.backends.cudnn.allow_tf32 = convolutions
        torch.backends.cuda.matmul.allow_tf32 = products
