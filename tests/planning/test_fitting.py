"""Plans that keep to a memory: beside all choices, and beside what the allocator's events then say."""

import itertools
from collections.abc import Sequence

import pytest
import torch
from test_predicted import SIDE, events_of, planned, spaces

from hnas.ir.cost import part_of
from hnas.planning.memory import Needs, fit
from hnas.planning.plan import Plan, predict, unallocated
from hnas.planning.watching import Held, Watch


def held(name: str, work: int, kept: int, noted: int, most: int) -> Held:
    """A segment that needs `most` bytes beside what those before it keep."""
    each = Held(name, multiply_adds=work, kept=kept, noted=noted)
    each.backward = most
    return each


def watched(segments: Sequence[Held]) -> Watch:
    """A pass in which all of them ran again."""
    before = 0
    for each in segments:
        each.before = each.start = each.forward = before
        each.backward += before
        each.again = each.after = before
        before += each.kept
    return Watch(list(segments), before)


def needed(segments: Sequence[Held], chosen: Sequence[str]) -> int:
    """The most bytes alive under a choice, as the model has it, told another way than the planner does."""
    alone = [each.backward - sum(e.kept for e in segments[:n]) for n, each in enumerate(segments)]
    keeps = [each.kept if each.name in chosen else max(each.kept, each.noted) for each in segments]
    return max(sum(keeps), *(sum(keeps[:n]) + most for n, most in enumerate(alone)))


@pytest.mark.parametrize("seed", range(20))
def test_the_choice_is_the_cheapest_of_all(seed: int) -> None:
    drawn = torch.Generator().manual_seed(seed)
    numbers = torch.randint(1, 100, (9, 4), generator=drawn).tolist()
    segments = [
        held(f"r{n}", 10_000 * work, kept, kept + noted, noted + most)
        for n, (work, kept, noted, most) in enumerate(numbers)
    ]
    needs = Needs(watched(segments))
    names = [each.name for each in segments]
    every = [c for count in range(10) for c in itertools.combinations(names, count)]
    cost = {each.name: each.multiply_adds for each in segments}
    least = min(needed(segments, c) for c in every)
    for most in (least - 1, least, (least + needed(segments, ())) // 2, needed(segments, ())):
        found = needs.cheapest(most)
        fitting = [sum(cost[name] for name in c) for c in every if needed(segments, c) <= most]
        if not fitting:
            assert found is None
            continue
        assert found is not None
        assert needed(segments, found) <= most
        assert sum(cost[name] for name in found) == min(fitting)
    assert needed(segments, needs.smallest()) == least


def kept_to(level: int, most: int | None) -> Plan:
    """The plan of the small reference, within `most` bytes of a pass; without, all parts run again."""
    with unallocated():
        model = spaces(level).supernet()
    network = model.network

    def run(watch: Watch) -> Plan:
        return predict(model, part_of, image=(SIDE, SIDE), batch=2, watch=watch)

    if most is None:
        network.compute_again(network.regions)
        return run(Watch())
    found = fit(network.regions, most, network.compute_again, run)
    assert found.fits == (found.plan.whole.peak_bytes <= most)
    assert network.segments == found.plan.recomputed
    return found.plan


@pytest.mark.parametrize("level", [0, 2])
def test_a_plan_keeps_to_its_bytes_at_a_price(level: int) -> None:
    whole, least = planned(spaces(level)), kept_to(level, 1)
    peak, floor = whole.whole.peak_bytes, least.whole.peak_bytes
    assert floor < 0.6 * peak
    assert kept_to(level, floor).whole.peak_bytes <= floor
    middle = kept_to(level, (peak + floor) // 2)
    assert middle.whole.peak_bytes <= (peak + floor) // 2
    assert 0 < middle.extra_work < least.extra_work <= 0.34
    assert middle.whole.forward_multiply_adds == whole.whole.forward_multiply_adds
    again = middle.recomputed_multiply_adds
    assert middle.whole.multiply_adds == whole.whole.multiply_adds + again
    assert middle.extra_work == again / whole.whole.multiply_adds
    free = kept_to(level, 2 * peak)
    assert (free.recomputed, free.whole) == ((), whole.whole)


@pytest.mark.parametrize("level", [0, 2])
@pytest.mark.parametrize("every", [1, 2])
def test_peak_is_that_of_the_allocators_events(level: int, every: int) -> None:
    compilation = spaces(level)
    with unallocated():
        model = compilation.supernet()
    regions = model.network.regions[::every]
    model.network.compute_again(regions)
    plan = predict(model, part_of, image=(SIDE, SIDE), batch=2)
    real = compilation.supernet(0)
    real.network.compute_again(regions)
    most, left = events_of(real, torch.randn(2, 3, SIDE, SIDE))
    assert plan.whole.peak_bytes == pytest.approx(most, rel=0.05)
    assert plan.gradient_bytes == pytest.approx(left, rel=0.05)


def test_work_done_again_is_of_the_part_it_is_done_for() -> None:
    whole, again = planned(spaces(2)), kept_to(2, None)
    for name in ("arch", "loss"):
        assert again.parts[name].multiply_adds == whole.parts[name].multiply_adds
    for name in ("stem", "cells", "head"):
        part, before = again.parts[name], whole.parts[name]
        assert part.multiply_adds == before.multiply_adds + before.forward_multiply_adds
    assert sum(p.multiply_adds for p in again.parts.values()) == again.whole.multiply_adds


def test_half_precision_holds_less() -> None:
    with unallocated():
        model = spaces(2).supernet()
    model.network.compute_again(model.network.regions)
    half, single = (
        predict(model, part_of, image=(SIDE, SIDE), batch=2, precision=p) for p in ("bfloat16", "float32")
    )
    assert half.whole.peak_bytes < 0.75 * single.whole.peak_bytes
    assert half.whole.multiply_adds == single.whole.multiply_adds
