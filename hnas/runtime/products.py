"""1x1 convolutions of many members, which are products of matrices: of pixels by channels, and weights.

By a kernel in C (`native`) that does all members of a map in one call; without one by torch's batched
products, which write into the wide result where it belongs. Maps are (N, K_i * C, ...) of `counts` members
each, weights (K, O, C) in turn, the result is (N, K * O, ...).
"""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from hnas.runtime import native
from hnas.runtime.layouts import CHANNELS_LAST, map_of, rows_of, traced


def convolve(w_KOC: Tensor, counts: Sequence[int], maps: Sequence[Tensor]) -> Tensor:
    """The wide result."""
    first, (members, outs, channels) = maps[0], w_KOC.shape
    wide = len(first), members * outs, *first.shape[2:]
    if native.takes(first):
        out = native.empty_map(first, *wide)
        w_KOC = w_KOC.contiguous()
        for x, start, count in _in_turn(maps, counts):
            x = native.laid_out(x)
            given = x, w_KOC[start], out[:, start * outs :]
            _run("pointwise", given, count, x, channels, outs, x.stride(3), out.stride(3))
        return out
    out = torch.empty(wide, dtype=first.dtype, device=first.device, memory_format=CHANNELS_LAST[first.dim()])
    result = rows_of(out, members)
    for x, start, count in _in_turn(maps, counts):
        stop = start + count
        torch.bmm(rows_of(x, count), w_KOC[start:stop].transpose(1, 2), out=result[start:stop])
    return out


def gradients(
    g: Tensor,
    w_KOC: Tensor,
    counts: Sequence[int],
    maps: Sequence[Tensor],
    of_weights: bool,
    of_maps: Sequence[bool],
) -> tuple[Tensor | None, list[Tensor | None]]:
    """The gradients of the weights and of the maps, those that are asked for."""
    w_grad = torch.empty_like(w_KOC, memory_format=torch.contiguous_format) if of_weights else None
    found: list[Tensor | None] = []
    in_c = native.takes(g)
    if in_c:
        g, w_KOC = native.laid_out(g), w_KOC.contiguous()
    elif traced(g):
        # how a tracer takes a gradient to lie is not always how it does
        g = g.clone(memory_format=CHANNELS_LAST[g.dim()])
    g_rows = None if in_c else rows_of(g, len(w_KOC))
    for (x, start, count), asked in zip(_in_turn(maps, counts), of_maps, strict=True):
        x_grad: Tensor | None = None
        if g_rows is None:
            x_grad = _gradients_in_c(g, w_KOC, x, start, count, w_grad, asked)
        else:
            stop = start + count
            if w_grad is not None:
                torch.bmm(g_rows[start:stop].transpose(1, 2), rows_of(x, count), out=w_grad[start:stop])
            if asked and traced(g):
                x_grad = map_of(g_rows[start:stop] @ w_KOC[start:stop], x.shape)
            elif asked:
                x_grad = torch.empty_like(x, memory_format=CHANNELS_LAST[x.dim()])
                torch.bmm(g_rows[start:stop], w_KOC[start:stop], out=rows_of(x_grad, count))
        found.append(x_grad)
    return w_grad, found


def _gradients_in_c(
    g: Tensor, w_KOC: Tensor, x: Tensor, start: int, count: int, w_grad: Tensor | None, asked: bool
) -> Tensor | None:
    _, outs, channels = w_KOC.shape
    part = g[:, start * outs :]
    if w_grad is not None:
        x = native.laid_out(x)
        given = x, part, w_grad[start]
        _run("pointwise_weight", given, count, x, channels, outs, x.stride(3), g.stride(3))
    if not asked:
        return None
    x_grad = native.empty_map(x, *x.shape)
    given = part, w_KOC[start], x_grad
    _run("pointwise_input", given, count, x, channels, outs, g.stride(3), x_grad.stride(3))
    return x_grad


def _run(
    name: str, given: tuple[Tensor, ...], members: int, x: Tensor, channels: int, outs: int, *steps: int
) -> None:
    pixels = x.numel() // (members * channels)
    work = members * pixels * channels * outs
    native.run(name, x.dtype, work, *given, members, pixels, channels, outs, *steps)


def _in_turn(maps: Sequence[Tensor], counts: Sequence[int]) -> Iterator[tuple[Tensor, int, int]]:
    """Each map, its first member and how many it has."""
    start = 0
    for x, count in zip(maps, counts, strict=True):
        yield x, start, count
        start += count
