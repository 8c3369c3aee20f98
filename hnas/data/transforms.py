"""What is done to an image and its labels, always to both together.

Plain compositions of torch's own interpolate, pad and flip: augmentation libraries draw from global
random state and pad labels with class 0, where a private generator and void are needed.
"""

import math

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - torch's own short name

from hnas.schema.datasets import DatasetCard
from hnas.schema.settings import DataSettings

_VOID = 255
_NARROWEST = 1
"""A scaled image keeps at least one pixel."""


def train_sample(
    image: Tensor, label: Tensor, settings: DataSettings, card: DatasetCard, rng: np.random.Generator
) -> tuple[Tensor, Tensor]:
    """Resized, randomly scaled, cropped and mirrored.

    What padding adds to reach the crop is void in the labels, the mean colour (0) in the image.

    Args:
        image: uint8 (3, H, W).
        label: uint8 (H, W).
        settings: The block data.
        card: The data set's, for mean and deviation.
        rng: The only source of randomness; always drawn from in the same order.

    Returns:
        Image, float (3, h, w), and labels, long (h, w).
    """
    low, high = settings.scale
    # uniform in the logarithm: halving is as likely as doubling
    scale = math.exp(rng.uniform(math.log(low), math.log(high)))
    top, left, mirrored = rng.random(), rng.random(), rng.random() < 0.5
    height, width = settings.resize if settings.resize is not None else image.shape[1:]
    size = (max(_NARROWEST, round(height * scale)), max(_NARROWEST, round(width * scale)))
    crop = settings.crop if settings.crop is not None else (height, width)

    x, y = _window(image, label, size, crop, (top, left))
    x = normalise(x, card)
    missing = (crop[0] - x.shape[1], crop[1] - x.shape[2])
    if max(missing) > 0:
        above, before = int(top * (missing[0] + 1)), int(left * (missing[1] + 1))
        sides = (before, missing[1] - before, above, missing[0] - above)
        x, y = F.pad(x, sides), F.pad(y, sides, value=_VOID)
    if settings.flip and mirrored:
        x, y = x.flip(2), y.flip(1)
    return x.contiguous(), y.long().contiguous()


def _window(
    image: Tensor, label: Tensor, size: tuple[int, int], crop: tuple[int, int], at: tuple[float, float]
) -> tuple[Tensor, Tensor]:
    """The image resized to `size`, then the window of at most `crop` at the fractions `at`."""
    x, y = resize(image, label, size)
    height, width = min(crop[0], size[0]), min(crop[1], size[1])
    top, left = int(at[0] * (size[0] - height + 1)), int(at[1] * (size[1] - width + 1))
    return x[:, top : top + height, left : left + width], y[top : top + height, left : left + width]


def evaluate_sample(
    image: Tensor, label: Tensor, settings: DataSettings, card: DatasetCard
) -> tuple[Tensor, Tensor]:
    """The whole image, resized if the block data says so: float (3, H, W) and long (H, W)."""
    if settings.resize is not None:
        image, label = resize(image, label, settings.resize)
    return normalise(image, card), label.long()


def resize(image: Tensor, label: Tensor, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Both at `size`: the image bilinear, smoothed where it shrinks; labels by the nearest pixel."""
    if tuple(image.shape[1:]) == size:
        return image, label
    # antialias changes nothing where the image grows, but that kernel gives the same bits on any number
    # of threads, and workers run on one
    x = F.interpolate(image[None].float(), size, mode="bilinear", align_corners=False, antialias=True)[0]
    y = F.interpolate(label[None, None], size, mode="nearest-exact")[0, 0]
    return x, y


def normalise(image: Tensor, card: DatasetCard) -> Tensor:
    """Values of 0..255 to zero mean and unit deviation of the data set."""
    mean = torch.tensor(card.mean)[:, None, None] * 255
    deviation = torch.tensor(card.deviation)[:, None, None] * 255
    return (image.float() - mean) / deviation
