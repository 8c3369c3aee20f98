"""How long a network takes on this device and how much its maps hold, measured whole and by part."""

import platform
import time
from collections.abc import Callable, Mapping, Sequence
from statistics import quantiles
from typing import Any, final

import torch
from attrs import define, field, frozen
from torch import Tensor

from hnas.diag import HnasError
from hnas.engine.errors import OutOfMemory
from hnas.engine.settings import is_out_of_memory
from hnas.runtime.lower import Network
from hnas.runtime.steps import Step

_WARM_UP = 5
"""Passes before the first that counts: kernels are chosen, caches and memory pools filled."""


@final
@frozen
class Spread:
    """Milliseconds of repeated passes: the median, and the quartiles around it."""

    median: float
    lower: float
    upper: float

    @classmethod
    def of(cls, seconds: Sequence[float]) -> "Spread":
        """Of times in seconds; of a single one all three are the same."""
        cuts = quantiles(seconds, n=4, method="inclusive") if len(seconds) > 1 else list(seconds) * 3
        lower, median, upper = (1000 * cut for cut in cuts)
        return cls(median, lower, upper)

    @property
    def iqr(self) -> float:
        """The interquartile range."""
        return self.upper - self.lower

    def data(self) -> dict[str, float]:
        """As JSON has it."""
        return {"median": self.median, "iqr": self.iqr, "lower": self.lower, "upper": self.upper}


@final
@frozen
class Latency:
    """What was measured of forward passes without gradients, in float32, with norms as after training.

    Attributes:
        device, device_name: `cpu`, `cuda:0`, and what the machine calls it.
        threads: Of torch on the processor.
        batch, image: Images in a pass, and the pixels of each, an extent an axis.
        warm_up, repeats: Passes that did not count, and those that did.
        whole: A pass.
        parts: Of passes of their own, in which the clock is read between the parts.
        activation_bytes: The most that is held at once of images and maps. On the processor the sum of
            the tensors' sizes, without what a layer needs while it computes; on a GPU what torch's
            allocator handed out, with it.
    """

    device: str
    device_name: str
    threads: int
    batch: int
    image: tuple[int, ...]
    warm_up: int
    repeats: int
    whole: Spread
    parts: Mapping[str, Spread]
    activation_bytes: int

    def data(self) -> dict[str, Any]:
        """As JSON has it: times in milliseconds."""
        return {
            "device": self.device,
            "device_name": self.device_name,
            "threads": self.threads,
            "batch": self.batch,
            "image": list(self.image),
            "precision": "float32",
            "warm_up": self.warm_up,
            "repeats": self.repeats,
            "milliseconds": self.whole.data(),
            "milliseconds_by_part": {name: spread.data() for name, spread in self.parts.items()},
            "activation_bytes": self.activation_bytes,
        }


def measure_latency(
    network: Network,
    part_of: Callable[[str], str],
    device: torch.device,
    *,
    image: Sequence[int],
    batch: int = 1,
    repeats: int = 30,
) -> Latency:
    """Measure a network on random images (N, 3, H, W).

    Args:
        network: It is moved to the device, and into evaluation mode.
        part_of: The part a step belongs to, by its path.
        device: Where.
        image: Pixels, an extent an axis.
        batch: Images in a pass.
        repeats: Passes that count.

    Raises:
        HnasError: Memory ran out (E0703).
    """
    try:
        with torch.inference_mode():
            network.to(device).eval()
            images = torch.randn(batch, 3, *image, device=device)
            for _ in range(_WARM_UP):
                network(images)
            wait = _waiting(device)
            held = _held(network, images)
            whole = [_timed(lambda: network(images), wait) for _ in range(repeats)]
            clocks = [_Clock(part_of, device) for _ in range(repeats)]
            for clock in clocks:
                clock.begin()
                network.watched(images, clock.after)
            wait()
            parts = [clock.seconds() for clock in clocks]
    except (RuntimeError, MemoryError) as error:
        if is_out_of_memory(error):
            raise HnasError(OutOfMemory(None, where="while measuring")) from None
        raise
    return Latency(
        str(device),
        _called(device),
        torch.get_num_threads(),
        batch,
        tuple(image),
        _WARM_UP,
        repeats,
        Spread.of(whole),
        {name: Spread.of([each[name] for each in parts]) for name in parts[0]},
        held,
    )


def _waiting(device: torch.device) -> Callable[[], None]:
    """What waits until the device has done all it was given; the processor has, when it returns."""
    if device.type == "cuda":
        return lambda: torch.cuda.synchronize(device)
    if device.type == "mps":
        return torch.mps.synchronize
    return lambda: None


def _timed(work: Callable[[], Any], wait: Callable[[], None]) -> float:
    wait()
    begin = time.perf_counter()
    work()
    wait()
    return time.perf_counter() - begin


@final
@define
class _Clock:
    """Seconds by part of one pass: read when a step of another part has come; on a GPU by events."""

    part_of: Callable[[str], str]
    device: torch.device
    marks: list[tuple[str, Any]] = field(factory=list[tuple[str, Any]])
    """The part whose work ends at a mark; of the first one nothing."""

    def begin(self) -> None:
        self.marks.append(("", self._now()))

    def after(self, step: Step, values: list[Any]) -> None:
        part = self.part_of(step.path)
        if self.marks[-1][0] == part:
            self.marks[-1] = part, self._now()
        else:
            self.marks.append((part, self._now()))

    def _now(self) -> Any:
        if self.device.type == "cuda":
            event = torch.cuda.Event(enable_timing=True)
            event.record(torch.cuda.current_stream(self.device))
            return event
        _waiting(self.device)()
        return time.perf_counter()

    def seconds(self) -> dict[str, float]:
        """By part, in the order they come; on a GPU once the device has done all."""
        found: dict[str, float] = {}
        for (_, begin), (part, end) in zip(self.marks, self.marks[1:], strict=False):
            took = begin.elapsed_time(end) / 1000 if self.device.type == "cuda" else end - begin
            found[part] = found.get(part, 0.0) + took
        return found


def _held(network: Network, images: Tensor) -> int:
    """The most bytes held at once by a pass, the images among them."""
    if images.device.type == "cuda":
        torch.cuda.synchronize(images.device)
        torch.cuda.reset_peak_memory_stats(images.device)
        before = torch.cuda.memory_allocated(images.device)
        network(images)
        torch.cuda.synchronize(images.device)
        grown = torch.cuda.max_memory_allocated(images.device) - before
        return grown + images.untyped_storage().nbytes()
    counted = _Held()
    counted.add(0, images)
    network.watched(images, counted.after)
    return counted.peak


@final
@define
class _Held:
    """Bytes of the storages that slots refer to: several may share one."""

    peak: int = 0
    now: int = 0
    slots: dict[int, list[tuple[int, int]]] = field(factory=dict[int, list[tuple[int, int]]])
    users: dict[int, int] = field(factory=dict[int, int])

    def add(self, slot: int, value: Tensor | Sequence[Tensor]) -> None:
        parts = (value,) if isinstance(value, Tensor) else value
        found = {s.data_ptr(): s.nbytes() for s in (part.untyped_storage() for part in parts)}
        self.slots[slot] = list(found.items())
        for key, size in self.slots[slot]:
            self.users[key] = self.users.get(key, 0) + 1
            self.now += size if self.users[key] == 1 else 0
        self.peak = max(self.peak, self.now)

    def after(self, step: Step, values: list[Any]) -> None:
        """A step is done: its result is there, what it read last goes."""
        if step.operands:  # else it gathers weights, which are no maps
            self.add(step.out, values[step.out])
        for slot in step.dead:
            for key, size in self.slots.pop(slot, ()):
                self.users[key] -= 1
                self.now -= size if self.users[key] == 0 else 0


def _called(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return platform.processor() or platform.machine()
