"""Cells of NAS-Bench-201 as its interface spells them.

`|nor_conv_3x3~0|+|nor_conv_3x3~0|none~1|+|skip_connect~0|none~1|none~2|`: the nodes after the input,
joined by `+`; of each its edges, an operator and the node it reads, 0 the input of the cell.
Source: Dong, Yang, ICLR 2020, arXiv:2001.00326; `CellStructure.str2structure` of D-X-Y/AutoDL-Projects.
"""

import re
from collections.abc import Iterator

from hnas.diag import HnasError, Sink, Source, Span
from hnas.importing.errors import NotOfFormat
from hnas.importing.found import Found, FoundCell, Given, Node, Term, label_of
from hnas.importing.text import read_text

OPERATORS = {
    "none": "none",
    "skip_connect": "skip",
    "nor_conv_1x1": "unit(1)",
    "nor_conv_3x3": "unit(3)",
    "avg_pool_3x3": "avg_pool(3)",
}
"""What examples/nasbench201 calls them."""

CELL = "searched"
"""The cell of the space that is searched."""

WHAT = "a cell of NAS-Bench-201"
_LIKE = "a cell is |OP~0|+|OP~0|OP~1|+|OP~0|OP~1|OP~2|, one in a file; OP is " + ", ".join(OPERATORS)
_EDGE = re.compile(r"(\w+)~([0-9]{1,3})")
_LONGEST = 10_000
"""Characters."""


def read_nasbench201(given: Given, sink: Sink) -> Found | None:
    """The cell of a file that holds one such string.

    Raises:
        HnasError: The file cannot be read, or its text is no such string.
    """
    source = read_text(given.path, ".txt")
    return parse_nasbench201(source, sink)


def parse_nasbench201(source: Source, sink: Sink) -> Found | None:
    """The cell that a text spells; None after a diagnostic.

    Raises:
        HnasError: The text is no such string.
    """
    text = source.text.rstrip()
    whole = Span(source, len(text) - len(text.lstrip()), len(text))
    if not whole.text:
        raise _wrong(whole, "it is empty")
    if len(whole.text) > _LONGEST:
        raise _wrong(Span(source, whole.start, whole.start + 1), f"it is longer than {_LONGEST:,} characters")
    nodes = tuple(
        Node(f"n{number}", tuple(_terms(part, sink)), part)
        for number, part in enumerate(_split(whole, "+"), 1)
    )
    return None if sink.errors else Found(None, (FoundCell(CELL, nodes, whole),), whole)


def _terms(part: Span, sink: Sink) -> Iterator[Term]:
    """The edges into a node: `|OP~0|OP~1|`."""
    if len(part.text) < 2 or not (part.text.startswith("|") and part.text.endswith("|")):
        raise _wrong(part, "a node begins and ends with |")
    for edge in _split(Span(part.source, part.start + 1, part.end - 1), "|"):
        match = _EDGE.fullmatch(edge.text)
        if match is None:
            raise _wrong(edge, "an edge is OP~NUMBER")
        middle = edge.start + match.end(1)
        operator, number = Span(edge.source, edge.start, middle), Span(edge.source, middle + 1, edge.end)
        label = label_of(operator.text, OPERATORS, "NAS-Bench-201", operator, sink)
        read = int(number.text)
        yield Term(label, f"n{read}" if read else "prev", edge, operator, number)


def _split(span: Span, mark: str) -> Iterator[Span]:
    start = span.start
    for part in span.text.split(mark):
        yield Span(span.source, start, start + len(part))
        start += len(part) + len(mark)


def _wrong(span: Span, why: str) -> HnasError:
    return HnasError(NotOfFormat(span, path=span.source.name, what=WHAT, why=why, advice=_LIKE))
