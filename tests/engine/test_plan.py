"""Steps and epochs, against counting them one by one."""

import pytest

from hnas.engine.plan import Plan


@pytest.mark.parametrize(("images", "batch", "epochs"), [(12, 2, 3), (10, 3, 4), (5, 8, 6), (7, 7, 2)])
def test_epochs_are_counted(images: int, batch: int, epochs: int) -> None:
    plan = Plan(images=images, batch=batch, epochs=epochs)
    assert plan.steps == max(1, epochs * images // batch)
    ends = [plan.epoch_end(epoch) for epoch in range(1, epochs + 1)]
    for step in range(plan.steps):
        # the first epoch that is not over when the step is made
        assert plan.epoch(step) == next((e for e, end in enumerate(ends, 1) if end > step), epochs)
    assert plan.last_epoch == epochs


def test_iterations_end_in_the_midst_of_an_epoch() -> None:
    plan = Plan(images=12, batch=2, iterations=8)
    assert (plan.steps, plan.last, plan.last_epoch) == (8, 8, 2)
    assert [step for step in range(9) if plan.validates(step, 1)] == [6, 8]
    assert plan.epoch(7) == 2


def test_a_run_stops_before_its_planned_end() -> None:
    plan = Plan(images=12, batch=2, epochs=4, max_steps=9)
    assert (plan.steps, plan.last) == (24, 9)
    assert [step for step in range(10) if plan.validates(step, 2)] == [9]
    assert [step for step in range(10) if plan.validates(step, 1)] == [6, 9]
