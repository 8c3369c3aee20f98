"""The block train to typed settings."""

from attrs import evolve

from hnas.diag import Sink
from hnas.lang import ast
from hnas.lang.blocks import parts_of
from hnas.lang.errors import WrongValue
from hnas.lang.settings_gen import block_values, schedule, sgd
from hnas.lang.values import CallValue, Converter, Values
from hnas.schema import blocks
from hnas.schema.settings import (
    AdamW,
    ClassWeights,
    GivenWeights,
    InverseLog,
    MedianFrequency,
    RmsProp,
    TrainOptimizer,
    TrainSettings,
    Validation,
    WarmUp,
)


def train_settings(
    block: ast.Block, convert: Converter, classes: int | None, sink: Sink
) -> TrainSettings | None:
    """The block `train`, without what it lays over the space; `classes`: of the data set, if known."""
    own, _ = parts_of(block, blocks.TRAIN)
    values = block_values(evolve(block, items=own), blocks.TRAIN, convert, sink)
    if values is None or not _sound(block, values, classes, sink):
        return None
    validate: Values = values["validate"]
    clip, drop, ema, warm = (values[name] for name in ("clip", "drop_path", "ema", "warm_up"))
    return TrainSettings(
        epochs=values["epochs"],
        iterations=values["iterations"],
        batch=values["batch"],
        accumulate=values["accumulate"],
        weights=_optimizer(values["weights"]),
        warm_up=None if warm is None else WarmUp(warm.form, warm.args["n"], warm.args.real("start")),
        clip=None if clip is None else float(clip),
        class_weights=_class_weights(values["class_weights"]),
        label_smoothing=values.real("label_smoothing"),
        aux=values.real("aux"),
        drop_path=None if drop is None else schedule(drop),
        ema=None if ema is None else float(ema),
        precision=values["precision"],
        validate=Validation(every=validate["every"], images=validate["images"]),
    )


def _sound(block: ast.Block, values: Values, classes: int | None, sink: Sink) -> bool:
    """Whether the values go together; what does not is reported."""
    found: list[WrongValue] = []

    def wrong(key: str, needed: str, said: str) -> None:
        found.append(WrongValue(values.spans[key], what=key, needed=needed, found=said))

    if (values["epochs"] is None) == (values["iterations"] is None):
        said = "neither is given" if values["epochs"] is None else "both are given"
        needed = "either epochs or iterations"
        span = block.kind_span
        found.append(WrongValue(span, what="the length of train", needed=needed, found=said))
    drop = values["drop_path"]
    if drop is not None:
        planned = schedule(drop)
        if max(planned.start, planned.end) >= 1:
            wrong("drop_path", "a probability below 1 all the time", "at 1 nothing would be left")
    if values["ema"] is not None and values["ema"] >= 1:
        wrong("ema", "a decay below 1", "at 1 the average never moves")
    if values["label_smoothing"] >= 1:
        wrong("label_smoothing", "a part below 1", "at 1 nothing is left of the label")
    weights: CallValue | None = values["class_weights"]
    if weights is not None and weights.form == "classes":
        given = weights.args["weights"]
        if classes is not None and len(given) != classes:
            wrong("class_weights", f"{classes} numbers, one for each class", f"there are {len(given)}")
        elif not any(given):
            wrong("class_weights", "a number above 0", "no class would count")
    if weights is not None and weights.form == "inverse_log" and weights.args["c"] <= 1:
        wrong("class_weights", "c above 1", "the logarithm of 1 is 0")
    for diagnostic in found:
        sink.add(diagnostic)
    return not found


def _optimizer(call: CallValue) -> TrainOptimizer:
    given = call.args
    if call.form == "sgd":
        return sgd(given)
    rate, eps, decay = schedule(given["lr"]), given.real("eps"), given.real("weight_decay")
    if call.form == "adamw":
        first, second = given["betas"]
        return AdamW(rate, (float(first), float(second)), eps, decay)
    return RmsProp(rate, given.real("alpha"), eps, given.real("momentum"), decay)


def _class_weights(call: CallValue | None) -> ClassWeights | None:
    if call is None:
        return None
    match call.form:
        case "inverse_log":
            return InverseLog(call.args.real("c"))
        case "classes":
            return GivenWeights(tuple(float(weight) for weight in call.args["weights"]))
        case _:
            return MedianFrequency()
