"""From a resolved spec to the space and the settings beside it: the checker's main part.

Every attribute goes through the schema's types; every error of the spec is reported in one run.
What needs shapes (channels, strides of maps) is checked by `passes/expand.py` on the result.
"""

from collections.abc import Mapping
from typing import final

from attrs import frozen

from hnas.diag import Note, Sink, Span, did_you_mean
from hnas.ir import expr as ir
from hnas.ir import space as s
from hnas.ir import template as tm
from hnas.lang import ast
from hnas.lang.blocks import assignments, body_of, known_items
from hnas.lang.cells import Cells
from hnas.lang.definitions import collect
from hnas.lang.errors import HidesName, MissingKey, UnknownName, WrongValue
from hnas.lang.evaluate import Names, to_expr
from hnas.lang.limits import limits
from hnas.lang.naming import named_choices
from hnas.lang.operators import Operators
from hnas.lang.resolve import Spec
from hnas.lang.settings_gen import (
    card_of,
    data_settings,
    decode_settings,
    fits_axes,
    needs_split,
    search_settings,
)
from hnas.lang.train_gen import train_settings
from hnas.lang.trellis_gen import trellis
from hnas.lang.values import Converter, default_of
from hnas.lang.walk import kind_of, ungroup
from hnas.schema.blocks import NORM, SPACE
from hnas.schema.datasets import CARDS, DatasetCard
from hnas.schema.settings import DataSettings, DecodeSettings, SearchSettings, TrainSettings


@final
@frozen
class Program:
    """A checked spec: the space, and the settings of its blocks; None for search or train left out."""

    space: s.Space
    card: DatasetCard
    data: DataSettings
    search: SearchSettings | None
    decode: DecodeSettings
    train: TrainSettings | None


def generate(spec: Spec, sink: Sink, *, searching: bool = True) -> Program | None:
    """The checked program of a spec; None, with diagnostics in `sink`, if anything is wrong.

    Args:
        spec: The resolved spec.
        sink: Gets every diagnostic.
        searching: Whether a block search is to be used, and not only passed on to what is found.
    """
    before = len(sink.errors)
    block = spec.space
    place = f"space {block.name}"
    known_items(block, SPACE, sink, place)
    params, spans = _params(block.items, sink)
    constants = Converter(Names(params), sink)
    sets = {item.key[0]: item for item in block.items if isinstance(item, ast.Set) and len(item.key) == 1}
    ops = collect(block.items, spans, sink)
    norm, updates = _norm(sets.get("norm"), params, sink)
    numbers, choices = named_choices(
        block.items, {**spans, **{op.name: op.span for op in ops.values()}}, params, sink
    )
    operators = Operators(ops, params | numbers, norm, sink, choices)

    card = _card(block, sink)
    data = data_settings(body_of(block, "data"), constants, card.name if card else "", sink)
    card = card_of(card, data) if card is not None and data is not None else card
    cells = Cells(operators, constants, sink).all(block)
    stem = _stem(sets.get("stem"), operators, block, sink)
    way = trellis(body_of(block, "trellis"), operators, constants, cells, block, sink)
    head = _head(sets.get("head"), operators, block, sink)
    aux = operators.template(sets["aux"].value, head=True) if "aux" in sets else None
    dims = constants.convert(sets["dims"].value, SPACE_DIMS.type, "dims") if "dims" in sets else 2
    bounds = limits(block.items, params, sink)
    search_block = body_of(block, "search")
    search = search_settings(search_block, constants, updates, sink) if search_block is not None else None
    if search is not None and searching:
        needs_split(body_of(block, "data"), data, sink)
    decode = decode_settings(body_of(block, "decode"), constants, sink)
    if decode is not None:
        _fits_take(decode, cells, body_of(block, "decode"), sink)
    train_block = body_of(block, "train")
    classes = len(card.classes) if card is not None else None
    train = train_settings(train_block, constants, classes, sink) if train_block is not None else None
    operators.check_unused()
    if isinstance(dims, int):
        fits_axes(body_of(block, "data"), dims, sink)
    if len(sink.errors) > before or card is None or data is None or way is None or head is None:
        return None
    if stem is None or decode is None or not isinstance(dims, int):
        return None
    space = s.Space(
        name=block.name or "",
        params={name: value.value for name, value in params.items() if isinstance(value, ir.Const)},
        dims=dims,
        classes=len(card.classes),
        task=card.task,
        stem=stem,
        cells=cells,
        trellis=way,
        head=head,
        aux=aux,
        arch_step_updates_stats=updates == "both",
        limits=bounds,
        span=block.name_span or block.kind_span,
    )
    return Program(space, card, data, search, decode, train)


SPACE_DIMS = next(a for a in SPACE.attributes if a.name == "dims")


def _params(items: tuple[ast.Item, ...], sink: Sink) -> tuple[dict[str, ir.Expr], dict[str, Span]]:
    """Parameters in order; each may use those before it."""
    values: dict[str, ir.Expr] = {}
    spans: dict[str, Span] = {}
    for item in items:
        if isinstance(item, ast.Decl) and item.kind == "param":
            if item.name in ir.FACTS:
                sink.add(HidesName(item.name_span, name=item.name, what=ir.FACTS[item.name]))
            value = to_expr(item.value, Names(values), sink)
            # a parameter with an error keeps a value, so that its uses are checked without noise
            values[item.name] = value if isinstance(value, ir.Const) else ir.Const(1, span=item.value.span)
            spans[item.name] = item.name_span
    return values, spans


def _norm(item: ast.Set | None, params: Mapping[str, ir.Expr], sink: Sink) -> tuple[dict[str, ir.Expr], str]:
    """What `norm` means: attributes of the primitive, and which steps move its statistics."""
    node = ungroup(item.value if item is not None else default_of(_attribute("norm")))
    names = Names(params, frozenset(("searching",)))
    form = NORM.forms["batch"]
    attrs: dict[str, ir.Expr] = {}
    updates = "weights"
    if isinstance(node, ast.Call) and isinstance(node.callee, ast.Ref) and node.callee.name == "batch":
        given = {a.name: a.value for a in node.args if a.name is not None}
        flags = {n: v for n, v in given.items() if n == "affine"}
        rest = tuple(a for a in node.args if a.name != "affine")
        plain = ast.Call(node.callee, rest, span=node.span)
        values = Converter(Names(params), sink).arguments(plain, tuple(a for a in form if a.name != "affine"))
        affine = to_expr(flags["affine"], names, sink) if flags else ir.Const(True, span=node.span)
        if values is None or affine is None:
            return {}, updates
        attrs["affine"] = affine
        for name in ("stats", "eps", "momentum"):
            attrs[name] = ir.Const(values[name], span=values.spans[name])
        return attrs, values["update"]
    needed = "batch(affine = ..., stats = ..., eps = ...)"
    off = isinstance(node, ast.Ref) and node.name in ("none", "skip")
    advice = "to go without, leave norm out of the pipelines: relu -> conv(3)" if off else ""
    found = f"this is {kind_of(node)}"
    sink.add(WrongValue(node.span, what="norm", needed=needed, found=found, advice=advice))
    return attrs, updates


def _attribute(name: str):
    attribute = SPACE.attribute(name)
    assert attribute is not None
    return attribute


def _card(block: ast.Block, sink: Sink) -> DatasetCard | None:
    """The card of the data set the block `data NAME { ... }` names."""
    for item in block.items:
        if isinstance(item, ast.Block) and item.kind == "data":
            name, span = item.name or "", item.name_span or item.kind_span
        elif isinstance(item, ast.Set) and item.key == ("data",):
            value = ungroup(item.value)
            name, span = value.name if isinstance(value, ast.Ref) else "", value.span
        else:
            continue
        if name not in CARDS:
            sink.add(UnknownName(span, name=name or "data", advice=did_you_mean(name, CARDS)))
            return None
        return CARDS[name]
    doc = f"a data set, for its classes: data NAME {{ }}, one of {', '.join(sorted(CARDS))}"
    sink.add(MissingKey(block.name_span or block.kind_span, place=f"space {block.name}", key="data", doc=doc))
    return None


def _stem(
    item: ast.Set | None, operators: Operators, block: ast.Block, sink: Sink
) -> tuple[tm.Template, ...] | None:
    if item is None:
        _needs(block, "stem", sink)
        return None
    value = ungroup(item.value)
    nodes = value.items if isinstance(value, ast.List) else (item.value,)
    found: list[tm.Template] = []
    for node in nodes:
        each = isinstance(node, ast.Call) and isinstance(node.callee, ast.Ref) and node.callee.name == "each"
        whole = each and len(nodes) == 1
        template = None if isinstance(node, ast.Range) else operators.template(node, head=whole)
        if template is None:
            return None
        found.append(template)
    return tuple(found)


def _head(item: ast.Set | None, operators: Operators, block: ast.Block, sink: Sink) -> tm.Template | None:
    if item is None:
        _needs(block, "head", sink)
        return None
    return operators.template(item.value, head=True)


def _fits_take(
    decode: DecodeSettings, cells: Mapping[str, s.Cell], body: ast.Block | None, sink: Sink
) -> None:
    """What decoding keeps of a node must be what its cell takes."""
    if decode.edges is None or body is None:
        return
    span = assignments(body)["edges"].value.span
    for cell in cells.values():
        count = cell.take.count
        if count is None or cell.weigh == "slots":
            continue  # a slot takes its strongest pair
        if decode.edges == count or (decode.edges < count and cell.take.how == "slots"):
            continue
        needed, found = (
            f"strongest({count})",
            f"this is strongest({decode.edges}), and {cell.name} takes {count}",
        )
        advice = "edges = strongest keeps as many as each cell takes"
        sink.add(WrongValue(span, what="edges of decode", needed=needed, found=found, advice=advice))
        return


def _needs(block: ast.Block, key: str, sink: Sink) -> None:
    doc = _attribute(key).doc
    notes = (Note("it is part of every space"),)
    span = block.name_span or block.kind_span
    sink.add(MissingKey(span, place=f"space {block.name}", key=key, doc=f"{key}: {doc}", notes=notes))
