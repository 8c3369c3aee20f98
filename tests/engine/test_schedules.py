import math
from itertools import pairwise

import pytest

from hnas.engine.schedules import rate_at
from hnas.schema.settings import Schedule


@pytest.mark.parametrize(
    ("schedule", "at_start", "half_way", "at_end"),
    [
        (Schedule("cosine", 0.025, 0.001), 0.025, 0.013, 0.001),
        (Schedule("linear", 0.1, 0.02), 0.1, 0.06, 0.02),
        (Schedule("linear", 0.0, 1.0), 0.0, 0.5, 1.0),
        (Schedule("poly", 0.05, 0.0, 0.9), 0.05, 0.05 * 0.5**0.9, 0.0),
        (Schedule("poly", 0.05, 0.0, 1.0), 0.05, 0.025, 0.0),
        (Schedule("poly", 0.05, 0.0, 2.0), 0.05, 0.0125, 0.0),
        (Schedule("constant", 0.003, 0.003), 0.003, 0.003, 0.003),
    ],
    ids=lambda value: f"{value.kind}-{value.power:g}" if isinstance(value, Schedule) else "",
)
def test_closed_forms(schedule: Schedule, at_start: float, half_way: float, at_end: float) -> None:
    found = [rate_at(schedule, done) for done in (0, 0.5, 1)]
    assert found == pytest.approx([at_start, half_way, at_end], abs=1e-15)


def test_cosine_is_half_a_wave() -> None:
    schedule = Schedule("cosine", 1.0, 0.0)
    assert rate_at(schedule, 1 / 3) == pytest.approx((1 + math.cos(math.pi / 3)) / 2)
    assert rate_at(schedule, 0.25) + rate_at(schedule, 0.75) == pytest.approx(1)


@pytest.mark.parametrize("kind", ["cosine", "poly", "linear"])
def test_rates_fall_from_step_to_step(kind: str) -> None:
    schedule = Schedule(kind, 0.1, 0.0, 0.9)  # type: ignore[arg-type]
    rates = [rate_at(schedule, step / 50) for step in range(51)]
    assert all(a > b for a, b in pairwise(rates))


@pytest.mark.parametrize("done", [0, 0.5, 1])
def test_a_constant_ignores_end_and_power(done: float) -> None:
    assert rate_at(Schedule("constant", 0.7, 0.0, 3.0), done) == 0.7
