"""What classes count for, by hand."""

import math

import pytest
import torch
from helpers import Given, card_of

from hnas.data.base import VOID
from hnas.schema.settings import GivenWeights, InverseLog, MedianFrequency
from hnas.train.class_weights import Frequencies, weights_of

# two images of 8 labels: six of class 0 and two of class 1; four of class 1, two of class 2, two void
LABELS = torch.tensor([[[0, 0, 0, 0], [0, 0, 1, 1]], [[1, 1, 1, 1], [2, 2, VOID, VOID]]], dtype=torch.uint8)
IMAGES = Given(torch.zeros(2, 3, 2, 4, dtype=torch.uint8), LABELS, card_of(4))


def test_labels_are_counted() -> None:
    found = Frequencies.of(IMAGES)
    assert found.pixels.tolist() == [6, 6, 2, 0]
    # class 1 is in both images, of 8 and of 6 labels that are not void
    assert found.around.tolist() == [8, 14, 6, 0]


def test_median_frequency() -> None:
    # frequencies 6/8, 6/14, 2/6: the median is 6/14; a class that never occurs counts nothing
    found = weights_of(MedianFrequency(), Frequencies.of(IMAGES))
    assert found == pytest.approx((6 / 14 / (6 / 8), 1.0, 6 / 14 / (2 / 6), 0.0))


def test_inverse_log() -> None:
    found = weights_of(InverseLog(1.02), Frequencies.of(IMAGES))
    parts = (6 / 14, 6 / 14, 2 / 14, 0.0)
    assert found == pytest.approx([1 / math.log(1.02 + part) for part in parts])


def test_a_list_is_taken_as_it_is() -> None:
    assert weights_of(GivenWeights((1.0, 0.5)), None) == (1.0, 0.5)


def test_labels_of_images_are_counted_too() -> None:
    images = Given(torch.zeros(3, 3, 2, 2), torch.tensor([0, 0, 2], dtype=torch.uint8), card_of(3))
    found = Frequencies.of(images)
    assert found.pixels.tolist() == [2, 0, 1]
    assert found.around.tolist() == [2, 0, 1]
