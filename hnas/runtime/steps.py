"""The steps of a lowered network: small records that compute one slot out of others."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from typing import Any, final

import torch
from attrs import frozen
from torch import Tensor, nn

from hnas.diag import HnasError, Span
from hnas.ir.graph import Weight
from hnas.ir.table import Table
from hnas.ir.types import Segment, Stride, size
from hnas.runtime.errors import ExternResult
from hnas.runtime.primitives import Affine, Statistics, Weighted, batch_norm

Values = list[Any] | dict[int, Any]
Scalars = Mapping[str, tuple[Tensor, ...]]


class Step(ABC):
    """Base: the slot it fills, those it reads, those nobody reads after it, and its place in the spec.

    `recompute` tells whether backward makes its value again; `passes_on`, that the value is but a view of
    an operand; `of_steps`, that it runs others, which tell what went wrong in them. `region` is what of the
    network it is a part of.
    """

    __slots__ = ("dead", "operands", "out", "path", "recompute", "region", "span")
    passes_on = False
    of_steps = False
    out: int
    operands: tuple[int, ...]
    dead: tuple[int, ...]
    path: str
    span: Span
    recompute: bool
    region: str

    def place(
        self, out: int, operands: tuple[int, ...], path: str, span: Span, *, recompute: bool = False
    ) -> None:
        """Say where the step stands."""
        self.out, self.operands, self.dead, self.path, self.span = out, operands, (), path, span
        self.recompute, self.region = recompute, ""

    def again(self) -> Callable[[dict[int, Any]], Any]:
        """What makes the value of the last run again, of the operands by slot."""
        return lambda operands: self.run(operands, {}, True)  # type: ignore[arg-type]

    @abstractmethod
    def run(self, values: Values, scalars: Scalars, training: bool) -> Tensor:
        """The value of the slot."""

    def groups(self) -> Iterator[str]:
        """The groups whose weights it asks for."""
        return iter(())


@final
class Layer(Step):
    """A layer with weights; the second operand is the image, where the size of the result refers to it."""

    __slots__ = ("function", "module")

    def __init__(self, function: Callable[..., Tensor], module: Weighted) -> None:
        self.function, self.module = function, module

    def run(self, values: Values, scalars: Scalars, training: bool) -> Tensor:
        x = values[self.operands[0]]
        if len(self.operands) > 1:
            return self.function(x, self.module, values[self.operands[1]])
        return self.function(x, self.module)


@final
class Plain(Step):
    """A layer without weights; the second operand is the image or the map it is resized to."""

    __slots__ = ("dropped", "function")

    def __init__(self, function: Callable[..., Tensor], dropped: float | None = None) -> None:
        self.function, self.dropped = function, dropped

    def run(self, values: Values, scalars: Scalars, training: bool) -> Tensor:
        x = values[self.operands[0]]
        if self.dropped is not None:
            return self.function(x, self.dropped, training)
        return self.function(x, values[self.operands[1]] if len(self.operands) > 1 else None)


@final
class Norm(Step):
    """Batch normalisation; statistics and scale may be named, and shared, apart."""

    __slots__ = ("affine", "eps", "momentum", "stats")

    def __init__(self, stats: Statistics, affine: Affine | None, momentum: float, eps: float) -> None:
        self.stats, self.affine, self.momentum, self.eps = stats, affine, momentum, eps

    def run(self, values: Values, scalars: Scalars, training: bool) -> Tensor:
        return batch_norm(
            values[self.operands[0]], self.stats, self.affine, self.momentum, self.eps, training
        )


@final
class Extern(Step):
    """A layer of a Python class the spec names, held to the channels and pixels it declared."""

    __slots__ = ("channels", "module", "name", "stride")

    def __init__(self, name: str, module: nn.Module, channels: int, stride: Stride | None) -> None:
        self.name, self.module, self.channels, self.stride = name, module, channels, stride

    def run(self, values: Values, scalars: Scalars, training: bool) -> Tensor:
        x, image = values[self.operands[0]], values[self.operands[1]]
        found: Any = self.module(x)
        declared = (x.shape[0], self.channels, *size(image.shape[2:], self.stride))
        given = tuple(found.shape) if isinstance(found, Tensor) else type(found).__name__
        if given != declared:
            raise HnasError(ExternResult(self.span, name=self.name, given=str(given), declared=str(declared)))
        return found


@final
class Nested(Step):
    """A layer whose kernel is searched: the largest, masked to the middle that each option leaves."""

    __slots__ = ("function", "masks", "module", "table")

    def __init__(self, function: Callable[..., Tensor], module: Weighted, table: Table) -> None:
        self.function, self.module, self.table = function, module, table
        extents = tuple(module.weight.shape[2:])
        self.masks = torch.stack([_middle(extents, value) for value in table.values])

    def run(self, values: Values, scalars: Scalars, training: bool) -> Tensor:
        weight = self.module.weight
        options = combined(self.table, scalars)
        self.masks = self.masks.to(weight)
        mask = (options.to(weight).view(-1, *(1,) * (weight.dim() - 2)) * self.masks).sum(0)
        return self.function(values[self.operands[0]], Middle(weight * mask, self.module.bias))

    def groups(self) -> Iterator[str]:
        return (axis.group for axis in self.table.axes)


@final
@frozen
class Middle:
    """The weights of a layer as its function reads them."""

    weight: Tensor
    bias: Tensor | None


def _middle(extents: tuple[int, ...], kernel: object) -> Tensor:
    """Ones in the middle `kernel` taps of every axis, zeros around."""
    assert isinstance(kernel, int)
    mask = torch.ones(())
    for extent in extents:
        margin = (extent - kernel) // 2
        line = torch.zeros(extent)
        line[margin : margin + kernel] = 1
        mask = mask.unsqueeze(-1) * line
    return mask


def combined(table: Table, scalars: Scalars) -> Tensor:
    """The weight of every combination of options a table has an entry for, (entries,)."""
    weights = [torch.stack(scalars[axis.group]) for axis in table.axes]
    found = weights[0]
    for other in weights[1:]:
        found = (found.unsqueeze(-1) * other).flatten()
    return found


@final
class Masked(Step):
    """A map scaled, channel by channel, by how far the decisions let it live."""

    __slots__ = ("live", "segments")

    def __init__(self, segments: tuple[Segment, ...]) -> None:
        self.segments = segments
        self.live = [
            None if s.table is None else torch.stack([_first(s.channels, v) for v in s.table.values])
            for s in segments
        ]

    def run(self, values: Values, scalars: Scalars, training: bool) -> Tensor:
        x = values[self.operands[0]]
        parts: list[Tensor] = []
        for position, segment in enumerate(self.segments):
            live, part = self.live[position], x.new_ones(segment.channels)
            if live is not None and segment.table is not None:
                self.live[position] = live = live.to(x)
                part = combined(segment.table, scalars).to(x) @ live
            for group, options in segment.gate:
                taken = torch.stack([scalars[group][option] for option in options]).sum()
                part = part * (1 - taken).clamp_min(0).to(x)
            parts.append(part)
        return x * torch.cat(parts).view(1, -1, *(1,) * (x.dim() - 2))

    def groups(self) -> Iterator[str]:
        for segment in self.segments:
            yield from (axis.group for axis in (segment.table.axes if segment.table is not None else ()))
            yield from (group for group, _ in segment.gate)


def _first(channels: int, count: object) -> Tensor:
    assert isinstance(count, int)
    return (torch.arange(channels) < count).float()


@final
class Mixed(Step):
    """The weighted sum of the operands; a weight is a product of those of options."""

    __slots__ = ("weights",)

    def __init__(self, weights: tuple[Weight, ...]) -> None:
        self.weights = weights

    def run(self, values: Values, scalars: Scalars, training: bool) -> Tensor:
        total: Tensor | None = None
        for slot, weight in zip(self.operands, self.weights, strict=True):
            (group, option), *others = weight
            factor = scalars[group][option]
            for group, option in others:
                factor = factor * scalars[group][option]
            term = values[slot] * factor
            total = term if total is None else total + term
        assert total is not None
        return total

    def groups(self) -> Iterator[str]:
        return (group for weight in self.weights for group, _ in weight)


@final
class Sum(Step):
    """The sum of the operands."""

    __slots__ = ()

    def run(self, values: Values, scalars: Scalars, training: bool) -> Tensor:
        first, *rest = self.operands
        total = values[first]
        for slot in rest:
            total = total + values[slot]
        return total


DROPPED = "@dropped"
"""Where a pass finds the factor of each edge and image, 0 or 1 / (1 - p), if edges are left out in it."""


@final
class Edge(Step):
    """An edge of a cell that is left out at random, for each image by itself."""

    __slots__ = ("number",)

    def __init__(self, number: int) -> None:
        self.number = number

    def run(self, values: Values, scalars: Scalars, training: bool) -> Tensor:
        x = values[self.operands[0]]
        if DROPPED not in scalars:
            return x
        factor_N = scalars[DROPPED][self.number].to(x.dtype)
        return x * factor_N.view(-1, *(1,) * (x.dim() - 1))


@final
class Product(Step):
    """The product of the operands."""

    __slots__ = ()

    def run(self, values: Values, scalars: Scalars, training: bool) -> Tensor:
        first, *rest = self.operands
        total = values[first]
        for slot in rest:
            total = total * values[slot]
        return total


@final
class Concat(Step):
    """The operands one after the other along the channels."""

    __slots__ = ()

    def run(self, values: Values, scalars: Scalars, training: bool) -> Tensor:
        return torch.cat([values[slot] for slot in self.operands], 1)
