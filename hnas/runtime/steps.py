"""The steps of a lowered network: small records that compute one slot out of others."""

from collections.abc import Callable, Mapping
from typing import Any, final

import torch
from torch import Tensor

from hnas.diag import Span
from hnas.runtime.primitives import Affine, Statistics, Weighted, batch_norm

Values = list[Any]
Scalars = Mapping[str, tuple[Tensor, ...]]


class Step:
    """Base: the slot it fills, those it reads, those nobody reads after it, and its place in the spec."""

    __slots__ = ("dead", "operands", "out", "path", "span")
    out: int
    operands: tuple[int, ...]
    dead: tuple[int, ...]
    path: str
    span: Span

    def place(self, out: int, operands: tuple[int, ...], path: str, span: Span) -> None:
        """Say where the step stands."""
        self.out, self.operands, self.dead, self.path, self.span = out, operands, (), path, span

    def run(self, values: Values, scalars: Scalars, training: bool) -> Tensor:
        """The value of the slot."""
        raise NotImplementedError


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
class Mixed(Step):
    """The weighted sum of the operands."""

    __slots__ = ("weights",)

    def __init__(self, weights: tuple[tuple[str, int], ...]) -> None:
        self.weights = weights

    def run(self, values: Values, scalars: Scalars, training: bool) -> Tensor:
        (group, option), *others = self.weights
        first, *rest = self.operands
        total = values[first] * scalars[group][option]
        for slot, (group, option) in zip(rest, others, strict=True):
            total = total + values[slot] * scalars[group][option]
        return total


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
