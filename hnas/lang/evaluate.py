"""Expressions of the syntax tree to expressions over facts, folded as far as names are known."""

from collections.abc import Mapping
from typing import Any, assert_never, cast

from attrs import evolve, field, frozen

from hnas.diag import Note, Sink, Span, did_you_mean
from hnas.ir import expr as ir
from hnas.lang import ast
from hnas.lang.errors import BadCall, NoEffect, NoValue, RepeatedOption, UnknownName, WrongValue
from hnas.lang.walk import kind_of


@frozen
class Names:
    """What names mean where an expression stands.

    Attributes:
        values: Parameters of the space and of operators, as expressions.
        facts: Facts of the place that may be named here.
        searching: What the value is of, where it may be searched: names the decision of a choice.
    """

    values: Mapping[str, ir.Expr] = field(factory=dict[str, ir.Expr])
    facts: frozenset[str] = frozenset()
    searching: str | None = None

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
            known = tuple(part for part in parts if part is not None)
            if len(known) == len(items) and any(_open(part) for part in known):
                return ir.Axes(known, span=node.span)
            values = [_constant(part, sink) for part in known]
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
        case ast.Choice() if names.searching is not None:
            return searched(node, names.searching, names, sink)
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
        sink.add(NoValue(error.span, why=str(error), advice=error.mend))
        return None


def _open(expr: ir.Expr) -> bool:
    """Whether the value waits for the place, or for a decision."""
    return bool(ir.facts_of(expr) or ir.searched_in(expr))


def _fold(expr: ir.Expr, sink: Sink) -> ir.Expr | None:
    if _open(expr):
        return expr
    value = _constant(expr, sink)
    return None if value is None else ir.Const(value, span=expr.span)


def searched(
    node: ast.Choice, name: str, names: Names, sink: Sink, *, named: bool = False
) -> ir.Searched | None:
    """A choice of numbers; None after a diagnostic."""
    given = choice_args(node, ("weights", "share"), sink)
    if given is None:
        return None
    if node.word != "one_of":
        why = "a number is one of several; some_of takes several maps"
        sink.add(NoValue(node.span, why=why))
        return None
    values: list[ir.Expr] = []
    seen: dict[str, Span] = {}
    for option in node.options:
        value = to_expr(option.value, evolve(names, searching=None), sink)
        if value is None:
            return None
        label = ir.spell_expr(value)
        if label in seen:
            sink.add(RepeatedOption(option.span, option=label, notes=(Note("first here", seen[label]),)))
            return None
        seen[label] = option.span
        values.append(value)
    if not values:
        sink.add(NoValue(node.span, why="a choice needs at least one option"))
        return None
    if len(values) == 1:
        sink.add(NoEffect(node.span, what="one_of", why="there is a single option, nothing is searched"))
    nested = None if given.weights is None else given.weights == "nested"
    if given.share is not None and given.share.scope == "group":
        name, named = given.share.group, True  # all that name a group are one decision
    return ir.Searched(name, tuple(values), nested, given.share, named, span=node.span)


@frozen
class ChoiceArgs:
    """The arguments of a choice: weights and share by name, how many are taken."""

    weights: str | None = None
    share: ir.Sharing | None = None
    least: int | None = None
    most: int | None = None


def choice_args(node: ast.Choice, allowed: tuple[str, ...], sink: Sink) -> ChoiceArgs | None:
    """The arguments of `one_of(...)` and `some_of(...)`; None after a diagnostic."""
    found = ChoiceArgs()
    for arg in node.args:
        if arg.name is None and node.word == "some_of":
            low, high = (
                (arg.value.low, arg.value.high) if isinstance(arg.value, ast.Range) else (arg.value,) * 2
            )
            least, most = constant(low, Names(), sink), constant(high, Names(), sink)
            if least is None or most is None:
                return None
            wanted = (
                1 <= least <= most <= len(node.options)
                if isinstance(least, int) and isinstance(most, int)
                else False
            )
            if not wanted:
                needed = f"a number, or a range, from 1 to {len(node.options)}"
                sink.add(
                    WrongValue(
                        arg.span, what="some_of", needed=needed, found=f"this is {_spelled(arg.value)}"
                    )
                )
                return None
            assert isinstance(least, int)
            assert isinstance(most, int)
            found = evolve(found, least=least, most=most)
        elif arg.name == "weights" and "weights" in allowed:
            word = arg.value.name if isinstance(arg.value, ast.Ref) else ""
            if word not in ("separate", "nested"):
                found_text = f"this is {kind_of(arg.value)}"
                sink.add(WrongValue(arg.span, what="weights", needed="separate or nested", found=found_text))
                return None
            found = evolve(found, weights=word)
        elif arg.name == "share" and "share" in allowed:
            share = sharing(arg.value, tuple(ir.SCOPES), "share", sink)
            if share is None:
                return None
            found = evolve(found, share=share)
        else:
            why = f"has no argument `{arg.name}`" if arg.name else "takes options in { ... }"
            advice = did_you_mean(arg.name, allowed) if arg.name else ""
            sink.add(BadCall(arg.span, callee=node.word, why=why, advice=advice))
            return None
    return found


def sharing(node: ast.Expr | ast.Range, scopes: tuple[str, ...], what: str, sink: Sink) -> ir.Sharing | None:
    """A scope that shares a decision: `layer`, or `group("name")`; None after a diagnostic."""
    if isinstance(node, ast.Ref) and node.name in scopes and node.name != "group":
        return ir.Sharing(cast(Any, node.name))
    if isinstance(node, ast.Call) and isinstance(node.callee, ast.Ref) and node.callee.name == "group":
        name = node.args[0].value if len(node.args) == 1 else None
        if isinstance(name, ast.String) and name.value.isidentifier():
            return ir.Sharing("group", name.value)
    words = [scope for scope in scopes if scope != "group"]
    advice = did_you_mean(node.name, words) if isinstance(node, ast.Ref) else ""
    needed = f'{", ".join(words)} or group("name")'
    sink.add(WrongValue(node.span, what=what, needed=needed, found=f"this is {kind_of(node)}", advice=advice))
    return None


def _spelled(node: ast.Expr | ast.Range) -> str:
    if isinstance(node, ast.Range):
        return f"{kind_of(node.low)} to {kind_of(node.high)}"
    return kind_of(node)
