"""What a space defines by name: its operators and externs."""

from collections.abc import Mapping
from typing import final

from attrs import field, frozen

from hnas.diag import Sink, Span, did_you_mean
from hnas.ir import expr as ir
from hnas.ir.ops import PRIMITIVES
from hnas.lang import ast
from hnas.lang.errors import GivenTwice, HidesName, MissingKey, UnknownBlock, UnknownKey, WrongValue
from hnas.lang.walk import kind_of, ungroup

JOINS = ("sum", "concat", "product")
OVER = {"sum_over": "sum", "concat_over": "concat", "fold_over": "concat", "each": ""}
SPECIAL = (*JOINS, *OVER, "at")


@final
@frozen
class ExternDef:
    """What an extern operator declares: its class, the channels and the stride of its result."""

    target: str
    channels: ast.Expr
    stride: ast.Expr | None


@final
@frozen
class OpDef:
    """An operator as the spec defines it; of an extern one the body is empty."""

    name: str
    params: tuple[ast.Param, ...]
    body: ast.Expr
    span: Span = field(eq=False)
    extern: ExternDef | None = None


def collect(items: tuple[ast.Item, ...], params: Mapping[str, Span], sink: Sink) -> dict[str, OpDef]:
    """The operators a space defines, by name; names that mean something already are reported."""
    ops: dict[str, OpDef] = {}
    for item in items:
        extern: ExternDef | None = None
        match item:
            case ast.Decl("op") | ast.Define("op"):
                own = item.params if isinstance(item, ast.Define) else ()
                body = item.value
            case ast.Extern():
                own = item.params
                extern = _extern(item, sink)
                if extern is None:
                    continue
                body = extern.channels
            case _:
                continue
        taken = _taken(item.name, params)
        if taken:
            sink.add(HidesName(item.name_span, name=item.name, what=taken))
            continue
        for position, param in enumerate(own):
            if param.name in [p.name for p in own[:position]]:
                sink.add(GivenTwice(param.span, what=f"the parameter {param.name}"))
            what = _taken(param.name, {}) or ("the map the operator gets" if param.name == "input" else "")
            if what and param.name != "step":
                sink.add(HidesName(param.span, name=param.name, what=what))
        ops[item.name] = OpDef(item.name, own, body, item.name_span, extern)
    return ops


_EXTERN = ("class", "channels", "stride")


def _extern(item: ast.Extern, sink: Sink) -> ExternDef | None:
    place = f"extern op {item.name}"
    if item.kind != "op":
        sink.add(UnknownBlock(item.name_span, kind=f"extern {item.kind}", advice="what is extern is an op"))
        return None
    given: dict[str, ast.Set] = {}
    for inner in item.items:
        if not isinstance(inner, ast.Set) or ".".join(inner.key) not in _EXTERN:
            span = inner.key_span if isinstance(inner, ast.Set) else inner.span
            key = ".".join(inner.key) if isinstance(inner, ast.Set) else "this"
            sink.add(UnknownKey(span, key=key, place=place, advice=did_you_mean(key, _EXTERN)))
            return None
        given[".".join(inner.key)] = inner
    for key, doc in (("class", '"package.module:Class"'), ("channels", "channels of its result")):
        if key not in given:
            sink.add(MissingKey(item.name_span, place=place, key=key, doc=f"{key}: {doc}"))
            return None
    target = ungroup(given["class"].value)
    module, colon, name = target.value.partition(":") if isinstance(target, ast.String) else ("", "", "")
    parts = (*module.split("."), *name.split("."))
    if not colon or not all(part.isidentifier() for part in parts):
        found = (
            f'this is "{target.value}"' if isinstance(target, ast.String) else f"this is {kind_of(target)}"
        )
        needed = '"package.module:Class"'
        sink.add(WrongValue(target.span, what=f"class of {place}", needed=needed, found=found))
        return None
    stride = given["stride"].value if "stride" in given else None
    assert isinstance(target, ast.String)
    return ExternDef(target.value, given["channels"].value, stride)


def taken_names(params: Mapping[str, Span]) -> Mapping[str, str]:
    """Every name that means something already, with what it means."""
    found = dict.fromkeys(params, "a parameter of the space")
    found |= dict.fromkeys(PRIMITIVES, "a layer") | dict.fromkeys(SPECIAL, "a way to join maps")
    return found | dict(ir.FACTS)


def _taken(name: str, params: Mapping[str, Span]) -> str:
    return taken_names(params).get(name, "")


def signature(op: OpDef) -> str:
    """How an operator is called, for a message."""
    shown = ", ".join(p.name if p.default is None else f"{p.name} = ..." for p in op.params)
    return f"it is {op.name}({shown})"
