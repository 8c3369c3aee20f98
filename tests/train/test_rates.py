"""The learning rate of every update."""

import pytest

from hnas.engine.plan import Plan
from hnas.engine.schedules import rate_at
from hnas.schema.settings import Schedule, TrainSettings, Validation, WarmUp, WeightOptimizer
from hnas.train.optimizers import learning_rate

PLAN = Plan(images=40, batch=4, epochs=10)


def _settings(warm_up: WarmUp | None, lr: Schedule) -> TrainSettings:
    return TrainSettings(
        epochs=10,
        iterations=None,
        batch=4,
        weights=WeightOptimizer(lr, 0.9, False, 0.0),
        validate=Validation(1, 0),
        warm_up=warm_up,
    )


def test_it_grows_in_a_straight_line() -> None:
    settings = _settings(WarmUp("steps", 4, 0.2), Schedule("constant", 0.5, 0.5))
    rates = [learning_rate(settings, PLAN, step) for step in range(6)]
    assert rates == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.5, 0.5])


def test_epochs_are_so_many_steps_and_the_schedule_runs_on_meanwhile() -> None:
    lr = Schedule("poly", 0.1, 0.0, 0.9)
    settings = _settings(WarmUp("epochs", 2, 0.0), lr)
    assert learning_rate(settings, PLAN, 0) == 0
    for step in (5, 19):
        assert learning_rate(settings, PLAN, step) == pytest.approx(rate_at(lr, step / 100) * step / 20)
    for step in (20, 99):
        assert learning_rate(settings, PLAN, step) == rate_at(lr, step / 100)


def test_nothing_given_is_the_schedule() -> None:
    lr = Schedule("cosine", 0.1, 0.0)
    assert learning_rate(_settings(None, lr), PLAN, 0) == 0.1
