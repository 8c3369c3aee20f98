"""Gradients of depthwise convolutions, which are most of a super-network's backward pass on a processor.

The gradient of the input is itself a depthwise convolution, with the kernel flipped: torch's own
backward of it is 2 to 20 times slower with a dilation. The gradient of the weights of a kernel of k x k
taps is k * k products of the gradient with the shifted input, summed over images and pixels, for which
there is a kernel in C (`native`), 5 to 50 times as fast as torch's own for 5 x 5 or a dilation.
"""

from typing import final

import torch
from attrs import frozen
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - torch's own short name

from hnas.runtime import native


@final
@frozen
class Shape:
    """Kernel, stride, padding and dilation of a convolution of images, an extent an axis."""

    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[int, ...]
    dilation: tuple[int, ...]

    @property
    def keeps_size(self) -> bool:
        """Whether the result has as many pixels as the map."""
        return all(
            s == 1 and 2 * p == d * (k - 1)
            for k, s, p, d in zip(self.kernel, self.stride, self.padding, self.dilation, strict=True)
        )


def input_gradient(g: Tensor, x: Tensor, weight: Tensor, how: Shape) -> Tensor:
    """The gradient of the map (N, C, H, W): of the result (N, C, H', W') and weights (C, 1, k, k)."""
    if how.keeps_size:
        return F.conv2d(g, weight.flip(2, 3), None, 1, how.padding, how.dilation, g.shape[1])
    return _stock(g, x, weight, how, (True, False, False))[0]


def weight_gradient(g: Tensor, x: Tensor, weight: Tensor, how: Shape) -> Tensor:
    """The gradient of the weights (C, 1, k, k)."""
    if how.keeps_size and native.computes(g, x, how.kernel, how.dilation):
        return native.weight_gradient(g, x, how.kernel[0], how.dilation[0])
    return _stock(g, x, weight, how, (False, True, False))[1]


def _stock(
    g: Tensor, x: Tensor, weight: Tensor, how: Shape, wanted: tuple[bool, bool, bool]
) -> tuple[Tensor, Tensor, Tensor]:
    return torch.ops.aten.convolution_backward(
        g, x, weight, None, how.stride, how.padding, how.dilation, False, [0, 0], g.shape[1], wanted
    )
