"""`hnas eval` and `hnas predict`: a trained network measured, and used."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hnas.cli.options import (
    data_option,
    device_option,
    extern_option,
    looking_options,
    pass_options,
    passes_of,
)
from hnas.cli.terminal import say, tell

if TYPE_CHECKING:
    from hnas.schema.datasets import DatasetCard
    from hnas.train.evaluate import Report

_RUN = click.argument("run", type=click.Path(path_type=Path))


@click.command("eval", short_help="Measure a trained network.")
@_RUN
@click.option(
    "--split",
    type=click.Choice(["val", "test", "train"]),
    default="val",
    show_default=True,
    help="On which images.",
)
@click.option("--images", type=click.IntRange(1), metavar="N", help="On so many, evenly spaced; else on all.")
@click.option("--batch", type=click.IntRange(1), default=1, show_default=True, help="Images in a batch.")
@looking_options
@data_option
@device_option
@pass_options
@extern_option
@click.option("--json", "as_json", is_flag=True, help="Everything as JSON.")
def eval_(run: Path, **given: Any) -> int:
    """Measure the network that the run RUN trained: mIoU or accuracy, of each class, and what it confuses.

    \b
    hnas eval runs/found-20260102-120000
    hnas eval runs/found-20260102-120000 --flip --scales 0.75,1,1.25 --window 513x513
    """
    from hnas.cli.measuring import Computing, measure

    trained, report = measure(
        run,
        given["checkpoint"],
        _looking(given),
        split=given["split"],
        data=given["data"],
        images=given["images"] or 0,
        batch=given["batch"],
        computing=Computing(
            device=given["device"] or "auto",
            threads=given["threads"],
            kernels=given["kernels"],
            allow_extern=given["allow_extern"],
            passes=passes_of(given),
        ),
    )
    card = trained.compilation.card
    if given["as_json"]:
        about = {"checkpoint": trained.which, "step": trained.step, "split": given["split"]}
        say(json.dumps({**about, "classes": card.classes, **report.data()}, indent=2))
        return 0
    tell(f"{trained.which} checkpoint, step {trained.step}, on {report.images} images of {given['split']}")
    _say_report(report, card)
    return 0


_NAMES = {
    "miou": "mIoU",
    "pixel_accuracy": "pixel accuracy",
    "accuracy": "accuracy (top-1)",
    "top5_accuracy": "top-5 accuracy",
    "most_frequent_miou": "mIoU of the most frequent class",
    "most_frequent_accuracy": "accuracy of the most frequent class",
}


def _say_report(report: "Report", card: "DatasetCard") -> None:
    for name, label in _NAMES.items():
        if name in report.figures:
            say(f"{report.figures[name]:.4f}  {label}")
    say()
    say("IoU of each class:" if card.task == "segmentation" else "accuracy of each class:")
    for name, value in zip(card.classes, report.per_class, strict=True):
        say(f"{f'{value:.4f}' if value is not None else '     -'}  {name}")
    say()
    say("of the labels of a class (row), how many were taken for which (column):")
    columns = [str(i) for i in range(len(card.classes))]
    cells = [[str(value) for value in row] for row in report.confusion]
    width = max(len(text) for row in (columns, *cells) for text in row)
    name_width = max(map(len, card.classes))
    head = "  ".join(f"{text:>{width}}" for text in columns)
    say(f"{'':{len(columns[-1])}}  {'':{name_width}}  {head}")
    for i, (name, row) in enumerate(zip(card.classes, cells, strict=True)):
        text = "  ".join(f"{value:>{width}}" for value in row)
        say(f"{i:>{len(columns[-1])}}  {name:<{name_width}}  {text}")


@click.command(short_help="Label images with a trained network.")
@_RUN
@click.argument("images", type=click.Path(path_type=Path))
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="A new folder for the labels; not where an image has one class, which is printed.",
)
@click.option("--overlay", is_flag=True, help="Also the images, half covered by the colours of their labels.")
@looking_options
@device_option
@pass_options
@extern_option
@click.pass_context
def predict(ctx: click.Context, run: Path, images: Path, **given: Any) -> int:
    """Label IMAGES, an image or a folder of them, with the network that the run RUN trained.

    Labels are PNG files of class indices, in the colours of the data set; where an image has one class, it
    is printed with its probability. Images may be of any size; they are turned as their EXIF data say.
    """
    from hnas.cli.measuring import Computing, label

    out: Path | None = given["out"]
    lines = label(
        run,
        given["checkpoint"],
        _looking(given),
        images=images,
        out=out,
        overlay=given["overlay"],
        computing=Computing(
            device=given["device"] or "auto",
            threads=given["threads"],
            kernels=given["kernels"],
            allow_extern=given["allow_extern"],
            passes=passes_of(given),
        ),
    )
    if lines is None:
        raise click.UsageError("give a folder for the labels with --out", ctx)
    for line in lines:
        say(line)
    return 0


def _looking(given: dict[str, Any]) -> Any:
    from hnas.train.evaluate import Looking

    if given["stride"] is not None and given["window"] is None:
        raise click.UsageError("--stride goes with --window")
    scales = given["scales"] or (1.0,)
    return Looking(flip=given["flip"], scales=scales, window=given["window"], stride=given["stride"])
