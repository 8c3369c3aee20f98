from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from hnas.diag import Diagnostic
from hnas.engine.metrics import Headline, SegmentationMetrics, metrics_for

Refused = Callable[[Callable[[], object]], Diagnostic]
VOID = 255


def scores(predicted: Tensor, classes: int) -> Tensor:
    """Scores (N, classes, H, W) that are highest at `predicted` (N, H, W)."""
    return torch.nn.functional.one_hot(predicted, classes).permute(0, 3, 1, 2).float() * 3 - 1


def metrics(*batches: tuple[list[int], list[int]], classes: int = 4) -> SegmentationMetrics:
    """Batches of one row of pixels: labels, and what is predicted for them."""
    found = SegmentationMetrics(classes, VOID)
    for labels, predicted in batches:
        found.update(scores(torch.tensor([[predicted]]), classes), torch.tensor([[labels]]))
    return found


def by_hand(labels: list[int], predicted: list[int], classes: int) -> list[float | None]:
    """IoU of each class: pixels of both, over pixels of either, void left out."""
    pairs = [(a, b) for a, b in zip(labels, predicted, strict=True) if a != VOID]
    found: list[float | None] = []
    for c in range(classes):
        either = sum(c in pair for pair in pairs)
        found.append(sum(pair == (c, c) for pair in pairs) / either if either else None)
    return found


# --- SegmentationMetrics ---------------------------------------------------------------------------


def test_one_matrix_over_all_batches_not_the_mean_of_images() -> None:
    # image 1: class 0 half right; image 2: one pixel of class 0, wrong
    found = metrics(([0, 0, 0, 0], [0, 0, 1, 1]), ([0, 1, 1, 1], [1, 1, 1, 1]), classes=2)
    # class 0: 2 of 5 pixels; class 1: 3 right, 3 others predicted so
    assert found.per_class() == pytest.approx([2 / 5, 3 / 6])
    assert found.miou == pytest.approx((2 / 5 + 3 / 6) / 2)
    assert found.pixel_accuracy == pytest.approx(5 / 8)
    mean_of_images = ((2 / 4 + 0 / 2) / 2 + (0 / 1 + 3 / 4) / 2) / 2
    assert found.miou != pytest.approx(mean_of_images, abs=0.05)


def test_how_pixels_are_dealt_to_batches_changes_nothing() -> None:
    labels, predicted = [0, 1, 2, 2, 1, VOID, 0, 0], [0, 1, 1, 2, 2, 3, 0, 1]
    whole = metrics((labels, predicted))
    parts = metrics((labels[:3], predicted[:3]), (labels[3:], predicted[3:]))
    assert whole.summary() == parts.summary()
    assert whole.per_class() == parts.per_class()


def test_random_pixels_against_the_definition() -> None:
    generator = torch.Generator().manual_seed(5)
    labels = torch.randint(0, 6, (3, 8, 9), generator=generator)
    labels[torch.rand(labels.shape, generator=generator) < 0.2] = VOID
    predicted = torch.randint(0, 6, labels.shape, generator=generator)
    found = SegmentationMetrics(6, VOID)
    for image in range(3):
        found.update(scores(predicted[image : image + 1], 6), labels[image : image + 1])
    expected = by_hand(labels.flatten().tolist(), predicted.flatten().tolist(), 6)
    assert found.per_class() == pytest.approx(expected)
    assert found.miou == pytest.approx(sum(v for v in expected if v is not None) / 6)


def test_void_does_not_count_whatever_is_predicted_there() -> None:
    found = metrics(([0, 1, VOID, VOID], [0, 1, 0, 3]))
    assert found.per_class() == [1.0, 1.0, None, None]
    assert (found.miou, found.pixel_accuracy) == (1.0, 1.0)


def test_classes_that_do_not_occur_are_left_out_those_only_predicted_count_as_wrong() -> None:
    assert metrics(([0, 0], [0, 0])).miou == 1.0
    found = metrics(([0, 0], [0, 3]))
    assert found.per_class() == [0.5, None, None, 0.0]
    assert found.miou == 0.25


def test_always_predicting_the_most_frequent_class() -> None:
    labels = [0, 1, 1, 1, 3, VOID, VOID, VOID, VOID]
    found = metrics((labels[:4], [2, 2, 2, 2]), (labels[4:], [0, 0, 0, 0, 0]))
    always = metrics((labels, [1] * len(labels)))
    assert found.most_frequent_miou == pytest.approx(always.miou)
    assert found.most_frequent_miou == pytest.approx((3 / 5) / 3)


def test_without_a_pixel_all_figures_are_zero() -> None:
    for empty in (metrics(), metrics(([VOID, VOID], [0, 1]))):
        assert empty.per_class() == [None] * 4
        assert empty.summary() == {"miou": 0.0, "most_frequent_miou": 0.0, "pixel_accuracy": 0.0}


def test_asking_between_batches_changes_nothing() -> None:
    batches = (([0, 1, 2], [0, 1, 1]), ([2, 2, 0], [2, 1, 0]))
    asked = SegmentationMetrics(4, VOID)
    for labels, predicted in batches:
        asked.update(scores(torch.tensor([[predicted]]), 4), torch.tensor([[labels]]))
        asked.summary()
    assert asked.per_class() == metrics(*batches).per_class()


def test_figures_are_floats_that_json_can_write() -> None:
    summary = metrics(([0, 1, 2], [0, 1, 1])).summary()
    assert {type(value) for value in summary.values()} == {float}


def test_accuracy_counts_every_image_once() -> None:
    measured = metrics_for("classification", 4)
    labels, predicted = [0, 0, 0, 1, 2, VOID], [0, 1, 0, 1, 3, 3]
    for start in (0, 2, 4):  # batches of two
        part = slice(start, start + 2)
        shape = (2, 4, 1, 1) if start else (2, 4)
        given = torch.nn.functional.one_hot(torch.tensor(predicted[part]), 4).float().reshape(shape)
        measured.update(given, torch.tensor(labels[part]))
    assert measured.summary() == pytest.approx({"accuracy": 3 / 5, "most_frequent_accuracy": 3 / 5})


def test_top_5_asks_whether_the_true_class_is_among_five() -> None:
    measured = metrics_for("classification", 7)
    ranks = [0, 4, 5, 6]  # how many classes score higher than the true one, of each image
    measured.update(torch.stack([_ranked(6, rank, 7) for rank in ranks]), torch.tensor([6] * 4))
    assert measured.summary()["accuracy"] == pytest.approx(1 / 4)
    assert measured.summary()["top5_accuracy"] == pytest.approx(2 / 4)


def _ranked(true: int, rank: int, classes: int) -> Tensor:
    """Scores of an image where `rank` classes are above the true one."""
    order = [c for c in range(classes) if c != true]
    order.insert(rank, true)
    found = torch.empty(classes)
    found[torch.tensor(order)] = torch.arange(classes, 0, -1).float()
    return found


def test_accuracy_of_nothing_is_zero() -> None:
    assert metrics_for("classification", 3).summary() == {"accuracy": 0.0, "most_frequent_accuracy": 0.0}


def test_lines_and_volumes_are_measured_like_images() -> None:
    flat = metrics_for("segmentation", 3)
    deep = metrics_for("segmentation", 3)
    generator = torch.Generator().manual_seed(0)
    found, labels = torch.randn(2, 3, 8, generator=generator), torch.randint(3, (2, 8), generator=generator)
    flat.update(found, labels)
    deep.update(found.reshape(2, 3, 2, 2, 2), labels.reshape(2, 2, 2, 2))
    assert flat.summary() == deep.summary()
    assert flat.summary()["pixel_accuracy"] == pytest.approx(
        float((found.argmax(1) == labels).float().mean())
    )


def test_the_figure_a_task_is_judged_by() -> None:
    assert Headline.of({}) is None
    assert Headline.of({"accuracy": 0.5, "most_frequent_accuracy": 0.1}) == Headline("accuracy", 0.5, 0.1)
    found = Headline.of({"miou": 0.5, "most_frequent_miou": 0.1, "pixel_accuracy": 0.9})
    assert found == Headline("mIoU", 0.5, 0.1)
