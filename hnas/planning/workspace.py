"""What convolutions and norms on a processor take for themselves while they compute, and give back.

As torch's build of oneDNN asks its allocator for: weights in blocks of 16 channels, a second copy of maps
whose channels are not innermost; where torch computes itself, the windows of a map (im2col), and the
groups' results before they are put together. On a GPU cuDNN chooses, and nothing is known beforehand.
"""

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import torch
from torch import Tensor

from hnas.planning.arithmetic import result_shape
from hnas.planning.layouts import innermost_of

_ATEN = torch.ops.aten
_BLOCK = 16


def _forward(args: Sequence[Any]) -> int:
    x, weight, groups = args[0], args[1], args[8]
    result = prod(result_shape(x.shape, weight.shape, *args[3:9])) * x.element_size()
    taps = prod(weight.shape[2:])
    if x.dtype == torch.float64 or taps == 1:
        windows = 0 if taps == 1 else result // weight.shape[0] * weight.shape[1] * taps
        return windows + (result if groups > 1 else 0)
    return 2 * _bytes(weight) if innermost_of(x, weight) else result + _bytes(weight)


def _backward(args: Sequence[Any]) -> int:
    grad, x, weight, stride, dilation, groups, asked = *args[:3], args[4], args[6], args[9], args[10]
    taps, for_map, for_weights = prod(weight.shape[2:]), bool(asked[0]), bool(asked[1])
    if x.dtype == torch.float64 or taps == 1:
        windows = 0 if taps == 1 else _bytes(grad) // weight.shape[0] * weight.shape[1] * taps
        return (windows if for_weights else 0) + (_bytes(x) if groups > 1 and for_map else 0)
    innermost, size = innermost_of(x, weight), _bytes(weight)
    dilated, strided = max(dilation) > 1, max(stride) > 1
    reach = max((k - 1) * d + 1 for k, d in zip(weight.shape[2:], dilation, strict=True))
    if dilated and for_weights and reach > min(x.shape[2:]):
        return (5 if innermost else 4) * size  # a window is larger than the map: no fast kernel
    if not innermost:
        return _bytes(x) + (_bytes(grad) if for_weights else size)
    alone = weight.shape[1] == 1 and groups > 1
    if alone and ((taps == 9 and not dilated) or (dilated and strided)):
        return 2 * size
    if for_weights or (alone and dilated):
        return _blocked(weight, groups) + 2 * size
    return 2 * size


def _norm_backward(args: Sequence[Any]) -> int:
    """torch makes the gradient of the map, and once more where everything lies in one order."""
    grad, x, asked = args[0], args[1], args[9]
    innermost = torch.channels_last if x.dim() == 4 else torch.contiguous_format
    alike = any(
        x.is_contiguous(memory_format=each) and grad.is_contiguous(memory_format=each)
        for each in (torch.contiguous_format, innermost)
    )
    return _bytes(x) if asked[0] and alike else 0


def _blocked(weight: Tensor, groups: int) -> int:
    """The weights of each group, filled up to whole blocks of channels that go in and out."""
    out, given, *taps = weight.shape
    return groups * _whole(out // groups) * _whole(given) * prod(taps) * weight.element_size()


def _whole(channels: int) -> int:
    return -(-channels // _BLOCK) * _BLOCK


def _bytes(x: Tensor) -> int:
    return x.numel() * x.element_size()


WORKSPACE: dict[Any, Callable[[Sequence[Any]], int]] = {
    _ATEN.convolution.default: _forward,
    _ATEN.convolution_backward.default: _backward,
    _ATEN.native_batch_norm_backward.default: _norm_backward,
}
"""Bytes by call, of its arguments."""
