"""A space, a network or a run as the file of a figure."""

from typing import TYPE_CHECKING, Literal

from hnas.api.run import Run
from hnas.compiler import Compilation
from hnas.diag import HnasError
from hnas.draw.cell import cells_figure
from hnas.draw.cells import cells_of
from hnas.draw.curves import Rows, curves_figure, panels_of
from hnas.draw.errors import NothingMeasured
from hnas.draw.figure import encoded, style
from hnas.draw.states import Weights, states_of
from hnas.draw.trellis import trellis_figure
from hnas.ir.decisions import Architecture

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Choices = Literal["trellis", "cell"]
"""Figures of what is chosen."""
Measured = Literal["curves", "entropy"]
"""Figures of what a run measures, step by step."""

_FOUND = "orange: what was found"
_WEIGHED = {
    "trellis": "width: beta of the newest checkpoint",
    "cell": "opacity, number: alpha of the newest checkpoint, of the strongest operator but none",
}


def drawn(
    compilation: Compilation, what: Choices, format: str, network: tuple[str, Architecture] | None = None
) -> bytes:
    """The trellis or the cells of a space, or of a network of it.

    Args:
        compilation: The space.
        what: Which figure.
        format: `svg` or `png`.
        network: Its name and what it is; None for the space.

    Raises:
        HnasError: It is more than a figure can show (E0804).
    """
    name = compilation.space.name
    title = f"space {name}" if network is None else f"network {network[0]} of {name}"
    architecture = None if network is None else network[1]
    with style():
        return encoded(_chosen(compilation, what, title, None, architecture, ()), format)


def drawn_run(run: Run, what: Choices, format: str) -> bytes:
    """A search as far as it is: its weights of choices with what was found among them.

    Args:
        run: A search, finished or not.
        what: Which figure.
        format: `svg` or `png`.

    Raises:
        HnasError: It has no checkpoint yet (E0605), its spec was changed (E0607), or it is more than a
            figure can show (E0804).
    """
    weights, found = run.weights(), run.architecture
    compilation = run.space.compilation
    notes = (_WEIGHED[what], _FOUND if found is not None else "nothing found yet")
    title = f"a search of {compilation.space.name}"
    with style():
        return encoded(_chosen(compilation, what, title, weights, found, notes), format)


def drawn_metrics(path: str, rows: Rows, what: Measured, format: str, title: str) -> bytes:
    """What a run measured, step by step.

    Args:
        path: Its folder, for messages.
        rows: Its metrics.
        what: Which figure.
        format: `svg` or `png`.
        title: Above the figure.

    Raises:
        HnasError: It has no such metrics yet (E0611).
    """
    panels = panels_of(rows, what)
    if not panels:
        named = "losses" if what == "curves" else "entropies"
        raise HnasError(NothingMeasured(None, path=path, what=named))
    with style():
        return encoded(curves_figure(panels, title), format)


def _chosen(
    compilation: Compilation,
    what: Choices,
    title: str,
    weights: Weights | None,
    architecture: Architecture | None,
    notes: tuple[str, ...],
) -> "Figure":
    given = compilation.space, compilation.decisions, weights, architecture
    if what == "cell":
        return cells_figure(cells_of(*given), title, notes)
    return trellis_figure(states_of(*given), title, notes)
