"""Data sets, their split into halves, and endless batches whose whole state is one number.

Batch t of a stream is a function of (seed, stream, t) alone: a permutation for every pass over the
images, and a private generator for every sample. No global random state is read or touched, and
worker processes change nothing but the speed.
"""

import hashlib
import signal
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Protocol, Self, final

import numpy as np
import torch
from attrs import frozen
from torch import Tensor
from torch.utils.data import DataLoader
from torch.utils.data import Dataset as TorchDataset

from hnas.data.errors import MixedSizes
from hnas.data.transforms import evaluate_sample, train_sample
from hnas.diag import HnasError
from hnas.schema.datasets import DatasetCard
from hnas.schema.settings import DataSettings

VOID = 255
"""The label that counts for nothing: every data set's own void is mapped to it."""


class Dataset(Protocol):
    """Images with a label for each pixel, or one for the image."""

    @property
    def card(self) -> DatasetCard:
        """What is known of the set."""
        ...

    def __len__(self) -> int: ...

    def name(self, index: int) -> str:
        """The image's file, or another name for messages."""
        ...

    def read(self, index: int) -> tuple[Tensor, Tensor]:
        """Image, uint8 (3, H, W), and labels, uint8 (H, W) of class indices or VOID.

        Where the card says classification, the label is of the whole image: uint8 ().

        Raises:
            HnasError: A file is missing or broken; the message names it.
        """
        ...


@final
@frozen
class Batch:
    """Images, float (N, 3, h, w), normalised; labels, long (N, h, w), or (N,), of classes or VOID."""

    images: Tensor
    labels: Tensor

    def to(self, device: torch.device) -> "Batch":
        """The batch on a device; the copy overlaps with computing where memory is pinned."""
        return Batch(self.images.to(device, non_blocking=True), self.labels.to(device, non_blocking=True))


def halves(images: int, parts: tuple[float, float], seed: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """A seeded split of `range(images)` into trainA and trainB, disjoint and, for parts of a half, total.

    The first has floor(parts[0] * images) images; where the parts sum to one the second has the rest.
    """
    order = np.random.default_rng(_key(seed, "split")).permutation(images)
    first = int(parts[0] * images + 1e-9)
    second = images - first if sum(parts) > 1 - 1e-9 else int(parts[1] * images + 1e-9)
    return (
        tuple(sorted(int(i) for i in order[:first])),
        tuple(sorted(int(i) for i in order[first : first + second])),
    )


def evenly(images: int, wanted: int) -> tuple[int, ...]:
    """`wanted` indices spread evenly over `images`; all of them if 0 are wanted or there are fewer."""
    if wanted == 0 or wanted >= images:
        return tuple(range(images))
    return tuple(i * images // wanted for i in range(wanted))


def _key(seed: int, *parts: object) -> list[int]:
    """A key for a private generator, from the seed and what it is for."""
    text = "/".join(map(str, parts)).encode()
    return [seed & 0xFFFFFFFF, seed >> 32, int.from_bytes(hashlib.sha256(text).digest()[:8], "big")]


@final
class _Samples(TorchDataset[object]):
    """Sample number n of a stream, for a DataLoader. A fault is handed over as a value.

    torch would raise a worker's exception as another one of the same class with a traceback for a
    message; diagnostics must arrive as they are.
    """

    def __init__(
        self, dataset: Dataset, indices: Sequence[int], stream: str, seed: int, settings: DataSettings
    ):
        self.dataset, self.indices, self.stream = dataset, np.asarray(indices), stream
        self.seed, self.settings = seed, settings
        self._pass, self._order = -1, np.empty(0, dtype=np.int64)

    def index(self, number: int) -> int:
        """The image of sample `number`: passes over all images follow each other, each in its own order."""
        lap, at = divmod(number, len(self.indices))
        if lap != self._pass:
            rng = np.random.default_rng(_key(self.seed, self.stream, "order", lap))
            self._pass, self._order = lap, rng.permutation(self.indices)
        return int(self._order[at])

    def __getitem__(self, number: int) -> "_Sample | HnasError":
        index = self.index(number)
        try:
            image, label = self.dataset.read(index)
        except HnasError as error:
            return error
        rng = np.random.default_rng(_key(self.seed, self.stream, "sample", number))
        x, y = train_sample(image, label, self.settings, self.dataset.card, rng)
        return x, y, self.dataset.name(index)


_Sample = tuple[Tensor, Tensor, str]
"""Image, labels, and the name of the image for messages."""


def _collate(samples: list[_Sample | HnasError]) -> Batch | HnasError:
    for sample in samples:
        if isinstance(sample, HnasError):
            return sample
    found = [sample for sample in samples if isinstance(sample, tuple)]
    by_size = sorted(found, key=lambda sample: tuple(sample[0].shape))
    first, other = by_size[0], by_size[-1]
    if first[0].shape != other[0].shape:
        small, large = (f"{name} of {x.shape[2]} x {x.shape[1]}" for x, _, name in (first, other))
        return HnasError(MixedSizes(None, first=small, second=large))
    return Batch(torch.stack([image for image, _, _ in found]), torch.stack([label for _, label, _ in found]))


def _quiet_worker(_worker: int) -> None:
    """Signals, often sent to a whole group, are for the main process, which ends its workers."""
    signal.set_wakeup_fd(-1)  # the main process's, which would take a worker's signals for its own
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    torch.set_num_threads(1)


@final
class Batches:
    """An endless stream of augmented batches over some images of a set.

    Attributes:
        position: Batches taken so far: with the arguments, its whole state.
    """

    def __init__(
        self,
        dataset: Dataset,
        indices: Sequence[int],
        settings: DataSettings,
        *,
        batch: int,
        seed: int,
        stream: str,
        workers: int = 0,
        pin_memory: bool = False,
    ) -> None:
        self._samples = _Samples(dataset, indices, stream, seed, settings)
        self._batch, self._workers, self._pin = batch, workers, pin_memory
        self._loaded: Iterator[Batch | HnasError] | None = None
        self.position = 0

    def __len__(self) -> int:
        """Images in the stream's passes."""
        return len(self._samples.indices)

    def indices_of(self, position: int) -> tuple[int, ...]:
        """The images of batch `position`."""
        first = position * self._batch
        return tuple(self._samples.index(n) for n in range(first, first + self._batch))

    def seek(self, position: int) -> None:
        """Go on with batch number `position`, as if so many had been taken."""
        self.close()
        self.position = position

    def next(self) -> Batch:
        """The next batch.

        Raises:
            HnasError: An image of it cannot be read.
        """
        if self._workers == 0:
            first = self.position * self._batch
            batch = _collate([self._samples[n] for n in range(first, first + self._batch)])
        else:
            if self._loaded is None:
                self._loaded = iter(self._loader())
            batch = next(self._loaded)
        if isinstance(batch, HnasError):
            self.close()  # the workers went on; the next call starts from this batch again
            raise batch
        self.position += 1
        return batch

    def _loader(self) -> DataLoader[object]:
        # a sampler's own generator would be seeded from torch's global one
        return DataLoader(
            self._samples,
            batch_sampler=_Numbers(self.position, self._batch),  # type: ignore[arg-type]
            num_workers=self._workers,
            collate_fn=_collate,
            pin_memory=self._pin,
            worker_init_fn=_quiet_worker,
            generator=torch.Generator().manual_seed(0),
            prefetch_factor=2,
        )

    def close(self) -> None:
        """End the worker processes, if there are any."""
        self._loaded = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


@final
class _Numbers:
    """Sample numbers of batch `first` and all that follow."""

    def __init__(self, first: int, batch: int) -> None:
        self.first, self.batch = first, batch

    def __iter__(self) -> Iterator[list[int]]:
        number = self.first * self.batch
        while True:
            yield list(range(number, number + self.batch))
            number += self.batch


def evaluation_batches(
    dataset: Dataset, indices: Sequence[int], settings: DataSettings, batch: int
) -> Iterator[Batch]:
    """Whole images in order, not augmented; images of different sizes never share a batch."""
    held: list[tuple[Tensor, Tensor]] = []
    for index in indices:
        image, label = dataset.read(index)
        sample = evaluate_sample(image, label, settings, dataset.card)
        if held and (len(held) == batch or held[0][0].shape != sample[0].shape):
            yield Batch(torch.stack([i for i, _ in held]), torch.stack([m for _, m in held]))
            held = []
        held.append(sample)
    if held:
        yield Batch(torch.stack([i for i, _ in held]), torch.stack([m for _, m in held]))
