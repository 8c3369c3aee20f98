"""Shapes of the results of calls whose own meta kernels are slow Python.

Each gives what the call gives, as far as shape, type and layout go, on tensors without memory.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from hnas.planning.arithmetic import result_shape

_ATEN = torch.ops.aten
_CHANNELS_LAST = {4: torch.channels_last, 5: torch.channels_last_3d}


def _format(*tensors: Tensor) -> torch.memory_format:
    """How the result of a convolution of these lies: channels innermost if one of them does."""
    for x in tensors:
        if x.dim() in _CHANNELS_LAST and _innermost(x.shape, x.stride()):
            return _CHANNELS_LAST[x.dim()]
    return torch.contiguous_format


def innermost_of(*tensors: Tensor) -> bool:
    """Whether a convolution of these computes with channels innermost."""
    return _format(*tensors) != torch.contiguous_format


def _innermost(shape: Sequence[int], strides: Sequence[int]) -> bool:
    """As c10's is_channels_last_strides: where sizes of 1 leave it open, channels are not innermost."""
    least = 0
    if strides[1] == 0:
        return False
    for axis in (1, *range(len(shape) - 1, 1, -1), 0):
        if shape[axis] == 0 or strides[axis] < least or (axis == 0 and least == strides[1]):
            return False
        least = strides[axis] * max(1, shape[axis])
    return True


def _empty(like: Tensor, shape: Sequence[int], memory_format: torch.memory_format) -> Tensor:
    return torch.empty(shape, dtype=like.dtype, device="meta", memory_format=memory_format)


def _convolution(args: Sequence[Any]) -> Tensor:
    x, weight = args[0], args[1]
    shape = result_shape(x.shape, weight.shape, *args[3:9])
    return _empty(x, shape, _format(x, weight))


def _convolution_backward(args: Sequence[Any]) -> tuple[Tensor | None, ...]:
    grad, x, weight, asked = args[0], args[1], args[2], args[10]
    memory_format = _format(x, weight)
    return (
        _empty(x, x.shape, memory_format) if asked[0] else None,
        _empty(weight, weight.shape, memory_format) if asked[1] else None,
        _empty(grad, (grad.shape[1],), torch.contiguous_format) if asked[2] else None,
    )


def _batch_norm(args: Sequence[Any]) -> tuple[Tensor, ...]:
    x, scale, shift, mean, _, training = args[:6]
    wide = next((t for t in (scale, shift, mean) if t is not None), x)
    sizes = (x.shape[1],) if training else (0,)
    return torch.empty_like(x), *(_empty(wide, sizes, torch.contiguous_format) for _ in range(2))


def _batch_norm_backward(args: Sequence[Any]) -> tuple[Tensor | None, ...]:
    x, scale, asked = args[1], args[2], args[9]
    wide = scale if scale is not None else x
    sizes = (x.shape[1],)
    return (
        torch.empty_like(x) if asked[0] else None,
        _empty(wide, sizes, torch.contiguous_format) if asked[1] else None,
        _empty(wide, sizes, torch.contiguous_format) if asked[2] else None,
    )


def _alike(args: Sequence[Any]) -> Tensor | None:
    """Elementwise: as the one operand of the result's shape lies; None where that is not plain to see."""
    given = [each for each in args if isinstance(each, Tensor)]
    first = max(given, key=Tensor.dim)
    shape, strides = first.shape, None
    for x in given:
        if x.dtype != first.dtype and x.dim() > 0:
            return None
        if x.shape == shape:
            if strides is not None and x.stride() != strides:
                return None
            strides = x.stride()
        elif any(a not in (1, b) for a, b in zip(reversed(x.shape), reversed(shape), strict=False)):
            return None
    if not first.is_floating_point() or not _dense(shape, first.stride()):
        return None
    return torch.empty_like(first)


def _dense(shape: Sequence[int], strides: Sequence[int]) -> bool:
    """Whether every number of the memory is met once."""
    expected = 1
    for stride, extent in sorted((t, n) for n, t in zip(shape, strides, strict=True) if n != 1):
        if stride != expected:
            return False
        expected *= extent
    return True


def _cat(args: Sequence[Any]) -> Tensor | None:
    given, axis = args[0], args[1] if len(args) > 1 else 0
    first = given[0]
    memory_format = _layout(first)
    if memory_format is None or any(x.dtype != first.dtype or _layout(x) != memory_format for x in given):
        return None
    shape = list(first.shape)
    shape[axis] = sum(x.shape[axis] for x in given)
    return _empty(first, shape, memory_format)


def _layout(x: Tensor) -> torch.memory_format | None:
    """How a map lies that has no gaps; None for any other."""
    if x.is_contiguous():
        return (
            None if x.dim() in _CHANNELS_LAST and _innermost(x.shape, x.stride()) else torch.contiguous_format
        )
    found = _CHANNELS_LAST.get(x.dim())
    return found if found is not None and x.is_contiguous(memory_format=found) else None


def _product(args: Sequence[Any]) -> Tensor:
    left, right = args[0], args[1]
    return _empty(left, (*left.shape[:-1], right.shape[-1]), torch.contiguous_format)


KERNELS: dict[Any, Callable[[Sequence[Any]], Any]] = {
    _ATEN.add.Tensor: _alike,
    _ATEN.sub.Tensor: _alike,
    _ATEN.mul.Tensor: _alike,
    _ATEN.div.Tensor: _alike,
    _ATEN.relu.default: _alike,
    _ATEN.threshold_backward.default: _alike,
    _ATEN.cat.default: _cat,
    _ATEN.bmm.default: _product,
    _ATEN.mm.default: _product,
    _ATEN.convolution.default: _convolution,
    _ATEN.convolution_backward.default: _convolution_backward,
    _ATEN.native_batch_norm.default: _batch_norm,
    _ATEN.native_batch_norm_backward.default: _batch_norm_backward,
}
"""By call, of its arguments by place; what gives None is left to torch."""
