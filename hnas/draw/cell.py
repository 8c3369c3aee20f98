"""The figure of cells: nodes from left to right, operators on the edges, a panel a cell."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from textwrap import wrap
from typing import TYPE_CHECKING, final

from attrs import frozen

from hnas.diag import HnasError
from hnas.draw.cells import Edge, Graph
from hnas.draw.errors import TooMuchToDraw
from hnas.draw.figure import GREY, INK, TAKEN, sheet
from hnas.draw.layered import Item, Layout, layered

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MOST_PANELS = 24
_MOST_EDGES = 500
_MOST_POINTS = 8_000
_LETTER = 0.075
"""Inches that a letter of a label takes."""
_PLACE, _POINT = 0.5, 0.24
"""Inches from one node to the next below it, and between edges."""
_BETWEEN = 0.28
"""Inches between what stands in neighbouring ranks."""
_MARGIN, _TITLE, _NOTE = 0.3, 0.5, 0.2
_NOTE_LETTERS = 16
"""Letters of a note that an inch of width has room for."""
_PALEST = 0.15


def cells_figure(graphs: Sequence[Graph], title: str, notes: Sequence[str] = ()) -> "Figure":
    """Every cell in a panel of its own, one below the other; of very many, the first.

    Edges are the fainter, the less they are weighed; what an architecture takes is drawn in colour
    where there is more besides.

    Raises:
        HnasError: A cell has more edges than a figure can show (E0804).
    """
    shown = graphs[:_MOST_PANELS]
    more = (f"{_MOST_PANELS} of {len(graphs)} cells",) if len(graphs) > len(shown) else ()
    panels = [_planned(graph) for graph in shown]
    width = max((panel.width for panel in panels), default=3.0)
    height = 0.5 + sum(panel.height for panel in panels) + 0.4
    figure, axes = sheet(max(width, 0.1 * len(title) + 1), height)
    axes.text(0.2, 0.25, title, color=INK, fontsize=11, va="center")
    axes.text(0.2, height - 0.2, "; ".join((*notes, *more)), color=GREY, fontsize=8, va="center")
    top = 0.5
    for panel in panels:
        panel.draw(axes, top)
        top += panel.height
    return figure


def _planned(graph: Graph) -> "_Panel":
    edges = [(edge.source, edge.target) for edge in graph.edges]
    _within(graph, "edges", len(edges), _MOST_EDGES)
    # in a row of n nodes an edge that passes k of them has 2 k + 1 points
    _within(graph, "nodes", len(graph.nodes), int((6 * _MOST_POINTS) ** (1 / 3)))
    places = (*graph.inputs, *graph.nodes, graph.output)
    layout = layered(places, edges, place=_PLACE, point=_POINT)
    widths: dict[int, float] = {}
    for name, rank in layout.ranks.items():
        widths[rank] = max(widths.get(rank, 0.0), _box(name))
    for edge, chain in zip(graph.edges, layout.points, strict=True):
        rank = _labelled(chain)[1]
        widths[rank] = max(widths.get(rank, 0.0), _LETTER * len(edge.label) + 0.1)
    middles, left = dict[int, float](), _MARGIN
    for rank in range(max(widths) + 1):
        middles[rank] = left + widths.get(rank, 0.0) / 2
        left += widths.get(rank, 0.0) + _BETWEEN
    width = left - _BETWEEN + _MARGIN
    most = max(24, int(width * _NOTE_LETTERS))
    notes = tuple(line for note in graph.notes for line in wrap(note, most))
    wide = max((len(line) / _NOTE_LETTERS + 2 * _MARGIN for line in notes), default=0.0)
    return _Panel(graph, layout, middles, widths, max(width, wide), notes)


def _within(graph: Graph, things: str, number: int, most: int) -> None:
    if number > most:
        what = graph.title
        advice = "draw a cell with fewer nodes"
        raise HnasError(
            TooMuchToDraw(None, what=what, number=number, things=things, most=most, advice=advice)
        )


def _box(name: str) -> float:
    return _LETTER * len(name) + 0.22


def _labelled(chain: Sequence[Item]) -> tuple[int, int]:
    """The point of an edge that its label stands at."""
    found = chain[len(chain) // 2]
    assert not isinstance(found, str), "only edges have points"
    return found


@final
@frozen
class _Panel:
    graph: Graph
    layout: Layout
    middles: Mapping[int, float]
    widths: Mapping[int, float]
    width: float
    notes: tuple[str, ...]

    @property
    def height(self) -> float:
        return self._body + _TITLE + _NOTE * len(self.notes) + 0.2

    @property
    def _body(self) -> float:
        return max(self.layout.heights.values()) + _PLACE / 2

    def draw(self, axes: "Axes", top: float) -> None:
        """The panel, `top` inches below the sheet's edge."""
        axes.text(0.2, top + 0.15, self.graph.title, color=INK, fontsize=9, va="center", fontweight="bold")
        below = top + _TITLE + self._body
        for number, note in enumerate(self.notes):
            axes.text(_MARGIN, below + _NOTE * (number + 0.5), note, color=GREY, fontsize=8, va="center")
        strongest = max((edge.weight or 0.0 for edge in self.graph.edges), default=0.0)
        apart = any(not edge.taken for edge in self.graph.edges)
        for edge, chain in zip(self.graph.edges, self.layout.points, strict=True):
            opacity = 1.0
            if edge.weight is not None and strongest > 0:
                opacity = _PALEST + (1 - _PALEST) * edge.weight / strongest
            inside = edge.target != self.graph.output
            colour = INK if not inside else TAKEN if apart and edge.taken else GREY
            self._edge(axes, edge, chain, top + _TITLE, colour, opacity)
        for name in self.layout.ranks:
            self._node(axes, name, top + _TITLE)

    def _node(self, axes: "Axes", name: str, top: float) -> None:
        x, y = self.middles[self.layout.ranks[name]], top + self.layout.heights[name]
        inside = "#e7f5ff" if name in self.graph.nodes else "#ffffff"
        frame = {"boxstyle": "round,pad=0.35", "facecolor": inside, "edgecolor": INK, "linewidth": 0.8}
        axes.text(x, y, name, color=INK, fontsize=8, ha="center", va="center", bbox=frame, zorder=4)

    def _edge(
        self, axes: "Axes", edge: Edge, chain: Sequence[Item], top: float, colour: str, opacity: float
    ) -> None:
        """A line through the points of the edge, level in the rank where the label stands."""
        from matplotlib.patches import FancyArrowPatch
        from matplotlib.path import Path

        heights, ranks = self.layout.heights, self.layout.ranks
        ends = ranks[edge.source], ranks[edge.target]
        at = [(self.middles[ends[0]] + _box(edge.source) / 2, top + heights[edge.source])]
        for item in chain:
            assert not isinstance(item, str), "only edges have points"
            half = self.widths.get(item[1], 0.0) / 2
            at += [(self.middles[item[1]] + side * half, top + heights[item]) for side in (-1, 1)]
        at.append((self.middles[ends[1]] - _box(edge.target) / 2, top + heights[edge.target]))
        vertices, codes = [at[0]], [Path.MOVETO]
        for (x0, y0), (x1, y1) in pairwise(at):
            bend = (x0 + x1) / 2
            vertices += [(bend, y0), (bend, y1), (x1, y1)]
            codes += [Path.CURVE4] * 3
        line = FancyArrowPatch(
            path=Path(vertices, codes),
            arrowstyle="-|>",
            mutation_scale=8,
            color=colour,
            alpha=opacity,
            linewidth=1.6 if colour == TAKEN else 1.0,
            zorder=2,
        )
        axes.add_patch(line)
        if edge.label:
            item = _labelled(chain)
            place = (self.middles[item[1]], top + heights[item])
            behind = {"boxstyle": "square,pad=0.1", "facecolor": "#ffffff", "edgecolor": "none"}
            ink = TAKEN if colour == TAKEN else INK
            axes.text(
                *place,
                edge.label,
                color=ink,
                alpha=max(0.45, opacity),
                fontsize=8,
                ha="center",
                va="center",
                bbox=behind,
                zorder=3,
            )
