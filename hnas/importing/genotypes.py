"""The genotypes a Python file writes down: read off its syntax tree, never evaluated.

Operates on text. Produces the calls of `Genotype` at its top level with the names they are given, and
the places of their parts.
"""

import ast
import re
import warnings
from functools import cached_property
from typing import final

from attrs import define, field, frozen

from hnas.diag import HnasError, Source, Span, did_you_mean
from hnas.importing.errors import NotOfFormat, WhichGenotype

WHAT = "a genotype of DARTS"
LIKE = (
    "a genotype is Genotype(normal=[('sep_conv_3x3', 1), ...], normal_concat=range(2, 6), "
    "reduce=[...], reduce_concat=range(2, 6)), written out"
)
LONGEST = 1 << 17
"""Characters; the syntax tree of more takes seconds and hundreds of megabytes."""


@final
@define(frozen=True, slots=False, eq=False)
class Places:
    """From where Python says a node is to where it is in a source.

    Python ends lines at carriage returns too and counts columns in bytes.
    """

    source: Source

    @cached_property
    def _starts(self) -> tuple[int, ...]:
        return (0, *(end.end() for end in re.finditer(r"\r\n|\r|\n", self.source.text)))

    def _start(self, line: int | None) -> int:
        return self._starts[min(max(line or 1, 1), len(self._starts)) - 1]

    def _offset(self, line: int, column: int) -> int:
        start = self._start(line)
        before = self.source.text[start : start + column].encode()[:column]
        return start + len(before.decode(errors="ignore"))

    def of(self, node: ast.expr | ast.stmt) -> Span:
        """The place of a node."""
        start = self._offset(node.lineno, node.col_offset)
        end = self._offset(node.end_lineno or node.lineno, node.end_col_offset or 0)
        return Span(self.source, start, max(start, end))

    def at(self, error: SyntaxError) -> Span:
        """The place of a syntax error; its line where its column is none."""
        start = min(self._start(error.lineno) + max((error.offset or 1) - 1, 0), len(self.source.text))
        return Span(self.source, start, start + 1)


@final
@frozen
class Genotype:
    """A call of `Genotype`: its name, where one is assigned, and its arguments by name."""

    name: str | None
    call: ast.Call = field(eq=False)


def genotypes(source: Source) -> tuple[tuple[Genotype, ...], Places]:
    """The genotypes of a text in order; of those of one name the last.

    Raises:
        HnasError: It is no Python, or too long or too deep to tell.
    """
    places = Places(source)
    found: dict[str | None, Genotype] = {}
    for statement in _parsed(source, places).body:
        value = getattr(statement, "value", None)
        match statement:
            case ast.Assign(targets=targets):
                names = [target.id for target in targets if isinstance(target, ast.Name)]
            case ast.AnnAssign(target=ast.Name(name)):
                names = [name]
            case ast.Expr():
                names = [None]
            case _:
                continue
        for name in names:
            if isinstance(value, ast.Call) and _called(value) == "Genotype":
                found[name] = Genotype(name, value)
            elif isinstance(value, ast.Name) and value.id in found:  # DARTS = DARTS_V2
                found[name] = Genotype(name, found[value.id].call)
    return tuple(found.values()), places


def pick(found: tuple[Genotype, ...], wanted: str | None, path: str) -> Genotype:
    """The genotype that is meant: by name, or the only one.

    Raises:
        HnasError: There is none of the name, none at all, or several.
    """
    named = [each.name for each in found if each.name is not None]
    distinct = {id(each.call): each for each in found}
    if not found:
        raise HnasError(WhichGenotype(None, path=path, number="no genotype", advice=LIKE))
    if wanted is not None and named:
        for each in found:
            if each.name == wanted:
                return each
        advice = did_you_mean(wanted, named) or _listed(named)
        raise HnasError(WhichGenotype(None, path=path, number=f"no genotype {wanted}", advice=advice))
    if len(distinct) > 1:
        advice = f"say which one with --name: {_listed(named)}" if named else "leave one of them"
        raise HnasError(WhichGenotype(None, path=path, number=f"{len(distinct)} genotypes", advice=advice))
    return next(iter(distinct.values()))


def _listed(names: list[str]) -> str:
    return ", ".join(names[:_MOST]) + (f" and {len(names) - _MOST} more" if len(names) > _MOST else "")


_MOST = 40
"""Names that a message lists."""


def _parsed(source: Source, places: Places) -> ast.Module:
    if len(source.text) > LONGEST:
        why = f"it is longer than {LONGEST:,} characters"
        advice = "take out what is not the genotype"
        raise HnasError(NotOfFormat(Span(source, 0, 1), path=source.name, what=WHAT, why=why, advice=advice))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what Python thinks of the style of a file we only read
            return ast.parse(source.text.rstrip())
    except SyntaxError as error:
        why = (error.msg or "no Python").partition("(<")[0].strip()
        span = places.at(error)
    except (RecursionError, MemoryError, ValueError):
        why, span = "it nests too deep", Span(source, 0, 1)
    raise HnasError(NotOfFormat(span, path=source.name, what=WHAT, why=why, advice=LIKE))


def _called(call: ast.Call) -> str:
    match call.func:
        case ast.Name(name) | ast.Attribute(attr=name):
            return name
        case _:
            return ""
