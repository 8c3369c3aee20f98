"""Nodes of a cell written one by one: maps out of inputs and the nodes above."""

from typing import final

from attrs import frozen

from hnas.diag import Note, Sink, Span, did_you_mean
from hnas.ir import space as s
from hnas.ir import template as t
from hnas.lang import ast
from hnas.lang.choosing import taken
from hnas.lang.definitions import JOINS
from hnas.lang.errors import BadCall, NotAnOperator, RepeatedOption, UnknownName
from hnas.lang.evaluate import choice_args
from hnas.lang.operators import Operators
from hnas.lang.walk import kind_of, label_text, spelled, ungroup


def is_map(node: ast.Expr) -> bool:
    """Whether an expression is made of maps rather than one word."""
    return not isinstance(ungroup(node), ast.Ref)


@final
@frozen
class Equations:
    """Reads map expressions.

    Attributes:
        operators: The operators of the space.
        names: Inputs and nodes that may be read, in order; grows from node to node.
    """

    operators: Operators
    sink: Sink
    names: list[str]

    def map(self, node: ast.Expr) -> s.MapExpr | None:
        """`sep(3)(prev) + a`, `prev -> conv(3)`, `concat(a, b)`; None after diagnostics."""
        match node:
            case ast.Group(inner):
                return self.map(inner)
            case ast.Ref(name):
                if name in self.names:
                    return s.Read(name, span=node.span)
                advice = did_you_mean(name, self.names) or f"there are {', '.join(self.names)}"
                self.sink.add(UnknownName(node.span, name=name, advice=advice))
                return None
            case ast.Binary("+", left, right):
                a, b = self.map(left), self.map(right)
                return (
                    None if a is None or b is None else s.Joined("sum", (*_sum(a), *_sum(b)), span=node.span)
                )
            case ast.Binary("->", left, right):
                source, operator = self.map(left), self.operators.template(right)
                return (
                    None
                    if source is None or operator is None
                    else s.Applied(operator, source, span=node.span)
                )
            case ast.Call(ast.Ref(how)) if how in JOINS:
                return self._join(node, how)
            case ast.Call():
                return self._applied(node)
            case ast.Choice():
                return self._choice(node)
            case _:
                advice = "apply an operator to a map: sep(3)(prev), or prev -> sep(3)"
                self.sink.add(NotAnOperator(node.span, found=f"this is {kind_of(node)}", advice=advice))
                return None

    def _join(self, call: ast.Call, how: str) -> s.MapExpr | None:
        items: list[s.MapExpr] = []
        for arg in call.args:
            if arg.name is not None or isinstance(arg.value, ast.Range):
                self.sink.add(BadCall(arg.span, callee=how, why="takes maps only"))
                return None
            item = self.map(arg.value)
            if item is None:
                return None
            items.append(item)
        if not items:
            self.sink.add(BadCall(call.span, callee=how, why="needs at least one map"))
            return None
        assert how in ("sum", "concat", "product")
        return s.Joined(how, tuple(items), span=call.span)

    def _applied(self, call: ast.Call) -> s.MapExpr | None:
        """`sep(3)(prev)`: the last call gives the map."""
        if len(call.args) != 1 or call.args[0].name is not None or isinstance(call.args[0].value, ast.Range):
            why = "needs the map it reads, like sep(3)(prev)"
            self.sink.add(BadCall(call.span, callee=spelled(call.callee), why=why))
            return None
        argument = call.args[0].value
        source = self.map(argument)
        operator = self.operators.template(call.callee) if source is not None else None
        if source is None or operator is None:
            return None
        return s.Applied(operator, source, span=call.span)

    def _choice(self, node: ast.Choice) -> s.MapExpr | None:
        """A searched input: `one_of { prev, a }`."""
        given = choice_args(node, ("share",), self.sink)
        if given is None:
            return None
        options: list[s.MapExpr] = []
        labels: dict[str, Span] = {}
        for option in node.options:
            label = option.name or label_text(option.value)
            if label in labels:
                notes = (Note("first here", labels[label]),)
                self.sink.add(RepeatedOption(option.span, option=label, notes=notes))
                return None
            labels[label] = option.span
            found = self.map(option.value)
            if found is None:
                return None
            options.append(found)
        if not options:
            self.sink.add(NotAnOperator(node.span, found="a choice needs at least one option"))
            return None
        least, most = taken(node, given)
        factor = t.Factor("input", tuple(labels), given.share)
        return s.OneOfMaps(factor, tuple(options), least, most, span=node.span)


def _sum(node: s.MapExpr) -> tuple[s.MapExpr, ...]:
    """The summands of a map, where it is a sum itself."""
    return node.items if isinstance(node, s.Joined) and node.how == "sum" else (node,)
