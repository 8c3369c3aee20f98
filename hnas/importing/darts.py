"""Genotypes of DARTS, as its code and that of many others print and keep them.

`Genotype(normal=[('sep_conv_3x3', 1), ...], normal_concat=range(2, 6), reduce=[...], reduce_concat=...)`:
of each cell two entries a node, an operator and the state it reads: 0 is c_(k-2), 1 is c_(k-1), 2 the
first node. Also with a list of entries for each node. Source: Liu, Simonyan, Yang, ICLR 2019,
arXiv:1806.09055; cnn/genotypes.py of quark0/darts.
"""

import ast
from collections.abc import Iterator, Sequence
from typing import Any, final

from attrs import frozen

from hnas.diag import HnasError, Sink, Source
from hnas.importing.errors import NotOfFormat
from hnas.importing.found import Found, FoundCell, Given, Node, Outputs, Term, label_of, state_name
from hnas.importing.genotypes import LIKE, WHAT, Places, genotypes, pick
from hnas.importing.text import read_text

OPERATORS = {
    "none": "none",
    "max_pool_3x3": "max(3)",
    "avg_pool_3x3": "avg(3)",
    "skip_connect": "shortcut",
    "sep_conv_3x3": "sep(3)",
    "sep_conv_5x5": "sep(5)",
    "sep_conv_7x7": "sep(7)",
    "dil_conv_3x3": "dil(3)",
    "dil_conv_5x5": "dil(5)",
}
"""What examples/darts calls them; sep(7) it does not offer, a space that extends it may."""

FIELDS = ("normal", "normal_concat", "reduce", "reduce_concat")
CELLS = {"normal": "normal", "reduce": "reduction"}
"""Fields of a genotype, and the cells of the space they are."""

_MOST = 1000
"""Entries of a cell, and the largest number in one."""


def read_darts(given: Given, sink: Sink) -> Found | None:
    """The genotype that is meant of a file.

    Raises:
        HnasError: The file cannot be read, or has no such genotype.
    """
    return parse_darts(read_text(given.path, ".py"), given.name, sink)


def parse_darts(source: Source, name: str | None, sink: Sink) -> Found | None:
    """The genotype `name` of a text, or its only one; None after a diagnostic.

    Raises:
        HnasError: The text has none, or it is not written out.
    """
    found, places = genotypes(source)
    genotype = pick(found, name, source.name)
    reader = _Reader(places, sink)
    fields = reader.fields(genotype.call)
    cells = tuple(reader.cell(cell, fields[key], fields[f"{key}_concat"]) for key, cell in CELLS.items())
    return None if sink.errors else Found(genotype.name, cells, places.of(genotype.call))


@final
@frozen
class _Reader:
    places: Places
    sink: Sink

    def fields(self, call: ast.Call) -> dict[str, ast.expr]:
        """The arguments, by position or by name."""
        fields: dict[str, ast.expr] = {}
        fields.update(zip(FIELDS, call.args, strict=False))
        for keyword in call.keywords:
            if keyword.arg not in FIELDS or keyword.arg in fields:
                raise self._wrong(keyword.value, f"its fields are {', '.join(FIELDS)}, each once")
            fields[keyword.arg] = keyword.value
        if len(call.args) > len(FIELDS) or set(fields) != set(FIELDS):
            raise self._wrong(call, f"its fields are {', '.join(FIELDS)}, each once")
        return fields

    def cell(self, name: str, entries: ast.expr, concat: ast.expr) -> FoundCell:
        """A cell, out of its entries and the states it concatenates."""
        listed = self._elements(entries, "a list of ('OPERATOR', STATE)")
        groups: Iterator[list[ast.expr]] = (listed[i : i + 2] for i in range(0, len(listed), 2))
        if all(self._holds_pairs(each) for each in listed):
            groups = (self._elements(each, "a list of ('OPERATOR', STATE)") for each in listed)
        nodes: list[Node] = []
        for number, group in enumerate(groups, 1):
            terms = tuple(map(self._term, group))
            nodes.append(Node(f"n{number}", terms, terms[0].span.to(terms[-1].span)))
        outputs = Outputs(tuple(map(state_name, self._states(concat))), self.places.of(concat))
        return FoundCell(name, tuple(nodes), self.places.of(entries), outputs)

    def _holds_pairs(self, value: ast.expr) -> bool:
        return (
            isinstance(value, ast.List | ast.Tuple)
            and bool(value.elts)
            and all(isinstance(each, ast.List | ast.Tuple) for each in value.elts)
        )

    def _term(self, entry: ast.expr) -> Term:
        match entry:
            case ast.Tuple([ast.Constant(str(name)) as first, at]) | ast.List(
                [ast.Constant(str(name)) as first, at]
            ):
                span, state = self.places.of(first), self._number(at)
                label = label_of(name, OPERATORS, "DARTS", span, self.sink)
                return Term(label, state_name(state), self.places.of(entry), span, self.places.of(at))
            case _:
                raise self._wrong(entry, "an entry is ('OPERATOR', STATE)")

    def _states(self, value: ast.expr) -> Sequence[int]:
        """`range(2, 6)`, `list(range(2, 6))` or `[2, 3, 4, 5]`."""
        match value:
            case ast.Call(ast.Name("list"), [ast.Call() as inner], []):
                return self._states(inner)
            case ast.Call(ast.Name("range"), [_] | [_, _] as bounds, []):
                return range(*map(self._number, bounds))
            case _:
                listed = self._elements(value, "range(2, 6) or a list of states")
                return tuple(map(self._number, listed))

    def _elements(self, value: ast.expr, needed: str) -> list[ast.expr]:
        if not isinstance(value, ast.List | ast.Tuple) or not value.elts:
            raise self._wrong(value, f"this must be {needed}")
        if len(value.elts) > _MOST:
            raise self._wrong(value, f"it has more than {_MOST:,} entries")
        return value.elts

    def _number(self, value: ast.expr) -> int:
        if isinstance(value, ast.Constant):
            number: Any = value.value
            if type(number) is int and number <= _MOST:
                return number
        raise self._wrong(value, f"this must be a number from 0 to {_MOST:,}")

    def _wrong(self, value: ast.expr, why: str) -> HnasError:
        path = self.places.source.name
        return HnasError(NotOfFormat(self.places.of(value), path=path, what=WHAT, why=why, advice=LIKE))
