"""The search: bilevel steps over two halves of the data, measured, decoded, checkpointed, resumable."""

from collections.abc import Callable, Sequence
from typing import Any, final

import torch
from attrs import define, field, frozen

from hnas.data.base import Batches, Dataset, evaluation_batches, evenly, halves
from hnas.data.errors import TooFewImages
from hnas.diag import HnasError
from hnas.engine.checkpoint import Checkpoints
from hnas.engine.log import MetricsLog
from hnas.engine.loop import Every, Progress, Rate, Reporter, Stopper
from hnas.engine.metrics import Events, Headline, metrics_for
from hnas.engine.run import RunFolder
from hnas.engine.settings import autocast, random_states, set_random_states
from hnas.ir.decisions import Architecture, DecisionTable
from hnas.runtime.arch import entropies
from hnas.runtime.supernet import SuperNet
from hnas.schema.settings import DataSettings, DecodeSettings, SearchSettings
from hnas.search.bilevel import Bilevel, Optimizers
from hnas.search.decode import decode
from hnas.search.errors import NoArchStep
from hnas.search.tally import Tally

LOG_EVERY = 10
"""Weight steps from one row of metrics to the next."""


@final
@frozen(kw_only=True)
class SearchJob:
    """What is searched, on what, and how.

    Attributes:
        model: The super-network, on its device.
        table: Its decisions.
        search, decode, data: The blocks of the spec.
        train, val: The images.
        seed: Of the split, the order and the augmentation.
        device: Where the model is.
        workers: Processes that read images.
        max_steps: Stop after so many weight steps, schedules unchanged.
        checkpoint_seconds: At least as often as this.
        describe: An architecture as one line of text.
    """

    model: SuperNet
    table: DecisionTable
    search: SearchSettings
    decode: DecodeSettings
    data: DataSettings
    train: Dataset
    val: Dataset
    seed: int
    device: torch.device
    workers: int = 0
    max_steps: int | None = None
    checkpoint_seconds: float = 300.0
    describe: Callable[[Architecture], str]


@final
@frozen
class Outcome:
    """How a search ended.

    Attributes:
        architecture: What would be found now.
        step, steps: Weight steps done and planned.
        validation: The figures of the last validation by name; empty before one.
        signal: The signal that stopped it, None if it ran to its end.
    """

    architecture: Architecture
    step: int
    steps: int
    validation: dict[str, float]
    signal: int | None


@final
@define
class Searcher:
    """Runs a job in a run folder; its whole state goes into checkpoints."""

    job: SearchJob
    run: RunFolder
    checkpoints: Checkpoints
    reporter: Reporter
    bilevel: Bilevel = field(init=False)
    train_a: Batches = field(init=False)
    train_b: Batches = field(init=False)
    step: int = field(default=0, init=False)
    rows: int = field(default=0, init=False)
    tally: Tally = field(factory=Tally, init=False)
    validation: dict[str, float] = field(factory=dict[str, float], init=False)
    validated: int = field(default=0, init=False)
    """The step of the last validation."""
    _shown: dict[str, float] = field(factory=dict[str, float], init=False)
    _path: str = field(default="", init=False)
    _rate: Rate = field(factory=Rate, init=False)
    _log: MetricsLog = field(init=False)
    _events: Events = field(init=False)

    def __attrs_post_init__(self) -> None:
        job = self.job
        assert job.data.split is not None, "the checker asks for one where a space is searched"
        first, second = halves(len(job.train), job.data.split, job.seed)
        if not first or not second:
            raise HnasError(TooFewImages(None, name=job.data.name, images=len(job.train)))
        self.train_a, self.train_b = self._batches("trainA", first), self._batches("trainB", second)
        optimizers = Optimizers.of(job.model, job.search)
        self.bilevel = Bilevel(job.model, optimizers, job.search, job.device)
        self._log = MetricsLog(self.run.metrics)
        self._events = Events(self.run.events)

    def _batches(self, stream: str, indices: Sequence[int]) -> Batches:
        job = self.job
        return Batches(
            job.train,
            indices,
            job.data,
            batch=job.search.batch,
            seed=job.seed,
            stream=stream,
            workers=job.workers,
            pin_memory=job.device.type == "cuda",
        )

    # --- the plan --------------------------------------------------------------------------------

    def epoch_end(self, epoch: int) -> int:
        """The step at which epoch `epoch` (from 1) is over: a pass over trainA is size / batch steps."""
        return epoch * len(self.train_a) // self.job.search.batch

    @property
    def planned(self) -> int:
        """Weight steps of all epochs: what the schedules run over."""
        return max(1, self.epoch_end(self.job.search.epochs))

    @property
    def last(self) -> int:
        """The step this run stops after."""
        return self.planned if self.job.max_steps is None else min(self.planned, self.job.max_steps)

    @property
    def finished(self) -> bool:
        """Whether every step that was asked for is made, and measured."""
        return self.step >= self.last and not self._owes_validation()

    @property
    def epoch(self) -> int:
        """The epoch the next step belongs to, from 1."""
        epoch = 1 + self.step * self.job.search.batch // len(self.train_a)
        while self.epoch_end(epoch) <= self.step:
            epoch += 1
        return min(epoch, self.job.search.epochs)

    def _owes_validation(self) -> bool:
        """Whether a validation is due now: at the end of the run, and of every so many epochs."""
        if self.validated == self.step or self.step == 0:
            return False
        every = self.job.search.validate.every
        over = self.epoch if self.step == self.planned else self.epoch - 1
        return self.step == self.last or (self.step == self.epoch_end(over) and over % every == 0)

    # --- running ---------------------------------------------------------------------------------

    def search(self, stopper: Stopper) -> Outcome:
        """Steps until the planned end, --max-steps, or a signal; a checkpoint at each of them."""
        from_epoch = self.job.search.arch.from_epoch
        epochs = self.job.search.epochs
        # where no epoch is left at all, the checker has said so
        if from_epoch < epochs and self.step < self.last <= self.epoch_end(from_epoch):
            self.reporter.warning(NoArchStep(None, from_epoch=from_epoch, epochs=epochs, last=self.last))
        due = Every(self.job.checkpoint_seconds)
        with self.train_a, self.train_b:
            while stopper.signal is None:
                if self._owes_validation():
                    if self._validate(stopper):
                        self.checkpoint()
                elif self.step < self.last:
                    epoch = self.epoch
                    self._step(epoch)
                    ends = self.step in (self.last, self.epoch_end(epoch))
                    if ends or stopper.signal is not None or due.due():
                        self.checkpoint()
                else:
                    break
        self._events.close()
        return Outcome(self.found(), self.step, self.planned, self.validation, stopper.signal)

    def _step(self, epoch: int) -> None:
        job = self.job
        rates = self.bilevel.schedule(self.step / self.planned)
        batch = self.train_a.next().to(job.device)
        if epoch > job.search.arch.from_epoch:
            held_out = self.train_b.next().to(job.device)
            self.tally.arch(self.bilevel.arch_step(held_out, self.step, batch))
        self.tally.weights(self.bilevel.weight_step(batch, self.step))
        self.step += 1
        self._rate.tick()
        if self.step % LOG_EVERY == 0 or self.step in (self.epoch_end(epoch), self.last):
            self._row(epoch, rates)
        self._progress(epoch)

    def _row(self, epoch: int, rates: dict[str, float]) -> None:
        values = {**self.tally.take(), **rates, **self._entropies()}
        path = self.job.describe(self.found())
        self._write({"phase": "search", "epoch": epoch, **values, "path": path})
        self._events.add(self.step, {f"search/{name}": value for name, value in values.items()})

    def _write(self, row: dict[str, Any]) -> None:
        self._log.append({"step": self.step, **row, "steps_per_second": round(self._rate.per_second, 4)})
        self.rows += 1

    def _validate(self, stopper: Stopper) -> bool:
        """Measure the relaxed super-network with its running statistics, on images evenly spread over val.

        False if it was stopped: it is done again when the run goes on.
        """
        job = self.job
        metrics = metrics_for(job.val.card.task, len(job.val.card.classes), job.device)
        indices = evenly(len(job.val), job.search.validate.images)
        job.model.eval()
        with torch.no_grad(), autocast(job.device):
            for batch in evaluation_batches(job.val, indices, job.data, job.search.batch):
                if stopper.signal is not None:
                    return False
                moved = batch.to(job.device)
                metrics.update(job.model(moved.images).float(), moved.labels)
        self.validation, self.validated = metrics.summary(), self.step
        epoch = self.epoch if self.step == self.planned else max(1, self.epoch - 1)
        self._write({"phase": "validation", "epoch": epoch, "images": len(indices), **self.validation})
        self._events.add(self.step, {f"validation/{name}": v for name, v in self.validation.items()})
        reached = Headline.of(self.validation)
        assert reached is not None, "every task has a figure it is judged by"
        self.reporter.message(
            f"step {self.step}: {reached.name} {reached.value:.4f} on {len(indices)} images "
            f"(always the most frequent class: {reached.baseline:.4f})"
        )
        self._rate.pause()
        return True

    def _progress(self, epoch: int) -> None:
        if self.step % LOG_EVERY == 0 or not self._path:
            self._shown, self._path = self._entropies(), self.job.describe(self.found())
        values = dict(self.tally.shown)
        reached = Headline.of(self.validation)
        if reached is not None:
            values[reached.name] = reached.value
        values["lr"] = self.bilevel.optimizers.weights.param_groups[0]["lr"]
        values |= self._shown
        left = self._rate.left(self.last - self.step)
        epochs = self.job.search.epochs
        self.reporter.progress(
            Progress(self.step, self.last, epoch, epochs, self._rate.per_second, left, values, self._path)
        )

    def _entropies(self) -> dict[str, float]:
        with torch.no_grad():
            found = entropies(self.job.table, self.job.model.arch.weights())
        return {f"entropy_{name}": value for name, value in found.items()}

    def found(self) -> Architecture:
        """What would be decoded now."""
        with torch.no_grad():
            weights = {g: w.tolist() for g, w in self.job.model.arch.weights().items()}
        return decode(self.job.table, weights, self.job.decode)

    # --- state -----------------------------------------------------------------------------------

    def checkpoint(self) -> None:
        """Write everything that decides how the search goes on."""
        state = {
            "model": self.job.model.state_dict(),
            "weights_optimizer": self.bilevel.optimizers.weights.state_dict(),
            "arch_optimizer": self.bilevel.optimizers.arch.state_dict(),
            "positions": {"trainA": self.train_a.position, "trainB": self.train_b.position},
            "random": random_states(),
            "rows": self.rows,
            "tally": self.tally.state(),
            "validation": self.validation,
            "validated": self.validated,
            "steps": self.planned,
            "threads": torch.get_num_threads(),
        }
        self.checkpoints.save(self.step, state)
        self._rate.pause()

    def resume(self) -> None:
        """Go back to the newest checkpoint; rows of metrics written after it are cut.

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
        self.job.model.load_state_dict(state["model"])
        self.bilevel.optimizers.weights.load_state_dict(state["weights_optimizer"])
        self.bilevel.optimizers.arch.load_state_dict(state["arch_optimizer"])
        self.train_a.seek(state["positions"]["trainA"])
        self.train_b.seek(state["positions"]["trainB"])
        set_random_states(state["random"])
        torch.set_num_threads(state["threads"])
        self.tally.restore(state["tally"])
        self.step, self.rows = step, state["rows"]
        self.validation, self.validated = dict(state["validation"]), state["validated"]
        self._log.cut(self.rows)
        self._events = Events(self.run.events, purge_step=step + 1)
