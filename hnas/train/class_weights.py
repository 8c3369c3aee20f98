"""What classes count for in the loss, by how often the training images show them."""

import math
from typing import assert_never, final

import torch
from attrs import frozen
from torch import Tensor

from hnas.data.base import VOID, Dataset
from hnas.schema.settings import ClassWeights, GivenWeights, InverseLog, MedianFrequency


@final
@frozen(eq=False)
class Frequencies:
    """How often classes occur.

    Attributes:
        pixels: Labels of each class, (classes,); where an image has one label, images.
        around: Labels, void left out, of all images that show the class, (classes,).
    """

    pixels: Tensor
    around: Tensor

    @classmethod
    def of(cls, images: Dataset) -> "Frequencies":
        """Those of a data set; every image is read once."""
        classes = len(images.card.classes)
        pixels, around = torch.zeros(classes, dtype=torch.float64), torch.zeros(classes, dtype=torch.float64)
        for index in range(len(images)):
            labels = images.read(index)[1].flatten().long()
            counts = torch.bincount(labels[labels != VOID], minlength=classes).double()
            pixels += counts
            around += counts.sum() * (counts > 0)
        return cls(pixels, around)


def weights_of(how: ClassWeights, frequencies: Frequencies | None) -> tuple[float, ...]:
    """What each class counts for. One that does not occur counts nothing where the median is asked for.

    `median_frequency`: freq(c) is the part of c in the images that show it, and a class counts for the
    median of all freq over its own (Eigen, Fergus, ICCV 2015, Sec. 6.3.2). `inverse_log(c)`: 1 / ln(c +
    p) for the part p of all labels (Paszke et al., ENet, 2016, Sec. 5.2).
    """
    if isinstance(how, GivenWeights):
        return how.weights
    assert frequencies is not None, "all but a list is counted"
    pixels, around = frequencies.pixels, frequencies.around
    match how:
        case MedianFrequency():
            there = pixels > 0
            found = torch.zeros_like(pixels)
            found[there] = pixels[there] / around[there]
            median = found[there].quantile(0.5) if bool(there.any()) else torch.tensor(1.0).double()
            return tuple(float(median / f) if f > 0 else 0.0 for f in found)
        case InverseLog(c):
            parts = pixels / pixels.sum().clamp_min(1)
            return tuple(1 / math.log(c + float(p)) for p in parts)
        case _:
            assert_never(how)
