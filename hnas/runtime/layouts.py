"""How wide maps lie in memory: N images, K members of C channels each, then pixels, is (N, K * C, ...)."""

from collections.abc import Sequence

import torch
from torch import Tensor

CHANNELS_LAST = {4: torch.channels_last, 5: torch.channels_last_3d}


def memory_format(x: Tensor) -> torch.memory_format:
    """How a map lies in memory."""
    innermost = x.stride(1) == 1 and x.shape[1] > 1
    return CHANNELS_LAST.get(x.dim(), torch.contiguous_format) if innermost else torch.contiguous_format


def rows_of(x: Tensor, members: int) -> Tensor:
    """(N, K * C, ...) as (K, N * pixels, C), a view where channels are innermost."""
    pixels = x.numel() // max(1, x.shape[1])
    step, channels = x.stride(-1), x.shape[1] // members
    if not traced(x) and _in_rows(x, step):
        return x.as_strided((members, pixels, channels), (channels, step, 1))
    return x.movedim(1, -1).flatten(0, -2).unflatten(1, (members, -1)).transpose(0, 1)


def map_of(rows: Tensor, shape: Sequence[int]) -> Tensor:
    """(K, N * pixels, C) as a map (N, K * C, ...) of `shape`, channels innermost."""
    return rows.transpose(0, 1).reshape(shape[0], *shape[2:], shape[1]).movedim(-1, 1)


def traced(x: Tensor) -> bool:
    """Whether a tracer follows: it takes strides for others after a write into a part of a map."""
    return type(x) is not Tensor


def _in_rows(x: Tensor, step: int) -> bool:
    """Whether pixels follow each other at one distance, their channels next to each other."""
    if x.stride(1) != 1 or step < x.shape[1]:
        return False
    extent = step
    for axis in (*range(x.dim() - 1, 1, -1), 0):
        if x.stride(axis) != extent:
            return False
        extent *= x.shape[axis]
    return True


def summed(x: Tensor, parts: int) -> Tensor:
    """(N, parts * C, ...) to (N, C, ...), laid out as it was, which torch's sum does not do."""
    wide = x.unflatten(1, (parts, -1))
    found = torch.empty(
        (x.shape[0], wide.shape[2], *x.shape[2:]),
        dtype=x.dtype,
        device=x.device,
        memory_format=memory_format(x),
    )
    return torch.sum(wide, 1, out=found)
