"""Batch normalisation in training, of channels that lie next to each other.

The kernels in C (`native`) sum deviations from a guess at the mean, some pixels at a time, and those sums in
double: torch's own, for maps laid out like this, sums in the type of the map.
"""

from collections.abc import Sequence
from typing import Any, final

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from hnas.runtime import native


@final
class BatchNorm(Function):
    """(x - mean) / sqrt(variance + eps) * scale + shift, with the statistics of the map (N, C, H, W).

    Gives also mean and inverse deviation, (C,). The running statistics, if any, are moved as torch does it.
    """

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        scale: Tensor | None,
        shift: Tensor | None,
        running: Sequence[Tensor | None],
        momentum: float,
        eps: float,
    ) -> tuple[Tensor, Tensor, Tensor]:
        laid, channels = native.laid_out(x), x.shape[1]
        out = native.empty_map(x, *x.shape)
        mean, inverse = x.new_empty(channels), x.new_empty(channels)
        native.run(
            "norm", x.dtype, 0, laid, mean, inverse, _dense(scale), _dense(shift), out, *running,
            x.numel() // channels, channels, laid.stride(3), channels, momentum, eps,
        )  # fmt: skip
        ctx.save_for_backward(x, mean, inverse, scale)
        ctx.mark_non_differentiable(mean, inverse)
        ctx.set_materialize_grads(False)
        return out, mean, inverse

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        x, mean, inverse, scale = ctx.saved_tensors
        of_x, of_scale, of_shift, *_ = ctx.needs_input_grad
        g, x, channels = native.laid_out(grads[0].to(x.dtype)), native.laid_out(x), x.shape[1]
        found = (
            native.empty_map(x, *x.shape) if of_x else None,
            torch.empty_like(mean) if of_scale else None,
            torch.empty_like(mean) if of_shift else None,
        )
        native.run(
            "norm_back", x.dtype, 0, g, x, mean, inverse, _dense(scale), *found,
            x.numel() // channels, channels, g.stride(3), x.stride(3), channels,
        )  # fmt: skip
        return (*found, None, None, None)


def normalised(
    x: Tensor,
    scale: Tensor | None,
    shift: Tensor | None,
    running: tuple[Tensor | None, Tensor | None],
    momentum: float,
    eps: float,
) -> tuple[Tensor, Tensor, Tensor]:
    """`BatchNorm`, or torch's own where there is no kernel for the map."""
    if _in_c(x, scale, shift, *running):
        return BatchNorm.apply(x, scale, shift, running, momentum, eps)
    return torch.native_batch_norm(x, scale, shift, *running, True, momentum, eps)


def again(x: Tensor, mean: Tensor, inverse: Tensor, scale: Tensor | None, shift: Tensor | None) -> Tensor:
    """The normalised map, made again of its statistics."""
    if _in_c(x, mean, scale, shift):
        laid, out, channels = native.laid_out(x), native.empty_map(x, *x.shape), x.shape[1]
        native.run(
            "norm_again", x.dtype, 0, laid, mean, inverse, _dense(scale), _dense(shift), out,
            x.numel() // channels, channels, laid.stride(3), channels,
        )  # fmt: skip
        return out
    factor = inverse if scale is None else inverse * scale
    offset = torch.addcmul(mean.new_zeros(()) if shift is None else shift, mean, factor, value=-1)
    ones = (1, -1, *(1,) * (x.dim() - 2))
    return torch.addcmul(offset.to(x.dtype).view(ones), x, factor.to(x.dtype).view(ones))


def _in_c(x: Tensor, *others: Tensor | None) -> bool:
    return (
        native.takes(x) and native.innermost(x) and all(t.dtype == x.dtype for t in others if t is not None)
    )


def _dense(vector: Tensor | None) -> Tensor | None:
    return vector.contiguous() if vector is not None else None
