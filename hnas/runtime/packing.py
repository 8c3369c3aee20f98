"""Parameters of many members as the wide tensors that steps read."""

from collections.abc import Sequence
from typing import Any, final

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable


@final
class Pack(Function):
    """Parameters as wide tensors, (K, ...) each, copied into one block in one call.

    A parameter that several members read stands there several times; its gradient is the sum. `rows` has,
    for each wide tensor, the positions of its members' parameters among `parameters`. Weights of
    convolutions (O, C, h, w) whose channels are innermost stay so, (K, O, C, h, w).
    """

    @staticmethod
    def forward(ctx: Any, layout: "Layout", *parameters: Tensor) -> tuple[Tensor, ...]:
        turned = layout.turned
        flat = [
            (p.permute(0, 2, 3, 1) if turn else p).reshape(-1)
            for p, turn in zip(parameters, turned, strict=True)
        ]
        block = torch.cat([flat[n] for rows in layout.rows for n in rows])
        ctx.layout = layout
        ctx.set_materialize_grads(False)
        parts = zip(block.split(layout.sizes), layout.rows, strict=True)
        return tuple(_from_line(part, layout.shapes[r[0]], turned[r[0]], len(r)) for part, r in parts)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor | None) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        layout: Layout = ctx.layout
        shapes, turned = layout.shapes, layout.turned
        found: list[Tensor | None] = [None] * len(shapes)
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
            lines = [
                (g.permute(0, 1, 3, 4, 2) if turned[layout.rows[t][0]] else g).reshape(-1, size)
                for t, g in given
            ]
            rows = lines[0] if len(lines) == 1 else torch.cat(lines)
            at = layout.index(group, tuple(t for t, _ in given), rows.device)
            summed = rows.new_zeros(len(group.parameters), size).index_add_(0, at, rows)
            for n, row in zip(group.parameters, summed.unbind(0), strict=True):
                found[n] = _from_line(row, shapes[n], turned[n])
        return (None, *found)


def _from_line(line: Tensor, shape: torch.Size, turned: bool, *members: int) -> Tensor:
    """Numbers in the order of memory as tensors of a shape, channels innermost if it is turned."""
    if not turned:
        return line.view(*members, *shape)
    outs, channels, *pixels = shape
    found = line.view(*members, outs, *pixels, channels)
    return found.movedim(-1, found.dim() - 3)


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
        rows: For each wide tensor, its members' places among the parameters.
        shapes: Of the parameters.
        turned: Whether a parameter is the weight of a convolution with channels innermost.
        sizes: Numbers in each wide tensor.
        groups: Wide tensors whose gradients are summed together.
        forgets: Whether indices are made anew each time: a tracer's are no use to others.
    """

    def __init__(self, rows: Sequence[Sequence[int]], parameters: Sequence[Tensor]) -> None:
        self.rows = [tuple(r) for r in rows]
        self.shapes = [p.shape for p in parameters]
        self.turned = [p.dim() == 4 and not p.is_contiguous() for p in parameters]
        self.sizes = [len(r) * self.shapes[r[0]].numel() for r in self.rows]
        alike: dict[int, list[int]] = {}
        for t, r in enumerate(self.rows):
            alike.setdefault(self.shapes[r[0]].numel(), []).append(t)
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
