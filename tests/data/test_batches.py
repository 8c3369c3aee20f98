from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from attrs import frozen
from numpy.typing import NDArray
from torch import Tensor

from hnas.data.base import Batch, Batches, evaluation_batches, evenly, halves
from hnas.data.camvid import open_camvid
from hnas.data.errors import BadImage
from hnas.data.shapes import Shapes
from hnas.diag import HnasError
from hnas.schema.datasets import SHAPES, DatasetCard
from hnas.schema.settings import Crop, Cutout, DataSettings, Flip, Pad, Scale

VOID = 255
PLAIN = DataSettings("shapes", crop=None, scale=(1, 1), flip=False)
SMALL = DataSettings("shapes", crop=(16, 24))
LISTED = DataSettings("shapes", augment=(Scale(0.5, 2), Pad(2), Crop((16, 24)), Flip(), Cutout(8)))
WritePng = Callable[[Path, NDArray[np.uint8]], Path]

# a machine of one core is told that two worker processes are many for it
pytestmark = pytest.mark.filterwarnings("ignore:This DataLoader will create")


@frozen
class Numbered:
    """Images that know their number: every label of image i is i % 8, its size grows with `growth`."""

    count: int
    sizes: tuple[int, ...] = (4,)
    broken: int = -1

    @property
    def card(self) -> DatasetCard:
        return SHAPES

    def __len__(self) -> int:
        return self.count

    def name(self, index: int) -> str:
        return f"numbered/{index}"

    def read(self, index: int) -> tuple[Tensor, Tensor]:
        if index == self.broken:
            raise HnasError(BadImage(None, path=self.name(index), why="it is broken"))
        side = self.sizes[index % len(self.sizes)]
        image = torch.full((3, side, side), index, dtype=torch.uint8)
        return image, torch.full((side, side), index % 8, dtype=torch.uint8)


def numbers(batch: Batch) -> list[int]:
    """Which images of a Numbered set a batch holds."""
    grey = (batch.images[:, 0, 0, 0] * SHAPES.deviation[0] + SHAPES.mean[0]) * 255
    return [round(value) for value in grey.tolist()]


def stream(
    images: int = 10,
    indices: Sequence[int] | None = None,
    batch: int = 3,
    seed: int = 1,
    name: str = "trainA",
) -> Batches:
    chosen = range(images) if indices is None else indices
    return Batches(Numbered(images), chosen, PLAIN, batch=batch, seed=seed, stream=name)


def same(first: Sequence[Batch], second: Sequence[Batch]) -> bool:
    return len(first) == len(second) and all(
        torch.equal(a.images, b.images) and torch.equal(a.labels, b.labels)
        for a, b in zip(first, second, strict=True)
    )


# --- halves ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("images", [0, 1, 2, 7, 100, 2975])
def test_halves_are_disjoint_and_total(images: int) -> None:
    first, second = halves(images, (0.5, 0.5), 3)
    assert (len(first), len(second)) == (images // 2, images - images // 2)
    assert sorted(first + second) == list(range(images))
    assert list(first) == sorted(first)
    assert list(second) == sorted(second)


def test_cityscapes_is_split_into_1487_and_1488() -> None:
    assert [len(half) for half in halves(2975, (0.5, 0.5), 0)] == [1487, 1488]


def test_halves_are_seeded_and_random() -> None:
    assert halves(100, (0.5, 0.5), 7) == halves(100, (0.5, 0.5), 7)
    assert len({halves(100, (0.5, 0.5), seed) for seed in range(20)}) == 20
    first, _ = halves(1000, (0.5, 0.5), 7)
    assert 200 < sum(i < 500 for i in first) < 300


def test_a_seed_of_more_than_32_bits_counts_in_full() -> None:
    low, high = halves(50, (0.5, 0.5), 5), halves(50, (0.5, 0.5), 5 + (1 << 32))
    assert low != high


@pytest.mark.parametrize(
    ("parts", "sizes"),
    [
        ((0.7, 0.3), (7, 3)),
        ((0.1, 0.9), (1, 9)),
        ((0.25, 0.5), (2, 5)),
        ((0.3, 0.3), (3, 3)),
        ((1.0, 0.0), (10, 0)),
    ],
)
def test_other_parts(parts: tuple[float, float], sizes: tuple[int, int]) -> None:
    first, second = halves(10, parts, 1)
    assert (len(first), len(second)) == sizes
    assert not set(first) & set(second)


def test_splitting_touches_no_global_random_state() -> None:
    before = np.random.get_state()[1].copy()
    halves(100, (0.5, 0.5), 1)
    assert np.array_equal(np.random.get_state()[1], before)


# --- evenly ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("images", "wanted", "expected"),
    [
        (5, 0, (0, 1, 2, 3, 4)),
        (5, 5, (0, 1, 2, 3, 4)),
        (5, 9, (0, 1, 2, 3, 4)),
        (10, 5, (0, 2, 4, 6, 8)),
        (10, 3, (0, 3, 6)),
        (500, 1, (0,)),
        (0, 4, ()),
    ],
)
def test_evenly(images: int, wanted: int, expected: tuple[int, ...]) -> None:
    assert evenly(images, wanted) == expected


# --- the stream ------------------------------------------------------------------------------------


def test_every_pass_is_a_permutation_of_exactly_its_indices_each_another() -> None:
    indices = (2, 3, 5, 7, 11, 13)
    batches = stream(20, indices, batch=4)
    taken = [n for _ in range(30) for n in numbers(batches.next())]
    laps = [tuple(taken[i : i + 6]) for i in range(0, 120, 6)]
    assert all(sorted(lap) == list(indices) for lap in laps)
    assert len(set(laps)) > 15
    assert len(batches) == 6


def test_a_batch_larger_than_the_set_takes_images_again() -> None:
    taken = numbers(stream(3, batch=7).next())
    assert sorted(taken[:3]) == sorted(taken[3:6]) == [0, 1, 2]


def test_the_two_streams_never_see_the_images_of_the_other() -> None:
    first, second = halves(21, (0.5, 0.5), 4)
    a = stream(21, first, batch=4, name="trainA")
    b = stream(21, second, batch=4, name="trainB")
    seen_a = {n for _ in range(20) for n in numbers(a.next())}
    seen_b = {n for _ in range(20) for n in numbers(b.next())}
    assert seen_a == set(first)
    assert seen_b == set(second)
    assert not seen_a & seen_b


def test_seed_and_stream_decide_the_order() -> None:
    def order(**given: int | str) -> list[int]:
        batches = stream(50, batch=50, **given)  # type: ignore[arg-type]
        return numbers(batches.next())

    assert order(seed=1) == order(seed=1)
    assert order(seed=1) != order(seed=2)
    assert order(name="trainA") != order(name="trainB")


def test_an_image_is_augmented_anew_in_every_pass() -> None:
    batches = Batches(Shapes("train"), (0,), SMALL, batch=1, seed=1, stream="trainA")
    drawn = {batches.next().images.numpy().tobytes() for _ in range(6)}
    assert len(drawn) == 6


def test_batches_have_the_shapes_and_types_that_are_promised() -> None:
    batch = Batches(Shapes("train"), range(5), SMALL, batch=2, seed=1, stream="trainA").next()
    assert (batch.images.shape, batch.images.dtype) == ((2, 3, 16, 24), torch.float32)
    assert (batch.labels.shape, batch.labels.dtype) == ((2, 16, 24), torch.int64)
    moved = batch.to(torch.device("cpu"))
    assert torch.equal(moved.images, batch.images)


@pytest.mark.parametrize("position", [0, 1, 5, 13])
def test_seek_equals_having_taken_as_many(position: int) -> None:
    def fresh() -> Batches:
        return Batches(Shapes("train"), range(7), SMALL, batch=2, seed=3, stream="trainB")

    walked, jumped = fresh(), fresh()
    for _ in range(position):
        walked.next()
    jumped.seek(position)
    assert walked.position == jumped.position == position
    assert same([walked.next() for _ in range(3)], [jumped.next() for _ in range(3)])
    assert walked.position == position + 3


def test_seek_goes_back_too() -> None:
    batches = stream()
    first = [batches.next() for _ in range(5)]
    batches.seek(0)
    assert same(first, [batches.next() for _ in range(5)])


def test_indices_are_known_without_reading() -> None:
    batches = stream(11, batch=4)
    foretold = [batches.indices_of(position) for position in range(9)]
    assert [tuple(numbers(batches.next())) for _ in range(9)] == foretold
    assert batches.indices_of(0) == foretold[0]


def test_taking_batches_touches_no_global_random_state() -> None:
    before = np.random.get_state()[1].copy(), torch.get_rng_state()
    batches = Batches(Shapes("train"), range(7), SMALL, batch=2, seed=3, stream="trainB")
    for _ in range(4):
        batches.next()
    assert np.array_equal(np.random.get_state()[1], before[0])
    assert torch.equal(torch.get_rng_state(), before[1])


# --- worker processes ------------------------------------------------------------------------------


@pytest.mark.parametrize("settings", [SMALL, LISTED], ids=["fixed order", "augment"])
def test_workers_change_no_bit_and_no_random_state(settings: DataSettings) -> None:
    def taken(workers: int) -> list[Batch]:
        images = Shapes("train")
        with Batches(
            images, range(7), settings, batch=2, seed=3, stream="trainA", workers=workers
        ) as batches:
            return [batches.next() for _ in range(6)]

    before = torch.get_rng_state()
    assert same(taken(0), taken(2))
    assert torch.equal(torch.get_rng_state(), before)


def test_seek_reaches_the_workers() -> None:
    def fresh(workers: int) -> Batches:
        return Batches(Numbered(9), range(9), PLAIN, batch=2, seed=3, stream="trainA", workers=workers)

    alone = fresh(0)
    with fresh(1) as batches:
        for position in (0, 7, 2):
            alone.seek(position)
            batches.seek(position)
            assert same([alone.next() for _ in range(2)], [batches.next() for _ in range(2)])


@pytest.mark.parametrize("workers", [0, 1])
def test_a_fault_arrives_as_the_error_it_was(workers: int, tmp_path: Path, write_png: WritePng) -> None:
    for number in range(4):
        write_png(tmp_path / f"{number}.png", np.zeros((8, 8, 3), np.uint8))
        write_png(tmp_path / f"{number}_labels.png", np.zeros((8, 8), np.uint8))
    (tmp_path / "train.txt").write_text("".join(f"{n}.png {n}_labels.png\n" for n in range(4)))
    (tmp_path / "2.png").write_bytes(b"not an image")
    images = open_camvid(tmp_path, "train")
    settings = DataSettings("camvid", crop=(4, 4))
    with Batches(images, range(4), settings, batch=1, seed=1, stream="trainA", workers=workers) as batches:
        before = next(n for n in range(4) if batches.indices_of(n) == (2,))
        for _ in range(before):
            batches.next()
        with pytest.raises(HnasError) as caught:
            batches.next()
    assert caught.value.diagnostics == (BadImage(None, path=str(tmp_path / "2.png"), why="this is no image"),)
    assert batches.position == before


def test_a_batch_with_a_fault_is_not_counted() -> None:
    batches = Batches(Numbered(3, broken=1), range(3), PLAIN, batch=3, seed=1, stream="trainA")
    for _ in range(2):
        with pytest.raises(HnasError, match="E0505: numbered/1: it is broken"):
            batches.next()
        assert batches.position == 0


# --- evaluation ------------------------------------------------------------------------------------


@pytest.mark.parametrize("batch", [1, 2, 3, 10])
def test_evaluation_keeps_the_order_and_takes_each_image_once(batch: int) -> None:
    indices = (5, 0, 7, 3, 4)
    found = list(evaluation_batches(Numbered(8), indices, PLAIN, batch))
    assert [n for b in found for n in numbers(b)] == list(indices)
    assert all(len(b.images) == batch for b in found[:-1])
    assert 1 <= len(found[-1].images) <= batch


def test_evaluation_never_mixes_sizes() -> None:
    dataset = Numbered(8, sizes=(4, 4, 6, 4))
    found = list(evaluation_batches(dataset, range(8), PLAIN, 3))
    assert [numbers(b) for b in found] == [[0, 1], [2], [3, 4, 5], [6], [7]]
    assert [b.images.shape[2] for b in found] == [4, 6, 4, 6, 4]
    assert all(b.images.shape[2:] == b.labels.shape[1:] for b in found)


def test_evaluation_of_nothing_is_nothing() -> None:
    assert list(evaluation_batches(Numbered(8), (), PLAIN, 3)) == []


def test_evaluation_resizes_and_leaves_out_crop_scale_and_flip() -> None:
    settings = DataSettings("shapes", resize=(10, 12), crop=(3, 3))
    (batch,) = evaluation_batches(Numbered(2, sizes=(4, 6)), range(2), settings, 2)
    assert batch.images.shape == (2, 3, 10, 12)
    assert batch.labels[1].unique().tolist() == [1]
