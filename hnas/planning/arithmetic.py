"""Multiply-adds of the calls that multiply and add: convolutions and products of matrices.

torch's own counter takes the backward pass of a grouped convolution for that of a full one. Here a
convolution costs, forward, what each number of its result is made of: taps times channels of its group;
backward the same once for the gradient of its map and once for that of its weights, each only where it
is asked for. A bias costs nothing.
"""

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import torch
from torch import Tensor

_ATEN = torch.ops.aten


def _convolution(args: Sequence[Any]) -> int:
    x, weight, transposed = args[0], args[1], args[6]
    return _products(x.shape, weight.shape, _result(args), transposed)


def _result(args: Sequence[Any]) -> Sequence[int]:
    return result_shape(args[0].shape, args[1].shape, *args[3:9])


def _convolution_backward(args: Sequence[Any]) -> int:
    grad, x, weight, transposed, asked = args[0], args[1], args[2], args[7], args[10]
    return _products(x.shape, weight.shape, grad.shape, transposed) * (int(asked[0]) + int(asked[1]))


def _products(x: Sequence[int], weight: Sequence[int], result: Sequence[int], transposed: bool) -> int:
    """Every number of the weights meets every pixel: of the result, transposed of what comes in."""
    pixels = x if transposed else result
    return prod(weight) * pixels[0] * prod(pixels[2:])


def result_shape(
    x: Sequence[int],
    weight: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    transposed: bool,
    output_padding: Sequence[int],
    groups: int,
) -> tuple[int, ...]:
    """The shape of a convolution's result; x is (N, C, ...)."""
    axes = range(len(x) - 2)
    s, p, d, o = (_each(value, len(axes)) for value in (stride, padding, dilation, output_padding))
    if transposed:
        return (
            x[0],
            weight[1] * groups,
            *((x[n + 2] - 1) * s[n] - 2 * p[n] + d[n] * (weight[n + 2] - 1) + o[n] + 1 for n in axes),
        )
    return (
        x[0],
        weight[0],
        *((x[n + 2] + 2 * p[n] - d[n] * (weight[n + 2] - 1) - 1) // s[n] + 1 for n in axes),
    )


def _each(values: Sequence[int], axes: int) -> Sequence[int]:
    return values if len(values) == axes else [values[0]] * axes


def _product(left: Tensor, right: Tensor) -> int:
    """(..., I, J) times (..., J, K), or a vector (J,)."""
    return left.numel() * (right.shape[-1] if right.dim() > 1 else 1)


MULTIPLY_ADDS: dict[Any, Callable[[Sequence[Any]], int]] = {
    _ATEN.convolution.default: _convolution,
    _ATEN.convolution_backward.default: _convolution_backward,
    _ATEN.mm.default: lambda args: _product(args[0], args[1]),
    _ATEN.mm.out: lambda args: _product(args[0], args[1]),
    _ATEN.bmm.default: lambda args: _product(args[0], args[1]),
    _ATEN.bmm.out: lambda args: _product(args[0], args[1]),
    _ATEN.mv.default: lambda args: _product(args[0], args[1]),
    _ATEN.dot.default: lambda args: args[0].numel(),
    _ATEN.addmm.default: lambda args: _product(args[1], args[2]),
    _ATEN.addmm.out: lambda args: _product(args[1], args[2]),
    _ATEN.addmm_.default: lambda args: _product(args[1], args[2]),
    _ATEN.baddbmm.default: lambda args: _product(args[1], args[2]),
    _ATEN.baddbmm.out: lambda args: _product(args[1], args[2]),
    _ATEN.baddbmm_.default: lambda args: _product(args[1], args[2]),
}
"""By call, of its arguments."""
