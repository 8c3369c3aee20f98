"""What a trained network says of images, and how often it is right.

Whole images or sliding windows, at one scale or several, mirrored too: the probabilities of all are
averaged (Chen et al., DeepLab, 2018, and everyone since).
"""

from collections.abc import Iterator, Sequence
from typing import Any, final

import torch
from attrs import frozen
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - torch's own short name

from hnas.data.base import Dataset, evaluation_batches
from hnas.diag import HnasError
from hnas.engine.errors import ScoresDoNotFit
from hnas.engine.metrics import metrics_for
from hnas.runtime.lower import Network
from hnas.schema.settings import DataSettings


@final
@frozen(kw_only=True)
class Looking:
    """How a network looks at an image.

    Attributes:
        flip: Also mirrored left to right.
        scales: At these sizes, as factors.
        window: (height, width) of sliding windows; None: the whole image at once. What is smaller than a
            window is one.
        stride: Pixels from one window to the next, down and across; None: two thirds of a window.
    """

    flip: bool = False
    scales: tuple[float, ...] = (1.0,)
    window: tuple[int, int] | None = None
    stride: tuple[int, int] | None = None


@torch.no_grad()
def probabilities(network: Network, images: Tensor, how: Looking, *, dense: bool = True) -> Tensor:
    """The probability of each class.

    Args:
        network: In evaluation mode.
        images: (N, 3, H, W), normalised.
        how: What is averaged.
        dense: Whether a class is told for each pixel, or one for the image.

    Returns:
        float32 (N, classes, H, W); (N, classes, 1, 1) where it is not dense.

    Raises:
        HnasError: Scores are not of the size of the image.
    """
    total: Tensor | None = None
    views = 0
    for view, flipped in _views(images, how):
        found = _windows(network, view, how) if dense else _softmax(network, view)
        found = found.flip(3) if flipped and dense else found
        if dense and found.shape[2:] != images.shape[2:]:
            found = F.interpolate(found, images.shape[2:], mode="bilinear", align_corners=False)
        total = found if total is None else total + found
        views += 1
    assert total is not None, "there is one scale at least"
    return total / views


def _views(images: Tensor, how: Looking) -> Iterator[tuple[Tensor, bool]]:
    """The images at every scale, and mirrored where that is asked for."""
    height, width = images.shape[2:]
    for scale in how.scales:
        pixels = max(1, round(height * scale)), max(1, round(width * scale))
        view = images
        if pixels != (height, width):
            view = F.interpolate(images, pixels, mode="bilinear", align_corners=False, antialias=True)
        yield view, False
        if how.flip:
            yield view.flip(3), True


def _windows(network: Network, images: Tensor, how: Looking) -> Tensor:
    """The probabilities at every pixel, averaged over the windows that show it."""
    height, width = images.shape[2:]
    window = how.window or (height, width)
    side = min(window[0], height), min(window[1], width)
    stride = how.stride or (max(1, side[0] * 2 // 3), max(1, side[1] * 2 // 3))
    places = [(y, x) for y in _starts(height, side[0], stride[0]) for x in _starts(width, side[1], stride[1])]
    if len(places) == 1:
        return _dense(network, images)
    total: Tensor | None = None
    times = images.new_zeros(height, width)
    for y, x in places:
        rows, columns = slice(y, y + side[0]), slice(x, x + side[1])
        found = _dense(network, images[..., rows, columns])
        if total is None:
            total = found.new_zeros(*found.shape[:2], height, width)
        total[..., rows, columns] += found
        times[rows, columns] += 1
    assert total is not None, "there is one window at least"
    return total / times


def _starts(length: int, side: int, stride: int) -> list[int]:
    """Where windows begin along an axis; the last one ends with the image."""
    return [*range(0, length - side, stride), length - side]


def _dense(network: Network, images: Tensor) -> Tensor:
    found = _softmax(network, images)
    if found.shape[2:] != images.shape[2:]:
        given, wanted = (" x ".join(map(str, x.shape[2:])) for x in (found, images))
        raise HnasError(ScoresDoNotFit(None, scores=given, labels=wanted))
    return found


def _softmax(network: Network, images: Tensor) -> Tensor:
    return network(images).float().softmax(1)


@final
@frozen
class Report:
    """What was measured.

    Attributes:
        images: How many.
        figures: By name: mIoU, pixel accuracy, accuracy, and what the most frequent class reaches.
        per_class: IoU, or accuracy, of each class; None for one that does not occur.
        confusion: How many labels of the class of the row were taken for that of the column.
    """

    images: int
    figures: dict[str, float]
    per_class: list[float | None]
    confusion: list[list[int]]

    def data(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            "images": self.images,
            **self.figures,
            "per_class": self.per_class,
            "confusion": self.confusion,
        }


def evaluate(
    network: Network,
    images: Dataset,
    indices: Sequence[int],
    data: DataSettings,
    how: Looking,
    device: torch.device,
    batch: int,
) -> Report:
    """Measure a network on some images of a set; images of different sizes never share a batch."""
    card = images.card
    dense = card.task == "segmentation"
    metrics = metrics_for(card.task, len(card.classes), device)
    network.eval()
    for each in evaluation_batches(images, indices, data, batch):
        moved = each.to(device)
        metrics.update(probabilities(network, moved.images, how, dense=dense), moved.labels)
    return Report(len(indices), metrics.summary(), metrics.per_class(), metrics.confusion())
