"""Operations on wide maps, with gradients of their own.

N images, K members of C channels each, then pixels: a wide map is (N, K * C, ...). What is kept for
backward is what a function saves, and no more; the engine's hooks may replace that by a recipe.
"""

from collections.abc import Sequence
from typing import Any, final

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable
from torch.nn import functional as F  # noqa: N812 - torch's own short name

from hnas.runtime import depthwise

_CHANNELS_LAST = {4: torch.channels_last, 5: torch.channels_last_3d}


def memory_format(x: Tensor) -> torch.memory_format:
    """How a map lies in memory."""
    innermost = x.stride(1) == 1 and x.shape[1] > 1
    return _CHANNELS_LAST.get(x.dim(), torch.contiguous_format) if innermost else torch.contiguous_format


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


def _kind(x: Tensor) -> str:
    """The kind of device whose autocast counts; on tensors without memory the processor's stands for all."""
    return "cpu" if x.is_meta else x.device.type


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


def _lowered(x: Tensor) -> Tensor:
    """In the precision of autocast, where that is on."""
    kind = _kind(x)
    if torch.is_autocast_enabled(kind) and x.is_floating_point() and x.dtype != torch.float64:
        return x.to(torch.get_autocast_dtype(kind))
    return x


@final
class Repeat(Function):
    """(N, C, ...) to (N, times * C, ...), the map over and over."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, times: int) -> Tensor:
        ctx.times = times
        return torch.cat([x] * times, 1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        return summed(grads[0], ctx.times), None


@final
class Pointwise(Function):
    """A 1x1 convolution for each member: maps of K_i members each, weights (K, C', C, 1, ...) in turn.

    The products write into the wide result where it belongs (N, K * C', ...), channels innermost.
    """

    @staticmethod
    def forward(ctx: Any, weight: Tensor, counts: Sequence[int], *maps: Tensor) -> Tensor:
        first = maps[0]
        w_KOC = weight.flatten(2)
        wide = first.shape[0], w_KOC.shape[0] * w_KOC.shape[1], *first.shape[2:]
        ctx.save_for_backward(weight, *maps)
        ctx.counts = tuple(counts)
        if traced(first):
            parts = zip(maps, counts, w_KOC.split(list(counts)), strict=True)
            return map_of(torch.cat([rows_of(x, n) @ w.transpose(1, 2) for x, n, w in parts]), wide)
        out = torch.empty(
            wide, dtype=first.dtype, device=first.device, memory_format=_CHANNELS_LAST[first.dim()]
        )
        start, result = 0, rows_of(out, w_KOC.shape[0])
        for x, count in zip(maps, counts, strict=True):
            stop = start + count
            torch.bmm(rows_of(x, count), w_KOC[start:stop].transpose(1, 2), out=result[start:stop])
            start = stop
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        weight, *maps = ctx.saved_tensors
        w_KOC = weight.flatten(2)
        g = rows_of(grads[0], w_KOC.shape[0])
        needs = ctx.needs_input_grad
        w_grad = torch.empty_like(w_KOC) if needs[0] else None
        found: list[Tensor | None] = []
        start = 0
        for position, (x, count) in enumerate(zip(maps, ctx.counts, strict=True)):
            stop = start + count
            if w_grad is not None:
                torch.bmm(g[start:stop].transpose(1, 2), rows_of(x, count), out=w_grad[start:stop])
            if needs[position + 2] and traced(g):
                found.append(map_of(g[start:stop] @ w_KOC[start:stop], x.shape))
            elif needs[position + 2]:
                x_grad = torch.empty_like(x, memory_format=_CHANNELS_LAST[x.dim()])
                torch.bmm(g[start:stop], w_KOC[start:stop], out=rows_of(x_grad, count))
                found.append(x_grad)
            else:
                found.append(None)
            start = stop
        return (w_grad.view_as(weight) if w_grad is not None else None, None, *found)


def pointwise(weight: Tensor, counts: Sequence[int], *maps: Tensor) -> Tensor:
    """`Pointwise` under autocast."""
    lowered = [_lowered(x) for x in (weight, *maps)]
    with torch.autocast(_kind(maps[0]), enabled=False):
        return Pointwise.apply(lowered[0], counts, *lowered[1:])


@final
class Depthwise(Function):
    """A depthwise convolution whose gradients are computed the fast way, see `depthwise`."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, how: depthwise.Shape) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.how = how
        return F.conv2d(x, weight, None, how.stride, how.padding, how.dilation, x.shape[1])

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        x, weight = ctx.saved_tensors
        g = grads[0]
        x_grad = depthwise.input_gradient(g, x, weight, ctx.how) if ctx.needs_input_grad[0] else None
        w_grad = depthwise.weight_gradient(g, x, weight, ctx.how) if ctx.needs_input_grad[1] else None
        return x_grad, w_grad, None


def depthwise_conv(x: Tensor, weight: Tensor, how: depthwise.Shape) -> Tensor:
    """`Depthwise` under autocast."""
    lowered = _lowered(x), _lowered(weight)
    with torch.autocast(_kind(x), enabled=False):
        return Depthwise.apply(*lowered, how)


@final
class MaxPool(Function):
    """Max pooling that keeps no indices, which are twice the size of the map: they are found again."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, kernel: list[int], stride: list[int], pad: list[int]) -> Tensor:
        ctx.save_for_backward(x)
        ctx.shape = kernel, stride, pad
        return F.max_pool2d(x, kernel, stride, pad)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        (x,) = ctx.saved_tensors
        kernel, stride, pad = ctx.shape
        _, indices = torch.ops.aten.max_pool2d_with_indices(x, kernel, stride, pad, [1, 1], False)
        found = torch.ops.aten.max_pool2d_with_indices_backward(
            grads[0], x, kernel, stride, pad, [1, 1], False, indices
        )
        return found, None, None, None


@final
class WeightedSum(Function):
    """The sum of maps, each spread over members and weighed or taken as it is.

    A map is (N, kinds * K * C / repeats, ...): `kinds` maps one after the other, which are summed, each
    read by `repeats` runs of members. `weights[i]` is None or the weight of each channel, (K * C,).
    """

    @staticmethod
    def forward(ctx: Any, shape: Sequence[tuple[int, int]], *tensors: Tensor | None) -> Tensor:
        count = len(shape)
        weights, maps = tensors[:count], tensors[count:]
        # what others are added to: best a sum that is made anyway, or two maps at once
        order = sorted(range(count), key=lambda n: (-shape[n][0], shape[n][1], weights[n] is not None))
        total: Tensor | None = None
        for n in order:
            x = maps[n]
            assert x is not None
            total = _add(total, x, weights[n], *shape[n], fresh=n != order[0] and total is not maps[order[0]])
        assert total is not None
        if total is maps[order[0]]:
            total = total.clone()
        ctx.shape = shape
        # a map is asked for only by the gradient of its weight
        kept = [x if ctx.needs_input_grad[1 + n] else None for n, x in enumerate(maps)]
        ctx.save_for_backward(*weights, *kept)
        return total

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        g, count = grads[0], len(ctx.shape)
        saved = ctx.saved_tensors
        weights, maps = saved[:count], saved[count:]
        w_grads: list[Tensor | None] = []
        x_grads: list[Tensor | None] = []
        ones = (1,) * (g.dim() - 2)
        for n, ((kinds, repeats), weight, x) in enumerate(zip(ctx.shape, weights, maps, strict=True)):
            spread = g.unflatten(1, (repeats, -1))
            if weight is not None and ctx.needs_input_grad[1 + n]:
                axes = (0, *range(3, spread.dim()))
                w_grads.append((spread * x.unsqueeze(1)).sum(axes).flatten())
            else:
                w_grads.append(None)
            if not ctx.needs_input_grad[1 + count + n]:
                x_grads.append(None)
                continue
            part = g if weight is None else g * weight.view(1, -1, *ones)
            if repeats > 1:
                part = summed(part, repeats)
            if kinds > 1:
                part = torch.cat([part] * kinds, 1)
            x_grads.append(part)
        return (None, *w_grads, *x_grads)


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


@final
class Pack(Function):
    """Parameters as the wide tensors steps read, (K, ...) each, copied into one block in one call.

    A parameter that several members read stands there several times; its gradient is the sum. `rows` has,
    for each wide tensor, the positions of its members' parameters among `parameters`.
    """

    @staticmethod
    def forward(ctx: Any, layout: "Layout", *parameters: Tensor) -> tuple[Tensor, ...]:
        flat = [p.reshape(-1) for p in parameters]
        block = torch.cat([flat[n] for rows in layout.rows for n in rows])
        parts = block.split(layout.sizes)
        ctx.layout = layout
        ctx.shapes = [p.shape for p in parameters]
        ctx.set_materialize_grads(False)
        return tuple(
            part.view(len(rows), *parameters[rows[0]].shape)
            for part, rows in zip(parts, layout.rows, strict=True)
        )

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor | None) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        layout: Layout = ctx.layout
        found: list[Tensor | None] = [None] * len(ctx.shapes)
        for group in layout.groups:
            given = [(t, g) for t in group.tensors if (g := grads[t]) is not None]
            if not given:
                continue
            if not group.repeated:
                for t, g in given:
                    for n, row in zip(layout.rows[t], g.unbind(0), strict=True):
                        found[n] = row
                continue
            size = given[0][1][0].numel()
            rows = given[0][1].reshape(-1, size)
            if len(given) > 1:
                rows = torch.cat([g.reshape(-1, size) for _, g in given])
            at = layout.index(group, tuple(t for t, _ in given), rows.device)
            summed = rows.new_zeros(len(group.parameters), size).index_add_(0, at, rows)
            for n, row in zip(group.parameters, summed.unbind(0), strict=True):
                found[n] = row.view(ctx.shapes[n])
        return (None, *found)


@final
class Group:
    """Wide tensors whose rows are of one size.

    Attributes:
        tensors: Which they are.
        parameters: Those they are made of, each once.
        repeated: Whether one stands there twice.
    """

    def __init__(self, tensors: list[int], rows: Sequence[Sequence[int]]) -> None:
        self.tensors = tensors
        listed = [n for t in tensors for n in rows[t]]
        self.parameters = list(dict.fromkeys(listed))
        self.repeated = len(self.parameters) < len(listed)


@final
class Layout:
    """How parameters lie in the block of a `Pack`.

    Attributes:
        forgets: Whether indices are made anew each time: a tracer's are no use to others.
    """

    def __init__(self, rows: Sequence[Sequence[int]], shapes: Sequence[torch.Size]) -> None:
        self.rows = [tuple(r) for r in rows]
        self.sizes = [len(r) * shapes[r[0]].numel() for r in self.rows]
        alike: dict[int, list[int]] = {}
        for t, r in enumerate(self.rows):
            alike.setdefault(shapes[r[0]].numel(), []).append(t)
        self.groups = [Group(tensors, self.rows) for tensors in alike.values()]
        self.forgets = False
        self._known: dict[tuple[int, ...], Tensor] = {}

    def index(self, group: Group, tensors: tuple[int, ...], device: torch.device) -> Tensor:
        """Of each row of `tensors`, the place of its parameter in the group."""
        at = self._known.get(tensors)
        if at is None or at.device != device:
            places = {n: place for place, n in enumerate(group.parameters)}
            listed = [places[n] for t in tensors for n in self.rows[t]]
            at = torch.tensor(listed, device=device)
            if not self.forgets:
                self._known[tensors] = at
        return at
