"""`limit parameters < 5e6`: what a network of a space may cost."""

from collections.abc import Mapping
from fractions import Fraction
from math import ceil, floor

from hnas.diag import Sink, did_you_mean
from hnas.ir import expr as ir
from hnas.ir.space import Limit
from hnas.lang import ast
from hnas.lang.errors import NotYet, UnknownName, WrongValue
from hnas.lang.evaluate import Names, to_expr
from hnas.lang.walk import figure_of, kind_of, ungroup

FIGURES = ("parameters", "multiply_adds")
_NEEDED = f"a figure ({', '.join(FIGURES)}), < or <=, and a number: limit parameters < 5e6"


def limits(items: tuple[ast.Item, ...], params: Mapping[str, ir.Expr], sink: Sink) -> tuple[Limit, ...]:
    """The limits among the items of a space; what is wrong with one goes to `sink`."""
    found: list[Limit] = []
    for item in items:
        if isinstance(item, ast.Limit):
            if item.word == "target":  # a search that weighs costs against accuracy is not there yet
                sink.add(NotYet(item.span, what="target"))
            elif (limit := _limit(item, params, sink)) is not None:
                found.append(limit)
    return tuple(found)


def _limit(item: ast.Limit, params: Mapping[str, ir.Expr], sink: Sink) -> Limit | None:
    value = ungroup(item.value)
    if not isinstance(value, ast.Binary) or value.op not in ("<", "<="):
        what = f"this is {kind_of(value)}" if not isinstance(value, ast.Binary) else f"this says {value.op}"
        sink.add(WrongValue(item.span, what="limit", needed=_NEEDED, found=what))
        return None
    figure = figure_of(item)
    if figure not in FIGURES:
        left = value.left
        if not figure:
            sink.add(WrongValue(left.span, what="limit", needed=_NEEDED, found=f"this is {kind_of(left)}"))
        else:
            sink.add(UnknownName(left.span, name=figure, advice=did_you_mean(figure, FIGURES)))
        return None
    bound = to_expr(value.right, Names(params), sink)
    if bound is None:
        return None
    most = bound.value if isinstance(bound, ir.Const) else None
    if isinstance(most, bool) or not isinstance(most, int | Fraction) or most <= 0:
        found = f"this is {most}" if most is not None else "this is searched"
        sink.add(WrongValue(value.right.span, what="limit", needed="a number above 0", found=found))
        return None
    # figures are whole: below 2.5 means at most 2
    last = ceil(most) - 1 if value.op == "<" else floor(most)
    return Limit(figure, last, span=item.span)
