"""Expressions over static facts, as attributes of operators hold them until a place is known.

`B * F * stride / 4` has become `20 * stride / 4` when it gets here: parameters are numbers already,
what is left are facts of the place an operator is built at. Numbers are exact (int or Fraction).
"""

from collections.abc import Mapping
from fractions import Fraction
from functools import lru_cache
from typing import Literal, assert_never, final

from attrs import field, frozen

from hnas.diag import Span
from hnas.ir.evaluation import COMPARE, EvaluationError

Value = bool | int | Fraction | str | tuple[int, ...] | tuple[Fraction | int, ...]
"""What an expression is worth. A tuple is one anisotropic value, a number per axis."""

Facts = Mapping[str, Value]

FACTS: Mapping[str, str] = {
    "channels": "channels of the map the operator gets",
    "width": "channels of the node that is being built",
    "stride": "absolute stride of the state that is being built",
    "layer": "number of the layer, from 1",
    "step": "by how much this use of the operator reduces the resolution, 1 where it does not",
    "classes": "classes of the data set",
    "searching": "true in the super-network, false in a network with its choices made",
}
"""The facts an expression may name, with their meaning; the manual prints this table."""


@frozen
class _Node:
    span: Span = field(kw_only=True, eq=False, repr=False)


@final
@frozen
class Const(_Node):
    """A value that is known."""

    value: Value


@final
@frozen
class Fact(_Node):
    """A fact of the place, by name."""

    name: str


@final
@frozen
class Unary(_Node):
    """`-x` or `not x`."""

    op: Literal["-", "not"]
    operand: "Expr"


Operator = Literal["+", "-", "*", "/", "//", "==", "!=", "<", "<=", ">", ">=", "and", "or"]


@final
@frozen
class Binary(_Node):
    """Two operands and what joins them."""

    op: Operator
    left: "Expr"
    right: "Expr"


@final
@frozen
class Cond(_Node):
    """`then if test else other`; only the chosen side is evaluated."""

    then: "Expr"
    test: "Expr"
    other: "Expr"


@final
@frozen
class Axes(_Node):
    """`(a, b, c)`: one anisotropic value, a number per axis."""

    items: tuple["Expr", ...]


@final
@frozen
class Searched(_Node):
    """`one_of { 16, 24, 32 }` where a number stands: which of `values` it is, is a decision.

    Attributes:
        name: What names the decision at its place: the attribute it is given to, or the choice's own.
        values: What it may be worth.
        nested: Whether the options share one tensor, of which the largest is allocated; None: where
            it is used decides, channels and depths do.
        share: Who shares the decision; None: each use has its own.
        named: Whether a spec gave it the name: then it is the same decision wherever it is used.
    """

    name: str
    values: tuple["Expr", ...]
    nested: bool | None
    share: "Sharing | None" = None
    named: bool = False


@final
@frozen
class Sharing:
    """Who shares one decision: a scope, or all uses that name one group."""

    scope: Literal["network", "stride", "layer", "state", "link", "cell", "edge", "group"]
    group: str = ""

    def __str__(self) -> str:
        return f'group("{self.group}")' if self.scope == "group" else self.scope


Expr = Const | Fact | Unary | Binary | Cond | Axes | Searched

LARGEST = 10**18
"""Numbers are bounded so that a product of parameters cannot eat memory or time."""


def evaluate(expr: Expr, facts: Facts) -> Value:
    """The exact value of `expr` where `facts` hold.

    Raises:
        EvaluationError: A fact is not given here, a division by zero, operands of the wrong kind,
            or a number beyond 1e18.
    """
    match expr:
        case Const(value):
            return value
        case Fact(name):
            if name not in facts:
                raise EvaluationError(f"{name} is not known here", expr.span)
            return facts[name]
        case Unary(op, operand):
            value = evaluate(operand, facts)
            if op == "not":
                if isinstance(value, bool):
                    return not value
                raise EvaluationError(
                    f"not needs true or false, this is {spell(value)}", operand.span, COMPARE
                )
            return _number(-_numeric(value, operand.span), expr.span)
        case Binary(op, left, right):
            return _binary(op, left, right, facts, expr.span)
        case Cond(then, test, other):
            value = evaluate(test, facts)
            if not isinstance(value, bool):
                raise EvaluationError(f"if needs a condition, this is {spell(value)}", test.span, COMPARE)
            return evaluate(then if value else other, facts)
        case Axes(items):
            return _whole_axes(tuple(evaluate(item, facts) for item in items), expr.span)
        case Searched(name, values):
            chosen = facts.get(searched_fact(name))
            if not isinstance(chosen, int):
                raise EvaluationError("it is searched, and a fixed value is needed here", expr.span)
            return evaluate(values[chosen], facts)
        case _:
            assert_never(expr)


def searched_fact(name: str) -> str:
    """The fact that says which option of a searched number holds."""
    return f"?{name}"


def _whole_axes(values: tuple[Value, ...], span: Span) -> Value:
    numbers = tuple(v for v in values if isinstance(v, int) and not isinstance(v, bool))
    if len(numbers) < len(values):
        raise EvaluationError("a tuple holds whole numbers, one for each axis", span)
    return numbers


def _binary(op: Operator, left: Expr, right: Expr, facts: Facts, span: Span) -> Value:
    a = evaluate(left, facts)
    if op in ("and", "or"):
        if not isinstance(a, bool):
            raise EvaluationError(f"{op} needs conditions, this is {spell(a)}", left.span, COMPARE)
        if a == (op == "or"):
            return a
        b = evaluate(right, facts)
        if not isinstance(b, bool):
            raise EvaluationError(f"{op} needs conditions, this is {spell(b)}", right.span, COMPARE)
        return b
    b = evaluate(right, facts)
    if op in ("==", "!="):
        if _kind(a) != _kind(b):
            why = f"{_kind(a)} and {_kind(b)} are never equal"
            raise EvaluationError(why, span, "compare values of one kind: stride == 4")
        return (a == b and isinstance(a, bool) == isinstance(b, bool)) == (op == "==")
    if isinstance(a, tuple) or isinstance(b, tuple):
        return _per_axis(op, a, b, left, right, span)
    x, y = _numeric(a, left.span), _numeric(b, right.span)
    return _arithmetic(op, x, y, span)


def _kind(value: Value) -> str:
    return "a condition" if isinstance(value, bool) else "a text" if isinstance(value, str) else "a number"


def _per_axis(op: Operator, a: Value, b: Value, left: Expr, right: Expr, span: Span) -> Value:
    axes = len(a) if isinstance(a, tuple) else len(b) if isinstance(b, tuple) else 1
    xs = a if isinstance(a, tuple) else (_numeric(a, left.span),) * axes
    ys = b if isinstance(b, tuple) else (_numeric(b, right.span),) * axes
    if len(xs) != len(ys):
        raise EvaluationError(f"{spell(xs)} and {spell(ys)} have different numbers of axes", span)
    values = tuple(_arithmetic(op, x, y, span) for x, y in zip(xs, ys, strict=True))
    if all(isinstance(v, bool) for v in values):
        return all(values)
    return tuple(v for v in values if isinstance(v, int | Fraction))


def _arithmetic(op: Operator, x: int | Fraction, y: int | Fraction, span: Span) -> Value:
    if op in ("/", "//") and y == 0:
        raise EvaluationError("division by zero", span)
    match op:
        case "+":
            return _number(x + y, span)
        case "-":
            return _number(x - y, span)
        case "*":
            return _number(x * y, span)
        case "/":
            return _number(Fraction(x) / y, span)
        case "//":
            return _number(x // y, span)
        case "<":
            return x < y
        case "<=":
            return x <= y
        case ">":
            return x > y
        case ">=":
            return x >= y
        case _:
            raise AssertionError(op)


def _numeric(value: Value, span: Span) -> int | Fraction:
    if isinstance(value, bool) or not isinstance(value, int | Fraction):
        raise EvaluationError(f"a number is needed here, this is {spell(value)}", span)
    return value


def _number(value: int | Fraction, span: Span) -> int | Fraction:
    if abs(value) > LARGEST or (isinstance(value, Fraction) and value.denominator > LARGEST):
        raise EvaluationError("the number is beyond 1e18", span)
    return int(value) if value == int(value) else value


def spell(value: Value) -> str:
    """A value as the language writes it."""
    match value:
        case bool():
            return "true" if value else "false"
        case Fraction():
            return str(int(value)) if value.denominator == 1 else _decimal(value)
        case tuple():
            return f"({', '.join(spell(v) for v in value)})"
        case int():
            return str(value)
        case str():
            return value
        case _:
            assert_never(value)


def spell_expr(expr: Expr) -> str:
    """An expression, every operation inside another one in parentheses."""
    match expr:
        case Const(value):
            return spell(value)
        case Fact(name):
            return name
        case Unary(op, operand):
            return f"{op} {_inner(operand)}" if op == "not" else f"-{_inner(operand)}"
        case Binary(op, left, right):
            return f"{_inner(left)} {op} {_inner(right)}"
        case Cond(then, test, other):
            return f"{_inner(then)} if {_inner(test)} else {_inner(other)}"
        case Axes(items):
            return f"({', '.join(map(spell_expr, items))})"
        case Searched(name, values, nested, share, named):
            if named:
                return name
            args = [] if nested is None else [f"weights = {'nested' if nested else 'separate'}"]
            args += [f"share = {share}"] if share is not None else []
            given = f"({', '.join(args)})" if args else ""
            return f"one_of{given} {{ {', '.join(map(spell_expr, values))} }}"
        case _:
            assert_never(expr)


def _inner(expr: Expr) -> str:
    text = spell_expr(expr)
    return text if isinstance(expr, Const | Fact | Axes | Searched) else f"({text})"


def _decimal(value: Fraction) -> str:
    exact = float(value)
    return repr(exact) if Fraction(repr(exact)) == value else f"{value.numerator} / {value.denominator}"


@lru_cache(maxsize=65_536)
def facts_of(expr: Expr) -> frozenset[str]:
    """The names of the facts `expr` may ask for."""
    match expr:
        case Const():
            return frozenset()
        case Fact(name):
            return frozenset((name,))
        case Unary(_, operand):
            return facts_of(operand)
        case Binary(_, left, right):
            return facts_of(left) | facts_of(right)
        case Cond(then, test, other):
            return facts_of(then) | facts_of(test) | facts_of(other)
        case Axes(items):
            return frozenset[str]().union(*map(facts_of, items))
        case Searched(_, values, _, share, named):
            return frozenset[str](scope_facts(share, named)).union(*map(facts_of, values))
        case _:
            assert_never(expr)


SCOPES: Mapping[str, tuple[str, ...]] = {
    "network": (),
    "group": (),
    "stride": ("stride",),
    "layer": ("layer",),
    "state": ("layer", "stride"),
    "link": ("@link",),
    "cell": ("@cell",),
    "edge": ("@edge",),
}
"""The scopes that may share a decision, and the facts that tell one of a kind from another."""


def substituted(expr: Expr, chosen: Mapping[Searched, Expr]) -> Expr:
    """`expr` with searched numbers put in."""
    match expr:
        case Const() | Fact():
            return expr
        case Unary(op, operand):
            return Unary(op, substituted(operand, chosen), span=expr.span)
        case Binary(op, left, right):
            return Binary(op, substituted(left, chosen), substituted(right, chosen), span=expr.span)
        case Cond(then, test, other):
            parts = (substituted(part, chosen) for part in (then, test, other))
            return Cond(*parts, span=expr.span)
        case Axes(items):
            return Axes(tuple(substituted(item, chosen) for item in items), span=expr.span)
        case Searched():
            return chosen.get(expr, expr)
        case _:
            assert_never(expr)


def scope_facts(share: Sharing | None, named: bool) -> tuple[str, ...]:
    """The facts that tell which decision a choice is: those of its scope, or the path of its use."""
    if share is None:
        return () if named else ("@path",)
    return SCOPES[share.scope]


@lru_cache(maxsize=65_536)
def searched_in(expr: Expr) -> tuple[Searched, ...]:
    """The searched numbers an expression is made of, each once, in the order they are written."""
    match expr:
        case Const() | Fact():
            return ()
        case Unary(_, operand):
            return searched_in(operand)
        case Binary(_, left, right):
            return _distinct(left, right)
        case Cond(then, test, other):
            return _distinct(then, test, other)
        case Axes(items):
            return _distinct(*items)
        case Searched(_, values):
            return tuple(dict.fromkeys((expr, *_distinct(*values))))
        case _:
            assert_never(expr)


def _distinct(*parts: Expr) -> tuple[Searched, ...]:
    return tuple(dict.fromkeys(found for part in parts for found in searched_in(part)))
