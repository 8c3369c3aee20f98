import numpy as np
import pytest
import torch

from hnas.data.shapes import Shapes
from hnas.schema.datasets import SHAPES

VOID = 255
SPLITS = ("train", "val")
THINGS = ("stripe", "dot", "cross")


def test_an_image_is_the_same_bits_whenever_it_is_read() -> None:
    first, again = Shapes("train"), Shapes("train")
    for index in (0, 17, 239):
        image, label = first.read(index)
        image_again, label_again = again.read(index)
        assert torch.equal(image, image_again)
        assert torch.equal(label, label_again)


def test_reading_out_of_order_changes_no_image() -> None:
    shapes = Shapes("val")
    forth = [shapes.read(i)[0] for i in range(5)]
    back = [shapes.read(i)[0] for i in reversed(range(5))]
    assert all(torch.equal(a, b) for a, b in zip(forth, reversed(back), strict=True))


def test_reading_touches_no_global_random_state() -> None:
    before = np.random.get_state()[1].copy(), torch.get_rng_state()
    Shapes("train").read(3)
    assert np.array_equal(np.random.get_state()[1], before[0])
    assert torch.equal(torch.get_rng_state(), before[1])


@pytest.mark.parametrize("split", SPLITS)
def test_sizes_and_types(split: str) -> None:
    shapes = Shapes(split)
    image, label = shapes.read(0)
    assert len(shapes) == {"train": 240, "val": 60}[split]
    assert (image.shape, image.dtype) == ((3, 97, 129), torch.uint8)
    assert (label.shape, label.dtype) == ((97, 129), torch.uint8)
    assert shapes.card is SHAPES
    assert split in shapes.name(7)
    assert "7" in shapes.name(7)


@pytest.mark.parametrize("split", SPLITS)
def test_every_class_of_the_card_occurs_and_nothing_else(split: str) -> None:
    seen: set[int] = set()
    shapes = Shapes(split)
    for index in range(0, len(shapes), 2):
        seen |= set(shapes.read(index)[1].unique().tolist())
    assert seen == {*range(len(SHAPES.classes)), VOID}


def test_large_regions_and_small_things_are_both_there() -> None:
    labels = [Shapes("val").read(i)[1] for i in range(60)]
    whole = labels[0].numel()

    def areas(name: str) -> list[int]:
        counts = [int((label == SHAPES.classes.index(name)).sum()) for label in labels]
        return [count for count in counts if count]

    assert max(areas("ground") + areas("sky")) > whole / 4
    for thing in THINGS:
        found = areas(thing)
        assert len(found) > 10
        assert np.median(found) < whole / 20
    # a dot is a few pixels wide: coarse strides alone cannot see it
    assert np.median(areas("dot")) < 9 * 9


def test_things_have_a_rim_of_void() -> None:
    disc = SHAPES.classes.index("disc")
    for index in range(60):
        label = Shapes("val").read(index)[1].numpy()
        if (label == disc).any():
            beside = np.concatenate([label[1:][label[:-1] == disc], label[:, 1:][label[:, :-1] == disc]])
            # a later thing may lie over the rim, no region may touch the disc
            assert not set(beside.tolist()) & {0, 1, 2}


def test_train_and_val_have_no_image_in_common() -> None:
    train = {Shapes("train").read(i)[0].numpy().tobytes() for i in range(60)}
    val = {Shapes("val").read(i)[0].numpy().tobytes() for i in range(60)}
    assert len(train) == len(val) == 60
    assert not train & val


def test_the_cards_mean_and_deviation_are_those_of_the_images() -> None:
    sample = torch.stack([Shapes("train").read(i)[0] for i in range(0, 240, 3)]).double() / 255
    mean, deviation = sample.mean((0, 2, 3)), sample.std((0, 2, 3))
    assert torch.allclose(mean, torch.tensor(SHAPES.mean).double(), atol=0.02)
    assert torch.allclose(deviation, torch.tensor(SHAPES.deviation).double(), atol=0.02)
