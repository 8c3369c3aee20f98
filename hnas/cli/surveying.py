"""Looking through a data set for `hnas data`: what is measured, as text and as figures by name."""

import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, final

from attrs import field, frozen

from hnas.cli.terminal import spell_seconds, tell
from hnas.compiler import Compilation
from hnas.data.base import Dataset, evenly
from hnas.data.errors import NoDataset, UnusedData
from hnas.data.measure import Measured, measure
from hnas.data.registry import GENERATED, locate, open_dataset, parse_data_flags
from hnas.data.sheet import draw_sheet
from hnas.diag import Diagnostic, HnasError
from hnas.engine.files import write_atomically

_EVERY = {True: 0.2, False: 10.0}
"""Seconds from one line of progress to the next, on a terminal and elsewhere."""
_DIGITS = 3
"""Of mean and deviation: more than images of a set tell."""


@final
@frozen
class Survey:
    """A data set, looked through.

    Attributes:
        compilation: The spec.
        root: Where it lies.
        splits: What each split holds.
        datasets: The splits that could be opened.
        faults: What is missing or broken.
    """

    compilation: Compilation
    root: Path | None
    splits: Mapping[str, Measured]
    datasets: Mapping[str, Dataset] = field(repr=False)
    faults: tuple[Diagnostic, ...]


def look_through(compilation: Compilation, flags: Sequence[str]) -> Survey:
    """Read every image of train and val.

    Raises:
        HnasError: There is no such data set here, or neither split can be opened.
    """
    card, settings = compilation.card, compilation.data
    given = parse_data_flags(flags)
    if given and card.name not in given:
        profiles = ", ".join(compilation.profiles)
        raise HnasError(UnusedData(None, given=", ".join(given), name=card.name, profiles=profiles))
    root = locate(card.name, given, os.environ, settings.root)
    if root is None and card.name not in GENERATED:
        raise HnasError(NoDataset(None, name=card.name))
    splits: dict[str, Measured] = {}
    datasets: dict[str, Dataset] = {}
    faults: list[Diagnostic] = []
    for split in ("train", "val"):
        try:
            datasets[split] = open_dataset(card, split, root, settings.folder)
        except HnasError as error:
            faults += [each for each in error.diagnostics if each not in faults]
    if not datasets:
        raise HnasError(*faults)
    for split, dataset in datasets.items():
        splits[split] = Measured(len(card.classes))
        measure(dataset, _progress(split, len(dataset)), splits[split])
        faults += splits[split].faults
    return Survey(compilation, root, splits, datasets, tuple(faults))


def _progress(split: str, images: int) -> Callable[[int], None]:
    """Says how far it is, to stderr, now and then; nothing where it is over at once."""
    live = sys.stderr is not None and sys.stderr.isatty()
    begun = said = time.monotonic()

    def progress(done: int) -> None:
        nonlocal said
        now = time.monotonic()
        if live and done == images and said > begun:
            sys.stderr.write("\r\033[K")
            sys.stderr.flush()
        if done == images or now - said < _EVERY[live]:
            return
        said = now
        left = spell_seconds((now - begun) / done * (images - done))
        line = f"{split}: {done:,} of {images:,} images, {left} left"
        if live:
            sys.stderr.write(f"\r\033[K{line}")
            sys.stderr.flush()
        else:
            tell(line)

    return progress


def write_sheet(path: Path, survey: Survey, samples: int) -> None:
    """Draw samples of the first split, spread evenly over it; those that cannot be read are left out.

    Raises:
        HnasError: It cannot be written.
    """
    dataset = next(iter(survey.datasets.values()))
    drawn: list[tuple[str, Any, Any]] = []
    for index in evenly(len(dataset), samples):
        try:
            name = dataset.name(index).removeprefix(f"{survey.root}{os.sep}")
            drawn.append((name, *dataset.read(index)))
        except HnasError:
            continue  # told with the others
    if drawn:
        write_atomically(path, draw_sheet(drawn, survey.compilation.card))


# --- what is said ----------------------------------------------------------------------------------


def figures(survey: Survey) -> dict[str, Any]:
    """Every figure by name."""
    return {
        "data": survey.compilation.card.name,
        "root": str(survey.root) if survey.root is not None else None,
        "task": survey.compilation.card.task,
        "classes": list(survey.compilation.card.classes),
        "splits": {name: _split(survey, each) for name, each in survey.splits.items()},
        "broken": [{"code": each.code, "message": each.message} for each in survey.faults],
    }


def _split(survey: Survey, found: Measured) -> dict[str, Any]:
    crop = _crop(survey)
    return {
        "images": found.images,
        "sizes": [{"size": list(size), "images": number} for size, number in found.sizes.most_common()],
        "smaller_than_crop": found.smaller_than(*crop) if crop is not None else 0,
        "labels": [int(number) for number in found.histogram[:-1]],
        "images_with": [int(number) for number in found.images_with[:-1]],
        "void": int(found.histogram[-1]),
        "median_frequency": list(found.median_frequency()),
        "inverse_log": list(found.inverse_log()),
        "mean": found.mean,
        "deviation": found.deviation,
    }


def _crop(survey: Survey) -> tuple[int, int] | None:
    """The crop that images as they are may be too small for."""
    settings = survey.compilation.data
    return settings.trained_size() if settings.resize is None else None


def report(survey: Survey) -> str:
    """The figures as text."""
    lines = [
        f"data {survey.compilation.card.name}" + (f", in {survey.root}" if survey.root is not None else "")
    ]
    for name, found in survey.splits.items():
        lines.append(f"  {name:<5}  {found.images:,} images{_sizes(found)}")
    lines += _too_small(survey)
    first, found = next(iter(survey.splits.items()))
    if found.images:
        lines += ["", *_classes(survey, first), "", *_statistics(survey, first, found)]
    return "\n".join(lines)


def _sizes(found: Measured) -> str:
    if not found.sizes:
        return ""
    if len(found.sizes) == 1:
        ((height, width),) = found.sizes
        return f", {height} x {width}"
    (low, wide), (high, broad) = [
        (pick(h for h, _ in found.sizes), pick(w for _, w in found.sizes)) for pick in (min, max)
    ]
    return f", {low} to {high} x {wide} to {broad} ({len(found.sizes):,} sizes)"


def _too_small(survey: Survey) -> list[str]:
    crop = _crop(survey)
    number = sum(found.smaller_than(*crop) for found in survey.splits.values()) if crop is not None else 0
    if not number or crop is None:
        return []
    has = "image is" if number == 1 else "images are"
    return [f"  {number:,} {has} smaller than the crop of {crop[0]} x {crop[1]}: filled up with void"]


def _classes(survey: Survey, first: str) -> list[str]:
    """A row a class: how often it occurs, and weights for it."""
    unit = "pixels" if survey.compilation.card.task == "segmentation" else "labels"
    main = survey.splits[first]
    other = next((found for name, found in survey.splits.items() if name != first), None)
    heads = ["class", f"% of {first}", *(["% of val"] if other is not None else []), "images"]
    heads += ["median-frequency", "inverse-log"]
    rows: list[list[str]] = []
    weights = zip(main.median_frequency(), main.inverse_log(), strict=True)
    for index, (median, inverse) in enumerate(weights):
        row = [survey.compilation.card.classes[index], f"{100 * main.shares()[index]:.2f}"]
        row += [f"{100 * other.shares()[index]:.2f}"] if other is not None else []
        row += [f"{int(main.images_with[index]):,}", "-" if median is None else f"{median:.3f}"]
        rows.append([*row, f"{inverse:.3f}"])
    widths = [max(len(row[i]) for row in [heads, *rows]) for i in range(len(heads))]
    lines = ["  ".join(_cell(row[i], widths[i], i) for i in range(len(heads))) for row in [heads, *rows]]
    void = f"void: {100 * main.void_share:.2f} % of the {unit} of {first}"
    return [*(f"  {line.rstrip()}" for line in lines), f"  {void}"]


def _cell(text: str, width: int, column: int) -> str:
    return f"{text:<{width}}" if column == 0 else f"{text:>{width}}"


def _statistics(survey: Survey, first: str, found: Measured) -> list[str]:
    """Mean and deviation as they were measured, the way a spec would say them."""
    card = survey.compilation.card
    measured, given = (found.mean, found.deviation), (card.mean, card.deviation)
    lines: list[str] = []
    for name, value, have in zip(("mean", "deviation"), measured, given, strict=True):
        assert value is not None
        lines.append(f"  {f'{name} of {first}':<18} {_spell(value)}, and the spec has {_spell(have)}")
    return lines


def _spell(values: tuple[float, float, float]) -> str:
    return f"[{', '.join(f'{value:.{_DIGITS}f}' for value in values)}]"
