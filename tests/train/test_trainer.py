"""A training as a whole: the loss falls, and a run that was stopped goes on to the bit."""

import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import torch
from attrs import define

from hnas.compiler import Compilation
from hnas.data.shapes import Shapes
from hnas.engine.checkpoint import Checkpoints, _read
from hnas.engine.loop import Progress, Stopper
from hnas.engine.run import RunFolder
from hnas.train.trainer import Trainer, TrainJob
from hnas.train.updates import Updates

CPU = torch.device("cpu")

EVERYTHING = """iterations = 12  batch = 10  accumulate = 3
    weights = sgd(lr = cosine(0.1, 0), momentum = 0.9, nesterov = true, weight_decay = 1e-4)
    warm_up = steps(3, 0.1)  clip = 5  label_smoothing = 0.1  drop_path = linear(0.1, 0.3)  ema = 0.8
    validate { images = 2 }"""


@define
class Quiet:
    """Says nothing, and asks for a stop after a step."""

    stop_after: int = -1
    stopper: Stopper | None = None

    def started(self, facts: Any) -> None: ...

    def progress(self, progress: Progress) -> None:
        if progress.step == self.stop_after and self.stopper is not None:
            self.stopper.signal = 15

    def message(self, text: str) -> None: ...

    def warning(self, diagnostic: Any) -> None: ...


def trainer_of(compilation: Compilation, folder: Path, reporter: Quiet, again: bool = False) -> Trainer:
    torch.manual_seed(99 if again else 0)  # what comes out of the checkpoint is all that counts
    run = RunFolder(folder) if again else RunFolder.create(folder, "x", datetime(2026, 1, 1))
    (architecture,) = compilation.networks().values()
    network = compilation.network(architecture, drop_path=True)
    settings = compilation.train
    job = TrainJob(
        updates=Updates(network, settings, CPU, (1.0,) * 6 + (2.0, 2.0)),
        settings=settings,
        data=compilation.data,
        train=Shapes("train"),
        val=Shapes("val"),
        seed=3,
    )
    trainer = Trainer(job, run, Checkpoints(run.checkpoints, "test"), reporter)
    if again:
        trainer.course.resume()
    return trainer


def rows_of(trainer: Trainer) -> list[dict[str, Any]]:
    rows = [json.loads(line) for line in trainer.run.metrics.read_text().splitlines()]
    return [{k: v for k, v in row.items() if k != "steps_per_second"} for row in rows]


def content(path: Path) -> Any:
    return _read(path)


def same(a: Any, b: Any) -> bool:
    if isinstance(a, torch.Tensor):
        return torch.equal(a, b)
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    return bool(a == b)


def test_a_training_that_is_stopped_twice_ends_with_the_same_bits(
    compiled: Callable[..., Compilation], tmp_path: Path
) -> None:
    compilation = compiled(EVERYTHING)
    whole = trainer_of(compilation, tmp_path / "whole", Quiet())
    with Stopper() as stopper:
        ended = whole.train(stopper)
    assert (ended.step, ended.steps, ended.signal) == (12, 12, None)
    assert set(ended.validation) == {"miou", "most_frequent_miou", "pixel_accuracy"}

    part = tmp_path / "part"
    for again, stop_after in ((False, 5), (True, 9), (True, -1)):
        reporter = Quiet(stop_after)
        trainer = trainer_of(compilation, part, reporter, again)
        with Stopper() as stopper:
            reporter.stopper = stopper
            found = trainer.train(stopper)
        assert found.step == (stop_after if stop_after > 0 else 12)
    newest = sorted((tmp_path / "whole" / "checkpoints").glob("step-*.pt"))[-1].name
    for name in (newest, "best.pt"):
        one, other = (content(tmp_path / run / "checkpoints" / name) for run in ("whole", "part"))
        assert same(one, other), name
    assert rows_of(trainer) == rows_of(whole)
    assert [row["step"] for row in rows_of(whole) if row["phase"] == "validation"] == [8, 12]
    train = [row for row in rows_of(whole) if row["phase"] == "train"]
    assert train[-1]["drop_path"] == pytest.approx(0.1 + 0.2 * 11 / 12)
    assert same(found.best, ended.best)


def test_the_loss_falls(compiled: Callable[..., Compilation], tmp_path: Path) -> None:
    compilation = compiled(
        "epochs = 2  batch = 8  weights = sgd(lr = poly(0.2, 0.9), momentum = 0.9)  validate { images = 4 }"
    )
    trainer = trainer_of(compilation, tmp_path / "run", Quiet())
    with Stopper() as stopper:
        ended = trainer.train(stopper)
    losses = [row["loss"] for row in rows_of(trainer) if row["phase"] == "train"]
    assert losses[-1] < 0.85 * losses[0]
    assert ended.steps == 60
    best = content(tmp_path / "run" / "checkpoints" / "best.pt")
    figures = {row["step"]: row["miou"] for row in rows_of(trainer) if row["phase"] == "validation"}
    assert ended.best["miou"] == max(figures.values()) == figures[ended.best_step]
    assert best["step"] == ended.best_step


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ("shapes { crop = 97 }", 7),  # 10 * 97 * 97 pixels are 7 images of 97 x 129
        ("shapes { crop = 33 }", 1),
        ("shapes { }", 10),
        ("shapes { resize = [49, 65]  crop = [49, 65] }", 10),
    ],
)
def test_whole_images_take_no_more_room_than_what_is_trained_on(
    compiled: Callable[..., Compilation], tmp_path: Path, data: str, expected: int
) -> None:
    trainer = trainer_of(compiled(EVERYTHING, data), tmp_path / "run", Quiet())
    assert trainer.course.measuring.batch == expected
