"""The cards of the data sets."""

from collections.abc import Sequence

from hnas.schema.datasets import CARDS, DatasetCard
from manual.markdown import prose, table

_MOST_NAMED = 20
"""Classes of a set that are named."""


def datasets() -> str:
    """A line for each set, then a section with what is known of it."""
    rows = [
        (f"[`{c.name}`](#{c.name})", c.task, str(len(c.classes) or "your own"), _size(c), prose(c.summary))
        for c in CARDS.values()
    ]
    parts = [table(("name", "task", "classes", "images", "what"), rows)]
    for card in CARDS.values():
        parts += [f"## {card.name}", _section(card)]
    return "\n\n".join(parts)


def _section(card: DatasetCard) -> str:
    lines: list[str] = []
    if card.layout:
        lines.append(f"* Files: {prose(card.layout)}.")
    lines.append(
        f"* Mean of red, green and blue, of values in 0 to 1: {_numbers(card.mean)}; "
        f"standard deviation: {_numbers(card.deviation)}."
    )
    if 0 < len(card.classes) <= _MOST_NAMED:
        lines.append(f"* Classes, in the order of their labels: {', '.join(card.classes)}.")
    return "\n".join(lines)


def _size(card: DatasetCard) -> str:
    return "" if card.size is None else " x ".join(map(str, card.size))


def _numbers(values: Sequence[float]) -> str:
    return ", ".join(f"{value:.3f}" for value in values)
