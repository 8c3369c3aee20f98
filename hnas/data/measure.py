"""What a data set holds, measured by reading all of it: sizes, classes, colours, broken files."""

import math
import os
from collections import Counter, deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import final

import numpy as np
from attrs import define, field, frozen
from numpy.typing import NDArray
from torch import Tensor

from hnas.data.base import VOID, Dataset
from hnas.diag import Diagnostic, HnasError

_AHEAD = 64
"""Images handed to threads before their figures are asked for."""


@final
@frozen
class Figures:
    """Of one image.

    Attributes:
        size: Height and width.
        histogram: Pixels of each class, and of void at the end; of an image with one label, 1 of it.
        sums: Of red, green and blue in 0..1, and of their squares. (2, 3).
    """

    size: tuple[int, int]
    histogram: NDArray[np.int64]
    sums: NDArray[np.float64]


@final
@define
class Measured:
    """What a split, or several together, holds.

    Attributes:
        classes: How many there are, void left aside.
        sizes: Images of each height and width.
        histogram: Labels of each class, and of void at the end.
        images_with: Images each class is in, void too.
        labels_beside: Labels, void left aside, of the images each class is in.
        pixels: Of all images.
        sums: As of `Figures`.
        faults: What could not be read, a diagnostic each.
    """

    classes: int
    sizes: Counter[tuple[int, int]] = field(factory=Counter[tuple[int, int]])
    histogram: NDArray[np.int64] = field(init=False)
    images_with: NDArray[np.int64] = field(init=False)
    labels_beside: NDArray[np.int64] = field(init=False)
    pixels: int = 0
    sums: NDArray[np.float64] = field(factory=lambda: np.zeros((2, 3)))
    faults: list[Diagnostic] = field(factory=list[Diagnostic])

    def __attrs_post_init__(self) -> None:
        for name in ("histogram", "images_with", "labels_beside"):
            setattr(self, name, np.zeros(self.classes + 1, np.int64))

    @property
    def images(self) -> int:
        """Images that could be read."""
        return sum(self.sizes.values())

    def add(self, figures: Figures) -> None:
        """Count an image."""
        self.sizes[figures.size] += 1
        self.histogram += figures.histogram
        there = figures.histogram > 0
        self.images_with += there
        self.labels_beside += there * figures.histogram[:-1].sum()
        self.pixels += figures.size[0] * figures.size[1]
        self.sums += figures.sums

    @property
    def mean(self) -> tuple[float, float, float] | None:
        """Of red, green and blue, in 0..1."""
        return _three(self.sums[0] / self.pixels) if self.pixels else None

    @property
    def deviation(self) -> tuple[float, float, float] | None:
        """Standard deviation of the same, over all pixels."""
        if not self.pixels:
            return None
        squares = self.sums[1] / self.pixels - (self.sums[0] / self.pixels) ** 2
        return _three(np.sqrt(np.maximum(squares, 0)))

    @property
    def void_share(self) -> float:
        """Of all labels."""
        return float(self.histogram[-1] / max(1, self.histogram.sum()))

    def shares(self) -> tuple[float, ...]:
        """Of each class among the labels that are not void."""
        known = self.histogram[:-1]
        return tuple(float(share) for share in known / max(1, known.sum()))

    def median_frequency(self) -> tuple[float | None, ...]:
        """Weights of median frequency balancing (Eigen and Fergus, ICCV 2015); None for a class not seen.

        The frequency of a class is its share of the images it is in; a weight is the median frequency
        of all classes over its own.
        """
        known, beside = self.histogram[:-1], self.labels_beside[:-1]
        if (known > 0).any() and self.histogram.sum() == self.images:  # a label an image
            beside = np.full_like(beside, known.sum())
        frequency = np.divide(known, beside, out=np.zeros(self.classes), where=beside > 0)
        if not (frequency > 0).any():
            return (None,) * self.classes
        median = float(np.median(frequency[frequency > 0]))
        return tuple(median / float(each) if each > 0 else None for each in frequency)

    def inverse_log(self) -> tuple[float, ...]:
        """Weights 1 / ln(1.02 + share), as ENet has them (Paszke et al. 2016): from 1.42 to 50.5."""
        return tuple(1 / math.log(1.02 + share) for share in self.shares())

    def smaller_than(self, height: int, width: int) -> int:
        """Images of which one side at least is less."""
        return sum(number for (h, w), number in self.sizes.items() if h < height or w < width)


def measure(dataset: Dataset, progress: Callable[[int], None], into: Measured) -> None:
    """Read every image and count it; what cannot be read is taken note of.

    Args:
        dataset: A split.
        progress: Told how many images are done, after each.
        into: Gets the figures.
    """
    for done, found in enumerate(_figures(dataset, into.classes), 1):
        if isinstance(found, HnasError):
            into.faults.extend(found.diagnostics)
        else:
            into.add(found)
        progress(done)


def _figures(dataset: Dataset, classes: int) -> Iterator[Figures | HnasError]:
    """Of every image in order; Pillow decodes without Python's lock, so threads help."""

    def figures(index: int) -> Figures | HnasError:
        try:
            return figures_of(*dataset.read(index), classes)
        except HnasError as error:
            return error

    pool, number = ThreadPoolExecutor(min(8, os.cpu_count() or 1)), len(dataset)
    try:
        waiting = deque(pool.submit(figures, index) for index in range(min(_AHEAD, number)))
        for index in range(number):
            yield waiting.popleft().result()
            if index + _AHEAD < number:
                waiting.append(pool.submit(figures, index + _AHEAD))
    finally:
        pool.shutdown(cancel_futures=True)  # Ctrl-C waits for the images that are being read, no more


def figures_of(image: Tensor, label: Tensor, classes: int) -> Figures:
    """The figures of an image, uint8 (3, H, W), and its labels, uint8 (H, W) or ()."""
    counted = np.bincount(label.numpy().ravel(), minlength=VOID + 1).astype(np.int64)
    values = np.arange(256) / 255
    channels = [np.bincount(channel.ravel(), minlength=256) for channel in image.numpy()]
    sums = np.array([[float(c @ values) for c in channels], [float(c @ values**2) for c in channels]])
    height, width = image.shape[1:]
    return Figures((height, width), np.append(counted[:classes], counted[VOID]), sums)


def _three(values: NDArray[np.float64]) -> tuple[float, float, float]:
    red, green, blue = (float(value) for value in values)
    return red, green, blue
