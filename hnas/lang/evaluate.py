"""Expressions of the syntax tree to expressions over facts, folded as far as names are known."""

from collections.abc import Mapping
from typing import assert_never

from attrs import evolve, field, frozen

from hnas.diag import Sink, did_you_mean
from hnas.ir import expr as ir
from hnas.lang import ast
from hnas.lang.errors import NoValue, UnknownName
from hnas.lang.walk import kind_of


@frozen
class Names:
    """What names mean where an expression stands.

    Attributes:
        values: Parameters of the space and of operators, as expressions.
        facts: Facts of the place that may be named here.
    """

    values: Mapping[str, ir.Expr] = field(factory=dict[str, ir.Expr])
    facts: frozenset[str] = frozenset()

    def but(self, values: Mapping[str, ir.Expr]) -> "Names":
        """The same names with further values over them."""
        return evolve(self, values={**self.values, **values})

    def known(self) -> frozenset[str]:
        """Every name that means something."""
        return frozenset(self.values) | self.facts


def to_expr(node: ast.Expr | ast.Range, names: Names, sink: Sink) -> ir.Expr | None:
    """`node` as an expression over facts, constant where it can be; None after a diagnostic."""
    match node:
        case ast.Number():
            value = node.value
            if abs(value) > ir.LARGEST:
                sink.add(NoValue(node.span, why="the number is beyond 1e18"))
                return None
            return ir.Const(int(value) if value == int(value) else value, span=node.span)
        case ast.Bool(value) | ast.String(value):
            return ir.Const(value, span=node.span)
        case ast.Ref(name):
            if name in names.values:
                return evolve(names.values[name], span=node.span)
            if name in names.facts:
                return ir.Fact(name, span=node.span)
            advice = did_you_mean(name, names.known())
            if name in ir.FACTS:
                advice = f"{name} is {ir.FACTS[name]}; it is not known at this place"
            sink.add(UnknownName(node.span, name=name, advice=advice))
            return None
        case ast.Group(inner):
            return to_expr(inner, names, sink)
        case ast.Tuple(items):
            parts = [to_expr(item, names, sink) for item in items]
            values = [_constant(part, sink) for part in parts if part is not None]
            numbers = tuple(v for v in values if isinstance(v, int) and not isinstance(v, bool))
            if len(numbers) != len(items):
                if len(values) == len(items):
                    sink.add(NoValue(node.span, why="a tuple holds whole numbers, one for each axis"))
                return None
            return ir.Const(numbers, span=node.span)
        case ast.Unary(op, operand):
            inner = to_expr(operand, names, sink)
            return None if inner is None else _fold(ir.Unary(op, inner, span=node.span), sink)
        case ast.Binary(op, left, right) if op != "->":
            a, b = to_expr(left, names, sink), to_expr(right, names, sink)
            return None if a is None or b is None else _fold(ir.Binary(op, a, b, span=node.span), sink)
        case ast.IfElse(then, test, other):
            parts = (to_expr(then, names, sink), to_expr(test, names, sink), to_expr(other, names, sink))
            a, t, b = parts
            if a is None or t is None or b is None:
                return None
            return _fold(ir.Cond(a, t, b, span=node.span), sink)
        case ast.Binary() | ast.Call() | ast.List() | ast.Map() | ast.Choice() | ast.Range():
            sink.add(NoValue(node.span, why=f"a value is needed here, this is {kind_of(node)}"))
            return None
        case _:
            assert_never(node)


def constant(node: ast.Expr | ast.Range, names: Names, sink: Sink) -> ir.Value | None:
    """The value of `node`, which may not depend on facts; None after a diagnostic."""
    expr = to_expr(node, names, sink)
    return None if expr is None else _constant(expr, sink)


def _constant(expr: ir.Expr, sink: Sink) -> ir.Value | None:
    try:
        return ir.evaluate(expr, {})
    except ir.EvaluationError as error:
        sink.add(NoValue(error.span, why=str(error)))
        return None


def _fold(expr: ir.Expr, sink: Sink) -> ir.Expr | None:
    if ir.facts_of(expr):
        return expr
    value = _constant(expr, sink)
    return None if value is None else ir.Const(value, span=expr.span)
