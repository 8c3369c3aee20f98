"""shapes: generated scenes, the data set that is always there.

Sky, ground and water fill large regions; discs and rings are mid-sized; stripes, dots and crosses
are a few pixels wide. Regions can be told by texture over wide areas only, things by their shape, so
both coarse and fine strides matter. A one-pixel rim around things is void, as annotators leave it.
"""

from typing import final

import numpy as np
import torch
from attrs import frozen
from numpy.typing import NDArray
from torch import Tensor

from hnas.schema.datasets import SHAPES, DatasetCard, Split

_SIZE = (97, 129)
_COUNT: dict[Split, int] = {"train": 240, "val": 60, "test": 60}
_VOID = 255
_GROUND, _SKY, _WATER, _DISC, _RING, _STRIPE, _DOT, _CROSS = range(8)

Mask = NDArray[np.bool_]


@final
@frozen
class Shapes:
    """The set; image i of a split is the same everywhere and always."""

    split: Split

    @property
    def card(self) -> DatasetCard:
        """The card."""
        return SHAPES

    def __len__(self) -> int:
        return _COUNT[self.split]

    def name(self, index: int) -> str:
        """`shapes/train/17`."""
        return f"shapes/{self.split}/{index}"

    def read(self, index: int) -> tuple[Tensor, Tensor]:
        """Draw image `index`: uint8 (3, 97, 129) and labels, uint8 (97, 129)."""
        rng = np.random.default_rng([20190424, index, [*_COUNT].index(self.split)])
        image, label = _draw(rng)
        return torch.from_numpy(image.transpose(2, 0, 1).copy()), torch.from_numpy(label)


def _draw(rng: np.random.Generator) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    height, width = _SIZE
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    label = np.full(_SIZE, _GROUND, np.uint8)
    horizon = rng.uniform(0.25, 0.6) * height + 4 * np.sin(columns / rng.uniform(9, 25) + rng.uniform(0, 6))
    label[rows < horizon] = _SKY
    shore = rng.uniform(0.65, 0.95) * height + rng.uniform(-0.3, 0.3) * (columns - width / 2)
    if rng.random() < 0.75:
        label[(rows > shore) & (rows > horizon + 6)] = _WATER

    image = np.empty((*_SIZE, 3), np.float32)
    light = rng.uniform(0.8, 1.2)
    base = {_GROUND: (120, 110, 80), _SKY: (110, 140, 175), _WATER: (95, 115, 130)}
    for region, colour in base.items():
        image[label == region] = np.asarray(colour) * light
    # ground and water differ by the direction of their texture more than by their colour
    ripple = np.sin(rows * 1.6 + rng.uniform(0, 6)) * 14
    furrow = np.sin((columns + 0.3 * rows) * 1.3 + rng.uniform(0, 6)) * 14
    image[label == _WATER] += ripple[label == _WATER, None]
    image[label == _GROUND] += furrow[label == _GROUND, None]

    for _ in range(rng.integers(5, 10)):
        kind = int(rng.choice((_DISC, _RING, _STRIPE, _DOT, _CROSS)))
        shape = _shape(kind, rng, rows, columns)
        label[_grown(shape) & ~shape] = _VOID
        label[shape] = kind
        image[shape] = np.asarray(_colour(kind, rng)) * light
    image += rng.normal(0, 7, image.shape)
    return np.clip(image, 0, 255).astype(np.uint8), label


def _shape(
    kind: int, rng: np.random.Generator, rows: NDArray[np.float32], columns: NDArray[np.float32]
) -> Mask:
    height, width = _SIZE
    y, x = rng.uniform(0, height), rng.uniform(0, width)
    distance = np.hypot(rows - y, columns - x)
    match kind:
        case 3:
            return distance < rng.uniform(8, 18)
        case 4:
            radius = rng.uniform(9, 18)
            return (distance < radius) & (distance > radius * 0.55)
        case 5:
            angle = rng.uniform(0, np.pi)
            across = (rows - y) * np.cos(angle) + (columns - x) * np.sin(angle)
            return np.abs(across) < rng.uniform(1.2, 2.2)
        case 6:
            return distance < rng.uniform(2.2, 3.6)
        case _:
            arm, half = rng.uniform(5, 9), 1.6
            upright = (np.abs(columns - x) < half) & (np.abs(rows - y) < arm)
            return upright | ((np.abs(rows - y) < half) & (np.abs(columns - x) < arm))


def _colour(kind: int, rng: np.random.Generator) -> tuple[float, float, float]:
    """Discs and rings share their colours, so do dots and crosses: shape tells them apart."""
    wobble = rng.uniform(-18, 18, 3)
    colour = {3: (190, 70, 60), 4: (190, 70, 60), 5: (225, 225, 215), 6: (45, 45, 50), 7: (45, 45, 50)}[kind]
    red, green, blue = (float(c + w) for c, w in zip(colour, wobble, strict=True))
    return red, green, blue


def _grown(mask: Mask) -> Mask:
    """The mask and the pixels beside it."""
    grown = mask.copy()
    grown[1:] |= mask[:-1]
    grown[:-1] |= mask[1:]
    grown[:, 1:] |= mask[:, :-1]
    grown[:, :-1] |= mask[:, 1:]
    return grown
