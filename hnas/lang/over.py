"""Operators that read maps of the trellis: `at`, `sum_over`, `concat_over`, `fold_over`, `each`."""

from typing import TYPE_CHECKING

from hnas.diag import Sink
from hnas.ir import template as t
from hnas.lang import ast
from hnas.lang.definitions import JOINS, OVER
from hnas.lang.errors import BadCall, NotAnOperator, WrongValue
from hnas.lang.evaluate import Names, to_expr
from hnas.lang.values import bind
from hnas.lang.walk import kind_of

if TYPE_CHECKING:
    from hnas.lang.operators import Operators


def over_states(operators: "Operators", call: ast.Call, name: str, names: Names) -> t.Template | None:
    """`sum_over(stride, operator)` and its kin; None after a diagnostic."""
    sink = operators.sink
    words = ("over", "operator", "join") if name == "fold_over" else ("over", "operator")
    bound = bind(call, name, words, sink)
    if bound is None:
        return None
    over, operator = bound.get("over"), bound.get("operator")
    if (
        over is None
        or operator is None
        or not (isinstance(over.value, ast.Ref) and over.value.name == "stride")
    ):
        advice = f"{name}(stride, operator): the operator on the map of every stride of the last layer"
        sink.add(BadCall(call.span, callee=name, why="needs stride and an operator", advice=advice))
        return None
    if isinstance(operator.value, ast.Range):
        sink.add(NotAnOperator(operator.span, found="this is a range"))
        return None
    body = operators.template(operator.value, names)
    how = OVER[name]
    if "join" in bound:
        value = bound["join"].value
        how = value.name if isinstance(value, ast.Ref) else ""
        if how not in JOINS:
            needed, found = " or ".join(JOINS), f"this is {kind_of(value)}"
            sink.add(WrongValue(value.span, what="join", needed=needed, found=found))
            return None
    if body is None:
        return None
    if name == "each":
        return t.EachState(body, span=call.span)
    if name == "fold_over":
        assert how in ("sum", "concat", "product")
        return t.FoldStates(body, how, span=call.span)
    assert how in ("sum", "concat")
    return t.OverStates(how, body, span=call.span)


def at_layer(call: ast.Call, names: Names, sink: Sink) -> t.Template | None:
    """`at(layer = 3)`, `at(layer = 3, stride = 8)`; None after a diagnostic."""
    bound = bind(call, "at", ("layer", "stride"), sink)
    if bound is None:
        return None
    if "layer" not in bound:
        sink.add(BadCall(call.span, callee="at", why="needs a layer", advice="at(layer = 3)"))
        return None
    layer = to_expr(bound["layer"].value, names, sink)
    stride = to_expr(bound["stride"].value, names, sink) if "stride" in bound else None
    if layer is None or ("stride" in bound and stride is None):
        return None
    return t.At(layer, stride, span=call.span)
