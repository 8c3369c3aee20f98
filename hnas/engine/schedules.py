"""Learning rates over a run."""

import math
from typing import assert_never

from hnas.schema.settings import Schedule


def rate_at(schedule: Schedule, done: float) -> float:
    """The learning rate when the fraction `done` (0 to 1) of all steps is made."""
    match schedule.kind:
        case "constant":
            return schedule.start
        case "linear":
            return schedule.start + (schedule.end - schedule.start) * done
        case "cosine":
            return schedule.end + (schedule.start - schedule.end) * (1 + math.cos(math.pi * done)) / 2
        case "poly":
            return schedule.start * (1 - done) ** schedule.power
        case _:
            assert_never(schedule.kind)
