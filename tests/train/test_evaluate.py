"""What a network says of an image: windows, flips and scales are averages; what is measured is counted."""

from itertools import pairwise
from typing import Any

import pytest
import torch
from attrs import evolve
from helpers import Given, card_of
from torch import Tensor, nn
from torch.nn import functional as F

from hnas.data.base import VOID
from hnas.diag import HnasError
from hnas.runtime.lower import Network
from hnas.schema.settings import DataSettings
from hnas.train.evaluate import Looking, _starts, evaluate, probabilities

CPU = torch.device("cpu")


@pytest.fixture
def eye(network: Network) -> Network:
    return network.eval()


def images(height: int = 20, width: int = 26) -> Tensor:
    return torch.randn(2, 3, height, width, generator=torch.Generator().manual_seed(0))


def whole(network: Network, x: Tensor) -> Tensor:
    with torch.no_grad():
        return network(x).softmax(1)


@pytest.mark.parametrize("window", [None, (20, 26), (33, 40)])
def test_one_window_is_the_whole_image(eye: Network, window: tuple[int, int] | None) -> None:
    x = images()
    found = probabilities(eye, x, Looking(window=window))
    torch.testing.assert_close(found, whole(eye, x))
    torch.testing.assert_close(found.sum(1), torch.ones(2, 20, 26))


def test_windows_are_averaged_where_they_overlap(eye: Network) -> None:
    x = images(8, 12)
    found = probabilities(eye, x, Looking(window=(8, 8), stride=(8, 3)))
    # windows begin at 0, 3 and, to end with the image, at 4
    total, times = torch.zeros(2, 8, 8, 12), torch.zeros(12)
    for start in (0, 3, 4):
        total[..., start : start + 8] += whole(eye, x[..., start : start + 8])
        times[start : start + 8] += 1
    torch.testing.assert_close(found, total / times)


@pytest.mark.parametrize(("length", "side", "stride"), [(10, 4, 3), (10, 10, 3), (11, 4, 2), (9, 1, 4)])
def test_windows_cover_an_axis_and_end_with_it(length: int, side: int, stride: int) -> None:
    starts = _starts(length, side, stride)
    assert starts[0] == 0
    assert starts[-1] + side == length
    assert all(b - a <= stride for a, b in pairwise(starts))
    assert sorted(set(starts)) == starts


def test_flips_and_scales_are_averaged_over_the_softmax(eye: Network) -> None:
    x = images()
    smaller = F.interpolate(x, (10, 13), mode="bilinear", align_corners=False, antialias=True)
    views = [whole(eye, x), whole(eye, x.flip(3)).flip(3)]
    for small in (whole(eye, smaller), whole(eye, smaller.flip(3)).flip(3)):
        views.append(F.interpolate(small, (20, 26), mode="bilinear", align_corners=False))
    found = probabilities(eye, x, Looking(flip=True, scales=(1.0, 0.5)))
    torch.testing.assert_close(found, torch.stack(views).mean(0))
    mirrored = probabilities(eye, x.flip(3), Looking(flip=True))
    torch.testing.assert_close(mirrored, probabilities(eye, x, Looking(flip=True)).flip(3))


class Red(nn.Module):
    """Scores that say: class 0 where red is below 0, else class 1; of pixels, or of the whole image."""

    def __init__(self, whole: bool = False) -> None:
        super().__init__()
        self.whole = whole

    def forward(self, x: Tensor) -> Tensor:
        red = x[:, :1].mean((2, 3), keepdim=True) if self.whole else x[:, :1]
        return torch.cat([-red, red, torch.full_like(red, -100.0)], 1)


def measured(network: Any, given: Given, how: Looking | None = None) -> Any:
    data = DataSettings(name="shapes", crop=None)
    return evaluate(network, given, range(len(given)), data, how or Looking(), CPU, 2)


def test_figures_and_confusion_by_hand() -> None:
    red = torch.tensor([[[0, 255, 255, 0]], [[255, 255, 0, 0]]], dtype=torch.uint8)
    # said:   0 1 1 0 and 1 1 0 0; labels:
    labels = torch.tensor([[[0, 1, 0, VOID]], [[1, 1, 1, 2]]], dtype=torch.uint8)
    given = Given(red[:, None].repeat(1, 3, 1, 1), labels, card_of(3))
    report = measured(Red(), given)
    assert report.confusion == [[1, 1, 0], [1, 3, 0], [1, 0, 0]]
    # right over labelled or said: row + column - right
    assert report.per_class == pytest.approx([1 / 4, 3 / 5, 0])
    assert report.figures["miou"] == pytest.approx((1 / 4 + 3 / 5) / 3)
    assert report.figures["pixel_accuracy"] == pytest.approx(4 / 7)
    assert report.figures["most_frequent_miou"] == pytest.approx(4 / 7 / 3)
    assert report.data()["images"] == 2


def test_accuracy_where_images_have_a_label() -> None:
    card = evolve(card_of(3), task="classification")
    bright = torch.tensor([0, 255, 255, 0], dtype=torch.uint8)[:, None, None, None].repeat(1, 3, 4, 5)
    given = Given(bright, torch.tensor([0, 1, 0, 2], dtype=torch.uint8), card)
    report = measured(Red(whole=True), given, Looking(flip=True, scales=(1.0, 2.0)))
    assert report.confusion == [[1, 1, 0], [0, 1, 0], [1, 0, 0]]
    assert report.figures["accuracy"] == pytest.approx(0.5)
    assert report.per_class == pytest.approx([0.5, 1.0, 0.0])


def test_scores_of_another_size_are_refused() -> None:
    class Half(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x[..., ::2, ::2]

    with pytest.raises(HnasError, match="E0708"):
        probabilities(Half(), images(), Looking())  # type: ignore[arg-type]
