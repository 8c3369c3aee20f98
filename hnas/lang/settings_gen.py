"""The blocks data, search and decode to typed settings."""

from attrs import evolve

from hnas.diag import Sink, Source, Span
from hnas.lang import ast
from hnas.lang.blocks import assignments, known_items, parts_of
from hnas.lang.errors import WrongValue
from hnas.lang.values import CallValue, Converter, Values
from hnas.schema import blocks
from hnas.schema.settings import (
    ArchOptimizer,
    DataSettings,
    DecodeSettings,
    Schedule,
    SearchSettings,
    TrainSettings,
    Validation,
    WeightOptimizer,
)
from hnas.schema.types import Block, Nested


def data_settings(block: ast.Block | None, convert: Converter, name: str, sink: Sink) -> DataSettings | None:
    """The block `data`, or every default without one."""
    values = _values(block, blocks.DATA, convert, sink)
    if values is None:
        return None
    low, high = values["scale"]
    if low > high:
        sink.add(
            WrongValue(
                values.spans["scale"], what="scale", needed="[least, most]", found="the first is larger"
            )
        )
        return None
    split = values["split"]
    if split is not None and (sum(split) > 1 or 0 in split):
        needed = "two parts above 0 that sum to at most 1"
        sink.add(WrongValue(values.spans["split"], what="split", needed=needed, found="these are not"))
        return None
    return DataSettings(
        name=name,
        resize=values["resize"],
        crop=values["crop"],
        split=None if split is None else (float(split[0]), float(split[1])),
        scale=(float(low), float(high)),
        flip=values["flip"],
    )


def decode_settings(block: ast.Block | None, convert: Converter, sink: Sink) -> DecodeSettings | None:
    """The block `decode`, or every default without one."""
    values = _values(block, blocks.DECODE, convert, sink)
    if values is None:
        return None
    edges: CallValue = values["edges"]
    return DecodeSettings(edges=edges.args.values.get("n"), path=values["path"])


def search_settings(block: ast.Block, convert: Converter, updates: str, sink: Sink) -> SearchSettings | None:
    """The block `search`."""
    values = _values(block, blocks.SEARCH, convert, sink)
    if values is None:
        return None
    weights: Values = values["weights"].args
    arch: Values = values["arch"].args
    betas = arch["betas"]
    init: Values = arch["init"].args
    validate: Values = values["validate"]
    clip = values["clip"]
    return SearchSettings(
        epochs=values["epochs"],
        batch=values["batch"],
        relax=values["relax"],
        order=values["order"],
        weights=_weights(weights),
        arch=ArchOptimizer(
            lr=_schedule(arch["lr"]),
            betas=(float(betas[0]), float(betas[1])),
            eps=arch.real("eps"),
            weight_decay=arch.real("weight_decay"),
            from_epoch=arch["from_epoch"],
            init=(init.real("mean"), init.real("deviation")),
        ),
        validate=Validation(every=validate["every"], images=validate["images"]),
        clip=None if clip is None else float(clip),
        updates_stats="both" if updates == "both" else "weights",
    )


def _weights(given: Values) -> WeightOptimizer:
    return WeightOptimizer(
        lr=_schedule(given["lr"]),
        momentum=given.real("momentum"),
        nesterov=given["nesterov"],
        weight_decay=given.real("weight_decay"),
    )


def train_settings(block: ast.Block, convert: Converter, sink: Sink) -> TrainSettings | None:
    """The block `train`, without what it lays over the space."""
    own, _ = parts_of(block, blocks.TRAIN)
    values = _values(evolve(block, items=own), blocks.TRAIN, convert, sink)
    if values is None:
        return None
    if ("epochs" in values) == ("iterations" in values):
        found = "both are given" if "epochs" in values else "neither is given"
        needed = "either epochs or iterations"
        sink.add(WrongValue(block.kind_span, what="the length of train", needed=needed, found=found))
        return None
    validate: Values = values["validate"]
    clip, drop = values["clip"], values["drop_path"]
    return TrainSettings(
        epochs=values.get("epochs"),
        iterations=values.get("iterations"),
        batch=values["batch"],
        weights=_weights(values["weights"].args),
        clip=None if clip is None else float(clip),
        aux=values.real("aux"),
        drop_path=None if drop is None else _schedule(drop),
        validate=Validation(every=validate["every"], images=validate["images"]),
    )


def _values(block: ast.Block | None, schema: Block, convert: Converter, sink: Sink) -> Values | None:
    """Every attribute of a block, nested blocks included; defaults alone without a block."""
    if block is None:
        block = ast.Block(
            schema.kind, None, None, None, (), kind_span=_NOWHERE, name_span=None, span=_NOWHERE
        )
    known_items(block, schema, sink, schema.kind)
    given = {key: item.value for key, item in assignments(block).items()}
    plain = tuple(a for a in schema.attributes if not isinstance(a.type, Nested))
    values = convert.attributes(given, plain, schema.kind, block.kind_span)
    inner = {i.kind: i for i in block.items if isinstance(i, ast.Block)}
    nested: dict[str, Values] = {}
    for a in schema.attributes:
        if isinstance(a.type, Nested):
            found = _values(inner.get(a.name), Block(a.name, a.doc, a.type.attributes), convert, sink)
            if found is None:
                return None
            nested[a.name] = found
    return None if values is None else Values({**values.values, **nested}, values.spans)


_NOWHERE = Span(Source("<default>", ""), 0, 0)


def _schedule(call: CallValue) -> Schedule:
    start = call.args.real("start")
    match call.form:
        case "cosine" | "linear":
            return Schedule(call.form, start, call.args.real("end"))
        case "poly":
            return Schedule("poly", start, 0.0, call.args.real("power"))
        case _:
            return Schedule("constant", start, start)
