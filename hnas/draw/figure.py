"""A sheet in inches to draw on, and its file: the same bytes for the same drawing."""

import io
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FORMATS = ("svg", "png")
"""Kinds of file, by their suffix."""

GREY, LIGHT, INK, TAKEN = "#8a8f98", "#d3d6db", "#1f2328", "#d9480f"
"""Lines, what is left out, text, what an architecture takes."""
LINK, PALE = "#1971c2", "#a5c8ea"
"""Links between layers that an architecture takes, and others."""

_DPI = 144
_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",  # text stays text
    "svg.hashsalt": "hnas",  # ids are the same each time
    "text.parse_math": False,
    "font.size": 9.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
}


@contextmanager
def style() -> Iterator[None]:
    """matplotlib as it comes, whatever the user's own settings are; they are back afterwards."""
    import matplotlib

    log = logging.getLogger("matplotlib")
    level = log.level
    log.setLevel(logging.ERROR)  # it remarks on building its cache of fonts
    try:
        with matplotlib.rc_context():
            matplotlib.rcdefaults()
            matplotlib.rcParams.update(_STYLE)
            yield
    finally:
        log.setLevel(level)


def sheet(width: float, height: float) -> "tuple[Figure, Axes]":
    """A figure of that many inches, and axes with its inches as coordinates: y goes down from the top."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height))
    axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
    axes.set_xlim(0.0, width)
    axes.set_ylim(height, 0.0)
    axes.set_axis_off()
    return figure, axes


def encoded(figure: "Figure", format: str) -> bytes:
    """The file: `svg` or `png`, without a date. Inside `style()`."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    file = io.BytesIO()
    if format == "svg":
        FigureCanvasSVG(figure).print_svg(file, metadata={"Date": None, "Creator": "hnas"})
    else:
        figure.set_dpi(_DPI)
        FigureCanvasAgg(figure).print_png(file, metadata={"Software": "hnas"})
    return file.getvalue()
