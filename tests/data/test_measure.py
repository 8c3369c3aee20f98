"""Figures of a data set against numpy and against weights computed by hand."""

import math
from typing import final

import numpy as np
import pytest
import torch
from attrs import frozen
from torch import Tensor

from hnas.data.errors import BadImage
from hnas.data.measure import Measured, figures_of, measure
from hnas.diag import HnasError
from hnas.schema.datasets import CARDS, DatasetCard


@final
@frozen
class Listed:
    """Samples in memory; None is a file that cannot be read."""

    samples: tuple[tuple[Tensor, Tensor] | None, ...]
    card: DatasetCard = CARDS["shapes"]

    def __len__(self) -> int:
        return len(self.samples)

    def name(self, index: int) -> str:
        return str(index)

    def read(self, index: int) -> tuple[Tensor, Tensor]:
        sample = self.samples[index]
        if sample is None:
            raise HnasError(BadImage(None, path=str(index), why="it is broken"))
        return sample


def measured(samples: tuple[tuple[Tensor, Tensor] | None, ...], classes: int) -> Measured:
    found, seen = Measured(classes), list[int]()
    measure(Listed(samples), seen.append, found)
    assert seen == list(range(1, len(samples) + 1))
    return found


def test_mean_and_deviation_are_those_of_all_pixels_together() -> None:
    rng = np.random.default_rng(0)
    samples = tuple(
        (torch.from_numpy(rng.integers(0, 256, (3, h, w), np.uint8)), torch.zeros(h, w, dtype=torch.uint8))
        for h, w in ((4, 6), (30, 5), (1, 1))
    )
    found = measured(samples, 2)
    pixels = np.concatenate([image.numpy().reshape(3, -1) for image, _ in samples], 1) / 255
    assert found.mean == pytest.approx(pixels.mean(1), rel=1e-12)
    assert found.deviation == pytest.approx(pixels.std(1), rel=1e-9)
    assert dict(found.sizes) == {(4, 6): 1, (30, 5): 1, (1, 1): 1}
    assert [found.smaller_than(4, 6), found.smaller_than(5, 1), found.smaller_than(1, 1)] == [2, 2, 0]


def test_weights_of_pixels() -> None:
    blank = torch.zeros(3, 2, 4, dtype=torch.uint8)
    first = torch.tensor([[0, 0, 0, 0], [0, 0, 1, 255]], dtype=torch.uint8)
    second = torch.tensor([[0, 2, 2, 2], [255, 255, 255, 255]], dtype=torch.uint8)
    found = measured(((blank, first), (blank, second)), 4)
    assert found.histogram.tolist() == [7, 1, 3, 0, 5]
    assert found.images_with.tolist() == [2, 1, 1, 0, 2]
    assert found.void_share == 5 / 16
    assert found.shares() == (7 / 11, 1 / 11, 3 / 11, 0)
    # frequencies: 7 of 11, 1 of 7, 3 of 4; the median is 7/11
    assert found.median_frequency() == (1, pytest.approx(49 / 11), pytest.approx(28 / 33), None)
    assert found.inverse_log() == pytest.approx([1 / math.log(1.02 + s) for s in found.shares()])
    assert found.inverse_log()[3] == pytest.approx(50.498, abs=1e-3)


def test_weights_of_whole_images() -> None:
    image = torch.zeros(3, 2, 2, dtype=torch.uint8)
    samples = tuple((image, torch.tensor(label, dtype=torch.uint8)) for label in (0, 0, 0, 0, 1, 2, 2))
    found = measured(samples, 3)
    assert found.histogram.tolist() == [4, 1, 2, 0]
    assert found.median_frequency() == (0.5, 2, 1)


def test_what_is_broken_is_noted_in_order_and_not_counted() -> None:
    good = torch.zeros(3, 2, 2, dtype=torch.uint8), torch.zeros(2, 2, dtype=torch.uint8)
    found = measured((*(None if n % 3 == 1 else good for n in range(200)),), 1)
    assert [d.message for d in found.faults] == [f"{n}: it is broken" for n in range(200) if n % 3 == 1]
    assert found.images == 200 - len(found.faults)


def test_nothing_measured_says_nothing() -> None:
    found = measured((None,), 2)
    assert (found.mean, found.deviation, found.median_frequency()) == (None, None, (None, None))
    assert (found.shares(), found.void_share) == ((0, 0), 0)


def test_an_interrupt_ends_it_at_once() -> None:
    class Slow:
        card = CARDS["shapes"]
        asked = 0

        def __len__(self) -> int:
            return 100_000

        def name(self, index: int) -> str:
            return str(index)

        def read(self, index: int) -> tuple[Tensor, Tensor]:
            self.asked += 1
            return torch.zeros(3, 2, 2, dtype=torch.uint8), torch.zeros(2, 2, dtype=torch.uint8)

    def stop(done: int) -> None:
        if done == 5:
            raise KeyboardInterrupt

    slow = Slow()
    with pytest.raises(KeyboardInterrupt):
        measure(slow, stop, Measured(1))
    assert slow.asked < 200


def test_figures_of_one_image() -> None:
    image = torch.tensor([[[0, 255]], [[255, 255]], [[51, 102]]], dtype=torch.uint8)
    figures = figures_of(image, torch.tensor([[1, 255]], dtype=torch.uint8), 2)
    assert figures.size == (1, 2)
    assert figures.histogram.tolist() == [0, 1, 1]
    assert figures.sums == pytest.approx(np.array([[1, 2, 0.6], [1, 2, 0.2]]))
