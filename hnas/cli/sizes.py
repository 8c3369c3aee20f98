"""How large the maps of a space or a network are, and which layers have them."""

from collections.abc import Iterator, Sequence
from typing import Any, final

from attrs import frozen

from hnas.compiler import Compilation, with_overrides
from hnas.diag import HnasError
from hnas.ir.decisions import TrellisChoices
from hnas.ir.graph import Graph
from hnas.ir.types import Stride, per_axis, size, spell_stride

_AXES = ("depth", "height", "width")
_MOST_ROWS = 20
"""Rows of the table; the middle of more is left out."""
_MOST_RANGES = 6

_AS_SEARCHED = ("prev_prev=same_stride", "finer=bilinear", "coarser=bilinear", "align=bilinear")
"""Attributes of a trellis that say how maps travel, not what they are: with these it can be laid out."""


@final
@frozen
class MapSize:
    """The maps that are alike: the layers that have one, and their size as far as it is known.

    Layer 0 is the stem's last map, layer -1 the one before it.
    """

    layers: tuple[int, ...]
    stride: Stride
    channels: int | None
    pixels: tuple[int, ...] | None

    def data(self) -> dict[str, Any]:
        """As JSON has it: height and width always, null where they are not known."""
        extents: dict[str, int | None] = dict.fromkeys(_AXES[1:])
        if self.pixels is not None:
            extents |= zip(_AXES[-len(self.pixels) :], self.pixels, strict=True)
        stride = self.stride if isinstance(self.stride, int) else list(self.stride)
        return {"layers": list(self.layers), "stride": stride, "channels": self.channels, **extents}


def space_sizes(compilation: Compilation, image: tuple[int, ...] | None) -> tuple[MapSize, ...]:
    """The maps of every state of a space.

    A space without super-network is laid out as if its maps travelled as in a search: that changes
    none of the sizes. Where it does not fit then, the numbers of channels are not known.
    """
    if compilation.has_supernet:
        return graph_sizes(compilation.graph, image)
    try:
        searched = with_overrides(compilation, *(f"trellis.{each}" for each in _AS_SEARCHED))
        return graph_sizes(searched.graph, image)
    except HnasError:
        return _gathered(_of_trellis(compilation.decisions.trellis), image)


def graph_sizes(graph: Graph, image: Sequence[int] | None) -> tuple[MapSize, ...]:
    """The maps of the states of a graph, fine to coarse."""
    types = graph.main.types
    return _gathered(((s.layer, s.stride, types[name].channels) for s, name in graph.states.items()), image)


def _of_trellis(trellis: TrellisChoices) -> Iterator[tuple[int, Stride, None]]:
    for layer, strides in ((-1, trellis.stem[0]), (0, trellis.stem[1])):
        yield from ((layer, stride, None) for stride in strides)
    yield from ((state.layer, state.stride, None) for state in trellis.states())


def _gathered(
    maps: Iterator[tuple[int, Stride, int | None]], image: Sequence[int] | None
) -> tuple[MapSize, ...]:
    alike: dict[tuple[Stride, int | None], list[int]] = {}
    for layer, stride, channels in maps:
        alike.setdefault((stride, channels), []).append(layer)
    axes = max((len(stride) for stride, _ in alike if isinstance(stride, tuple)), default=1)
    found = [
        MapSize(tuple(sorted(set(layers))), stride, channels, size(image, stride) if image else None)
        for (stride, channels), layers in alike.items()
    ]
    return tuple(sorted(found, key=lambda each: (per_axis(each.stride, axes), each.layers)))


def sizes_text(sizes: Sequence[MapSize], image: Sequence[int] | None) -> str:
    """A table: a row for maps that are alike, and what image they are of."""
    pixels = f"pixels of {_spell_pixels(image)}" if image is not None else "pixels"
    rows = [("stride", "channels", pixels, "layers")] + [
        (
            spell_stride(each.stride),
            "?" if each.channels is None else f"{each.channels:,}",
            _spell_pixels(each.pixels),
            spell_layers(each.layers),
        )
        for each in sizes
    ]
    if len(rows) > _MOST_ROWS:
        left_out = len(rows) - _MOST_ROWS
        middle = ("…", "…", "…", f"{left_out} more rows; --json gives them all")
        rows = [*rows[: _MOST_ROWS - 5], middle, *rows[-5:]]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    return "\n".join(
        f"{row[0]:>{widths[0]}}  {row[1]:>{widths[1]}}  {row[2]:<{widths[2]}}  {row[3]}" for row in rows
    )


def _spell_pixels(extents: Sequence[int] | None) -> str:
    return "?" if extents is None else " x ".join(map(str, extents))


def spell_layers(layers: Sequence[int]) -> str:
    """`-1, 1..12`: numbers in order as ranges; of many ranges the last and how many layers they are."""
    ranges: list[list[int]] = []
    for layer in layers:
        if ranges and ranges[-1][1] == layer - 1:
            ranges[-1][1] = layer
        else:
            ranges.append([layer, layer])
    spelled = [str(a) if a == b else f"{a}..{b}" for a, b in ranges]
    if len(spelled) <= _MOST_RANGES:
        return ", ".join(spelled)
    return f"{', '.join(spelled[: _MOST_RANGES - 1])}, … {spelled[-1]} ({len(layers)} layers)"
