"""Weighted sums of wide maps, each spread over members.

The kernels in C (`native`) read every map once, and in backward the gradient once, whatever the number of
maps; without them it is a chain of torch's own calls. The gradient of a weight, a sum over pixels, is summed
in double by the kernels.
"""

import ctypes
from collections.abc import Sequence
from typing import Any, final

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from hnas.runtime import native
from hnas.runtime.layouts import memory_format, summed

_Given = Sequence[Tensor | None]
_Shape = Sequence[tuple[int, int]]


@final
class WeightedSum(Function):
    """The sum of maps, each spread over members and weighed or taken as it is.

    A map is (N, kinds * K * C / repeats, ...): `kinds` maps one after the other, which are summed, each
    read by `repeats` runs of members. `weights[i]` is None or the weight of each channel, (K * C,), of a map
    of one kind.
    """

    @staticmethod
    def forward(ctx: Any, shape: _Shape, *tensors: Tensor | None) -> Tensor:
        count = len(shape)
        weights = tensors[:count]
        maps = [x for x in tensors[count:] if x is not None]
        ctx.shape = shape
        # a map is asked for only by the gradient of its weight
        kept = [x if ctx.needs_input_grad[1 + n] else None for n, x in enumerate(maps)]
        ctx.save_for_backward(*weights, *kept)
        ctx.in_c = _in_c(maps, weights)
        if ctx.in_c:
            return _total(shape, weights, maps)
        return _chain(shape, weights, maps)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        g, count = grads[0], len(ctx.shape)
        saved, needs = ctx.saved_tensors, ctx.needs_input_grad[1:]
        weights, maps = saved[:count], saved[count:]
        of_weights, of_maps = needs[:count], needs[count:]
        if ctx.in_c:
            w_grads, x_grads = _gradients(g, ctx.shape, weights, maps, of_weights, of_maps)
            return (None, *w_grads, *x_grads)
        w_grads = [
            _weight_gradient(g, x, repeats) if asked else None
            for (_, repeats), x, asked in zip(ctx.shape, maps, of_weights, strict=True)
        ]
        x_grads = [
            _map_gradient(g, weight, *spread) if asked else None
            for spread, weight, asked in zip(ctx.shape, weights, of_maps, strict=True)
        ]
        return (None, *w_grads, *x_grads)


# --- by kernels in C -------------------------------------------------------------------------------


@final
class _Term(ctypes.Structure):
    """As `struct term` in kernels.c."""

    _fields_ = (
        *((name, ctypes.c_void_p) for name in ("x", "weight", "x_grad", "weight_grad")),
        *((name, ctypes.c_ssize_t) for name in ("step", "base", "kinds", "repeats", "at")),
    )


def _in_c(maps: Sequence[Tensor], weights: _Given) -> bool:
    kind = maps[0].dtype
    alike = all(t.dtype == kind for t in (*maps, *weights) if t is not None)
    return alike and native.takes(maps[0]) and all(native.innermost(x) for x in maps)


def _total(shape: _Shape, weights: _Given, maps: Sequence[Tensor]) -> Tensor:
    kinds, repeats = shape[0]
    first = maps[0]
    count, channels = len(first), first.shape[1] // kinds * repeats
    out = native.empty_map(first, count, channels, *first.shape[2:])
    none = [None] * len(maps)
    _run("sum", out, shape, weights, [native.laid_out(x) for x in maps], none, none)
    return out


def _gradients(
    g: Tensor,
    shape: _Shape,
    weights: _Given,
    maps: _Given,
    of_weights: Sequence[bool],
    of_maps: Sequence[bool],
) -> tuple[list[Tensor | None], list[Tensor | None]]:
    """Those that are asked for; maps are given only where that of the weight is."""
    g, (count, channels, height, width) = native.laid_out(g), g.shape
    w_grads = [g.new_empty(channels) if asked else None for asked in of_weights]
    x_grads = [
        native.empty_map(g, count, channels // repeats * kinds, height, width) if asked else None
        for (kinds, repeats), asked in zip(shape, of_maps, strict=True)
    ]
    read = [native.laid_out(x) if x is not None else None for x in maps]
    _run("sum_back", g, shape, weights, read, w_grads, x_grads)
    return w_grads, x_grads


def _run(
    name: str, wide: Tensor, shape: _Shape, weights: _Given, maps: _Given, w_grads: _Given, x_grads: _Given
) -> None:
    """A kernel; `wide` is the sum, or its gradient."""
    channels = wide.shape[1]
    weights = [w.contiguous() if w is not None else None for w in weights]
    terms = (_Term * len(shape))()
    for term, (kinds, repeats), *tensors in zip(terms, shape, maps, weights, x_grads, w_grads, strict=True):
        term.x, term.weight, term.x_grad, term.weight_grad = (
            t.data_ptr() if t is not None else None for t in tensors
        )
        term.step = tensors[0].stride(3) if tensors[0] is not None else 0
        term.base, term.kinds, term.repeats = channels // repeats, kinds, repeats
    pixels = wide.numel() // channels
    native.run(
        name, wide.dtype, 0, wide, ctypes.addressof(terms), len(terms), pixels, channels, wide.stride(3)
    )


# --- by torch's own calls --------------------------------------------------------------------------


def _weight_gradient(g: Tensor, x: Tensor, repeats: int) -> Tensor:
    spread = g.unflatten(1, (repeats, -1))
    return (spread * x.unsqueeze(1)).sum((0, *range(3, spread.dim()))).flatten()


def _map_gradient(g: Tensor, weight: Tensor | None, kinds: int, repeats: int) -> Tensor:
    part = g if weight is None else g * weight.view(1, -1, *(1,) * (g.dim() - 2))
    if repeats > 1:
        part = summed(part, repeats)
    return torch.cat([part] * kinds, 1) if kinds > 1 else part


def _chain(shape: _Shape, weights: _Given, maps: Sequence[Tensor]) -> Tensor:
    """The sum, term by term."""
    # what others are added to: best a sum that is made anyway, or two maps at once
    order = sorted(range(len(maps)), key=lambda n: (-shape[n][0], shape[n][1], weights[n] is not None))
    first, total = maps[order[0]], None
    for n in order:
        total = _add(total, maps[n], weights[n], *shape[n], fresh=n != order[0] and total is not first)
    assert total is not None
    return total.clone() if total is first else total


def _add(
    total: Tensor | None, x: Tensor, weight: Tensor | None, kinds: int, repeats: int, *, fresh: bool
) -> Tensor:
    """`total` with a further map in it, in place if it is `fresh`; the first is itself where it can be."""
    if kinds > 1:
        x = summed(x, kinds)
    ones = (1,) * (x.dim() - 2)
    if weight is not None and weight.dtype != x.dtype:
        weight = weight.to(x.dtype)
    scale = weight.view(1, repeats, -1, *ones) if weight is not None else None
    if total is None and scale is None:
        return x if repeats == 1 else torch.cat([x] * repeats, 1)
    if total is None:
        assert scale is not None
        found = torch.empty(
            (x.shape[0], repeats * x.shape[1], *x.shape[2:]),
            dtype=x.dtype, device=x.device, memory_format=memory_format(x),
        )  # fmt: skip
        torch.mul(x.unsqueeze(1), scale, out=found.unflatten(1, (repeats, -1)))
        return found
    found = total if fresh else torch.empty_like(total)
    wide, part, out = (t.unflatten(1, (r, -1)) for t, r in ((total, repeats), (x, 1), (found, repeats)))
    if scale is None:
        torch.add(wide, part, out=out)
    else:
        torch.addcmul(wide, part, scale, out=out)
    return found
