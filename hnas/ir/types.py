"""Types of maps: channels and stride. What is known of a tensor before any image is.

A map of stride s over an image of H x W pixels has ceil(H / s) x ceil(W / s) pixels.
"""

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from typing import Literal, final

from attrs import evolve, field, frozen

from hnas.ir.table import Table

Stride = int | tuple[int, ...]
"""A whole number of image pixels a map pixel stands for, or one per axis."""


def canonical(stride: Stride) -> Stride:
    """A stride in its one form: a single number where all axes agree."""
    if isinstance(stride, tuple) and len(set(stride)) == 1:
        return stride[0]
    return stride


@final
@frozen
class MapType:
    """A feature map of `channels` channels.

    `stride` is None for a map that was pooled to a single pixel, whatever the image. `live` tells
    which channels there are where that is searched; empty: all of them.
    """

    channels: int
    stride: Stride | None = field(converter=lambda s: None if s is None else canonical(s))
    live: tuple["Segment", ...] = ()

    def with_channels(self, channels: int, live: tuple["Segment", ...] = ()) -> "MapType":
        """The same map with another number of channels."""
        return evolve(self, channels=channels, live=live)

    def segments(self) -> tuple["Segment", ...]:
        """The channels in runs that are there or not by one rule."""
        return self.live or (Segment(self.channels),)

    def __str__(self) -> str:
        pixels = "1 pixel" if self.stride is None else f"stride {spell_stride(self.stride)}"
        return f"{self._shown_channels()} x {pixels}"

    def _shown_channels(self) -> str:
        """`8`, or where they are searched `4 or 8`."""
        if not self.live:
            return str(self.channels)
        table = self.live[0].table if len(self.live) == 1 and not self.live[0].gate else None
        counts = sorted({v for v in table.values if isinstance(v, int)}) if table is not None else []
        return " or ".join(map(str, counts)) if 1 < len(counts) <= 8 else f"up to {self.channels}"


@final
@frozen
class Segment:
    """A run of channels.

    Attributes:
        channels: How many the super-network has.
        table: How many of them, from the first, each option of the decisions leaves; None: all.
        gate: Options of groups, none of which may be taken for the run to be there: those of later
            nodes of a cell that read the node the run is the map of.
    """

    channels: int
    table: Table | None = None
    gate: tuple[tuple[str, tuple[int, ...]], ...] = ()

    def count(self, picked: Mapping[str, Mapping[int, int]]) -> int:
        """How many of its channels are there where `picked` tells the options taken of each group."""
        if any(picked.get(group, {}).get(option) for group, options in self.gate for option in options):
            return 0
        if self.table is None:
            return self.channels
        value = self.table.at(picked)
        assert isinstance(value, int)
        return value


def searched_apart(a: MapType, b: MapType) -> str:
    """What to do about two types that read alike and yet differ; empty where they do not."""
    if a == b or str(a) != str(b):
        return ""
    return (
        "different decisions search their channels; declare one, choice w = one_of { ... }, and use w in both"
    )


def concatenated(types: Sequence[MapType]) -> MapType:
    """The type of maps of one stride, one after the other along the channels."""
    channels = sum(t.channels for t in types)
    if not any(t.live for t in types):
        return MapType(channels, types[0].stride)
    return MapType(channels, types[0].stride, tuple(s for t in types for s in t.segments()))


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


def fine_to_coarse(strides: Iterable[Stride]) -> tuple[Stride, ...]:
    """Each of the strides once, sorted; those of all axes first axis by axis."""
    found = set(strides)
    axes = max((len(stride) for stride in found if isinstance(stride, tuple)), default=1)
    return tuple(sorted(found, key=lambda stride: per_axis(stride, axes)))


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


MOST_CHANNELS = 10**6
"""What a map may have: no layer of more is ever built."""


def as_channels(value: object) -> int | None:
    """`value` as a number of channels, else None."""
    number = whole(value)
    return number if number is not None and number <= MOST_CHANNELS else None


def whole(value: object) -> int | None:
    """`value` as a whole number at least 1, else None."""
    if isinstance(value, bool):
        return None
    if isinstance(value, Fraction) and value.denominator == 1:
        value = value.numerator
    return value if isinstance(value, int) and value >= 1 else None
