"""What a reader gives: an architecture's choices by name, each with its place in what was read."""

from collections.abc import Mapping
from pathlib import Path
from typing import final

from attrs import frozen

from hnas.diag import Sink, Span, did_you_mean
from hnas.importing.errors import UnknownOperator


@final
@frozen
class Given:
    """What the command line names.

    Attributes:
        path: The file, or of a format of several files their folder; `-` is standard input.
        cell: The file of the cell, for a format that keeps it apart.
        name: Which one of several architectures is meant, or what the network is to be called.
    """

    path: Path
    cell: Path | None = None
    name: str | None = None


@final
@frozen
class Term:
    """An operator applied to a map: `label` and `source` as the space spells them."""

    label: str
    source: str
    span: Span
    label_span: Span
    source_span: Span


@final
@frozen
class Node:
    """A node of a cell and what it sums."""

    name: str
    terms: tuple[Term, ...]
    span: Span


@final
@frozen
class Outputs:
    """The nodes a cell concatenates."""

    nodes: tuple[str, ...]
    span: Span


@final
@frozen
class FoundCell:
    """The nodes of a cell; `outputs` where the format says which of them it puts out."""

    name: str
    nodes: tuple[Node, ...]
    span: Span
    outputs: Outputs | None = None


@final
@frozen
class Found:
    """An architecture.

    Attributes:
        name: What it is called where it was found; None where nothing says.
        cells: Its cells.
        path: The stride of each layer and its place; empty where the format has no path.
        span: All of it.
    """

    name: str | None
    cells: tuple[FoundCell, ...]
    span: Span
    path: tuple[tuple[int, Span], ...] = ()


def label_of(name: str, labels: Mapping[str, str], what: str, span: Span, sink: Sink) -> str:
    """What the space calls an operator of a format; the name itself after a diagnostic."""
    if name in labels:
        return labels[name]
    shown = name if len(name) <= _LONGEST else f"{name[:_LONGEST]}..."
    sink.add(UnknownOperator(span, format=what, name=shown, advice=did_you_mean(name[:_LONGEST], labels)))
    return shown


def state_name(number: int) -> str:
    """What spaces call a state of a cell, where it is counted from H(l-2) as DARTS does."""
    return ("prev_prev", "prev")[number] if number < 2 else f"n{number - 1}"


_LONGEST = 40
"""Characters of a name that a message shows."""
