"""How records run: one after the other over slots, a map let go after its last use."""

import time
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from typing import Any

from torch import Tensor

from hnas.diag import Diagnostic, HnasError
from hnas.runtime.errors import BatchTooSmall
from hnas.runtime.recipes import Recording
from hnas.runtime.steps import Scalars, Step, Values

After = Callable[[Step, Any], None]


def run_steps(
    steps: Iterable[Step],
    values: Values,
    scalars: Scalars,
    training: bool,
    *,
    recording: Recording | None = None,
    deadline: float | None = None,
    after: After | None = None,
) -> None:
    """Run steps in order, `values` having what they read by slot; a map is let go after its last use.

    Args:
        steps: What runs.
        values: By slot; filled.
        scalars: The weights of options by group.
        training: Whether norms take the statistics of the batch.
        recording: Where what is saved for backward goes.
        deadline: By time.monotonic.
        after: Called when a step is done, before the maps it used last are let go.

    Raises:
        TimeoutError: The deadline has passed.
    """
    step: Step | None = None
    try:
        with recording.hooks() if recording is not None else nullcontext():
            for step in steps:
                value = values[step.out] = step.run(values, scalars, training)
                if recording is not None:
                    recording.ran(step, value)
                if deadline is not None and time.monotonic() > deadline:
                    raise TimeoutError
                if after is not None:
                    after(step, values)
                for slot in step.dead:
                    values[slot] = None
                if recording is not None:
                    recording.let_go(step.dead)
    except Exception as error:
        if step is not None and not step.of_steps:
            _note(error, step, values)
        raise


def _note(error: Exception, step: Step, values: Values) -> None:
    # a slot of parts that were split, or of gathered weights, has several tensors: those are of no interest
    maps = [value for slot in step.operands if isinstance(value := values[slot], Tensor)]
    shapes = ", ".join(str(tuple(value.shape)) for value in maps)
    if isinstance(error, ValueError) and "more than 1 value per channel" in str(error):
        diagnostic: Diagnostic = BatchTooSmall(step.span, place=step.path)
        raise HnasError(diagnostic) from None
    error.add_note(f"in {step.path} ({step.span}), input {shapes}")


def needed(steps: list[Step], result: int) -> list[Step]:
    """The steps that `result` depends on."""
    slots, kept = {result}, list[Step]()
    for step in reversed(steps):
        if step.out in slots:
            slots.update(step.operands)
            kept.append(step)
    return kept[::-1]


def free_early(steps: Iterable[Step], kept: Iterable[int]) -> None:
    """Note for each step the slots nobody reads after it, but for those that are `kept`."""
    last: dict[int, Step] = {}
    for step in steps:
        step.dead = ()
        for slot in step.operands:
            last[slot] = step
    for slot in kept:
        last.pop(slot, None)
    for slot, step in last.items():
        step.dead = (*step.dead, slot)
