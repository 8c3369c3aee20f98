"""A run from step to step: progress, rows, validations and checkpoints, and going on to the bit.

What a step does is the business of a `Work`: the bilevel steps of a search, or those of training.
"""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any, Protocol, final

import torch
from attrs import define, field, frozen
from torch import Tensor

from hnas.data.base import Batches, Dataset, evaluation_batches, evenly
from hnas.engine.checkpoint import Checkpoints
from hnas.engine.errors import KernelsChanged
from hnas.engine.kernels import NAMES
from hnas.engine.log import MetricsLog
from hnas.engine.loop import Every, Progress, Rate, Reporter, Stopper
from hnas.engine.metrics import Events, Headline, metrics_for
from hnas.engine.plan import Plan
from hnas.engine.run import RunFolder
from hnas.engine.settings import random_states, set_random_states
from hnas.engine.tally import Tally
from hnas.schema.settings import DataSettings, Validation

LOG_EVERY = 10
"""Steps from one row of metrics to the next."""


class Work(Protocol):
    """What a run consists of."""

    def step(self, number: int, epoch: int, tally: Tally) -> dict[str, float]:
        """Step `number` (from 0), its losses counted; what changes over the run, by name."""
        ...

    def figures(self) -> dict[str, float]:
        """Further figures of now, for a row of metrics."""
        ...

    def text(self) -> str:
        """What would come out now, in a line; empty where there is nothing to say."""
        ...

    def measuring(self) -> AbstractContextManager[object]:
        """What is measured stands ready, in evaluation mode, while it lasts."""
        ...

    def scores(self, images: Tensor) -> Tensor:
        """The scores of images to be measured."""
        ...

    def measured(self, step: int, validation: Mapping[str, float]) -> None:
        """A validation was made after `step`."""
        ...

    def state(self) -> dict[str, Any]:
        """What a checkpoint keeps of it."""
        ...

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take up what `state` gave."""
        ...


@final
@frozen(kw_only=True)
class Measuring:
    """Validation: on what, when, and with which batch.

    Attributes:
        images: The validation set.
        when: How often, and on how many of the images.
        data: The block data.
        batch: Images in a batch.
        device: Where the model is.
    """

    images: Dataset
    when: Validation
    data: DataSettings
    batch: int
    device: torch.device


@final
@define(kw_only=True)
class Course:
    """Makes the steps of a plan; its whole state, with that of the work, goes into checkpoints.

    Attributes:
        phase: `search` or `train`, in rows of metrics.
        streams: The batches that steps take, by name.
        kernels: What computes: `C` or `torch`, empty where it does not matter.
        step: Steps made.
        validation: The figures of the last validation by name, made after step `validated`.
    """

    phase: str
    plan: Plan
    work: Work
    streams: Mapping[str, Batches]
    measuring: Measuring
    run: RunFolder
    checkpoints: Checkpoints
    reporter: Reporter
    checkpoint_seconds: float = 300.0
    kernels: str = ""
    step: int = field(default=0, init=False)
    rows: int = field(default=0, init=False)
    tally: Tally = field(factory=Tally, init=False)
    validation: dict[str, float] = field(factory=dict[str, float], init=False)
    validated: int = field(default=0, init=False)
    _shown: dict[str, float] = field(factory=dict[str, float], init=False)
    _text: str | None = field(default=None, init=False)
    _rate: Rate = field(factory=Rate, init=False)
    _log: MetricsLog = field(init=False)
    _events: Events = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._log = MetricsLog(self.run.metrics)
        self._events = Events(self.run.events)

    @property
    def finished(self) -> bool:
        """Whether every step that was asked for is made, and measured."""
        return self.step >= self.plan.last and not self._owes_validation()

    def _owes_validation(self) -> bool:
        every = self.measuring.when.every
        return self.validated != self.step and self.plan.validates(self.step, every)

    # --- running ---------------------------------------------------------------------------------

    def go(self, stopper: Stopper) -> None:
        """Steps until the planned end, --max-steps, or a signal; a checkpoint at each of them."""
        due = Every(self.checkpoint_seconds)
        try:
            while stopper.signal is None:
                if self._owes_validation():
                    if self._validate(stopper):
                        self.checkpoint()
                elif self.step < self.plan.last:
                    epoch = self.plan.epoch(self.step)
                    self._step(epoch)
                    ends = self.step in (self.plan.last, self.plan.epoch_end(epoch))
                    if ends or stopper.signal is not None or due.due():
                        self.checkpoint()
                else:
                    break
        finally:
            for batches in self.streams.values():
                batches.close()
        self._events.close()

    def _step(self, epoch: int) -> None:
        rates = self.work.step(self.step, epoch, self.tally)
        self.step += 1
        self._rate.tick()
        if self.step % LOG_EVERY == 0 or self.step in (self.plan.epoch_end(epoch), self.plan.last):
            self._row(epoch, rates)
        self._progress(epoch, rates)

    def _row(self, epoch: int, rates: Mapping[str, float]) -> None:
        values = {**self.tally.take(), **rates, **self.work.figures()}
        text = self.work.text()
        self._write({"phase": self.phase, "epoch": epoch, **values, **({"path": text} if text else {})})
        self._events.add(self.step, {f"{self.phase}/{name}": value for name, value in values.items()})

    def _write(self, row: Mapping[str, Any]) -> None:
        self._log.append({"step": self.step, **row, "steps_per_second": round(self._rate.per_second, 4)})
        self.rows += 1

    def _validate(self, stopper: Stopper) -> bool:
        """Measure on images evenly spread over the validation set.

        False if it was stopped: it is done again when the run goes on.
        """
        how = self.measuring
        metrics = metrics_for(how.images.card.task, len(how.images.card.classes), how.device)
        indices = evenly(len(how.images), how.when.images)
        with self.work.measuring(), torch.no_grad():
            for batch in evaluation_batches(how.images, indices, how.data, how.batch):
                if stopper.signal is not None:
                    return False
                moved = batch.to(how.device)
                metrics.update(self.work.scores(moved.images).float(), moved.labels)
        self.validation, self.validated = metrics.summary(), self.step
        epoch = self.plan.epoch_over(self.step)
        self._write({"phase": "validation", "epoch": epoch, "images": len(indices), **self.validation})
        self._events.add(self.step, {f"validation/{name}": v for name, v in self.validation.items()})
        reached = Headline.of(self.validation)
        assert reached is not None, "every task has a figure it is judged by"
        self.reporter.message(
            f"step {self.step}: {reached.name} {reached.value:.4f} on {len(indices)} images "
            f"(always the most frequent class: {reached.baseline:.4f})"
        )
        self.work.measured(self.step, self.validation)
        self._rate.pause()
        return True

    def _progress(self, epoch: int, rates: Mapping[str, float]) -> None:
        if self.step % LOG_EVERY == 0 or self._text is None:
            self._shown, self._text = self.work.figures(), self.work.text()
        values = dict(self.tally.shown)
        reached = Headline.of(self.validation)
        if reached is not None:
            values[reached.name] = reached.value
        values["lr"] = rates["lr"]
        values |= self._shown
        left = self._rate.left(self.plan.last - self.step)
        steps, epochs, rate = self.plan.last, self.plan.last_epoch, self._rate.per_second
        self.reporter.progress(Progress(self.step, steps, epoch, epochs, rate, left, values, self._text))

    # --- state -----------------------------------------------------------------------------------

    def checkpoint(self) -> None:
        """Write everything that decides how the run goes on."""
        state = {
            **self.work.state(),
            "positions": {name: batches.position for name, batches in self.streams.items()},
            "random": random_states(),
            "rows": self.rows,
            "tally": self.tally.state(),
            "validation": self.validation,
            "validated": self.validated,
            "steps": self.plan.steps,
            "threads": torch.get_num_threads(),
            "kernels": self.kernels,
        }
        self.checkpoints.save(self.step, state)
        self._rate.pause()

    def resume(self) -> None:
        """Go back to the newest checkpoint; rows of metrics written after it are cut.

        Where other kernels compute than before it, a warning says so.

        A run that was ended before its first one begins anew: the seed decides all that came before.

        Raises:
            HnasError: None of them can be read, or they belong to another run.
        """
        if not self.checkpoints.files():
            self._log.cut(0)
            self._events = Events(self.run.events, purge_step=0)
            return
        step, state, warnings = self.checkpoints.load_latest()
        for warning in warnings:
            self.reporter.warning(warning)
        self.work.restore(state)
        for name, batches in self.streams.items():
            batches.seek(state["positions"][name])
        set_random_states(state["random"])
        torch.set_num_threads(state["threads"])
        before = state.get("kernels", "")  # there is none of a run older than kernels
        if before and self.kernels and before != self.kernels:
            self.reporter.warning(KernelsChanged(None, before=NAMES[before], now=NAMES[self.kernels]))
        self.tally.restore(state["tally"])
        self.step, self.rows = step, state["rows"]
        self.validation, self.validated = dict(state["validation"]), state["validated"]
        self._log.cut(self.rows)
        self._events = Events(self.run.events, purge_step=step + 1)
