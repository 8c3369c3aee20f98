"""The blocks data, search and decode to typed settings."""

from collections.abc import Mapping
from fractions import Fraction

from attrs import evolve

from hnas.diag import Sink, Source, Span
from hnas.lang import ast
from hnas.lang.block_errors import NotTogether
from hnas.lang.blocks import assignments, known_items
from hnas.lang.errors import MissingKey, NoEffect, UnknownKey, WrongValue
from hnas.lang.values import CallValue, Converter, Values, replaced_by
from hnas.lang.walk import ungroup
from hnas.schema import blocks
from hnas.schema.classes import folder_card
from hnas.schema.datasets import DatasetCard
from hnas.schema.settings import (
    ArchOptimizer,
    Crop,
    Cutout,
    DataSettings,
    DecodeSettings,
    Flip,
    FolderSettings,
    Gdas,
    Pad,
    Relax,
    Scale,
    Schedule,
    SearchSettings,
    Softmax,
    Transform,
    Validation,
    WeightOptimizer,
)
from hnas.schema.training import OF_FOLDER
from hnas.schema.types import Block, Nested


def data_settings(block: ast.Block | None, convert: Converter, name: str, sink: Sink) -> DataSettings | None:
    """The block `data`, or every default without one."""
    values = block_values(block, blocks.DATA, convert, sink)
    if values is None:
        return None
    crop, scale, flip, augment = (values[name] for name in ("crop", "scale", "flip", "augment"))
    if augment is not None:
        if _said_twice(block, {"crop": crop is None, "scale": scale == (1, 1), "flip": not flip}, sink):
            return None
        crop, scale, flip = None, (1, 1), False
    transforms = tuple(_transform(call) for call in augment) if augment is not None else None
    ranges = [(scale, "scale", values.spans["scale"])]
    for each in transforms or ():
        if isinstance(each, Scale):
            ranges.append(((each.low, each.high), "scale of augment", values.spans["augment"]))
    for (low, high), what, span in ranges:
        if low > high:
            sink.add(WrongValue(span, what=what, needed="[least, most]", found="the first is larger"))
            return None
    folder = _folder(block, values, name, sink)
    if name == "folder" and folder is None:
        return None
    split = values["split"]
    if split is not None and (sum(split) > 1 or 0 in split):
        needed = "two parts above 0 that sum to at most 1"
        sink.add(WrongValue(values.spans["split"], what="split", needed=needed, found="these are not"))
        return None
    return DataSettings(
        name=name,
        resize=values["resize"],
        crop=crop,
        split=None if split is None else (float(split[0]), float(split[1])),
        scale=(float(scale[0]), float(scale[1])),
        flip=flip,
        augment=transforms,
        mean=_colour(values.get("mean")),
        deviation=_colour(values.get("deviation")),
        folder=folder,
    )


def _colour(value: tuple[Fraction, ...] | None) -> tuple[float, float, float] | None:
    return None if value is None else (float(value[0]), float(value[1]), float(value[2]))


def _folder(block: ast.Block | None, values: Values, name: str, sink: Sink) -> FolderSettings | None:
    """What is said of the data set folder; reported where another set is given it."""
    if name == "folder":
        if "classes" in values:
            task, labels = values.get("task") or "segmentation", values.get("labels") or "index"
            return FolderSettings(values["classes"], values.get("root"), task, labels)
        doc = 'the classes in the order of their labels: classes = [road, car, void], or "classes.txt"'
        span = block.name_span or block.kind_span if block is not None else _NOWHERE
        sink.add(MissingKey(span, place="data folder", key="classes", doc=doc))
        return None
    for key in OF_FOLDER if name else ():
        if block is not None and key in values:
            place, advice = f"data {name}", "only data folder has it"
            sink.add(UnknownKey(assignments(block)[key].key_span, key=key, place=place, advice=advice))
    return None


def card_of(known: DatasetCard, data: DataSettings) -> DatasetCard:
    """The card of a data set with what a block data says of it."""
    if data.folder is not None:
        known = folder_card(data.folder.listed, data.folder.task)
    return evolve(known, mean=data.mean or known.mean, deviation=data.deviation or known.deviation)


def needs_split(block: ast.Block | None, data: DataSettings | None, sink: Sink) -> None:
    """Report a space that is searched on images that are not split."""
    if block is None or data is None or data.split is not None:
        return
    span = assignments(block)["split"].value.span
    needed = "two parts where the space is searched"
    sink.add(WrongValue(span, what="split", needed=needed, found="one of them trains alpha and beta"))


def fits_axes(block: ast.Block | None, dims: int, sink: Sink) -> None:
    """Report sizes with a number for each of two axes where maps have `dims`."""
    if block is None or dims == 2:
        return
    given = {key: ungroup(item.value) for key, item in assignments(block).items()}
    sized = [("resize", given.get("resize")), ("crop", given.get("crop"))]
    augment = given.get("augment")
    for call in augment.items if isinstance(augment, ast.List) else ():
        if isinstance(call, ast.Call) and isinstance(call.callee, ast.Ref) and call.callee.name == "crop":
            sized += [("crop of augment", arg.value) for arg in call.args]
    for what, value in sized:
        if isinstance(value, ast.List):
            needed = f"{'none' if what == 'resize' else 'one side for every axis'} where dims = {dims}"
            sink.add(WrongValue(value.span, what=what, needed=needed, found="these are sides of 2 axes"))


def _said_twice(block: ast.Block | None, nothing: Mapping[str, bool], sink: Sink) -> bool:
    """Whether something is said beside what replaces it; `nothing`: whether its value does nothing."""
    given: Mapping[str, ast.Set] = assignments(block) if block is not None else {}
    replaced = replaced_by({name: item.value for name, item in given.items()}, blocks.DATA.attributes)
    twice = [name for name in replaced if name in given and not nothing[name]]
    for name in twice:
        sink.add(NotTogether(given[name].key_span, key=name, place="data", other=replaced[name]))
    return bool(twice)


def _transform(call: CallValue) -> Transform:
    given = call.args
    match call.form:
        case "pad":
            return Pad(given["by"], given["fill"])
        case "crop":
            return Crop(given["size"])
        case "scale":
            return Scale(given.real("low"), given.real("high"))
        case "cutout":
            return Cutout(given["side"])
        case _:
            return Flip()


def decode_settings(block: ast.Block | None, convert: Converter, sink: Sink) -> DecodeSettings | None:
    """The block `decode`, or every default without one."""
    values = block_values(block, blocks.DECODE, convert, sink)
    if values is None:
        return None
    edges: CallValue = values["edges"]
    return DecodeSettings(edges=edges.args.values.get("n"), path=values["path"])


def search_settings(block: ast.Block, convert: Converter, updates: str, sink: Sink) -> SearchSettings | None:
    """The block `search`."""
    values = block_values(block, blocks.SEARCH, convert, sink)
    if values is None:
        return None
    weights: Values = values["weights"].args
    arch: Values = values["arch"].args
    betas = arch["betas"]
    init: Values = arch["init"].args
    validate: Values = values["validate"]
    clip = values["clip"]
    relax = _relax(values["relax"], sink)
    if relax is None:
        return None
    if arch["from_epoch"] >= values["epochs"]:
        epochs: int = values["epochs"]
        shown = f"{epochs} epoch{'s' if epochs > 1 else ''}"
        why = f"of {shown} none is left for alpha and beta, and what is found is random"
        sink.add(NoEffect(arch.spans["from_epoch"], what="arch", why=why))
    return SearchSettings(
        epochs=values["epochs"],
        batch=values["batch"],
        relax=relax,
        order=values["order"],
        weights=sgd(weights),
        arch=ArchOptimizer(
            lr=schedule(arch["lr"]),
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


def _relax(call: CallValue, sink: Sink) -> Relax | None:
    if call.form == "softmax":
        return Softmax()
    tau = schedule(call.args["tau"])
    # poly ends at 0, but no step is made at the end
    if tau.start <= 0 or (tau.kind != "poly" and tau.end <= 0):
        found = "the logits are divided by it"
        sink.add(WrongValue(call.args.spans["tau"], what="tau", needed="above 0 all the time", found=found))
        return None
    return Gdas(tau)


def sgd(given: Values) -> WeightOptimizer:
    """The arguments of `sgd(...)`."""
    return WeightOptimizer(
        lr=schedule(given["lr"]),
        momentum=given.real("momentum"),
        nesterov=given["nesterov"],
        weight_decay=given.real("weight_decay"),
    )


def block_values(block: ast.Block | None, schema: Block, convert: Converter, sink: Sink) -> Values | None:
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
            found = block_values(inner.get(a.name), Block(a.name, a.doc, a.type.attributes), convert, sink)
            if found is None:
                return None
            nested[a.name] = found
    return None if values is None else Values({**values.values, **nested}, values.spans)


_NOWHERE = Span(Source("<default>", ""), 0, 0)


def schedule(call: CallValue) -> Schedule:
    """A call of one of the forms of a schedule."""
    start = call.args.real("start")
    match call.form:
        case "cosine" | "linear":
            return Schedule(call.form, start, call.args.real("end"))
        case "poly":
            return Schedule("poly", start, 0.0, call.args.real("power"))
        case _:
            return Schedule("constant", start, start)
