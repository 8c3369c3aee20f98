"""How long a run is: steps and epochs."""

from typing import final

from attrs import frozen


@final
@frozen(kw_only=True)
class Plan:
    """The steps of a run and the epochs they fall into.

    Attributes:
        images: Of a pass, an epoch.
        batch: Images of a step.
        epochs, iterations: The length in passes, or in steps; one of them is None.
        max_steps: Stop after so many, schedules unchanged.
    """

    images: int
    batch: int
    epochs: int | None = None
    iterations: int | None = None
    max_steps: int | None = None

    def epoch_end(self, epoch: int) -> int:
        """The step at which epoch `epoch` (from 1) is over: a pass is images / batch steps."""
        return epoch * self.images // self.batch

    @property
    def steps(self) -> int:
        """Steps in all: what the schedules run over."""
        if self.iterations is not None:
            return self.iterations
        assert self.epochs is not None, "a run is so many epochs or so many iterations"
        return max(1, self.epoch_end(self.epochs))

    @property
    def last(self) -> int:
        """The step the run stops after."""
        return self.steps if self.max_steps is None else min(self.steps, self.max_steps)

    @property
    def last_epoch(self) -> int:
        """The epoch the last of all steps belongs to, from 1."""
        return self.epochs if self.epochs is not None else self._epoch(self.steps - 1)

    def epoch(self, step: int) -> int:
        """The epoch of the step that follows `step`, from 1."""
        return min(self._epoch(step), self.last_epoch)

    def _epoch(self, step: int) -> int:
        epoch = 1 + step * self.batch // self.images
        while self.epoch_end(epoch) <= step:
            epoch += 1
        return epoch

    def validates(self, step: int, every: int) -> bool:
        """Whether a validation follows `step`: at the end, and at that of every so many epochs."""
        if step == 0:
            return False
        over = self.epoch(step) if step == self.steps else self.epoch(step) - 1
        return step == self.last or (step == self.epoch_end(over) and over % every == 0)

    def epoch_over(self, step: int) -> int:
        """The epoch that `step`, the last one made, belongs to."""
        return self.epoch(step) if step == self.steps else max(1, self.epoch(step) - 1)
