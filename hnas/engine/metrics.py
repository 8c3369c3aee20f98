"""What is measured, and TensorBoard's events."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Protocol, final

import torch
from attrs import frozen
from torch import Tensor
from torchmetrics.classification import (
    MulticlassAccuracy,
    MulticlassConfusionMatrix,
    MulticlassJaccardIndex,
)

from hnas.data.base import VOID
from hnas.engine.files import no_room
from hnas.engine.losses import per_label

_FIVE = 5
"""Guesses that count for top-5."""


@final
class Events:
    """TensorBoard events of a run, opened at the first one."""

    def __init__(self, folder: Path, purge_step: int | None = None) -> None:
        self.folder, self.purge_step = folder, purge_step
        self._writer: Any = None

    def add(self, step: int, values: Mapping[str, float]) -> None:
        """Write scalars by name."""
        if self._writer is None:
            os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
            from torch.utils.tensorboard import SummaryWriter

            self._writer = SummaryWriter(str(self.folder), purge_step=self.purge_step)
        with no_room(self.folder):
            for name, value in values.items():
                self._writer.add_scalar(name, value, step)
            self._writer.flush()

    def close(self) -> None:
        """Close the file."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None


class Metrics(Protocol):
    """What is measured on a whole set, batch by batch."""

    def update(self, scores: Tensor, labels: Tensor) -> None:
        """Count a batch: scores (N, classes, *axes), labels (N, *axes), or (N,)."""
        ...

    def per_class(self) -> list[float | None]:
        """The figure of each class; None for those that do not occur."""
        ...

    def confusion(self) -> list[list[int]]:
        """Labels of the class of the row that were taken for that of the column."""
        ...

    def summary(self) -> dict[str, float]:
        """The figures by name."""
        ...


def metrics_for(
    task: Literal["segmentation", "classification"], classes: int, device: torch.device | str = "cpu"
) -> Metrics:
    """What is measured where labels are for `task`."""
    if task == "classification":
        return ClassificationMetrics(classes, VOID, device)
    return SegmentationMetrics(classes, VOID, device)


@final
@frozen
class Headline:
    """The figure a task is judged by.

    Attributes:
        name: As people call it.
        value: What was reached.
        baseline: What always predicting the most frequent class reaches.
    """

    name: str
    value: float
    baseline: float

    @classmethod
    def of(cls, summary: Mapping[str, float]) -> "Headline | None":
        """The one of a summary; None where nothing was measured."""
        for key, name in (("miou", "mIoU"), ("accuracy", "accuracy")):
            if key in summary:
                return cls(name, summary[key], summary[f"most_frequent_{key}"])
        return None


@final
class ClassificationMetrics:
    """Accuracy on a whole set, each image counting once; void ones do not count.

    Of more than five classes also top-5: the true class is among the five with the highest scores.
    """

    def __init__(self, classes: int, void: int, device: torch.device | str = "cpu") -> None:
        self._five: MulticlassAccuracy | None = None
        if classes > _FIVE:
            self._five = MulticlassAccuracy(classes, _FIVE, "micro", ignore_index=void).to(device)
        self._accuracy = MulticlassAccuracy(classes, average="micro", ignore_index=void).to(device)
        self._matrix = MulticlassConfusionMatrix(classes, ignore_index=void).to(device)

    def update(self, scores: Tensor, labels: Tensor) -> None:
        """Count a batch: scores (N, classes), also with axes of one pixel, labels (N,)."""
        scores = per_label(scores, labels)
        predicted = scores.argmax(1)
        if self._five is not None:
            self._five.update(scores, labels)
        self._accuracy.update(predicted, labels)
        self._matrix.update(predicted, labels)

    @property
    def accuracy(self) -> float:
        """The share of images that are right; 0 where there are none."""
        return self._share(self._accuracy)

    def _share(self, counted: MulticlassAccuracy) -> float:
        return float(counted.compute()) if self._labels().sum() else 0.0

    @property
    def most_frequent_accuracy(self) -> float:
        """What always predicting the set's most frequent class would score."""
        labels = self._labels()
        return float(labels.max() / labels.sum().clamp_min(1))

    def per_class(self) -> list[float | None]:
        """Which part of the images of each class is right; None for those that do not occur."""
        matrix = _counts(self._matrix)
        return [float(row[i] / row.sum()) if row.sum() > 0 else None for i, row in enumerate(matrix)]

    def confusion(self) -> list[list[int]]:
        """Images of the class of the row that were taken for that of the column."""
        return _whole(self._matrix)

    def summary(self) -> dict[str, float]:
        """The figures by name."""
        five = {} if self._five is None else {"top5_accuracy": self._share(self._five)}
        return {"accuracy": self.accuracy, **five, "most_frequent_accuracy": self.most_frequent_accuracy}

    def _labels(self) -> Tensor:
        """Images of each class."""
        return _counts(self._matrix).sum(1)


@final
class SegmentationMetrics:
    """mIoU and pixel accuracy of a whole set, from one confusion matrix; void pixels do not count.

    Classes that neither the labels nor the predictions have are left out of the mean.
    """

    def __init__(self, classes: int, void: int, device: torch.device | str = "cpu") -> None:
        self._void = void
        self._iou = MulticlassJaccardIndex(classes, average=None, ignore_index=void).to(device)
        self._matrix = MulticlassConfusionMatrix(classes, ignore_index=void).to(device)

    def update(self, scores: Tensor, labels: Tensor) -> None:
        """Count a batch: scores (N, classes, *axes), labels (N, *axes)."""
        predicted = per_label(scores, labels).argmax(1)
        self._iou.update(predicted, labels)
        self._matrix.update(predicted, labels)

    def per_class(self) -> list[float | None]:
        """IoU of each class; None for those that do not occur."""
        matrix = self._counts()
        there = (matrix.sum(0) + matrix.sum(1)) > 0
        if not bool(there.any()):
            return [None] * len(matrix)
        values = self._iou.compute().tolist()
        return [float(v) if t else None for v, t in zip(values, there.tolist(), strict=True)]

    @property
    def miou(self) -> float:
        """The mean over the classes that occur; 0 where there is no pixel at all."""
        values = [value for value in self.per_class() if value is not None]
        return sum(values) / len(values) if values else 0.0

    @property
    def pixel_accuracy(self) -> float:
        """The share of pixels that are right."""
        matrix = self._counts()
        return float(matrix.trace() / matrix.sum().clamp_min(1))

    @property
    def most_frequent_miou(self) -> float:
        """What always predicting the set's most frequent class would score."""
        per_class = self._counts().sum(1)  # pixels by true class
        there = int((per_class > 0).sum())
        return float(per_class.max() / per_class.sum().clamp_min(1)) / there if there else 0.0

    def summary(self) -> dict[str, float]:
        """The three figures by name."""
        return {
            "miou": self.miou,
            "most_frequent_miou": self.most_frequent_miou,
            "pixel_accuracy": self.pixel_accuracy,
        }

    def confusion(self) -> list[list[int]]:
        """Pixels of the class of the row that were taken for that of the column."""
        return _whole(self._matrix)

    def _counts(self) -> Tensor:
        return _counts(self._matrix)


def _counts(matrix: MulticlassConfusionMatrix) -> Tensor:
    # confusion matrices do not depend on an update having been made
    return matrix.confmat.double().cpu()  # type: ignore[union-attr]


def _whole(matrix: MulticlassConfusionMatrix) -> list[list[int]]:
    return [[int(value) for value in row] for row in _counts(matrix).tolist()]
