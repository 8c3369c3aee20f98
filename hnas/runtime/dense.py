"""Dense convolutions of small maps, tap by tap, by a kernel in C (`native`).

Where a kernel reaches as far as the map, most of its taps meet nothing but padding, and weights outnumber
pixels: torch's gradients of the weights are then 2 to 15 times as slow as sums over what a tap does meet,
and weights are copied on the way. On larger maps torch is as fast or faster.
"""

import ctypes
from typing import Any, final

from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from hnas.runtime import native
from hnas.runtime.depthwise import Shape

_MOST_PIXELS = 128
"""Of an image; up to here the kernel in C is the faster one."""


@final
class _Extents(ctypes.Structure):
    """As `struct dense` in kernels.c."""

    _fields_ = tuple(
        (name, ctypes.c_ssize_t)
        for name in (
            *("images", "height", "width", "out_height", "out_width", "groups", "ins", "outs"),
            *("map_step", "out_step", "k", "pad", "dilation"),
        )
    )


def takes(x: Tensor, how: Shape) -> bool:
    """Whether a convolution of this map is best computed here."""
    small = x.shape[2] * x.shape[3] <= _MOST_PIXELS
    return small and how.square and how.stride[0] == 1 and native.takes(x)


@final
class Dense(Function):
    """A convolution of stride 1: maps (N, G * C, H, W), weights (G * C', C, k, k) to (N, G * C', H', W')."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, how: Shape) -> Tensor:
        x = native.laid_out(x)
        ctx.save_for_backward(x, weight)
        ctx.how = how
        out = native.empty_map(x, len(x), len(weight), *how.result(*x.shape[2:]))
        _run("dense", x, out, weight, how, x, innermost(weight), out)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        x, weight = ctx.saved_tensors
        x, g = native.laid_out(x), native.laid_out(grads[0])
        x_grad = w_grad = None
        if ctx.needs_input_grad[0]:
            x_grad = native.empty_map(x, *x.shape)
            _run("dense_input", x_grad, g, weight, ctx.how, g, innermost(weight), x_grad)
        if ctx.needs_input_grad[1]:
            found = g.new_empty(innermost(weight).shape)
            _run("dense_weight", x, g, weight, ctx.how, x, g, found)
            w_grad = found.movedim(3, 1)
        return x_grad, w_grad, None


def innermost(weight: Tensor) -> Tensor:
    """Weights (O, C, k, k) as (O, k, k, C) in the order of memory; no copy where channels are innermost."""
    return weight.permute(0, 2, 3, 1).contiguous()


def _run(name: str, x: Tensor, out: Tensor, weight: Tensor, how: Shape, *given: Tensor) -> None:
    """A kernel, of a map and a result or their gradients."""
    count, channels, height, width = x.shape
    ins = weight.shape[1]
    groups = channels // ins
    extents = _Extents(
        count, height, width, *out.shape[2:], groups, ins, len(weight) // groups,
        x.stride(3), out.stride(3), how.kernel[0], how.padding[0], how.dilation[0],
    )  # fmt: skip
    work = how.kernel[0] ** 2 * ins * out.numel()
    native.run(name, x.dtype, work, *given, ctypes.addressof(extents))
