"""The figures of a run's metrics over its steps: losses and what a network is judged by; entropies."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from hnas.draw.figure import GREY, INK, LINK, TAKEN

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Rows = Sequence[Mapping[str, Any]]
Series = Mapping[str, Sequence[tuple[int, float]]]
"""For each name, step and value."""

_COLOURS = (LINK, TAKEN, "#2f9e44", "#7048e8", "#0c8599", GREY)
_NAMES = {
    "loss": "training",
    "loss_weights": "of the weights (trainA)",
    "loss_arch": "of alpha and beta (trainB)",
    "entropy_alpha": "alpha",
    "entropy_beta": "beta",
    "miou": "mIoU",
    "most_frequent_miou": "always the most frequent class",
    "most_frequent_accuracy": "always the most frequent class",
}
_HEADLINES = ("miou", "accuracy")
_FEW = 60
"""Points up to which each is marked."""


def panels_of(rows: Rows, what: Literal["curves", "entropy"]) -> Mapping[str, Series]:
    """What is drawn: for each panel, by the name of its axis, its curves; empty ones are left out."""
    if what == "entropy":
        found = {"entropy, relative to the largest": _series(rows, _starting(rows, "entropy_"))}
    else:
        judged = [row for row in rows if row.get("phase") == "validation"]
        others = [row for row in rows if row.get("phase") != "validation"]
        headline = next((h for h in _HEADLINES if any(h in row for row in judged)), _HEADLINES[0])
        found = {
            "loss": _series(others, _starting(others, "loss")),
            _NAMES.get(headline, headline): _series(judged, (headline, f"most_frequent_{headline}")),
        }
    return {axis: series for axis, series in found.items() if series}


def curves_figure(panels: Mapping[str, Series], title: str) -> "Figure":
    """A panel below the other, steps from left to right."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.0, 0.6 + 2.4 * len(panels)), layout="constrained")
    figure.suptitle(title, fontsize=11, color=INK)
    drawn = figure.subplots(len(panels), 1, sharex=True, squeeze=False)[:, 0]
    for axes, (name, series) in zip(drawn, panels.items(), strict=True):
        _panel(axes, name, series)
    drawn[-1].set_xlabel("step")
    return figure


def _panel(axes: "Axes", name: str, series: Series) -> None:
    for number, (key, points) in enumerate(series.items()):
        steps, values = zip(*points, strict=True)
        base = key.startswith("most_frequent_")
        axes.plot(
            steps,
            values,
            color=GREY if base else _COLOURS[number % len(_COLOURS)],
            linestyle=":" if base else "-",
            marker="o" if len(points) <= _FEW else "",
            markersize=2.5,
            linewidth=1.4,
            label=_NAMES.get(key, key.replace("_", " ")),
        )
    axes.set_ylabel(name)
    axes.grid(visible=True, linewidth=0.4, color="#e3e6ea")
    axes.legend(frameon=False, fontsize=8)


def _starting(rows: Rows, prefix: str) -> list[str]:
    """The columns whose names begin so, in the order they come."""
    return list(dict.fromkeys(name for row in rows for name in row if name.startswith(prefix)))


def _series(rows: Rows, names: Sequence[str]) -> Series:
    found: dict[str, list[tuple[int, float]]] = {name: [] for name in names}
    for row in rows:
        for name in names:
            value = row.get(name)
            if isinstance(row.get("step"), int) and isinstance(value, int | float):
                found[name].append((row["step"], float(value)))
    return {name: points for name, points in found.items() if points}
