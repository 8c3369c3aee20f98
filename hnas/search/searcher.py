"""The search: bilevel steps over two halves of the data, measured, decoded, checkpointed, resumable."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, final

import torch
from attrs import define, field, frozen
from torch import Tensor

from hnas.data.base import Batches, Dataset, halves
from hnas.data.errors import TooFewImages
from hnas.diag import HnasError
from hnas.engine.checkpoint import Checkpoints
from hnas.engine.course import Course, Measuring
from hnas.engine.loop import Reporter, Stopper
from hnas.engine.plan import Plan
from hnas.engine.run import RunFolder
from hnas.engine.settings import autocast
from hnas.engine.tally import Tally
from hnas.engine.weights import fill
from hnas.ir.decisions import Architecture, DecisionTable
from hnas.runtime.arch import entropies
from hnas.runtime.supernet import SuperNet
from hnas.schema.settings import DataSettings, DecodeSettings, SearchSettings
from hnas.search.bilevel import Bilevel, Optimizers
from hnas.search.decode import decode
from hnas.search.errors import NoArchStep


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
        kernels: What computes: `C` or `torch`.
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
    kernels: str = ""
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
    course: Course = field(init=False)
    train_a: Batches = field(init=False)
    train_b: Batches = field(init=False)

    def __attrs_post_init__(self) -> None:
        job, search = self.job, self.job.search
        assert job.data.split is not None, "the checker asks for one where a space is searched"
        first, second = halves(len(job.train), job.data.split, job.seed)
        if not first or not second:
            raise HnasError(TooFewImages(None, name=job.data.name, images=len(job.train)))
        self.train_a, self.train_b = self._batches("trainA", first), self._batches("trainB", second)
        self.bilevel = Bilevel(job.model, Optimizers.of(job.model, search), search, job.device)
        self.course = Course(
            phase="search",
            plan=Plan(images=len(first), batch=search.batch, epochs=search.epochs, max_steps=job.max_steps),
            work=self,
            streams={"trainA": self.train_a, "trainB": self.train_b},
            measuring=Measuring(
                images=job.val, when=search.validate, data=job.data, batch=search.batch, device=job.device
            ),
            run=self.run,
            checkpoints=self.checkpoints,
            reporter=self.reporter,
            checkpoint_seconds=job.checkpoint_seconds,
            kernels=job.kernels,
        )

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

    def search(self, stopper: Stopper) -> Outcome:
        """Steps until the planned end, --max-steps, or a signal."""
        plan, epochs, from_epoch = self.course.plan, self.job.search.epochs, self.job.search.arch.from_epoch
        # where no epoch is left at all, the checker has said so
        if from_epoch < epochs and self.course.step < plan.last <= plan.epoch_end(from_epoch):
            self.reporter.warning(NoArchStep(None, from_epoch=from_epoch, epochs=epochs, last=plan.last))
        self.course.go(stopper)
        return Outcome(self.found(), self.course.step, plan.steps, self.course.validation, stopper.signal)

    def found(self) -> Architecture:
        """What would be decoded now."""
        with torch.no_grad():
            weights = {g: w.tolist() for g, w in self.job.model.arch.weights().items()}
        return decode(self.job.table, weights, self.job.decode)

    # --- the work of the course ------------------------------------------------------------------

    def step(self, number: int, epoch: int, tally: Tally) -> dict[str, float]:
        """Alpha and beta on trainB, once they move, then the weights on trainA."""
        job = self.job
        rates = self.bilevel.schedule(number / self.course.plan.steps)
        batch = self.train_a.next().to(job.device)
        if epoch > job.search.arch.from_epoch:
            held_out = self.train_b.next().to(job.device)
            tally.add("loss_arch", self.bilevel.arch_step(held_out, number, batch))
        tally.add("loss_weights", self.bilevel.weight_step(batch, number))
        return rates

    def figures(self) -> dict[str, float]:
        """How undecided alpha and beta are."""
        with torch.no_grad():
            found = entropies(self.job.table, self.job.model.arch.weights())
        return {f"entropy_{name}": value for name, value in found.items()}

    def text(self) -> str:
        """The path that would be decoded now."""
        return self.job.describe(self.found())

    @contextmanager
    def measuring(self) -> Iterator[None]:
        """The relaxed super-network with its running statistics."""
        self.job.model.eval()
        with autocast(self.job.device):
            yield

    def scores(self, images: Tensor) -> Tensor:
        """The relaxed super-network's scores."""
        return self.job.model(images)

    def measured(self, step: int, validation: Mapping[str, float]) -> None:
        """What is found does not depend on it."""

    def state(self) -> dict[str, Any]:
        """The super-network and both optimisers."""
        return {
            "model": self.job.model.state_dict(),
            "weights_optimizer": self.bilevel.optimizers.weights.state_dict(),
            "arch_optimizer": self.bilevel.optimizers.arch.state_dict(),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take up what `state` gave."""
        fill(self.job.model, state["model"], self.run.path)
        self.bilevel.optimizers.weights.load_state_dict(state["weights_optimizer"])
        self.bilevel.optimizers.arch.load_state_dict(state["arch_optimizer"])
