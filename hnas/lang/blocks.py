"""Blocks of a space: finding one, and reporting what its kind does not know."""

from collections.abc import Mapping

from hnas.diag import Sink, did_you_mean
from hnas.lang import ast
from hnas.lang.errors import BadCall, NotAnOperator, UnknownBlock, UnknownKey
from hnas.lang.walk import ungroup
from hnas.schema.types import Block, Nested

_IN_SPACE = ("cell", "trellis", "data", "search", "decode", "train", "profile")
_DECLARED: Mapping[str, tuple[str, ...]] = {"space": ("param", "op", "choice"), "cell": ("node",)}
MOST_UNKNOWN = 100
"""Unknown items of one block that are reported; with more the file is in another language."""


def body_of(block: ast.Block, kind: str) -> ast.Block | None:
    """The block of `kind` inside `block`; `data = shapes` counts as `data shapes { }`."""
    for item in block.items:
        if isinstance(item, ast.Block) and item.kind == kind:
            return item
        if isinstance(item, ast.Set) and item.key == (kind,) == ("data",):
            value = ungroup(item.value)
            name = value.name if isinstance(value, ast.Ref) else None
            return ast.Block(
                kind, name, None, None, (), kind_span=item.key_span, name_span=value.span, span=item.span
            )
    return None


def parts_of(block: ast.Block, schema: Block) -> tuple[tuple[ast.Item, ...], tuple[ast.Item, ...]]:
    """The items a block's schema knows, and the others, which it lays over its space."""
    known = {a.name for a in schema.attributes}
    own: list[ast.Item] = []
    over: list[ast.Item] = []
    for item in block.items:
        name = item.key[0] if isinstance(item, ast.Set) else item.kind if isinstance(item, ast.Block) else ""
        (own if name in known else over).append(item)
    return tuple(own), tuple(over)


def cells_of(block: ast.Block) -> tuple[ast.Block, ...]:
    """The cells of a space, in order."""
    return tuple(i for i in block.items if isinstance(i, ast.Block) and i.kind == "cell")


def assignments(block: ast.Block) -> Mapping[str, ast.Set]:
    """The attributes a block sets, by name."""
    return {i.key[0]: i for i in block.items if isinstance(i, ast.Set) and len(i.key) == 1}


def known_items(block: ast.Block, schema: Block, sink: Sink, place: str) -> None:
    """Report items that `schema` has no place for: keys, blocks and declarations it does not know."""
    space = schema.kind == "space"
    keys = [a.name for a in schema.attributes]
    nested = [a.name for a in schema.attributes if isinstance(a.type, Nested)]
    params = [i.name for i in block.items if isinstance(i, ast.Decl) and i.kind == "param"]
    before = len(sink.diagnostics)
    for item in block.items:
        if len(sink.diagnostics) - before >= MOST_UNKNOWN:
            return
        match item:
            case ast.Set((key, *_)):
                if key not in keys and not (space and key == "data"):
                    advice = did_you_mean(key, (*keys, *params, *(_IN_SPACE if space else ())))
                    sink.add(UnknownKey(item.key_span, key=key, place=place, advice=advice))
            case ast.Block(kind):
                allowed = _IN_SPACE if space else nested
                if kind not in allowed:
                    advice = did_you_mean(kind, (*allowed, *keys))
                    sink.add(UnknownBlock(item.kind_span, kind=kind, advice=advice))
            case ast.Define("param", name) if space:
                why = "takes no parameters itself; what does is an op"
                sink.add(BadCall(item.name_span, callee=f"the parameter {name}", why=why))
            case ast.Define("choice" | "node" as kind, name):
                why = "takes no parameters"
                sink.add(BadCall(item.name_span, callee=f"the {kind} {name}", why=why))
            case ast.Extern() | ast.Limit() if space:
                pass
            case ast.Decl(kind, name) if "." in name:
                why = "is no name: names have no dots"
                sink.add(BadCall(item.name_span, callee=name, why=why))
            case ast.Decl(kind) | ast.Define(kind):
                declared = _DECLARED.get(schema.kind, ())
                if kind not in declared:
                    advice = did_you_mean(kind, declared)
                    if not space and not advice:
                        advice = "operators and parameters stand in a space"
                    sink.add(UnknownBlock(item.kind_span, kind=kind, advice=advice))
            case _:
                sink.add(NotAnOperator(item.span, found=f"this has no place in {place}"))
