"""Latency: spreads, parts and what the maps hold."""

from typing import Any

import pytest
import torch
from helpers import paths, random_architecture, small
from torch import Tensor

from hnas.engine.latency import Spread, measure_latency
from hnas.ir.cost import part_of
from hnas.runtime.lower import Network


@pytest.fixture(scope="module")
def network() -> Network:
    compilation = small()
    table = compilation.decisions
    return compilation.network(random_architecture(table, paths(table)[0], 0))


def test_the_spread_of_five_times() -> None:
    found = Spread.of([0.005, 0.001, 0.002, 0.004, 0.003])
    assert (found.median, found.lower, found.upper, found.iqr) == pytest.approx((3.0, 2.0, 4.0, 2.0))
    assert Spread.of([0.002]) == Spread(2.0, 2.0, 2.0)


def test_parts_and_whole(network: Network) -> None:
    found = measure_latency(network, part_of, torch.device("cpu"), image=(33, 33), batch=2, repeats=3)
    assert list(found.parts) == ["stem", "cells", "head"]
    assert all(part.median > 0 for part in found.parts.values())
    assert (found.batch, found.image, found.repeats, found.threads) == (2, (33, 33), 3, 1)


def test_activations_are_the_most_that_is_alive(network: Network) -> None:
    """Counted anew from the tensors themselves, storage by storage."""
    most = 0
    gathered: set[int] = set()

    def after(step: Any, values: list[Any]) -> None:
        nonlocal most
        if not step.operands:
            gathered.add(step.out)  # weights, not maps
        maps = [v for slot, v in enumerate(values) if v is not None and slot not in gathered]
        parts = [part for v in maps for part in ((v,) if isinstance(v, Tensor) else v)]
        storages = [part.untyped_storage() for part in parts]
        alive = {storage.data_ptr(): storage.nbytes() for storage in storages}
        most = max(most, sum(alive.values()))

    images = torch.zeros(1, 3, 33, 33)
    with torch.no_grad():
        network.eval().watched(images, after)
    found = measure_latency(network, part_of, torch.device("cpu"), image=(33, 33), repeats=1)
    assert found.activation_bytes == most
    twice = measure_latency(network, part_of, torch.device("cpu"), image=(33, 33), batch=2, repeats=1)
    assert twice.activation_bytes == 2 * most


def test_watching_changes_nothing(network: Network) -> None:
    images = torch.randn(1, 3, 33, 33)
    seen: list[Tensor] = []
    with torch.no_grad():
        network.eval()
        watched = network.watched(images, lambda step, values: seen.append(values[step.out]))
        assert torch.equal(watched, network(images))
    assert len(seen) == len(network.main_steps)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_gpu(network: Network) -> None:
    found = measure_latency(network, part_of, torch.device("cuda:0"), image=(33, 33), repeats=5)
    assert found.activation_bytes > 0
    assert all(part.median > 0 for part in found.parts.values())
