"""How tensors lie in memory, and new ones without memory that lie so."""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor

_CHANNELS_LAST = {4: torch.channels_last, 5: torch.channels_last_3d}


def format_of(*tensors: Tensor) -> torch.memory_format:
    """How the result of a convolution of these lies: channels innermost if one of them does."""
    for x in tensors:
        if x.dim() in _CHANNELS_LAST and _innermost(x.shape, x.stride()):
            return _CHANNELS_LAST[x.dim()]
    return torch.contiguous_format


def innermost_of(*tensors: Tensor) -> bool:
    """Whether a convolution of these computes with channels innermost."""
    return format_of(*tensors) != torch.contiguous_format


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


def empty(x: Tensor, shape: Sequence[int], memory_format: torch.memory_format) -> Tensor:
    """A tensor of this shape, of numbers as `x` has them."""
    return torch.empty(shape, dtype=x.dtype, device="meta", memory_format=memory_format)


def dense(shape: Sequence[int], strides: Sequence[int]) -> tuple[int, ...] | None:
    """The strides of memory without gaps whose axes lie in the same order; None if that is left open."""
    order = sorted(range(len(shape)), key=lambda n: (strides[n], shape[n] != 1, n))
    known = [strides[n] for n in order if shape[n] != 1]
    if known and known[0] == 0:  # expanded: such axes go where they stand
        order = list(range(len(shape)))[::-1]
        known = [strides[n] for n in order if shape[n] != 1 and strides[n] != 0]
    if any(a >= b for a, b in pairwise(known)):
        return None
    found, expected = list(strides), 1
    for n in order:
        found[n] = expected
        expected *= shape[n]
    return tuple(found)


def like(x: Tensor) -> Tensor:
    """As torch.empty_like(x), whose meta kernel takes ten times as long."""
    strides = dense(x.shape, x.stride())
    if strides is None:
        return torch.empty_like(x)
    return torch.empty_strided(x.shape, strides, dtype=x.dtype, device="meta")
