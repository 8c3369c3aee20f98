import random

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn.functional import max_pool2d, pad

from hnas.data.transforms import evaluate_sample, normalise, resize, train_sample
from hnas.schema.datasets import SHAPES, DatasetCard
from hnas.schema.settings import DataSettings

VOID = 255
CLASSES = 8
STEP = 30
"""Between the greys of neighbouring classes."""


def painted(height: int, width: int, cells: int = 4) -> tuple[Tensor, Tensor]:
    """Labels in a pattern without symmetry, and an image whose grey tells the label."""
    rows, columns = np.mgrid[0:height, 0:width]
    label = (rows * cells // height * 3 + columns * cells // width * 5 + (rows > height / 3)) % CLASSES
    image = np.broadcast_to(label * STEP + 10, (3, height, width)).astype(np.uint8)
    return torch.from_numpy(image.copy()), torch.from_numpy(label.astype(np.uint8))


def decoded(x: Tensor, card: DatasetCard = SHAPES) -> Tensor:
    """The label that each pixel of a normalised image tells, as a fraction of classes."""
    mean, deviation = torch.tensor(card.mean), torch.tensor(card.deviation)
    grey = (x * deviation[:, None, None] + mean[:, None, None]) * 255
    return (grey - 10).mean(0) / STEP


def inside(label: Tensor, margin: int = 3) -> Tensor:
    """Where all pixels within `margin` have the same label and none is padding."""
    padded = pad(label[None].float(), (margin,) * 4, value=-1)
    window = 2 * margin + 1
    highest, lowest = max_pool2d(padded, window, 1)[0], -max_pool2d(-padded, window, 1)[0]
    return (highest == lowest) & (label != VOID)


def settings(
    crop: tuple[int, int] | None = (48, 40),
    scale: tuple[float, float] = (0.5, 2.0),
    flip: bool = True,
    resize: tuple[int, int] | None = None,
) -> DataSettings:
    return DataSettings("shapes", resize=resize, crop=crop, scale=scale, flip=flip)


def rng(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.mark.parametrize("size", [None, (64, 100), (128, 150)])
def test_image_and_labels_are_transformed_together(size: tuple[int, int] | None) -> None:
    image, label = painted(96, 80)
    compared = 0
    for seed in range(40):
        x, y = train_sample(image, label, settings(resize=size), SHAPES, rng(seed))
        assert (x.shape, y.shape) == ((3, 48, 40), (48, 40))
        assert (x.dtype, y.dtype) == (torch.float32, torch.int64)
        away = inside(y)
        compared += int(away.sum())
        assert (decoded(x) - y)[away].abs().max() < 0.1
    assert compared > 40 * 48 * 40 / 10


def test_samples_differ_in_place_scale_and_side() -> None:
    image, label = painted(96, 80)
    drawn = [train_sample(image, label, settings(), SHAPES, rng(seed))[1] for seed in range(10)]
    assert len({y.numpy().tobytes() for y in drawn}) == 10


def test_what_padding_adds_is_void_and_of_the_mean_colour() -> None:
    image, label = painted(20, 24)
    corners = set()
    for seed in range(30):
        x, y = train_sample(image, label, settings((32, 48), (1, 1), False), SHAPES, rng(seed))
        there = (y != VOID).nonzero()
        (top, left), (bottom, right) = there.min(0).values.tolist(), there.max(0).values.tolist()
        assert (bottom - top + 1, right - left + 1) == (20, 24)
        assert torch.equal(y[top : bottom + 1, left : right + 1], label.long())
        assert torch.equal(x[:, top : bottom + 1, left : right + 1], normalise(image, SHAPES))
        assert int((y == VOID).sum()) == 32 * 48 - 20 * 24
        assert not x[:, y == VOID].any()
        corners.add((top, left))
    assert len(corners) > 10


def test_only_the_side_that_is_too_small_is_padded() -> None:
    image, label = painted(20, 80)
    for seed in range(10):
        _, y = train_sample(image, label, settings((32, 40), (1, 1), False), SHAPES, rng(seed))
        whole_rows = (y != VOID).all(1)
        assert int(whole_rows.sum()) == 20
        assert (y[~whole_rows] == VOID).all()


def test_a_void_label_stays_void() -> None:
    image, label = painted(40, 40)
    label[:] = VOID
    assert (train_sample(image, label, settings(), SHAPES, rng(0))[1] == VOID).all()


def test_labels_are_never_blended() -> None:
    image, label = painted(96, 80)
    label[label > 0] = 7
    for seed in range(20):
        assert set(train_sample(image, label, settings(), SHAPES, rng(seed))[1].unique().tolist()) <= {
            0,
            7,
            VOID,
        }


def test_without_flip_and_scale_a_crop_is_a_window_of_the_image() -> None:
    image, label = painted(30, 30, 15)
    image += torch.arange(30, dtype=torch.uint8)
    expected = normalise(image, SHAPES)
    places = set()
    for seed in range(60):
        x, y = train_sample(image, label, settings((28, 28), (1, 1), False), SHAPES, rng(seed))
        at = [
            (t, s) for t in range(3) for s in range(3) if torch.equal(x, expected[:, t : t + 28, s : s + 28])
        ]
        assert len(at) == 1
        top, left = at[0]
        assert torch.equal(y, label[top : top + 28, left : left + 28].long())
        places.add((top, left))
    assert places == {(t, s) for t in range(3) for s in range(3)}


def test_scale_one_without_crop_and_flip_is_the_identity() -> None:
    image, label = painted(33, 47)
    x, y = train_sample(image, label, settings(None, (1, 1), False), SHAPES, rng(5))
    assert torch.equal(x, normalise(image, SHAPES))
    assert torch.equal(y, label.long())


def test_flip_mirrors_about_half_of_the_samples_left_to_right() -> None:
    image, label = painted(20, 20)
    mirrored = 0
    for seed in range(100):
        x, y = train_sample(image, label, settings(None, (1, 1), True), SHAPES, rng(seed))
        flipped = not torch.equal(y, label.long())
        mirrored += flipped
        assert torch.equal(y, label.long().flip(1) if flipped else label.long())
        assert torch.equal(x, normalise(image.flip(2) if flipped else image, SHAPES))
    assert 30 <= mirrored <= 70


def test_flip_false_changes_nothing_else() -> None:
    image, label = painted(96, 80)
    for seed in range(10):
        with_flip = train_sample(image, label, settings(flip=True), SHAPES, rng(seed))
        without = train_sample(image, label, settings(flip=False), SHAPES, rng(seed))
        assert torch.equal(with_flip[1], without[1]) or torch.equal(with_flip[1], without[1].flip(1))
        assert torch.equal(with_flip[0], without[0]) or torch.equal(with_flip[0], without[0].flip(2))


def test_scales_lie_within_the_range_halves_as_often_as_doubles() -> None:
    image, label = painted(64, 64)
    label[:] = 1
    # in a crop no image fills, the labelled pixels are the scaled image
    areas = [
        int((train_sample(image, label, settings((200, 200)), SHAPES, rng(seed))[1] == 1).sum())
        for seed in range(100)
    ]
    scales = [area**0.5 / 64 for area in areas]
    assert 0.5 <= min(scales) < 0.6
    assert 1.7 < max(scales) <= 2
    assert 35 <= sum(scale < 1 for scale in scales) <= 65


def test_the_generator_alone_decides() -> None:
    image, label = painted(96, 80)
    torch.manual_seed(1)
    first = train_sample(image, label, settings(), SHAPES, rng(9))
    torch.manual_seed(2)
    again = train_sample(image, label, settings(), SHAPES, rng(9))
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))


def test_as_much_is_drawn_whatever_the_settings_are() -> None:
    image, label = painted(30, 40)
    left = set()
    for chosen in (settings(), settings(None, (1, 1), False), settings((64, 64), resize=(20, 20))):
        generator = rng(4)
        train_sample(image, label, chosen, SHAPES, generator)
        left.add(generator.random())
    assert len(left) == 1


def test_no_global_random_state_and_no_argument_is_touched() -> None:
    image, label = painted(96, 80)
    kept = image.clone(), label.clone()
    before = random.getstate(), np.random.get_state()[1].copy(), torch.get_rng_state()
    for seed in range(5):
        train_sample(image, label, settings(), SHAPES, rng(seed))
    assert random.getstate() == before[0]
    assert np.array_equal(np.random.get_state()[1], before[1])
    assert torch.equal(torch.get_rng_state(), before[2])
    assert torch.equal(image, kept[0])
    assert torch.equal(label, kept[1])


@pytest.mark.parametrize(
    ("size", "shape"), [(None, (33, 47)), ((20, 30), (20, 30)), ((50, 60), (50, 60)), ((33, 20), (33, 20))]
)
def test_evaluation_takes_the_whole_image(size: tuple[int, int] | None, shape: tuple[int, int]) -> None:
    image, label = painted(33, 47, 2)
    x, y = evaluate_sample(image, label, settings(resize=size), SHAPES)
    assert (x.shape, y.shape) == ((3, *shape), shape)
    assert (x.dtype, y.dtype) == (torch.float32, torch.int64)
    assert (decoded(x) - y)[inside(y)].abs().max() < 0.1
    if size is None:
        assert torch.equal(x, normalise(image, SHAPES))
        assert torch.equal(y, label.long())


def test_resize_by_two_repeats_labels_and_halving_takes_means() -> None:
    label = torch.arange(6, dtype=torch.uint8).reshape(2, 3)
    image = torch.arange(0, 48, 2, dtype=torch.uint8).reshape(1, 4, 6).expand(3, 4, 6).contiguous()
    _, doubled = resize(torch.zeros(3, 2, 3), label, (4, 6))
    assert torch.equal(doubled, label.repeat_interleave(2, 0).repeat_interleave(2, 1))
    constant, _ = resize(torch.full((3, 8, 8), 40.0), torch.zeros(8, 8, dtype=torch.uint8), (4, 4))
    assert torch.allclose(constant, torch.full((3, 4, 4), 40.0))
    halved, _ = resize(image, torch.zeros(4, 6, dtype=torch.uint8), (2, 3))
    assert halved.float().mean().item() == pytest.approx(image.float().mean().item())


def test_shrinking_takes_the_label_in_the_middle_and_smooths_the_image() -> None:
    image = torch.tensor([0, 0, 0, 200], dtype=torch.uint8).repeat(5).expand(3, 3, 20)
    label = torch.arange(60, dtype=torch.uint8).reshape(3, 20) % 5
    x, y = resize(image, label, (1, 5))
    # without smoothing, stripes of one pixel in four would be missed
    assert ((x[:, :, 1:4] - 50).abs() < 15).all()
    assert torch.equal(y, label[1:2, 2::4])


def test_normalised_values_have_the_cards_mean_at_zero() -> None:
    mean = torch.tensor(SHAPES.mean)[:, None, None] * 255
    deviation = torch.tensor(SHAPES.deviation)[:, None, None] * 255
    x = normalise((mean + deviation).expand(3, 2, 2), SHAPES)
    assert torch.allclose(x, torch.ones(3, 2, 2))


@pytest.mark.parametrize("scale", [(0.6, 0.6), (1.7, 1.7)])
def test_the_number_of_threads_changes_no_bit(scale: tuple[float, float]) -> None:
    image, label = painted(97, 129)
    image += torch.arange(129, dtype=torch.uint8)
    before, drawn = torch.get_num_threads(), []
    try:
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            drawn.append(train_sample(image, label, settings((160, 200), scale), SHAPES, rng(1))[0])
    finally:
        torch.set_num_threads(before)
    assert torch.equal(drawn[0], drawn[1])
    assert torch.equal(drawn[0], drawn[2])
