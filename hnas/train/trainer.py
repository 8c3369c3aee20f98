"""Training of a final network: updates on the training images, measured, checkpointed, resumable."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, final

from attrs import define, field, frozen
from torch import Tensor

from hnas.data.base import Batches, Dataset
from hnas.engine.checkpoint import Checkpoints
from hnas.engine.course import Course, Measuring
from hnas.engine.loop import Reporter, Stopper
from hnas.engine.metrics import Headline
from hnas.engine.plan import Plan
from hnas.engine.run import RunFolder
from hnas.engine.schedules import rate_at
from hnas.engine.tally import Tally
from hnas.engine.weights import fill
from hnas.schema.settings import DataSettings, TrainSettings
from hnas.train.optimizers import learning_rate
from hnas.train.updates import Updates


@final
@frozen(kw_only=True)
class TrainJob:
    """What is trained, on what, and how.

    Attributes:
        updates: The network, on its device, with its optimiser.
        settings, data: The blocks of the spec.
        train, val: The images.
        seed: Of the order and the augmentation.
        workers: Processes that read images.
        max_steps: Stop after so many updates, schedules unchanged.
        checkpoint_seconds: At least as often as this.
        kernels: What computes: `C` or `torch`.
    """

    updates: Updates
    settings: TrainSettings
    data: DataSettings
    train: Dataset
    val: Dataset
    seed: int
    workers: int = 0
    max_steps: int | None = None
    checkpoint_seconds: float = 300.0
    kernels: str = ""


@final
@frozen
class Trained:
    """How a training ended.

    Attributes:
        step, steps: Updates made and planned.
        validation: The figures of the last validation by name; empty before one.
        best_step, best: The step of the best validation, and its figures.
        signal: The signal that stopped it, None if it ran to its end.
    """

    step: int
    steps: int
    validation: dict[str, float]
    best_step: int
    best: dict[str, float]
    signal: int | None


@final
@define
class Trainer:
    """Runs a job in a run folder; its whole state goes into checkpoints."""

    job: TrainJob
    run: RunFolder
    checkpoints: Checkpoints
    reporter: Reporter
    course: Course = field(init=False)
    batches: Batches = field(init=False)
    best_step: int = field(default=0, init=False)
    best: dict[str, float] = field(factory=dict[str, float], init=False)

    def __attrs_post_init__(self) -> None:
        job, settings, device = self.job, self.job.settings, self.job.updates.device
        self.batches = Batches(
            job.train,
            range(len(job.train)),
            job.data,
            batch=settings.batch,
            seed=job.seed,
            stream="train",
            workers=job.workers,
            pin_memory=device.type == "cuda",
        )
        self.course = Course(
            phase="train",
            plan=Plan(
                images=len(job.train),
                batch=settings.batch * settings.accumulate,
                epochs=settings.epochs,
                iterations=settings.iterations,
                max_steps=job.max_steps,
            ),
            work=self,
            streams={"train": self.batches},
            measuring=Measuring(
                images=job.val,
                when=settings.validate,
                data=job.data,
                batch=self._measured_at_once(),
                device=device,
            ),
            run=self.run,
            checkpoints=self.checkpoints,
            reporter=self.reporter,
            checkpoint_seconds=job.checkpoint_seconds,
            kernels=job.kernels,
        )

    def _measured_at_once(self) -> int:
        """Whole images of as many pixels as a batch of what is trained on, one at least."""
        height, width = self.job.data.resize or tuple(self.job.val.read(0)[0].shape[1:])
        trained = self.job.data.trained_size((height, width)) or (height, width)
        return max(1, self.job.settings.batch * trained[0] * trained[1] // (height * width))

    def train(self, stopper: Stopper) -> Trained:
        """Updates until the planned end, --max-steps, or a signal."""
        self.course.go(stopper)
        steps, validation = self.course.plan.steps, self.course.validation
        return Trained(self.course.step, steps, validation, self.best_step, self.best, stopper.signal)

    # --- the work of the course ------------------------------------------------------------------

    def step(self, number: int, epoch: int, tally: Tally) -> dict[str, float]:
        """One update, on as many batches as make one."""
        settings, updates, plan = self.job.settings, self.job.updates, self.course.plan
        rates = {"lr": learning_rate(settings, plan, number)}
        if settings.drop_path is not None:
            rates["drop_path"] = rate_at(settings.drop_path, number / plan.steps)
            updates.network.drop_path = rates["drop_path"]
        taken = [self.batches.next().to(updates.device) for _ in range(settings.accumulate)]
        for name, loss in updates.update(taken, number, rates["lr"]).items():
            tally.add(name, loss)
        return rates

    def figures(self) -> dict[str, float]:
        """Nothing further."""
        return {}

    def text(self) -> str:
        """Nothing: the network is what it is."""
        return ""

    @contextmanager
    def measuring(self) -> Iterator[None]:
        """The network with its running statistics, or the average of its weights."""
        updates = self.job.updates
        updates.network.eval()
        with updates.autocast():
            if updates.average is None:
                yield
            else:
                with updates.average.in_place():
                    yield

    def scores(self, images: Tensor) -> Tensor:
        """The network's scores."""
        return self.job.updates.network(images)

    def measured(self, step: int, validation: Mapping[str, float]) -> None:
        """Keep the weights that were measured where none were better."""
        reached, before = Headline.of(validation), Headline.of(self.best)
        assert reached is not None, "every task has a figure it is judged by"
        if before is None or reached.value > before.value:
            self.best_step, self.best = step, dict(validation)
            self.checkpoints.save_best(step, {"model": self._measured_weights(), "validation": self.best})

    def _measured_weights(self) -> Mapping[str, Tensor]:
        updates = self.job.updates
        return updates.network.state_dict() if updates.average is None else updates.average.state()

    def state(self) -> dict[str, Any]:
        """The network, its average, the optimiser, and what was best."""
        updates = self.job.updates
        return {
            "model": updates.network.state_dict(),
            "ema": None if updates.average is None else updates.average.state(),
            "optimizer": updates.optimizer.state_dict(),
            "best": {"step": self.best_step, "validation": self.best},
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take up what `state` gave."""
        updates = self.job.updates
        fill(updates.network, state["model"], self.run.path)
        if updates.average is not None:
            updates.average.restore(state["ema"])
        updates.optimizer.load_state_dict(state["optimizer"])
        self.best_step, self.best = state["best"]["step"], dict(state["best"]["validation"])
