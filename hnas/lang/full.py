"""A resolved spec written out whole: one file, one space, every default explicit."""

from collections.abc import Sequence

from attrs import evolve

from hnas.diag import Sink, Span
from hnas.lang import ast
from hnas.lang.blocks import body_of, cells_of, parts_of
from hnas.lang.merge import merge
from hnas.lang.print import print_file
from hnas.lang.resolve import Spec
from hnas.lang.values import default_of, replaced_by
from hnas.lang.walk import ungroup
from hnas.schema import blocks
from hnas.schema.types import Attribute, Calls, Either, Many, Nested, Type


def spell_out(spec: Spec, *, searched: bool = True) -> str:
    """The text of the space, as `hnas show --resolved` prints it and a run keeps it.

    Without the block search where it is not `searched`: a trained form may leave nothing to search on.
    """
    block = spec.space
    span = block.span
    items: list[ast.Item] = [i for i in block.items if isinstance(i, ast.Decl) and i.kind == "param"]
    sets = [i for i in block.items if isinstance(i, ast.Set) and i.key != ("data",)]
    full = {i.key[0]: i for i in _filled(sets, blocks.SPACE.attributes, span)}
    items += [full.pop(key) for key in ("norm", "dims") if key in full]
    items += [i for i in block.items if isinstance(i, ast.Decl) and i.kind == "choice"]
    items += [i for i in block.items if isinstance(i, ast.Extern)]
    items += [i for i in block.items if isinstance(i, ast.Decl | ast.Define) and i.kind == "op"]
    items += _cells(block, span)
    items += [full.pop("stem")] if "stem" in full else []
    for kind in ("trellis",):
        items.append(_block(body_of(block, kind), blocks.BLOCKS[kind].attributes, kind, span))
    items += full.values()
    for kind in ("data", *(("search",) if searched else ()), "decode", "train"):
        body = body_of(block, kind)
        if body is not None or kind in ("data", "decode"):
            schema = blocks.BLOCKS[kind]
            whole = _block(body, schema.attributes, kind, span)
            over = parts_of(body, schema)[1] if body is not None and kind == "train" else ()
            items.append(evolve(whole, items=over + whole.items))
    space = evolve(block, items=tuple(items), relation=None)
    return print_file(ast.File(1, (space,), source=span.source, span=span))


def _cells(block: ast.Block, span: Span) -> list[ast.Item]:
    written: dict[str | None, ast.Block] = {}
    for cell in cells_of(block):
        if cell.relation is not None and cell.relation.name in written:
            base = written[cell.relation.name]
            cell = evolve(cell, items=merge(base.items, cell.items, Sink()), relation=None)
        written[cell.name] = cell
    return [_cell(cell, span) for cell in written.values()]


def _cell(cell: ast.Block, span: Span) -> ast.Block:
    """A cell with every attribute set; of one whose nodes are written out, those that say something."""
    nodes = [i for i in cell.items if isinstance(i, ast.Decl) and i.kind == "node"]
    attributes = blocks.CELL.attributes
    if nodes:
        attributes = tuple(a for a in attributes if a.name in ("inputs", "output", "share", "width"))
    whole = _block(cell, attributes, "cell", span)
    return evolve(whole, items=(*nodes, *whole.items))


def _block(block: ast.Block | None, attributes: Sequence[Attribute], kind: str, span: Span) -> ast.Block:
    """A block with every attribute set, nested blocks too."""
    if block is None:
        block = ast.Block(kind, None, None, None, (), kind_span=span, name_span=None, span=span)
    plain = [a for a in attributes if not isinstance(a.type, Nested)]
    items: list[ast.Item] = list(_filled([i for i in block.items if isinstance(i, ast.Set)], plain, span))
    inner = {i.kind: i for i in block.items if isinstance(i, ast.Block)}
    for a in attributes:
        if isinstance(a.type, Nested):
            items.append(_block(inner.get(a.name), a.type.attributes, a.name, span))
    return evolve(block, items=tuple(items))


def _filled(sets: Sequence[ast.Set], attributes: Sequence[Attribute], span: Span) -> list[ast.Set]:
    """The attributes in the order of the schema, given ones as they are, others at their default.

    What a given attribute replaces has no default beside it.
    """
    given = {item.key[0]: item for item in sets}
    replaced = replaced_by({name: item.value for name, item in given.items()}, attributes)
    found: list[ast.Set] = []
    for a in attributes:
        item = given.get(a.name)
        if item is None:
            if a.default is None or a.name in replaced:
                continue
            item = ast.Set((a.name,), "=", default_of(a), key_span=span, span=span)
        found.append(evolve(item, key=(a.name,), value=_whole(item.value, a.type)))
    return found


def _whole(value: ast.Expr, kind: Type) -> ast.Expr:
    """A call with every argument named and present, and so in a list of them; other values as they are."""
    bare = ungroup(value)
    kind = kind.of if isinstance(kind, Either) else kind
    if isinstance(kind, Many) and isinstance(bare, ast.List):
        items = (i if isinstance(i, ast.Range) else _whole(i, kind.of) for i in bare.items)
        return evolve(bare, items=tuple(items))
    if not isinstance(kind, Calls) or (isinstance(bare, ast.Ref) and bare.name in kind.words):
        return value
    callee = bare.callee if isinstance(bare, ast.Call) else bare
    if not isinstance(callee, ast.Ref) or callee.name not in kind.forms:
        return value
    form = kind.forms[callee.name]
    args = list(bare.args) if isinstance(bare, ast.Call) else []
    names = [a.name for a in form]
    named = {
        arg.name or names[i]: arg for i, arg in enumerate(args) if arg.name is not None or i < len(names)
    }
    found: list[ast.Arg] = []
    for a in form:
        arg = named.get(a.name)
        if arg is None and a.default is None:
            continue
        inner = arg.value if arg is not None else default_of(a)
        whole = inner if isinstance(inner, ast.Range) else _whole(inner, a.type)
        found.append(ast.Arg(a.name, whole, span=value.span))
    return ast.Call(callee, tuple(found), span=value.span)
