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
from hnas.schema.settings import Crop, Cutout, DataSettings, Flip, Pad, Scale, Transform

_VOID = 255
_NARROWEST = 1
"""A scaled image keeps at least one pixel."""


def train_sample(
    image: Tensor, label: Tensor, settings: DataSettings, card: DatasetCard, rng: np.random.Generator
) -> tuple[Tensor, Tensor]:
    """An image made ready to be trained on: by the list `augment`, or scaled, cropped and mirrored.

    Args:
        image: uint8 (3, H, W).
        label: uint8 (H, W); () where the whole image has one, which nothing done to it changes.
        settings: The block data.
        card: The data set's, for mean and deviation.
        rng: The only source of randomness; always drawn from in the same order.

    Returns:
        Image, float (3, h, w), and labels, long (h, w) or ().
    """
    if settings.augment is None:
        x, y = _in_fixed_order(image, label, settings, card, rng)
    else:
        if settings.resize is not None:
            image, label = resize(image, label, settings.resize)
        x, y = normalise(image, card), label
        for transform in settings.augment:
            x, y = _applied(transform, x, y, card, rng)
    return x.contiguous(), y.long().contiguous()


def _in_fixed_order(
    image: Tensor, label: Tensor, settings: DataSettings, card: DatasetCard, rng: np.random.Generator
) -> tuple[Tensor, Tensor]:
    """Resized, randomly scaled, cropped and mirrored.

    What padding adds to reach the crop is void in the labels, the mean colour (0) in the image.
    """
    scale = _factor(settings.scale, rng)
    at = rng.random(), rng.random()
    mirrored = rng.random() < 0.5
    height, width = settings.resize if settings.resize is not None else image.shape[1:]
    crop = settings.crop if settings.crop is not None else (height, width)

    x, y = resize(image, label, _scaled((height, width), scale))
    x, y = _window(x, y, crop, at)
    x, y = _filled_up(normalise(x, card), y, crop, at)
    return _mirrored(x, y) if settings.flip and mirrored else (x, y)


def _applied(
    transform: Transform, x: Tensor, y: Tensor, card: DatasetCard, rng: np.random.Generator
) -> tuple[Tensor, Tensor]:
    """One element of `augment`, of a normalised image and its labels."""
    match transform:
        case Pad(by, fill):
            black = normalise(torch.zeros(3, 1, 1), card)
            return _padded(x, y, (by, by, by, by), black if fill == "black" else torch.zeros_like(black))
        case Crop(size):
            at = rng.random(), rng.random()
            return _filled_up(*_window(x, y, size, at), size, at)
        case Scale(low, high):
            height, width = x.shape[1:]
            return resize(x, y, _scaled((height, width), _factor((low, high), rng)))
        case Flip():
            return _mirrored(x, y) if rng.random() < 0.5 else (x, y)
        case Cutout(side):
            return _cut_out(x, side, (rng.random(), rng.random())), y


def _factor(bounds: tuple[float, float], rng: np.random.Generator) -> float:
    """A random scale, uniform in the logarithm: halving is as likely as doubling."""
    return math.exp(rng.uniform(math.log(bounds[0]), math.log(bounds[1])))


def _scaled(size: tuple[int, int], scale: float) -> tuple[int, int]:
    return max(_NARROWEST, round(size[0] * scale)), max(_NARROWEST, round(size[1] * scale))


def _window(x: Tensor, y: Tensor, crop: tuple[int, int], at: tuple[float, float]) -> tuple[Tensor, Tensor]:
    """The window of at most `crop` at the fractions `at` of the room there is."""
    size = x.shape[1:]
    height, width = min(crop[0], size[0]), min(crop[1], size[1])
    top, left = int(at[0] * (size[0] - height + 1)), int(at[1] * (size[1] - width + 1))
    rows, columns = slice(top, top + height), slice(left, left + width)
    return x[:, rows, columns], y[rows, columns] if y.ndim else y


def _filled_up(x: Tensor, y: Tensor, crop: tuple[int, int], at: tuple[float, float]) -> tuple[Tensor, Tensor]:
    """Brought to the size of `crop` where it is smaller, by the mean colour around it."""
    missing = [max(0, wanted - there) for wanted, there in zip(crop, x.shape[1:], strict=True)]
    if not any(missing):
        return x, y
    above, before = int(at[0] * (missing[0] + 1)), int(at[1] * (missing[1] + 1))
    return _padded(x, y, (before, missing[1] - before, above, missing[0] - above), torch.zeros(3, 1, 1))


def _padded(x: Tensor, y: Tensor, sides: tuple[int, int, int, int], colour: Tensor) -> tuple[Tensor, Tensor]:
    """Pixels of one colour (3, 1, 1) left, right, above and below; void in the labels."""
    (height, width), (left, right, above, below) = x.shape[1:], sides
    padded = colour.repeat(1, above + height + below, left + width + right)
    padded[:, above : above + height, left : left + width] = x
    return padded, F.pad(y, sides, value=_VOID) if y.ndim else y


def _mirrored(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    return x.flip(2), y.flip(1) if y.ndim else y


def _cut_out(x: Tensor, side: int, at: tuple[float, float]) -> Tensor:
    """The mean colour in a square around any pixel, near the border in a part of it (DeVries 2017)."""
    (height, width), x = x.shape[1:], x.clone()
    top, left = int(at[0] * height) - side // 2, int(at[1] * width) - side // 2
    x[:, max(0, top) : max(0, top + side), max(0, left) : max(0, left + side)] = 0
    return x


def evaluate_sample(
    image: Tensor, label: Tensor, settings: DataSettings, card: DatasetCard
) -> tuple[Tensor, Tensor]:
    """The whole image, resized if the block data says so: float (3, H, W) and long (H, W), or ()."""
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
    y = F.interpolate(label[None, None], size, mode="nearest-exact")[0, 0] if label.ndim else label
    return x, y


def normalise(image: Tensor, card: DatasetCard) -> Tensor:
    """Values of 0..255 to zero mean and unit deviation of the data set."""
    mean = torch.tensor(card.mean)[:, None, None] * 255
    deviation = torch.tensor(card.deviation)[:, None, None] * 255
    return (image.float() - mean) / deviation
