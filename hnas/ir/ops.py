"""The primitive layers: attributes, how each changes the type of a map, weights and cost.

One table serves the checker, the expander, the counters and the manual; `runtime/primitives.py` has
the module for each name. Widths are exact integers.
"""

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Literal, final

from attrs import evolve, frozen

from hnas.ir.expr import Value, spell
from hnas.ir.types import MapType, Stride, per_axis, spell_stride, whole

AttrKind = Literal["whole", "whole_or_zero", "number", "flag", "pad", "word"]
Attrs = Mapping[str, Value]


class TypeRuleError(Exception):
    """An operator cannot be applied to the map it gets; `str()` says why, `mend` what to do."""

    def __init__(self, message: str, mend: str = "") -> None:
        super().__init__(message)
        self.mend = mend


@final
@frozen
class Attribute:
    """An attribute of a primitive. `default` None: it must be given, unless `optional`."""

    name: str
    kind: AttrKind
    default: Value | None
    doc: str
    words: tuple[str, ...] = ()
    optional: bool = False
    per_axis: bool = False
    """Whether a tuple may give a value for each axis."""


Shapes = tuple[tuple[str, tuple[int, ...]], ...]


@final
@frozen
class Primitive:
    """A layer of the language.

    Attributes:
        name: How a spec spells it.
        doc: One line for the manual.
        attributes: In the order positional arguments fill them.
        result: (attributes, type of the map it gets, dims) to the type of its result.
        weights: (attributes, type of the map, dims) to names and shapes of its parameters.
        macs: (attributes, type in, type out, dims) to multiply-adds for each output pixel.
    """

    name: str
    doc: str
    attributes: tuple[Attribute, ...]
    result: Callable[[Attrs, MapType, int], MapType]
    weights: Callable[[Attrs, MapType, int], Shapes]
    macs: Callable[[Attrs, MapType, MapType, int], int]

    def attribute(self, name: str) -> Attribute | None:
        """The attribute called `name`, if there is one."""
        return next((a for a in self.attributes if a.name == name), None)


def check_value(attribute: Attribute, value: Value) -> Value:
    """`value` in the form the attribute keeps it.

    Raises:
        TypeRuleError: It is of the wrong kind or out of range.
    """
    match attribute.kind:
        case "whole" | "whole_or_zero":
            least = 1 if attribute.kind == "whole" else 0
            values = value if isinstance(value, tuple) else (value,)
            if (attribute.per_axis or not isinstance(value, tuple)) and all(
                whole(v) is not None or (least == 0 and v == 0 and not isinstance(v, bool)) for v in values
            ):
                whole_values = tuple(int(v) for v in values if not isinstance(v, str))
                return whole_values if isinstance(value, tuple) else whole_values[0]
            needed = "a whole number from 1" if least == 1 else "a whole number from 0"
        case "number":
            if isinstance(value, int | Fraction) and not isinstance(value, bool) and value >= 0:
                return value
            needed = "a number from 0"
        case "flag":
            if isinstance(value, bool):
                return value
            needed = "true or false"
        case "pad":
            if value == "same" or (isinstance(value, int) and not isinstance(value, bool) and value >= 0):
                return value
            needed = "same or a whole number from 0"
        case "word":
            if isinstance(value, str) and value in attribute.words:
                return value
            needed = " or ".join(attribute.words)
    raise TypeRuleError(f"{attribute.name} must be {needed}, this is {spell(value)}")


# --- how types change ----------------------------------------------------------------------------


def _times(stride: Stride | None, by: Value) -> Stride | None:
    if stride is None or by == 1:
        return stride
    if isinstance(by, tuple) or isinstance(stride, tuple):
        axes = len(by) if isinstance(by, tuple) else len(stride) if isinstance(stride, tuple) else 1
        factors = tuple(int(b) for b in by) if isinstance(by, tuple) else (_int(by),) * axes
        return tuple(s * f for s, f in zip(per_axis(stride, axes), factors, strict=True))
    return stride * _int(by)


def _int(value: Value | None) -> int:
    assert isinstance(value, int), value
    return value


def _channels(a: Attrs, x: MapType) -> int:
    return _int(a["c"]) if "c" in a else x.channels


def _kernel(a: Attrs, dims: int) -> tuple[int, ...]:
    k = a["k"]
    kernel = tuple(int(v) for v in k) if isinstance(k, tuple) else (_int(k),) * dims
    if len(kernel) != dims:
        raise TypeRuleError(f"a kernel of {len(kernel)} axes in a space of {dims}")
    if a.get("pad", "same") == "same" and any(v % 2 == 0 for v in kernel):
        raise TypeRuleError(
            f"a kernel of {spell(a['k'])} has no middle to pad around", "take an odd kernel, or give pad = 0"
        )
    return kernel


def _same(_a: Attrs, x: MapType, _dims: int) -> MapType:
    return x


def _strided(a: Attrs, x: MapType, dims: int) -> MapType:
    _kernel(a, dims)
    for name in ("stride", "dilation"):
        value = a.get(name)
        if isinstance(value, tuple) and len(value) != dims:
            raise TypeRuleError(f"{name} = {spell(value)} has {len(value)} axes, the space has {dims}")
    return MapType(x.channels, _times(x.stride, a["stride"]))


def _conv_groups(a: Attrs, x: MapType) -> int:
    groups = _int(a["groups"])
    if x.channels % groups or _channels(a, x) % groups:
        both = f"{x.channels} and {_channels(a, x)} channels"
        raise TypeRuleError(f"groups = {groups} does not divide both {both}")
    return groups


def _conv(a: Attrs, x: MapType, dims: int) -> MapType:
    _conv_groups(a, x)
    return _strided(a, x, dims).with_channels(_channels(a, x))


def _transposed(a: Attrs, x: MapType, _dims: int) -> MapType:
    by = _int(a["stride"])
    if by == 1 and _int(a["k"]) % 2 == 0:
        raise TypeRuleError(f"a kernel of {spell(a['k'])} has no middle", "take an odd kernel")
    if x.stride is None:
        raise TypeRuleError("a map of one pixel cannot be made finer by transposed", "use resize(like = ...)")
    strides = x.stride if isinstance(x.stride, tuple) else (x.stride,)
    if any(s % by for s in strides):
        raise TypeRuleError(f"stride {spell_stride(x.stride)} cannot be divided by {by}")
    finer = tuple(s // by for s in strides)
    return MapType(_channels(a, x), finer if isinstance(x.stride, tuple) else finer[0])


def _to_vector(a: Attrs, x: MapType, _dims: int) -> MapType:
    if x.stride is not None:
        raise TypeRuleError(
            f"linear needs a map of one pixel, this one is {x}", "put global_pool -> before it"
        )
    return MapType(_channels(a, x), None)


def _global(_a: Attrs, x: MapType, _dims: int) -> MapType:
    return MapType(x.channels, None)


def _resized(a: Attrs, x: MapType, _dims: int) -> MapType:
    if "to" in a:
        to = a["to"]
        return MapType(x.channels, tuple(int(v) for v in to) if isinstance(to, tuple) else _int(to))
    scale = a["scale"]
    if x.stride is None:
        raise TypeRuleError("a map of one pixel has no stride to scale", "use resize(like = ...)")
    assert isinstance(scale, int | Fraction)
    if scale == 0:
        raise TypeRuleError("scale must be above 0")
    strides = [Fraction(s) / scale for s in (x.stride if isinstance(x.stride, tuple) else (x.stride,))]
    if any(s.denominator != 1 for s in strides):
        raise TypeRuleError(f"stride {spell_stride(x.stride)} cannot be scaled by {spell(scale)}")
    wholes = tuple(int(s) for s in strides)
    return MapType(x.channels, wholes if isinstance(x.stride, tuple) else wholes[0])


def _shuffled(a: Attrs, x: MapType, _dims: int) -> MapType:
    if x.channels % _int(a["groups"]):
        raise TypeRuleError(f"groups = {a['groups']} does not divide {x.channels} channels")
    return x


def _gridded(a: Attrs, x: MapType, _dims: int) -> MapType:
    if x.stride is None:
        raise TypeRuleError("a map of one pixel cannot be pooled further")
    return x


# --- weights and multiply-adds -------------------------------------------------------------------


def _no_weights(_a: Attrs, _x: MapType, _dims: int) -> Shapes:
    return ()


def _biased(a: Attrs, weight: tuple[int, ...], outputs: int) -> Shapes:
    return (("weight", weight), ("bias", (outputs,))) if a.get("bias") else (("weight", weight),)


def _conv_weights(a: Attrs, x: MapType, dims: int) -> Shapes:
    out = _channels(a, x)
    return _biased(a, (out, x.channels // _conv_groups(a, x), *_kernel(a, dims)), out)


def _depthwise_weights(a: Attrs, x: MapType, dims: int) -> Shapes:
    return (("weight", (x.channels, 1, *_kernel(a, dims))),)


def _pointwise_weights(a: Attrs, x: MapType, dims: int) -> Shapes:
    return _biased(a, (_channels(a, x), x.channels, *(1,) * dims), _channels(a, x))


def _transposed_weights(a: Attrs, x: MapType, dims: int) -> Shapes:
    return _biased(a, (x.channels, _channels(a, x), *(_int(a["k"]),) * dims), _channels(a, x))


def _linear_weights(a: Attrs, x: MapType, _dims: int) -> Shapes:
    return _biased(a, (_channels(a, x), x.channels), _channels(a, x))


def _norm_weights(a: Attrs, x: MapType, _dims: int) -> Shapes:
    return (("weight", (x.channels,)), ("bias", (x.channels,))) if a["affine"] else ()


def _no_macs(_a: Attrs, _x: MapType, _y: MapType, _dims: int) -> int:
    return 0


def _weighted_macs(
    weights: Callable[[Attrs, MapType, int], Shapes],
) -> Callable[[Attrs, MapType, MapType, int], int]:
    """Multiply-adds of an output pixel: each entry of the weight is used once (biases do not count)."""

    def macs(a: Attrs, x: MapType, _y: MapType, dims: int) -> int:
        total = 1
        for extent in dict(weights(a, x, dims))["weight"]:
            total *= extent
        return total

    return macs


# --- the catalogue -------------------------------------------------------------------------------

_K = Attribute("k", "whole", None, "kernel size; a tuple for one per axis", per_axis=True)
_C = Attribute(
    "c", "whole", None, "channels of the result; those of the map it gets if not given", optional=True
)
_STRIDE = Attribute("stride", "whole", 1, "by how much it reduces the resolution", per_axis=True)
_DILATION = Attribute("dilation", "whole", 1, "distance of the kernel's taps (atrous rate)", per_axis=True)
_PAD = Attribute(
    "pad", "pad", "same", "`same`: the result has ceil(size / stride) pixels; or zeros on each side"
)
_GROUPS = Attribute("groups", "whole", 1, "groups of channels convolved apart")
_BIAS = Attribute("bias", "flag", False, "whether a bias is added")


def _primitive(
    name: str,
    doc: str,
    attributes: Sequence[Attribute] = (),
    result: Callable[[Attrs, MapType, int], MapType] = _same,
    weights: Callable[[Attrs, MapType, int], Shapes] = _no_weights,
) -> tuple[str, Primitive]:
    convolves = weights not in (_no_weights, _norm_weights)
    macs = _weighted_macs(weights) if convolves else _no_macs
    return name, Primitive(name, doc, tuple(attributes), result, weights, macs)


PRIMITIVES: Mapping[str, Primitive] = dict(
    (
        _primitive(
            "conv", "convolution", (_K, _C, _STRIDE, _DILATION, _PAD, _GROUPS, _BIAS), _conv, _conv_weights
        ),
        _primitive(
            "depthwise",
            "a convolution for each channel",
            (_K, _STRIDE, _DILATION, _PAD),
            _strided,
            _depthwise_weights,
        ),
        _primitive(
            "pointwise",
            "1x1 convolution",
            (_C, _BIAS),
            lambda a, x, _d: x.with_channels(_channels(a, x)),
            _pointwise_weights,
        ),
        _primitive(
            "transposed",
            "transposed convolution",
            (
                evolve(_K, per_axis=False),
                _C,
                Attribute("stride", "whole", 2, "by how much it raises the resolution"),
                _BIAS,
            ),
            _transposed,
            _transposed_weights,
        ),
        _primitive(
            "linear",
            "linear layer on a map of one pixel",
            (_C, Attribute("bias", "flag", True, _BIAS.doc)),
            _to_vector,
            _linear_weights,
        ),
        _primitive("avg_pool", "average pooling; padding does not count", (_K, _STRIDE, _PAD), _strided),
        _primitive("max_pool", "maximum pooling", (_K, _STRIDE, _PAD), _strided),
        _primitive("global_pool", "the mean over all pixels", (), _global),
        _primitive(
            "grid_pool",
            "means over a grid of n x n, resized back",
            (Attribute("n", "whole", None, "cells of the grid per axis"),),
            _gridded,
        ),
        _primitive(
            "norm",
            "the space's normalisation",
            (
                Attribute("affine", "flag", True, "whether a scale and a shift are learnt"),
                Attribute(
                    "stats",
                    "word",
                    "shared",
                    "batch statistics for each incoming move, or shared by all",
                    ("per_move", "shared"),
                ),
                Attribute("eps", "number", Fraction(1, 10**5), "added to the variance"),
                Attribute(
                    "momentum",
                    "number",
                    Fraction(1, 10),
                    "weight of the newest batch in the running statistics",
                ),
            ),
            _same,
            _norm_weights,
        ),
        _primitive("relu", "max(x, 0)"),
        _primitive("relu6", "min(max(x, 0), 6)"),
        _primitive("skip", "the map as it is"),
        _primitive("none", "zeros: no connection"),
        _primitive("shift", "the map moved by one pixel up and left, zeros moving in"),
        _primitive(
            "shuffle",
            "channels of groups interleaved",
            (Attribute("groups", "whole", None, "number of groups"),),
            _shuffled,
        ),
        _primitive(
            "dropout",
            "dropout while training",
            (Attribute("p", "number", Fraction(1, 2), "probability of a zero"),),
        ),
        _primitive(
            "resize",
            "resampled to a stride, to the size of another map (like), or by a factor (scale)",
            (
                Attribute("to", "whole", None, "stride of the result", optional=True, per_axis=True),
                Attribute("scale", "number", None, "factor of the size, 1 / 2 halves it", optional=True),
                Attribute("mode", "word", "bilinear", "how", ("bilinear", "nearest")),
            ),
            _resized,
        ),
    )
)
"""Every primitive by name."""
