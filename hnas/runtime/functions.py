"""Operations on wide maps, with gradients of their own.

N images, K members of C channels each, then pixels: a wide map is (N, K * C, ...). What is kept for
backward is what a function saves, and no more; the engine's hooks may replace that by a recipe.
"""

from collections.abc import Sequence
from typing import Any, final

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable
from torch.nn import functional as F  # noqa: N812 - torch's own short name

from hnas.runtime import depthwise, products
from hnas.runtime.layouts import summed


def autocast_kind(x: Tensor) -> str:
    """The kind of device whose autocast counts; on tensors without memory the processor's stands for all."""
    return "cpu" if x.is_meta else x.device.type


def _lowered(x: Tensor) -> Tensor:
    """In the precision of autocast, where that is on."""
    kind = autocast_kind(x)
    if torch.is_autocast_enabled(kind) and x.is_floating_point() and x.dtype != torch.float64:
        return x.to(torch.get_autocast_dtype(kind))
    return x


@final
class Repeat(Function):
    """(N, C, ...) to (N, times * C, ...), the map over and over."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, times: int) -> Tensor:
        ctx.times = times
        return torch.cat([x] * times, 1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        return summed(grads[0], ctx.times), None


@final
class Pointwise(Function):
    """A 1x1 convolution for each member: maps of K_i members each, weights (K, C', C, 1, ...) in turn.

    The products write into the wide result where it belongs (N, K * C', ...), see `products`.
    """

    @staticmethod
    def forward(ctx: Any, weight: Tensor, counts: Sequence[int], *maps: Tensor) -> Tensor:
        ctx.save_for_backward(weight, *maps)
        ctx.counts = counts
        return products.convolve(weight.flatten(2), counts, maps)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        weight, *maps = ctx.saved_tensors
        needs = ctx.needs_input_grad
        w_grad, found = products.gradients(grads[0], weight.flatten(2), ctx.counts, maps, needs[0], needs[2:])
        return (w_grad.view_as(weight) if w_grad is not None else None, None, *found)


def pointwise(weight: Tensor, counts: Sequence[int], *maps: Tensor) -> Tensor:
    """`Pointwise` under autocast."""
    lowered = [_lowered(x) for x in (weight, *maps)]
    with torch.autocast(autocast_kind(maps[0]), enabled=False):
        return Pointwise.apply(lowered[0], counts, *lowered[1:])


@final
class Depthwise(Function):
    """A depthwise convolution, `times` results for each channel, computed the fast way, see `depthwise`."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, how: depthwise.Shape, times: int) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.shape = how, times
        return depthwise.convolve(x, weight, how, times)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        x, weight = ctx.saved_tensors
        g, needs = grads[0], ctx.needs_input_grad
        x_grad = depthwise.input_gradient(g, x, weight, *ctx.shape) if needs[0] else None
        w_grad = depthwise.weight_gradient(g, x, weight, *ctx.shape) if needs[1] else None
        return x_grad, w_grad, None, None


def depthwise_conv(x: Tensor, weight: Tensor, how: depthwise.Shape, times: int) -> Tensor:
    """`Depthwise` under autocast."""
    lowered = _lowered(x), _lowered(weight)
    with torch.autocast(autocast_kind(x), enabled=False):
        return Depthwise.apply(*lowered, how, times)


@final
class MaxPool(Function):
    """Max pooling that keeps no indices, which are twice the size of the map: they are found again."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, kernel: list[int], stride: list[int], pad: list[int]) -> Tensor:
        ctx.save_for_backward(x)
        ctx.shape = kernel, stride, pad
        return F.max_pool2d(x, kernel, stride, pad)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        (x,) = ctx.saved_tensors
        kernel, stride, pad = ctx.shape
        _, indices = torch.ops.aten.max_pool2d_with_indices(x, kernel, stride, pad, [1, 1], False)
        found = torch.ops.aten.max_pool2d_with_indices_backward(
            grads[0], x, kernel, stride, pad, [1, 1], False, indices
        )
        return found, None, None, None
