"""Calls of layers: their attributes, checked as far as they are known."""

from collections.abc import Mapping

from attrs import evolve

from hnas.diag import Sink, did_you_mean
from hnas.ir import expr as ir
from hnas.ir import template as t
from hnas.ir.layer import Attribute, Primitive, TypeRuleError, check_value
from hnas.lang import ast
from hnas.lang.choosing import hoisted
from hnas.lang.errors import BadCall, MissingKey, UnknownName, WrongValue
from hnas.lang.evaluate import Names, to_expr
from hnas.lang.values import bind
from hnas.lang.walk import kind_of


def primitive(
    call: ast.Call, layer: Primitive, names: Names, norm: Mapping[str, ir.Expr], sink: Sink
) -> t.Template | None:
    """A layer with its attributes, or None after diagnostics.

    What is searched apart, with weights for each option, becomes a choice between layers.
    """
    allowed = [a.name for a in layer.attributes]
    if layer.name == "resize":
        allowed.append("like")
    bound = bind(call, layer.name, allowed, sink)
    if bound is None:
        return None
    attrs: dict[str, ir.Expr] = dict(norm) if layer.name == "norm" else {}
    for a in layer.attributes:
        arg = bound.get(a.name)
        if arg is None:
            if a.name not in attrs and a.default is not None:
                attrs[a.name] = ir.Const(a.default, span=call.span)
            elif a.name not in attrs and not a.optional:
                why = f"{a.name}: {a.doc}"
                sink.add(MissingKey(call.span, place=layer.name, key=a.name, doc=why))
                return None
            continue
        value = _attribute(arg, a, layer.name, names, sink)
        if value is None:
            return None
        attrs[a.name] = value
    like = None
    if "like" in bound:
        node = bound["like"].value
        if not isinstance(node, ast.Ref) or node.name != "input":
            advice = "like = input: the map the operator got"
            sink.add(UnknownName(node.span, name=kind_of(node).strip("`"), advice=advice))
            return None
        like = "input"
    if layer.name == "resize" and sum((like is not None, "to" in attrs, "scale" in attrs)) != 1:
        why = "needs one of a stride, like = input, or scale"
        sink.add(BadCall(call.span, callee="resize", why=why, advice="resize(1) is the size of the image"))
        return None
    return _built(call, layer, attrs, like, sink)


def _built(
    call: ast.Call, layer: Primitive, attrs: dict[str, ir.Expr], like: str | None, sink: Sink
) -> t.Template | None:
    # channels are masked unless the spec says otherwise; everything else has weights of its own
    apart = tuple(
        dict.fromkeys(
            s
            for name, value in attrs.items()
            for s in ir.searched_in(value)
            if not (s.nested or (s.nested is None and name == "c"))
        )
    )

    def build(chosen: Mapping[ir.Searched, ir.Expr]) -> t.Template | None:
        checked: dict[str, ir.Expr] = {}
        for name, expr in attrs.items():
            attribute = layer.attribute(name)
            assert attribute is not None
            value = _checked(ir.substituted(expr, chosen), attribute, layer.name, sink)
            if value is None:
                return None
            checked[name] = value
        return t.Prim(layer.name, tuple(checked.items()), like, span=call.span)

    return hoisted(apart, build, layer.name, call.span, sink) if apart else build({})


def _checked(value: ir.Expr, attribute: Attribute, layer: str, sink: Sink) -> ir.Expr | None:
    """A value that is known in the form the layer keeps it; None after a diagnostic."""
    if ir.facts_of(value) or ir.searched_in(value):
        return value
    try:
        known = ir.evaluate(value, {})
        return ir.Const(check_value(attribute, known), span=value.span)
    except TypeRuleError as error:
        needed = str(error).removeprefix(f"{attribute.name} must be ").split(", this is")[0]
        found = f"this is {str(error).rpartition(', this is ')[2]}"
        what = f"{attribute.name} of {layer}"
        sink.add(WrongValue(value.span, what=what, needed=needed, found=found))
    except ir.EvaluationError as error:
        sink.add(
            WrongValue(
                error.span,
                what=f"{attribute.name} of {layer}",
                needed="a value",
                found=str(error),
                advice=error.mend,
            )
        )
    return None


def _attribute(arg: ast.Arg, attribute: Attribute, layer: str, names: Names, sink: Sink) -> ir.Expr | None:
    words = attribute.words or (("same",) if attribute.kind == "pad" else ())
    if words and isinstance(arg.value, ast.Ref) and arg.value.name not in names.known():
        if arg.value.name in words:
            return ir.Const(arg.value.name, span=arg.value.span)
        needed = " or ".join(words) + (" or a whole number from 0" if attribute.kind == "pad" else "")
        what, found = f"{attribute.name} of {layer}", f"this is `{arg.value.name}`"
        advice = did_you_mean(arg.value.name, words) if len(words) > 1 else ""
        sink.add(WrongValue(arg.value.span, what=what, needed=needed, found=found, advice=advice))
        return None
    return to_expr(arg.value, evolve(names, searching=attribute.name), sink)
