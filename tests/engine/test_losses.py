"""Cross entropy of pixels, lines, volumes and whole images."""

import math
from collections.abc import Callable

import pytest
import torch

from hnas.data.base import VOID
from hnas.diag import Diagnostic
from hnas.engine.losses import cross_entropy

Refused = Callable[[Callable[[], object]], Diagnostic]


@pytest.mark.parametrize("axes", [(7,), (5, 4), (3, 4, 2)])
def test_the_mean_over_what_is_labelled(axes: tuple[int, ...]) -> None:
    generator = torch.Generator().manual_seed(0)
    scores = torch.randn(2, 3, *axes, generator=generator)
    labels = torch.randint(3, (2, *axes), generator=generator)
    labels[0] = VOID
    labels[1].view(-1)[0] = VOID
    terms = [
        -float(scores[1].flatten(1)[:, at].log_softmax(0)[label])
        for at, label in enumerate(labels[1].flatten().tolist())
        if label != VOID
    ]
    assert float(cross_entropy(scores, labels)) == pytest.approx(sum(terms) / len(terms), rel=1e-5)
    assert len(terms) == math.prod(axes) - 1


@pytest.mark.parametrize("axes", [(), (1,), (1, 1), (1, 1, 1)])
def test_a_label_for_the_whole_image(axes: tuple[int, ...]) -> None:
    scores = torch.tensor([[2.0, 0.0], [0.0, 1.0], [9.0, 0.0]]).reshape(3, 2, *axes)
    labels = torch.tensor([0, 0, VOID])
    expected = (math.log(1 + math.exp(-2)) + math.log(1 + math.e)) / 2
    assert float(cross_entropy(scores, labels)) == pytest.approx(expected)
    assert float(cross_entropy(scores, torch.full((3,), VOID))) == 0


def test_halves_are_summed_as_floats_and_doubles_stay() -> None:
    labels = torch.zeros(2, dtype=torch.long)
    assert cross_entropy(torch.randn(2, 3).bfloat16(), labels).dtype == torch.float32
    assert cross_entropy(torch.randn(2, 3).double(), labels).dtype == torch.float64


@pytest.mark.parametrize(
    ("scores", "labels", "said"),
    [
        ((2, 3, 8, 8), (2,), "scores of 8 x 8, the labels are one for the whole image"),
        ((2, 3, 8, 8), (2, 33, 33), "scores of 8 x 8, the labels are 33 x 33"),
        ((2, 3, 1, 1), (2, 33, 33), "scores of 1 x 1, the labels are 33 x 33"),
        ((2, 3), (2, 33, 33), "scores of one for the whole image, the labels are 33 x 33"),
    ],
)
def test_sizes_that_do_not_fit_are_named(
    scores: tuple[int, ...], labels: tuple[int, ...], said: str, refused: Refused
) -> None:
    diagnostic = refused(lambda: cross_entropy(torch.zeros(scores), torch.zeros(labels, dtype=torch.long)))
    assert diagnostic.code == "E0708"
    assert said in diagnostic.message
    assert "global_pool" in diagnostic.help_text
