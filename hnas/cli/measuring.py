"""From a run of `hnas train` to figures, and to labels of images."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import final

import torch
from attrs import frozen

from hnas.api.errors import FolderExists
from hnas.api.run import Run
from hnas.api.run import open as open_run
from hnas.cli.building import memory
from hnas.cli.running import dataset, find_data_again
from hnas.cli.terminal import told_warnings
from hnas.data.base import evenly
from hnas.data.errors import NoDataset
from hnas.data.looked_at import label_png, overlay_png, pictures, read_picture
from hnas.data.registry import GENERATED
from hnas.diag import Diagnostic, HnasError
from hnas.engine.errors import NotForImages, NoWeights
from hnas.engine.files import empty_folder, write_atomically
from hnas.engine.kernels import Kernels, use_kernels
from hnas.schema.datasets import Split
from hnas.train.evaluate import Looking, Report, evaluate
from hnas.trained import Predictor, Which


@final
@frozen(kw_only=True)
class Computing:
    """Where and how a trained network computes; None: as torch does, or as in the run.

    Attributes:
        device: As `--device` has it.
        threads: Of torch on the processor.
        kernels: auto or off.
        allow_extern: Whether the classes that extern operators name may be imported.
        passes: What it goes through before it is built.
    """

    device: str
    threads: int | None
    kernels: Kernels | None
    allow_extern: bool
    passes: tuple[str, ...] | None


def measure(
    run: Path,
    checkpoint: Which | None,
    how: Looking,
    *,
    split: Split,
    data: tuple[str, ...] = (),
    images: int = 0,
    batch: int = 1,
    computing: Computing,
) -> tuple[Predictor, Report]:
    """Measure a trained network on `images` images of a split, 0: on all.

    Raises:
        HnasError: There is no such run, checkpoint or data set.
    """
    opened, trained = _trained(run, checkpoint, computing, how)
    compilation = trained.compilation
    name = compilation.data.name
    root = find_data_again(opened.record, compilation, data)
    if root is None and name not in GENERATED:
        raise HnasError(NoDataset(None, name=name))
    found = dataset(compilation, split, root)
    with memory("while measuring"):
        indices = evenly(len(found), images)
        return trained, evaluate(
            trained.network, found, indices, compilation.data, how, trained.device, batch
        )


def label(
    run: Path,
    checkpoint: Which | None,
    how: Looking,
    *,
    images: Path,
    out: Path | None,
    overlay: bool,
    computing: Computing,
) -> Iterator[str] | None:
    """Label images; a line for each as it is done. None where a folder is needed and none was given.

    Raises:
        HnasError: There is no such run, checkpoint or image, or `out` has files.
    """
    _, trained = _trained(run, checkpoint, computing, how)
    found = pictures(images)
    if trained.compilation.card.task == "classification":
        if out is not None or overlay:
            raise HnasError(NotForImages(None, flag="--out" if out is not None else "--overlay"))
        return (_class_of(trained, path, how) for path in found)
    if out is None:
        return None
    empty_folder(out, FolderExists(None, path=str(out)))
    return _label_all(trained, found, how, out, overlay)


def _class_of(trained: Predictor, path: Path, how: Looking) -> str:
    with memory("while predicting"):
        probabilities = trained.probabilities(read_picture(path), how)
    number = int(probabilities.argmax())
    return f"{path}  {trained.compilation.card.classes[number]}  {float(probabilities[number]):.4f}"


def _label_all(
    trained: Predictor, found: tuple[Path, ...], how: Looking, out: Path, overlay: bool
) -> Iterator[str]:
    card = trained.compilation.card
    stems = [path.stem for path in found]
    broken: list[Diagnostic] = []
    for path in found:
        # a.png and a.jpg in one folder must not meet in a.png
        name = path.stem if stems.count(path.stem) == 1 else path.name
        try:
            image = read_picture(path)
        except HnasError as error:  # the others are labelled all the same
            broken.extend(error.diagnostics)
            continue
        with memory("while predicting"):
            labels = trained.predict(image, how)
        write_atomically(out / f"{name}.png", label_png(labels, card))
        if overlay:
            write_atomically(out / f"{name}.overlay.png", overlay_png(image, labels, card))
        shown = torch.bincount(labels.flatten().long(), minlength=len(card.classes))
        parts = sorted(((int(n), i) for i, n in enumerate(shown) if n), reverse=True)[:3]
        most = ", ".join(f"{card.classes[i]} {n / labels.numel():.0%}" for n, i in parts)
        yield f"{os.fspath(out / f'{name}.png')}  {most}"
    if broken:
        raise HnasError(*broken)


def _trained(
    path: Path,
    checkpoint: Which | None,
    computing: Computing,
    how: Looking,
) -> tuple[Run, Predictor]:
    """The network of a run, which can be looked with as `how` says."""
    if path.is_file() and path.suffix == ".hnas":
        raise HnasError(NoWeights(None, path=str(path)))
    run = open_run(path, allow_extern=computing.allow_extern, passes=computing.passes)
    if computing.threads is not None:
        torch.set_num_threads(computing.threads)
    use_kernels(computing.kernels or run.record.wanted_kernels)
    with told_warnings():
        trained = run.predictor(checkpoint, device=computing.device)
    if how.window is not None and trained.compilation.card.task == "classification":
        raise HnasError(NotForImages(None, flag="--window"))
    return run, trained
