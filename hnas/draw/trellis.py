"""The figure of a trellis: a row a stride, a column a layer; many layers stand in several bands."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, final

from attrs import frozen

from hnas.diag import HnasError
from hnas.draw.errors import TooMuchToDraw
from hnas.draw.figure import GREY, INK, LIGHT, LINK, PALE, TAKEN, sheet
from hnas.draw.states import Line, States
from hnas.ir.decisions import State
from hnas.ir.types import spell_stride

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MOST_LAYERS = 1000
_MOST_LINES = 20_000
_MOST_HEIGHT = 120.0
"""Inches: more could be no PNG that a machine of 2 GiB draws."""
_BAND = 40
"""Layers side by side."""
_STEP, _ROW, _CLOSE = 0.6, 0.6, 0.4
"""Inches from layer to layer, from row to row, and that where there are several bands."""
_TOP, _FOOT, _RIGHT = 0.7, 0.45, 0.4
_LETTER = 0.075
"""Inches that a letter takes."""
_GAP = 0.6
"""Between bands, with the numbers of the layers."""
_MOST_ENDS = 4
"""Of links to other bands, how many are named at a state."""

_THIN, _WIDEST = 0.8, 6.0
"""Points: a line that nothing weighs, and one of weight 1."""


def trellis_figure(states: States, title: str, notes: Sequence[str] = ()) -> "Figure":
    """Every state as a dot; the ways between them as lines, as wide as they are weighed.

    Args:
        states: What is drawn.
        title: Above it.
        notes: Below it: what the signs mean, one behind the other.

    Raises:
        HnasError: It has more layers or lines than a figure can show (E0804).
    """
    sheet_ = _planned(states)
    figure, axes = sheet(sheet_.width, sheet_.height)
    axes.text(0.2, 0.25, title, color=INK, fontsize=11, va="center")
    axes.text(0.2, sheet_.height - 0.2, "; ".join(notes), color=GREY, fontsize=8, va="center")
    for number, band in enumerate(sheet_.bands):
        _labels(axes, sheet_, number, band)
        _lines(axes, sheet_, number, band)
        _dots(axes, sheet_, number, band)
    return figure


@final
@frozen
class _Sheet:
    """Where things stand, in inches."""

    states: States
    bands: tuple[range, ...]
    row: float

    @property
    def left(self) -> float:
        """Of the first layer: beside the names of the strides."""
        longest = max(len(spell_stride(stride)) for stride in self.states.rows)
        return 0.9 + _LETTER * longest

    @property
    def width(self) -> float:
        return max(3.2, self.left + _STEP * (max(map(len, self.bands)) - 1) + _RIGHT)

    @property
    def band_height(self) -> float:
        return self.row * (len(self.states.rows) - 1) + _GAP

    @property
    def height(self) -> float:
        return _TOP + self.band_height * len(self.bands) + _FOOT

    def top(self, band: int) -> float:
        """Of the first row."""
        return _TOP + _GAP / 2 + 0.1 + band * self.band_height

    def place(self, state: State, band: int) -> tuple[float, float]:
        x = self.left + _STEP * (state.layer - self.bands[band].start)
        return x, self.top(band) + self.row * self.states.rows.index(state.stride)


def _planned(states: States) -> _Sheet:
    layers = len(states.layers)
    _within("layers", layers - 1, _MOST_LAYERS)
    _within("ways and links", len(states.lines), _MOST_LINES)
    if layers <= _BAND + 1:
        planned = _Sheet(states, (range(layers),), _ROW)
    else:  # each band begins with the last layer of the one before
        starts = range(0, layers - 1, _BAND)
        bands = tuple(range(start, min(start + _BAND + 1, layers)) for start in starts)
        planned = _Sheet(states, bands, _CLOSE)
    most = int((_MOST_HEIGHT - _TOP - _FOOT) / len(planned.bands) - _GAP) / planned.row + 1
    if planned.height > _MOST_HEIGHT:
        _within("strides", len(states.rows), int(most))
    return planned


def _within(things: str, number: int, most: int) -> None:
    if number > most:
        advice = "draw a part of it: --set trellis.layers=12, or a profile with fewer layers"
        raise HnasError(
            TooMuchToDraw(None, what="the trellis", number=number, things=things, most=most, advice=advice)
        )


def _labels(axes: "Axes", plan: _Sheet, number: int, band: range) -> None:
    top = plan.top(number)
    axes.text(plan.left - 0.3, top - 0.32, "layer", color=GREY, fontsize=8, ha="right", va="center")
    for layer in band:
        x = plan.left + _STEP * (layer - band.start)
        axes.text(x, top - 0.32, str(layer), color=GREY, fontsize=8, ha="center", va="center")
    for row, stride in enumerate(plan.states.rows):
        text = f"stride {spell_stride(stride)}" if row == 0 else spell_stride(stride)
        y = top + plan.row * row
        axes.text(plan.left - 0.3, y, text, color=GREY, fontsize=8, ha="right", va="center")


def _dots(axes: "Axes", plan: _Sheet, number: int, band: range) -> None:
    alive = plan.states.alive
    every = [State(layer, stride) for layer in band for stride in plan.states.layers[layer]]
    for there, colour, size in ((True, TAKEN if alive is not None else INK, 42), (False, LIGHT, 22)):
        shown = [state for state in every if (alive is None or state in alive) == there]
        if shown:
            x, y = zip(*(plan.place(state, number) for state in shown), strict=True)
            axes.scatter(x, y, s=size, color=colour, linewidths=0, zorder=4)


def _lines(axes: "Axes", plan: _Sheet, number: int, band: range) -> None:
    inside = [s for s in plan.states.lines if s.source.layer in band and s.target.layer in band]
    for taken in (False, True):
        of = [line for line in inside if line.taken == taken]
        # what stays within the layer two bands share stands in the later one
        last = band.stop - 1 if number < len(plan.bands) - 1 else None
        ways = [s for s in of if s.kind == "way" and not s.source.layer == s.target.layer == last]
        _straight(axes, plan, number, [s for s in ways if s.source.layer != s.target.layer], taken)
        _within_layers(axes, plan, number, [s for s in ways if s.source.layer == s.target.layer], taken)
        _over(axes, plan, number, [s for s in of if s.kind == "link"], taken)
    _stubs(axes, plan, number, band)


def _colour(line: Line) -> str:
    if line.taken:
        return TAKEN if line.kind == "way" else LINK
    return PALE if line.kind == "link" else GREY


def _width(line: Line) -> float:
    if line.weight is None:
        return _THIN if not line.taken else 2 * _THIN
    return 0.25 + (_WIDEST - 0.25) * min(1.0, max(0.0, line.weight)) * (0.4 if line.kind == "link" else 1.0)


def _straight(axes: "Axes", plan: _Sheet, number: int, lines: Sequence[Line], taken: bool) -> None:
    from matplotlib.collections import LineCollection

    if lines:
        ends = [(plan.place(s.source, number), plan.place(s.target, number)) for s in lines]
        widths, colours = [_width(s) for s in lines], [_colour(s) for s in lines]
        axes.add_collection(
            LineCollection(
                ends, linewidths=widths, colors=colours, capstyle="round", zorder=3 if taken else 2
            ),
            autolim=False,
        )


def _within_layers(axes: "Axes", plan: _Sheet, number: int, lines: Sequence[Line], taken: bool) -> None:
    """Beside the states between their ends, with an arrow."""
    from matplotlib.patches import FancyArrowPatch

    for line in lines:
        start, end = plan.place(line.source, number), plan.place(line.target, number)
        bend = 0.25 if end[1] > start[1] else -0.25  # to the right, whichever way it goes
        shape = FancyArrowPatch(
            start,
            end,
            connectionstyle=f"arc3,rad={-bend}",
            arrowstyle="-|>",
            mutation_scale=8,
            shrinkA=2,
            shrinkB=3,
            linewidth=_width(line),
            color=_colour(line),
            zorder=3 if taken else 2,
        )
        axes.add_patch(shape)


def _over(axes: "Axes", plan: _Sheet, number: int, lines: Sequence[Line], taken: bool) -> None:
    """Links, over the states between their ends."""
    from matplotlib.collections import PathCollection
    from matplotlib.path import Path

    paths: list[Path] = []
    for line in lines:
        (x0, y0), (x1, y1) = plan.place(line.source, number), plan.place(line.target, number)
        lift = min(0.26, 0.45 * plan.row, 0.08 + 0.03 * (line.target.layer - line.source.layer))
        paths.append(Path([(x0, y0), ((x0 + x1) / 2, y0 - 2 * lift), (x1, y1)], [1, 3, 3]))
    if paths:
        drawn = PathCollection(paths, facecolors="none", zorder=2.5 if taken else 1.5)
        drawn.set_edgecolor([_colour(line) for line in lines])
        drawn.set_linewidth([_width(line) for line in lines])
        drawn.set_transform(axes.transData)
        axes.add_collection(drawn, autolim=False)


def _stubs(axes: "Axes", plan: _Sheet, number: int, band: range) -> None:
    """Links that leave a band or come from another one: the layers at their other ends."""
    ends: dict[tuple[State, bool], list[int]] = {}
    for line in plan.states.lines:
        source, target = line.source, line.target
        if line.kind == "link" and (source.layer in band) != (target.layer in band):
            leaves = source.layer in band
            state, other = (source, target) if leaves else (target, source)
            # the layer that two bands share shows them where the other end is not in sight
            if not any(source.layer in b and target.layer in b for b in plan.bands):
                ends.setdefault((state, leaves), []).append(other.layer)
    for (state, leaves), layers in ends.items():
        x, y = plan.place(state, number)
        side = 1 if leaves else -1
        axes.plot([x, x + side * 0.14], [y, y - 0.14], color=LINK, linewidth=_THIN, zorder=1.5)
        text = ",".join(map(str, layers[:_MOST_ENDS])) + ("…" if len(layers) > _MOST_ENDS else "")
        axes.text(x + side * 0.15, y - 0.15, text, color=LINK, fontsize=5, ha="left" if leaves else "right")
