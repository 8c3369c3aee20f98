"""Types of maps: channels and stride. What is known of a tensor before any image is.

A map of stride s over an image of H x W pixels has ceil(H / s) x ceil(W / s) pixels.
"""

from collections.abc import Sequence
from fractions import Fraction
from typing import Literal, final

from attrs import evolve, frozen

Stride = int | tuple[int, ...]
"""A whole number of image pixels a map pixel stands for, or one per axis."""


@final
@frozen
class MapType:
    """A feature map of `channels` channels.

    `stride` is None for a map that was pooled to a single pixel, whatever the image.
    """

    channels: int
    stride: Stride | None

    def with_channels(self, channels: int) -> "MapType":
        """The same map with another number of channels."""
        return evolve(self, channels=channels)

    def __str__(self) -> str:
        return (
            f"{self.channels} x {'1 pixel' if self.stride is None else f'stride {spell_stride(self.stride)}'}"
        )


def spell_stride(stride: Stride) -> str:
    """`8`, or `1x2x2` where axes differ: also fit for a name."""
    return str(stride) if isinstance(stride, int) else "x".join(map(str, stride))


def ratio(coarse: Stride, fine: Stride) -> Stride | None:
    """`coarse / fine` where it is whole on every axis, else None."""
    if isinstance(coarse, int) and isinstance(fine, int):
        return coarse // fine if coarse % fine == 0 else None
    pairs = _pairs(coarse, fine)
    if pairs is None or any(c % f for c, f in pairs):
        return None
    return tuple(c // f for c, f in pairs)


def _pairs(a: Stride, b: Stride) -> list[tuple[int, int]] | None:
    """Two strides axis by axis; None where they are of different numbers of axes."""
    axes = len(a) if isinstance(a, tuple) else len(b) if isinstance(b, tuple) else 1
    first, second = per_axis(a, axes), per_axis(b, axes)
    return list(zip(first, second, strict=True)) if len(first) == len(second) else None


def per_axis(stride: Stride, axes: int) -> tuple[int, ...]:
    """The stride on each of `axes` axes."""
    return (stride,) * axes if isinstance(stride, int) else stride


def order(a: Stride, b: Stride) -> Literal["finer", "same", "coarser"] | None:
    """How stride `a` stands to `b`: on no axis coarser, equal, on no axis finer; else None."""
    if a == b:
        return "same"
    pairs = _pairs(a, b)
    if pairs is None:
        return None
    if all(x <= y for x, y in pairs):
        return "finer"
    return "coarser" if all(x >= y for x, y in pairs) else None


def size(image: Sequence[int], stride: Stride | None) -> tuple[int, ...]:
    """Pixels per axis of a map of `stride` over an image of `image` pixels."""
    if stride is None:
        return (1,) * len(image)
    return tuple(-(-pixels // s) for pixels, s in zip(image, per_axis(stride, len(image)), strict=True))


def whole(value: object) -> int | None:
    """`value` as a whole number at least 1, else None."""
    if isinstance(value, bool):
        return None
    if isinstance(value, Fraction) and value.denominator == 1:
        value = value.numerator
    return value if isinstance(value, int) and value >= 1 else None
