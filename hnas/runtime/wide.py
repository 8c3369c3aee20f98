"""Records of steps with many members, and of what brings their maps and parameters together."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, final

import torch
from torch import Tensor, nn

from hnas.ir.graph import Weight
from hnas.runtime import dense, depthwise
from hnas.runtime.functions import (
    MaxPool,
    Repeat,
    autocast_kind,
    depthwise_conv,
    pointwise,
)
from hnas.runtime.norms import again, normalised
from hnas.runtime.packing import Layout, Pack
from hnas.runtime.primitives import Statistics
from hnas.runtime.steps import Scalars, Step, Values
from hnas.runtime.sums import WeightedSum


@final
class Split(Step):
    """A wide map in parts; their gradients meet in one call. Fills its slot with a tuple."""

    __slots__ = ("sizes",)
    passes_on = True

    def __init__(self, sizes: Sequence[int]) -> None:
        self.sizes = list(sizes)

    def run(self, values: Values, scalars: Scalars, training: bool) -> Any:
        return values[self.operands[0]].split(self.sizes, 1)


@final
class Part(Step):
    """One of the parts of a split map, or a run of channels of a map (from, to)."""

    __slots__ = ("first", "stop")
    passes_on = True

    def __init__(self, first: int, stop: int | None = None) -> None:
        self.first, self.stop = first, stop

    def run(self, values: Values, scalars: Scalars, training: bool) -> Tensor:
        given = values[self.operands[0]]
        if self.stop is None:
            return given[self.first]
        return given[:, self.first : self.stop]


@final
class Cat(Step):
    """Maps one after the other along the channels, to be read by one call."""

    __slots__ = ()

    def run(self, values: Values, scalars: Scalars, training: bool) -> Tensor:
        return torch.cat([values[slot] for slot in self.operands], 1)


@final
class Repeated(Step):
    """A map over and over along the channels."""

    __slots__ = ("times",)

    def __init__(self, times: int) -> None:
        self.times = times

    def run(self, values: Values, scalars: Scalars, training: bool) -> Tensor:
        return Repeat.apply(values[self.operands[0]], self.times)


@final
class Packed(Step):
    """The parameters of the wide steps of a part of the network; fills its slot with a tuple of tensors."""

    __slots__ = ("layout", "parameters")

    def __init__(self, rows: Sequence[Sequence[tuple[nn.Module, str]]]) -> None:
        found: dict[tuple[int, str], int] = {}
        self.parameters: list[tuple[nn.Module, str]] = []
        numbered: list[list[int]] = []
        for row in rows:
            numbers: list[int] = []
            for module, name in row:
                key = id(module), name
                if key not in found:
                    found[key] = len(self.parameters)
                    self.parameters.append((module, name))
                numbers.append(found[key])
            numbered.append(numbers)
        self.layout = Layout(numbered, [getattr(module, name) for module, name in self.parameters])

    def run(self, values: Values, scalars: Scalars, training: bool) -> Any:
        return Pack.apply(self.layout, *(getattr(module, name) for module, name in self.parameters))


@final
class Factors(Step):
    """The weights of options, one for each channel they scale, of all steps at once: a tuple of vectors.

    A factor is a product of weights of options, shorter products being filled up with ones. The steps'
    factors are given as those of their members, and the channels each stands for.
    """

    __slots__ = ("factors", "index", "names", "sizes")

    def __init__(self, factors: Sequence[tuple[tuple[Weight, ...], int]]) -> None:
        self.factors = list(factors)
        listed = (name for weights, _ in factors for weight in weights for name, _ in weight)
        self.names = tuple(dict.fromkeys(listed))
        self.sizes = [len(weights) * channels for weights, channels in factors]
        self.index: Tensor | None = None

    def run(self, values: Values, scalars: Scalars, training: bool) -> Any:
        parts = [weight for name in self.names for weight in scalars[name]]
        flat = torch.stack([*parts, parts[0].new_ones(())])
        index = self.prepare({name: len(scalars[name]) for name in self.names}).to(flat.device)
        self.index = index
        found = flat.index_select(0, index[0])
        for line in index[1:]:
            found = found * flat.index_select(0, line)
        return found.split(self.sizes)

    def prepare(self, options: Mapping[str, int]) -> Tensor:
        """Where weights stand among all `options`; it is found once."""
        if self.index is None:
            self.index = self._indexed(options)
        return self.index

    def _indexed(self, options: Mapping[str, int]) -> Tensor:
        """Of each channel the places of its weights among all, a line for each weight of a product."""
        starts: dict[str, int] = {}
        at = 0
        for name in self.names:
            starts[name], at = at, at + options[name]
        longest = max(len(weight) for weights, _ in self.factors for weight in weights)
        lines: list[list[int]] = [[] for _ in range(longest)]
        for weights, channels in self.factors:
            for weight in weights:
                places = [starts[name] + option for name, option in weight]
                for n, line in enumerate(lines):
                    line += [places[n] if n < len(places) else at] * channels
        return torch.tensor(lines)

    def groups(self) -> Iterator[str]:
        return iter(self.names)


@final
class Gathered:
    """A parameter of a wide step: out of a `Packed` slot, viewed as the call wants it."""

    def __init__(self, slot: int, place: int, view: Callable[[Tensor], Tensor]) -> None:
        self.slot, self.place, self.view = slot, place, view

    def __call__(self, values: Values) -> Tensor:
        return self.view(values[self.slot][self.place])


@final
class Direct:
    """A parameter of a step of a single member, where it is."""

    def __init__(self, module: nn.Module, name: str, view: Callable[[Tensor], Tensor]) -> None:
        self.module, self.name, self.view = module, name, view

    def __call__(self, values: Values) -> Tensor:
        return self.view(getattr(self.module, self.name).unsqueeze(0))


Source = Gathered | Direct


@final
class Alias(Step):
    """A map under another name: what was gathered is all there is to it."""

    __slots__ = ()
    passes_on = True

    def run(self, values: Values, scalars: Scalars, training: bool) -> Tensor:
        return values[self.operands[0]]


@final
class WideConv(Step):
    """A convolution of one or of many members. Operands: the map, the packed parameters."""

    __slots__ = ("bias", "function", "weight")

    def __init__(
        self, function: Callable[[Tensor, Tensor, Tensor | None], Tensor], weight: Source, bias: Source | None
    ) -> None:
        self.function, self.weight, self.bias = function, weight, bias

    def run(self, values: Values, scalars: Scalars, training: bool) -> Tensor:
        bias = self.bias(values) if self.bias is not None else None
        return self.function(values[self.operands[0]], self.weight(values), bias)


@final
class WideDense(Step):
    """A convolution of images of many members: small maps as `dense` does it, others by torch."""

    __slots__ = ("function", "how", "weight")

    def __init__(
        self,
        how: depthwise.Shape,
        function: Callable[[Tensor, Tensor, Tensor | None], Tensor],
        weight: Source,
    ) -> None:
        self.how, self.function, self.weight = how, function, weight

    def run(self, values: Values, scalars: Scalars, training: bool) -> Tensor:
        x, weight = values[self.operands[0]], self.weight(values)
        if dense.takes(x, self.how) and not torch.is_autocast_enabled(autocast_kind(x)):
            return dense.Dense.apply(x, weight, self.how)
        return self.function(x, weight, None)


@final
class WideDepthwise(Step):
    """A depthwise convolution of many members, which read a map over and over, `times` in all."""

    __slots__ = ("how", "times", "weight")

    def __init__(self, how: depthwise.Shape, weight: Source, times: int) -> None:
        self.how, self.weight, self.times = how, weight, times

    def run(self, values: Values, scalars: Scalars, training: bool) -> Tensor:
        return depthwise_conv(values[self.operands[0]], self.weight(values), self.how, self.times)


@final
class WidePointwise(Step):
    """1x1 convolutions of members of several maps. Operands: the maps, then the packed parameters."""

    __slots__ = ("counts", "weight")

    def __init__(self, counts: Sequence[int], weight: Source) -> None:
        self.counts, self.weight = tuple(counts), weight

    def run(self, values: Values, scalars: Scalars, training: bool) -> Tensor:
        maps = [values[slot] for slot in self.operands[: len(self.counts)]]
        return pointwise(self.weight(values), self.counts, *maps)


@final
class WideStatistics:
    """Running statistics of many norms in one piece of memory, of which theirs are views.

    A member may stand for several norms whose statistics are equal: they share the memory.
    """

    def __init__(self, members: Sequence[Sequence[Statistics]]) -> None:
        self.members = members
        self.tie()

    def tie(self) -> None:
        """Lay the statistics together again, after a move to another device or type."""
        means = [alike[0].running_mean for alike in self.members]
        self.mean = torch.cat(means)
        self.var = torch.cat([alike[0].running_var for alike in self.members])
        sizes = [len(mean) for mean in means]
        parts = zip(self.members, self.mean.split(sizes), self.var.split(sizes), strict=True)
        for alike, mean, var in parts:
            for one in alike:
                # a view for each: what is one tensor counts as one buffer
                one.keep(mean.view(-1), var.view(-1))

    @property
    def updates(self) -> bool:
        """Whether training moves them."""
        return self.members[0][0].updates


@final
class WideNorm(Step):
    """Batch normalisation of many members; `scale` and `shift` by channel where there are any."""

    __slots__ = ("eps", "last", "momentum", "scale", "shift", "stats")

    def __init__(
        self,
        stats: WideStatistics,
        scale: Source | None,
        shift: Source | None,
        momentum: float,
        eps: float,
    ) -> None:
        self.stats, self.scale, self.shift, self.momentum, self.eps = stats, scale, shift, momentum, eps

    def run(self, values: Values, scalars: Scalars, training: bool) -> Tensor:
        x = values[self.operands[0]]
        stats = self.stats
        moves = not training or stats.updates
        if training and x.numel() == x.shape[1]:
            raise ValueError("Expected more than 1 value per channel when training")
        scale = self.scale(values) if self.scale is not None else None
        shift = self.shift(values) if self.shift is not None else None
        if scale is not None and scale.dtype != stats.mean.dtype:
            scale = scale.to(stats.mean.dtype)
        running = (stats.mean, stats.var) if moves else (None, None)
        if training:
            found, mean, inverse = normalised(x, scale, shift, running, self.momentum, self.eps)
        else:
            found, mean, inverse = torch.native_batch_norm(x, scale, shift, *running, False, 0.0, self.eps)
        if self.recompute and torch.is_grad_enabled():
            self.last = [t.detach() if t is not None else None for t in (mean, inverse, scale, shift)]
        return found

    def again(self) -> Callable[[dict[int, Any]], Any]:
        slot = self.operands[0]
        mean, inverse, scale, shift = self.last
        del self.last
        assert mean is not None
        assert inverse is not None
        return lambda operands: again(operands[slot], mean, inverse, scale, shift)


@final
class WideMax(Step):
    """Max pooling of images."""

    __slots__ = ("kernel", "pad", "stride")

    def __init__(self, kernel: Sequence[int], stride: Sequence[int], pad: Sequence[int]) -> None:
        self.kernel, self.stride, self.pad = list(kernel), list(stride), list(pad)

    def run(self, values: Values, scalars: Scalars, training: bool) -> Tensor:
        return MaxPool.apply(values[self.operands[0]], self.kernel, self.stride, self.pad)


@final
class Dropout(Step):
    """Dropout that leaves out the same values however the map lies in memory."""

    __slots__ = ("dropped",)

    def __init__(self, dropped: float) -> None:
        self.dropped = dropped

    def run(self, values: Values, scalars: Scalars, training: bool) -> Tensor:
        x = values[self.operands[0]]
        if not training:
            return x
        # torch draws in the order of memory: so it does here, of a map that lies as one without passes does
        return x * nn.functional.dropout(torch.ones(x.shape, dtype=x.dtype, device=x.device), self.dropped)


@final
class WideMix(Step):
    """Weighted sums of many members; see `WeightedSum`. Operands: the maps, then the factors' slot."""

    __slots__ = ("shape", "weights")

    def __init__(self, shape: Sequence[tuple[int, int]], weights: Sequence[Source | None]) -> None:
        self.shape, self.weights = tuple(shape), tuple(weights)

    def run(self, values: Values, scalars: Scalars, training: bool) -> Tensor:
        weights = [w(values) if w is not None else None for w in self.weights]
        maps = [values[slot] for slot in self.operands[: len(self.shape)]]
        return WeightedSum.apply(self.shape, *weights, *maps)
