"""Small helpers over expressions of the syntax tree."""

from typing import TypeVar, cast

import attrs

from hnas.lang import ast
from hnas.lang.print import print_expr

Part = TypeVar("Part")


def ungroup(expr: ast.Expr) -> ast.Expr:
    """The expression without parentheses around it."""
    while isinstance(expr, ast.Group):
        expr = expr.inner
    return expr


def ungrouped(node: Part) -> Part:
    """The tree without any parentheses that printing would not add."""
    if isinstance(node, ast.Group):
        return ungrouped(cast(Part, node.inner))
    if isinstance(node, tuple):
        return cast(Part, tuple(map(ungrouped, cast(tuple[object, ...], node))))
    if not isinstance(node, ast.Node):
        return node
    parts = {a.name: ungrouped(getattr(node, a.name)) for a in attrs.fields(type(node)) if a.eq}
    return attrs.evolve(node, **parts)


def label_text(expr: ast.Expr | ast.Range) -> str:
    """An option as text, the same however many parentheses it is written with."""
    return spelled(ungrouped(expr))


def same(a: ast.Expr | ast.Range, b: ast.Expr | ast.Range) -> bool:
    """Whether two expressions say the same, parentheses around them aside."""
    if isinstance(a, ast.Range) or isinstance(b, ast.Range):
        return a == b
    return ungroup(a) == ungroup(b)


def spelled(expr: ast.Expr | ast.Range) -> str:
    """The expression as text on one line, for messages."""
    if isinstance(expr, ast.Range):
        return f"{spelled(expr.low)}..{spelled(expr.high)}"
    return " ".join(print_expr(expr).split())


def kind_of(expr: ast.Expr | ast.Range) -> str:
    """What an expression is, in words, for messages."""
    match expr:
        case ast.Number():
            return f"the number {expr.text}"
        case ast.String():
            return "a text in quotes"
        case ast.Bool():
            return "true or false"
        case ast.Ref(name):
            return f"`{name}`"
        case ast.List():
            return "a list"
        case ast.Map():
            return "a map"
        case ast.Choice():
            return f"a choice ({expr.word})"
        case ast.Tuple():
            return "a tuple"
        case ast.Group(inner):
            return kind_of(inner)
        case ast.Range():
            return "a range"
        case ast.Binary("->"):
            return "a pipeline"
        case _:
            return f"`{spelled(expr)}`"


def figure_of(item: ast.Limit) -> str:
    """The figure a limit is about; empty where it is none."""
    value = ungroup(item.value)
    left = ungroup(value.left) if isinstance(value, ast.Binary) else value
    return left.name if isinstance(left, ast.Ref) else ""
