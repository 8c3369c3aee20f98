"""`augment`: every transform by itself, in its order, for labels of pixels and of whole images."""

import numpy as np
import pytest
import torch
from torch import Tensor

from hnas.data.base import VOID
from hnas.data.transforms import normalise, train_sample
from hnas.schema.datasets import SHAPES
from hnas.schema.settings import Crop, Cutout, DataSettings, Flip, Pad, Scale, Transform

BLACK = normalise(torch.zeros(3, 1, 1), SHAPES)


def drawn(seed: int, *transforms: Transform, size: tuple[int, int] = (20, 24)) -> tuple[Tensor, ...]:
    """Image and labels before (normalised, long), and after."""
    generator = torch.Generator().manual_seed(7)
    image = torch.randint(256, (3, *size), generator=generator, dtype=torch.uint8)
    label = torch.randint(8, size, generator=generator, dtype=torch.uint8)
    settings = DataSettings("shapes", crop=None, scale=(1, 1), flip=False, augment=transforms)
    x, y = train_sample(image, label, settings, SHAPES, np.random.default_rng(seed))
    assert (x.dtype, y.dtype) == (torch.float32, torch.int64)
    return normalise(image, SHAPES), label.long(), x, y


@pytest.mark.parametrize(("fill", "colour"), [("black", BLACK), ("mean", torch.zeros(3, 1, 1))])
def test_pad_adds_void_of_its_colour_on_every_side(fill: str, colour: Tensor) -> None:
    image, label, x, y = drawn(0, Pad(3, fill))  # type: ignore[arg-type]
    assert (x.shape, y.shape) == ((3, 26, 30), (26, 30))
    assert torch.equal(x[:, 3:-3, 3:-3], image)
    assert torch.equal(y[3:-3, 3:-3], label)
    around = torch.ones(26, 30, dtype=torch.bool)
    around[3:-3, 3:-3] = False
    assert (y[around] == VOID).all()
    assert torch.equal(x[:, around], colour[:, 0].expand(3, int(around.sum())))


def test_crop_takes_every_window_there_is_alike() -> None:
    counts: dict[tuple[int, int], int] = {}
    for seed in range(400):
        image, label, x, y = drawn(seed, Crop((19, 22)))
        places = [
            (t, s)
            for t in range(2)
            for s in range(3)
            if torch.equal(x, image[:, t : t + 19, s : s + 22])
            and torch.equal(y, label[t : t + 19, s : s + 22])
        ]
        assert len(places) == 1
        counts[places[0]] = counts.get(places[0], 0) + 1
    assert len(counts) == 6
    assert min(counts.values()) > 40


def test_crop_fills_up_what_is_too_small() -> None:
    image, label, x, y = drawn(1, Crop((30, 10)))
    assert (x.shape, y.shape) == ((3, 30, 10), (30, 10))
    rows = (y != VOID).all(1).nonzero()[:, 0]
    assert len(rows) == 20
    top = int(rows[0])
    window = x[:, top : top + 20]
    left = next(s for s in range(15) if torch.equal(window, image[:, :, s : s + 10]))
    assert torch.equal(y[top : top + 20], label[:, left : left + 10])
    assert not x[:, y == VOID].any()


def test_flip_mirrors_about_one_in_two() -> None:
    mirrored = 0
    for seed in range(200):
        image, label, x, y = drawn(seed, Flip())
        flipped = torch.equal(y, label.flip(1))
        mirrored += flipped
        assert torch.equal(x, image.flip(2) if flipped else image)
        assert flipped or torch.equal(y, label)
    assert 75 <= mirrored <= 125


def test_cutout_blanks_a_square_of_the_image_alone() -> None:
    areas: list[int] = []
    for seed in range(300):
        image, label, x, y = drawn(seed, Cutout(6))
        assert torch.equal(y, label)
        cut = (x != image).any(0)
        assert not x[:, cut].any()
        (top, left), (bottom, right) = cut.nonzero().min(0).values, cut.nonzero().max(0).values
        height, width = int(bottom - top) + 1, int(right - left) + 1
        assert int(cut.sum()) == height * width
        areas.append(height * width)
        assert 3 <= height <= 6
        assert 3 <= width <= 6
    # a centre is inside by 3 with 15 / 20 * 19 / 24 of all: those squares are whole
    assert max(areas) == 36
    assert sum(area == 36 for area in areas) / 300 == pytest.approx(15 / 20 * 19 / 24, abs=0.09)


def test_scale_lies_within_its_range_halves_as_often_as_doubles() -> None:
    heights = [drawn(seed, Scale(0.5, 2.0), size=(64, 80))[3].shape[0] for seed in range(100)]
    assert 32 <= min(heights) < 38
    assert 110 < max(heights) <= 128
    assert 35 <= sum(height < 64 for height in heights) <= 65
    _, label, _, y = drawn(0, Scale(2.0, 2.0))
    assert torch.equal(y, label.repeat_interleave(2, 0).repeat_interleave(2, 1))


def test_the_order_is_that_of_the_list() -> None:
    first = drawn(5, Cutout(6), Pad(4))[2]
    assert torch.equal(first[:, :4], BLACK.expand(3, 4, 32)), "what is padded later is not cut"
    sizes = [drawn(5, *order)[2].shape for order in ((Pad(4), Crop((16, 16))), (Crop((16, 16)), Pad(4)))]
    assert sizes == [(3, 16, 16), (3, 24, 24)]


def test_an_empty_list_leaves_images_as_they_are() -> None:
    image, label, x, y = drawn(5)
    assert torch.equal(x, image)
    assert torch.equal(y, label)


def test_resize_comes_first() -> None:
    image, label = torch.zeros(3, 40, 40, dtype=torch.uint8), torch.zeros(40, 40, dtype=torch.uint8)
    settings = DataSettings("shapes", resize=(20, 20), augment=(Pad(2),))
    x, y = train_sample(image, label, settings, SHAPES, np.random.default_rng(0))
    assert (x.shape, y.shape) == ((3, 24, 24), (24, 24))


def test_the_label_of_a_whole_image_stays() -> None:
    image, label = torch.zeros(3, 32, 32, dtype=torch.uint8), torch.tensor(7, dtype=torch.uint8)
    listed = DataSettings("cifar10", augment=(Scale(0.5, 2), Pad(4), Crop((32, 32)), Flip(), Cutout(16)))
    for settings in (listed, DataSettings("cifar10", crop=(40, 24)), DataSettings("cifar10", resize=(8, 8))):
        for seed in range(5):
            x, y = train_sample(image, label, settings, SHAPES, np.random.default_rng(seed))
            assert (y.shape, int(y), y.dtype) == ((), 7, torch.int64)
            if settings.trained_size((32, 32)) != (8, 8):
                assert x.shape[1:] == settings.trained_size((32, 32))


def test_the_generator_alone_decides() -> None:
    transforms = (Pad(4), Crop((16, 16)), Flip(), Cutout(4), Scale(0.5, 2))
    before = torch.get_rng_state()
    one, two, other = drawn(3, *transforms), drawn(3, *transforms), drawn(4, *transforms)
    assert torch.equal(before, torch.get_rng_state())
    assert torch.equal(one[2], two[2])
    assert torch.equal(one[3], two[3])
    assert one[2].shape != other[2].shape or not torch.equal(one[2], other[2])


@pytest.mark.parametrize(
    ("transforms", "size"),
    [
        ((), (97, 129)),
        ((Pad(4),), (105, 137)),
        ((Pad(4), Crop((32, 16)), Flip()), (32, 16)),
        ((Crop((32, 16)), Pad(1), Cutout(8)), (34, 18)),
    ],
)
def test_the_size_of_what_is_trained_on_is_known_beforehand(
    transforms: tuple[Transform, ...], size: tuple[int, int]
) -> None:
    settings = DataSettings("shapes", augment=transforms)
    assert settings.trained_size((97, 129)) == size
    image, label = torch.zeros(3, 97, 129, dtype=torch.uint8), torch.zeros(97, 129, dtype=torch.uint8)
    x, _ = train_sample(image, label, settings, SHAPES, np.random.default_rng(0))
    assert x.shape[1:] == size
    fixed = any(isinstance(t, Crop) for t in transforms)
    assert settings.trained_size() == (size if fixed else None)
