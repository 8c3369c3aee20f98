"""A module for every primitive layer that has weights, a function for every one that has none.

Shapes: N images, C channels, then the pixels of one, two or three axes; `x_NC` stands for such a
map. `same` padding is (k - 1) / 2 * dilation on both sides, so a map of stride s over an image has
ceil(image / s) pixels. Weights start as those of torch's own layers do.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, final

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - torch's own short name

from hnas.ir.expr import Value
from hnas.ir.ops import PRIMITIVES
from hnas.ir.types import MapType, size

Attrs = Mapping[str, Value]
_CONV: Mapping[int, Callable[..., Tensor]] = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}
_TRANSPOSED: Mapping[int, Callable[..., Tensor]] = {
    1: F.conv_transpose1d,
    2: F.conv_transpose2d,
    3: F.conv_transpose3d,
}
_AVG: Mapping[int, Callable[..., Tensor]] = {1: F.avg_pool1d, 2: F.avg_pool2d, 3: F.avg_pool3d}
_MAX: Mapping[int, Callable[..., Tensor]] = {1: F.max_pool1d, 2: F.max_pool2d, 3: F.max_pool3d}
_ADAPTIVE: Mapping[int, Callable[..., Tensor]] = {
    1: F.adaptive_avg_pool1d,
    2: F.adaptive_avg_pool2d,
    3: F.adaptive_avg_pool3d,
}
_LINEAR_MODE = {1: "linear", 2: "bilinear", 3: "trilinear"}


def _uniform(shape: Sequence[int], bound: float) -> Tensor:
    made = torch.empty(tuple(shape))
    # of a tensor without memory there is nothing to draw, and torch takes long to find that out
    return made if made.is_meta else made.uniform_(-bound, bound)


class Weighted(nn.Module):
    """The parameters of a layer, `weight` and perhaps `bias`, initialised as torch's layers are."""

    weight: nn.Parameter
    bias: nn.Parameter | None

    def __init__(self, shapes: Mapping[str, Sequence[int]]) -> None:
        super().__init__()
        shape = tuple(shapes["weight"])
        # torch's default, kaiming_uniform_(a = sqrt(5)), is uniform within 1 / sqrt(fan_in)
        bound = 1 / math.sqrt(max(1, math.prod(shape[1:])))
        # put where nn.Module keeps them: its checks of each are a third of the time that building takes
        own = self._parameters
        own["weight"] = nn.Parameter(_uniform(shape, bound))
        own["bias"] = nn.Parameter(_uniform(shapes["bias"], bound)) if "bias" in shapes else None

    def extra_repr(self) -> str:
        """The shape of the weight."""
        return f"{tuple(self.weight.shape)}{', bias' if self.bias is not None else ''}"


@final
class Affine(nn.Module):
    """Scale and shift of a norm, by channel."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))


@final
class Statistics(nn.Module):
    """Running mean and variance of a norm, by channel. `updates` tells whether training moves them."""

    running_mean: Tensor
    running_var: Tensor
    updates: bool = True

    def __init__(self, mean: Tensor, var: Tensor) -> None:
        super().__init__()
        self.keep(mean, var)

    def keep(self, mean: Tensor, var: Tensor) -> None:
        """Let these be the statistics, (C,) each; by nn.Module's own assignment thousands take their time."""
        self._buffers["running_mean"], self._buffers["running_var"] = mean, var


def shapes_of(name: str, attrs: Attrs, given: MapType, dims: int) -> Mapping[str, tuple[int, ...]]:
    """Names and shapes of the parameters of a layer, as the catalogue states them."""
    return dict(PRIMITIVES[name].weights(attrs, given, dims))


def batch_norm(
    x_NC: Tensor, stats: Statistics, affine: Affine | None, momentum: float, eps: float, training: bool
) -> Tensor:
    """Batch normalisation with statistics of the batch while training, running ones else."""
    moves = not training or stats.updates
    return F.batch_norm(
        x_NC,
        stats.running_mean if moves else None,
        stats.running_var if moves else None,
        affine.weight if affine is not None else None,
        affine.bias if affine is not None else None,
        training,
        momentum,
        eps,
    )


def convolution(
    name: str, attrs: Attrs, given: MapType, result: MapType, dims: int, *, innermost: bool = False
) -> Callable[..., Tensor]:
    """The function of a layer with weights: conv, depthwise, pointwise, transposed, linear.

    It gets the map and the weights; transposed the image too, whose size says where its result ends.
    `innermost`: as of `kernels_of`.
    """
    convolve = _CONV[dims]
    match name:
        case "pointwise":
            return lambda x, m: convolve(x, m.weight, m.bias)
        case "linear":
            return lambda x, m: F.linear(x.flatten(1), m.weight, m.bias).reshape(x.shape[0], -1, *(1,) * dims)
        case "transposed":
            stride = _int(attrs["stride"])
            # torch's output padding makes the result exactly `stride` times as large; a map of stride s
            # over an image of odd size is smaller than that
            kernel = _int(attrs["k"])
            padding, extra = (kernel - 1) // 2, stride - kernel + 2 * ((kernel - 1) // 2)
            transposed = _TRANSPOSED[dims]

            def enlarge(x: Tensor, m: Weighted, image: Tensor) -> Tensor:
                large = transposed(
                    x, m.weight, m.bias, stride=stride, padding=padding, output_padding=max(extra, 0)
                )
                pixels = size(image.shape[2:], result.stride)
                return large[(..., *(slice(0, extent) for extent in pixels))]

            return enlarge
        case _:
            groups = given.channels if name == "depthwise" else _int(attrs.get("groups", 1))
            function = kernels_of(name, attrs, dims, groups, innermost=innermost)
            return lambda x, m: function(x, m.weight, m.bias)


def kernels_of(
    name: str, attrs: Attrs, dims: int, groups: int, *, innermost: bool = False
) -> Callable[[Tensor, Tensor, Tensor | None], Tensor]:
    """A convolution of so many groups: of the map, its weights and its bias.

    `innermost`: maps lie with their channels innermost. There the gradient that torch 2.13 computes of
    the weights of a 1 x 1 kernel with a stride writes beyond its memory, for some sizes on a processor: the
    pixels it reads are taken out first.
    """
    convolve = _CONV[dims]
    if name == "pointwise":
        return lambda x, weight, bias: convolve(x, weight, bias, 1, 0, 1, groups)
    stride, dilation = axes_of(attrs["stride"], dims), axes_of(attrs["dilation"], dims)
    if _even(attrs, dims):
        zeros = _filled(axes_of(attrs["k"], dims), stride, dilation, 0.0)
        return lambda x, weight, bias: convolve(zeros(x), weight, bias, stride, 0, dilation, groups)
    padding = padding_of(attrs, dims, dilation)
    if innermost and max(stride) > 1 and set(axes_of(attrs["k"], dims)) == {1} and not any(padding):
        read = (..., *(slice(None, None, s) for s in stride))
        return lambda x, weight, bias: convolve(x[read], weight, bias, 1, 0, 1, groups)
    return lambda x, weight, bias: convolve(x, weight, bias, stride, padding, dilation, groups)


def plain(name: str, attrs: Attrs, result: MapType, dims: int) -> Callable[..., Tensor]:
    """The function of a layer without weights. It gets the map, then the image or the map named `like`."""
    match name:
        case "relu":
            return lambda x, _: F.relu(x)
        case "relu6":
            return lambda x, _: F.relu6(x)
        case "skip":
            return lambda x, _: x
        case "none":
            return lambda x, image: x.new_zeros(
                (x.shape[0], result.channels, *size(image.shape[2:], result.stride))
            )
        case "avg_pool" | "max_pool" if _even(attrs, dims):
            return _even_pool(name, axes_of(attrs["k"], dims), axes_of(attrs["stride"], dims), dims)
        case "avg_pool":
            kernel, stride, padding = (
                axes_of(attrs["k"], dims),
                axes_of(attrs["stride"], dims),
                padding_of(attrs, dims),
            )
            return lambda x, _: _AVG[dims](x, kernel, stride, padding, count_include_pad=False)
        case "max_pool":
            kernel, stride, padding = (
                axes_of(attrs["k"], dims),
                axes_of(attrs["stride"], dims),
                padding_of(attrs, dims),
            )
            return lambda x, _: _MAX[dims](x, kernel, stride, padding)
        case "global_pool":
            axes = tuple(range(2, 2 + dims))
            return lambda x, _: x.mean(axes, keepdim=True)
        case "grid_pool":
            cells = axes_of(attrs["n"], dims)
            return lambda x, _: _interpolate(_ADAPTIVE[dims](x, cells), x.shape[2:], "bilinear")
        case "shift":
            return lambda x, _: F.pad(x[(..., *(slice(1, None),) * dims)], (0, 1) * dims)
        case "shuffle":
            groups = _int(attrs["groups"])
            return lambda x, _: x.unflatten(1, (groups, -1)).transpose(1, 2).flatten(1, 2)
        case "resize":
            return _resize(attrs, result)
        case _:
            raise AssertionError(name)


def _resize(attrs: Attrs, result: MapType) -> Callable[[Tensor, Tensor], Tensor]:
    """Bilinear with corners aligned, as the released code of Auto-DeepLab's authors resizes, or nearest.

    The second argument is the image, whose size a stride refers to, or the map named `like`.
    """
    mode = str(attrs["mode"])
    if "to" in attrs:
        return lambda x, image: _interpolate(x, size(image.shape[2:], result.stride), mode)
    if "scale" in attrs:
        return lambda x, image: _interpolate(x, size(image.shape[2:], result.stride), mode)
    return lambda x, like: _interpolate(x, like.shape[2:], mode)


def _interpolate(x_NC: Tensor, pixels: Sequence[int], mode: str) -> Tensor:
    pixels = tuple(pixels)
    if tuple(x_NC.shape[2:]) == pixels:
        return x_NC
    if all(extent == 1 for extent in x_NC.shape[2:]):
        return x_NC.expand(*x_NC.shape[:2], *pixels)
    if mode == "nearest":
        return F.interpolate(x_NC, pixels, mode="nearest-exact")
    return F.interpolate(x_NC, pixels, mode=_LINEAR_MODE[len(pixels)], align_corners=True)


def _even(attrs: Attrs, dims: int) -> bool:
    """Whether a kernel without a middle is padded to `same`."""
    return attrs["pad"] == "same" and any(k % 2 == 0 for k in axes_of(attrs["k"], dims))


def _filled(
    kernel: tuple[int, ...], stride: tuple[int, ...], dilation: tuple[int, ...], value: float
) -> Callable[[Tensor], Tensor]:
    """Pads a map so that windows give ceil(size / stride) pixels: before it as for an odd kernel."""

    def fill(x: Tensor) -> Tensor:
        sides: list[int] = []
        for size_, k, s, d in zip(x.shape[2:], kernel, stride, dilation, strict=True):
            before = (k - 1) // 2 * d
            needed = (-(-size_ // s) - 1) * s + (k - 1) * d + 1
            sides[:0] = (before, max(0, needed - size_ - before))
        return F.pad(x, sides, value=value)

    return fill


def _even_pool(
    name: str, kernel: tuple[int, ...], stride: tuple[int, ...], dims: int
) -> Callable[[Tensor, Tensor], Tensor]:
    ones = (1,) * dims
    if name == "max_pool":
        lowest = _filled(kernel, stride, ones, -math.inf)
        return lambda x, _: _MAX[dims](lowest(x), kernel, stride)
    zeros = _filled(kernel, stride, ones, 0.0)

    def mean(x: Tensor, _: Tensor) -> Tensor:
        there = _AVG[dims](zeros(x.new_ones(1, 1, *x.shape[2:])), kernel, stride)
        return _AVG[dims](zeros(x), kernel, stride) / there

    return mean


def axes_of(value: Value, dims: int) -> tuple[int, ...]:
    """An extent for each axis."""
    return tuple(int(v) for v in value) if isinstance(value, tuple) else (_int(value),) * dims


def padding_of(attrs: Attrs, dims: int, dilation: tuple[int, ...] | None = None) -> tuple[int, ...]:
    """Zeros on each side of each axis, of an odd kernel."""
    pad = attrs["pad"]
    if pad != "same":
        return (_int(pad),) * dims
    kernel = axes_of(attrs["k"], dims)
    return tuple((k - 1) // 2 * d for k, d in zip(kernel, dilation or (1,) * dims, strict=True))


def _int(value: Any) -> int:
    assert isinstance(value, int), value
    return value
