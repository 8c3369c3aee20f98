"""How each layer changes the type of a map, the shapes of its weights, and its multiply-adds."""

from collections.abc import Callable
from fractions import Fraction

from hnas.ir.expr import Value, spell
from hnas.ir.layer import Attrs, Shapes, TypeRuleError
from hnas.ir.types import MapType, Stride, per_axis, spell_stride


def times(stride: Stride | None, by: Value) -> Stride | None:
    """A stride, coarser by a factor, per axis where either is."""
    if stride is None or by == 1:
        return stride
    if isinstance(by, tuple) or isinstance(stride, tuple):
        axes = len(by) if isinstance(by, tuple) else len(stride) if isinstance(stride, tuple) else 1
        factors = tuple(int(b) for b in by) if isinstance(by, tuple) else (as_int(by),) * axes
        return tuple(s * f for s, f in zip(per_axis(stride, axes), factors, strict=True))
    return stride * as_int(by)


def as_int(value: Value | None) -> int:
    """A value that is known to be a whole number."""
    assert isinstance(value, int), value
    return value


def channels(a: Attrs, x: MapType) -> int:
    """Channels of the result: `c`, or those of the map."""
    return as_int(a["c"]) if "c" in a else x.channels


def kernel(a: Attrs, dims: int) -> tuple[int, ...]:
    """The kernel per axis."""
    k = a["k"]
    kernel = tuple(int(v) for v in k) if isinstance(k, tuple) else (as_int(k),) * dims
    if len(kernel) != dims:
        raise TypeRuleError(f"a kernel of {len(kernel)} axes in a space of {dims}")
    return kernel


def same_rule(_a: Attrs, x: MapType, _dims: int) -> MapType:
    """The result is like the map."""
    return x


def strided(a: Attrs, x: MapType, dims: int) -> MapType:
    """A window slides over the map: its stride is multiplied."""
    kernel(a, dims)
    for name in ("stride", "dilation"):
        value = a.get(name)
        if isinstance(value, tuple) and len(value) != dims:
            raise TypeRuleError(f"{name} = {spell(value)} has {len(value)} axes, the space has {dims}")
    return MapType(x.channels, times(x.stride, a["stride"]))


def pooled(a: Attrs, x: MapType, dims: int) -> MapType:
    """As `strided`; a window must not lie in the padding alone."""
    pad, half = a["pad"], min(kernel(a, dims)) // 2
    if isinstance(pad, int) and pad > half:
        why = f"pad = {pad} is more than half of the kernel {spell(a['k'])}"
        raise TypeRuleError(why, f"take pad = {half} at most, or pad = same")
    return strided(a, x, dims)


def conv_groups(a: Attrs, x: MapType) -> int:
    """The groups, which must divide the channels of both maps."""
    groups = as_int(a["groups"])
    if x.channels % groups or channels(a, x) % groups:
        both = f"{x.channels} and {channels(a, x)} channels"
        raise TypeRuleError(f"groups = {groups} does not divide both {both}")
    return groups


def conv(a: Attrs, x: MapType, dims: int) -> MapType:
    """A window slides over the map, channels are new."""
    conv_groups(a, x)
    return strided(a, x, dims).with_channels(channels(a, x))


def transposed(a: Attrs, x: MapType, _dims: int) -> MapType:
    """The stride is divided."""
    by = as_int(a["stride"])
    if by == 1 and as_int(a["k"]) % 2 == 0:
        raise TypeRuleError(f"a kernel of {spell(a['k'])} has no middle", "take an odd kernel")
    if x.stride is None:
        raise TypeRuleError("a map of one pixel cannot be made finer by transposed", "use resize(like = ...)")
    strides = x.stride if isinstance(x.stride, tuple) else (x.stride,)
    if any(s % by for s in strides):
        raise TypeRuleError(f"stride {spell_stride(x.stride)} cannot be divided by {by}")
    finer = tuple(s // by for s in strides)
    return MapType(channels(a, x), finer if isinstance(x.stride, tuple) else finer[0])


def to_vector(a: Attrs, x: MapType, _dims: int) -> MapType:
    """A linear layer takes a map of one pixel."""
    if x.stride is not None:
        raise TypeRuleError(
            f"linear needs a map of one pixel, this one is {x}", "put global_pool -> before it"
        )
    return MapType(channels(a, x), None)


def global_rule(_a: Attrs, x: MapType, _dims: int) -> MapType:
    """One pixel is left."""
    return MapType(x.channels, None)


def resized(a: Attrs, x: MapType, _dims: int) -> MapType:
    """The stride asked for, or the one the scale leads to."""
    if "to" in a:
        to = a["to"]
        return MapType(x.channels, tuple(int(v) for v in to) if isinstance(to, tuple) else as_int(to))
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


def shuffled(a: Attrs, x: MapType, _dims: int) -> MapType:
    """Like the map; the groups must divide its channels."""
    if x.channels % as_int(a["groups"]):
        raise TypeRuleError(f"groups = {a['groups']} does not divide {x.channels} channels")
    return x


def gridded(a: Attrs, x: MapType, _dims: int) -> MapType:
    """Like the map."""
    if x.stride is None:
        raise TypeRuleError("a map of one pixel cannot be pooled further")
    return x


# --- weights and multiply-adds -------------------------------------------------------------------


def no_weights(_a: Attrs, _x: MapType, _dims: int) -> Shapes:
    """Nothing is learnt."""
    return ()


def biased(a: Attrs, weight: tuple[int, ...], outputs: int) -> Shapes:
    """A weight, and a bias where one is asked for."""
    return (("weight", weight), ("bias", (outputs,))) if a.get("bias") else (("weight", weight),)


def conv_weights(a: Attrs, x: MapType, dims: int) -> Shapes:
    """(out, in / groups, *kernel)."""
    out = channels(a, x)
    return biased(a, (out, x.channels // conv_groups(a, x), *kernel(a, dims)), out)


def depthwise_weights(a: Attrs, x: MapType, dims: int) -> Shapes:
    """(channels, 1, *kernel)."""
    return (("weight", (x.channels, 1, *kernel(a, dims))),)


def pointwise_weights(a: Attrs, x: MapType, dims: int) -> Shapes:
    """(out, in, 1, ..)."""
    return biased(a, (channels(a, x), x.channels, *(1,) * dims), channels(a, x))


def transposed_weights(a: Attrs, x: MapType, dims: int) -> Shapes:
    """(in, out, *kernel), as torch has it."""
    return biased(a, (x.channels, channels(a, x), *(as_int(a["k"]),) * dims), channels(a, x))


def linear_weights(a: Attrs, x: MapType, _dims: int) -> Shapes:
    """(out, in)."""
    return biased(a, (channels(a, x), x.channels), channels(a, x))


def norm_weights(a: Attrs, x: MapType, _dims: int) -> Shapes:
    """Scale and shift, where the norm is affine."""
    return (("weight", (x.channels,)), ("bias", (x.channels,))) if a["affine"] else ()


def no_macs(_a: Attrs, _x: MapType, _y: MapType, _dims: int) -> int:
    """Not counted."""
    return 0


def weighted_macs(
    weights: Callable[[Attrs, MapType, int], Shapes],
) -> Callable[[Attrs, MapType, MapType, int], int]:
    """Multiply-adds of an output pixel: each entry of the weight is used once (biases do not count)."""

    def macs(a: Attrs, x: MapType, _y: MapType, dims: int) -> int:
        total = 1
        for extent in dict(weights(a, x, dims))["weight"]:
            total *= extent
        return total

    return macs
