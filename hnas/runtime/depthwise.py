"""Depthwise convolutions and their gradients, most of a super-network's work on a processor.

A map may be read by several members: `times` results of each of its channels, result r * C + c of channel
c, which the kernels in C (`native`) compute from the map as it is. Without them the map is put there over
and over, and the gradient of the input is itself a depthwise convolution, with the kernel flipped: torch's
own backward of it is 2 to 20 times slower with a dilation. The gradient of the weights of a kernel of k x k
taps is k * k products of the gradient with the shifted input, summed over images and pixels; the kernel in C
is 5 to 50 times as fast as torch's own for 5 x 5 or a dilation.
"""

import ctypes
from typing import final

import torch
from attrs import field, frozen
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - torch's own short name

from hnas.runtime import native
from hnas.runtime.layouts import summed, traced

_MOST_TAPS = 7


@final
@frozen
class Shape:
    """Kernel, stride, padding and dilation of a convolution of images, an extent an axis."""

    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[int, ...]
    dilation: tuple[int, ...]
    square: bool = field(init=False)

    @square.default  # pyright: ignore[reportAttributeAccessIssue, reportUntypedFunctionDecorator]
    def _square(self) -> bool:
        alike = all(a == b for a, b in (self.kernel, self.stride, self.padding, self.dilation))
        return alike and self.kernel[0] <= _MOST_TAPS

    @property
    def keeps_size(self) -> bool:
        """Whether the result has as many pixels as the map."""
        return all(
            s == 1 and 2 * p == d * (k - 1)
            for k, s, p, d in zip(self.kernel, self.stride, self.padding, self.dilation, strict=True)
        )

    def result(self, height: int, width: int) -> tuple[int, int]:
        """Pixels of the result for a map of so many."""
        found = (
            (n + 2 * p - d * (k - 1) - 1) // s + 1
            for n, k, s, p, d in zip(
                (height, width), self.kernel, self.stride, self.padding, self.dilation, strict=True
            )
        )
        return next(found), next(found)


@final
class _Extents(ctypes.Structure):
    """As `struct depthwise` in kernels.c."""

    _fields_ = tuple(
        (name, ctypes.c_ssize_t)
        for name in (
            *("images", "height", "width", "out_height", "out_width", "channels", "times"),
            *("map_step", "out_step", "k", "stride", "pad", "dilation"),
        )
    )


def _run(name: str, x: Tensor, out: Tensor, times: int, how: Shape, *given: Tensor) -> None:
    """A kernel, of a map (N, C, H, W) and a result (N, times * C, H', W') or their gradients."""
    count, channels, height, width = x.shape
    extents = _Extents(
        count, height, width, *out.shape[2:], channels, times, x.stride(3), out.stride(3),
        how.kernel[0], how.stride[0], how.padding[0], how.dilation[0],
    )  # fmt: skip
    native.run(name, given[0].dtype, how.kernel[0] ** 2 * out.numel(), *given, ctypes.addressof(extents))


def convolve(x: Tensor, weight: Tensor, how: Shape, times: int) -> Tensor:
    """The result (N, times * C, H', W') of a map (N, C, H, W) and weights (times * C, 1, k, k)."""
    if not (how.square and native.takes(x)):
        return F.conv2d(
            _repeated(x, times), weight, None, how.stride, how.padding, how.dilation, times * x.shape[1]
        )
    x = native.laid_out(x)
    out = native.empty_map(x, len(x), len(weight), *how.result(*x.shape[2:]))
    _run("depthwise", x, out, times, how, x, weight.contiguous(), out)
    return out


def input_gradient(g: Tensor, x: Tensor, weight: Tensor, how: Shape, times: int) -> Tensor:
    """The gradient of the map (N, C, H, W): of the result (N, times * C, H', W')."""
    if how.square and how.stride[0] == 1 and native.takes(g):
        g = native.laid_out(g)
        found = native.empty_map(g, *x.shape)
        _run("depthwise_input", found, g, times, how, g, weight.contiguous(), found)
        return found
    if how.keeps_size:
        wide = F.conv2d(g, weight.flip(2, 3), None, 1, how.padding, how.dilation, g.shape[1])
    else:
        wide = _stock(g, _repeated(x, times), weight, how, (True, False, False))[0]
    return summed(wide, times) if times > 1 else wide


def weight_gradient(g: Tensor, x: Tensor, weight: Tensor, how: Shape, times: int) -> Tensor:
    """The gradient of the weights (times * C, 1, k, k)."""
    exact = torch.float64 if x.dtype == torch.float64 else torch.float32
    if traced(x) and how.square and how.keeps_size and x.device.type == "cpu" and native.in_use():
        return traced_weight_gradient(g, x, weight, how.kernel[0], how.dilation[0], times)
    if not (how.square and native.takes(x, lowered=True)):
        return _stock(g, _repeated(x, times), weight, how, (False, True, False))[1]
    x, g = native.laid_out(x.to(exact)), native.laid_out(g.to(exact))
    found = x.new_empty(weight.shape)
    _run("depthwise_weight", x, g, times, how, x, g, found)
    return found.to(weight.dtype)


@torch.library.custom_op("hnas::depthwise_weight_gradient", mutates_args=())
def traced_weight_gradient(
    g: Tensor, x: Tensor, weight: Tensor, kernel: int, dilation: int, times: int
) -> Tensor:
    """`weight_gradient` as an operation that graphs of torch.compile can hold."""
    pad = dilation * (kernel - 1) // 2
    how = Shape(*((each, each) for each in (kernel, 1, pad, dilation)))
    return weight_gradient(g, x, weight, how, times)


@traced_weight_gradient.register_fake
def _(g: Tensor, x: Tensor, weight: Tensor, kernel: int, dilation: int, times: int) -> Tensor:
    return torch.empty_like(weight)


def _repeated(x: Tensor, times: int) -> Tensor:
    return torch.cat([x] * times, 1) if times > 1 else x


def _stock(
    g: Tensor, x: Tensor, weight: Tensor, how: Shape, wanted: tuple[bool, bool, bool]
) -> tuple[Tensor, Tensor, Tensor]:
    return torch.ops.aten.convolution_backward(
        g, x, weight, None, how.stride, how.padding, how.dilation, False, [0, 0], g.shape[1], wanted
    )
