"""Where and how a run computes: device, threads, random states, precision."""

import contextlib
import os
import random
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any, final

import numpy as np
import torch
from attrs import frozen

from hnas.diag import HnasError
from hnas.engine.errors import NoDevice


def resolve_device(name: str) -> torch.device:
    """The device called `auto`, `cpu`, `cuda`, `cuda:N` or `mps`.

    Raises:
        HnasError: There is no such device here.
    """
    known = ["cpu"]
    if torch.cuda.is_available():
        known += [f"cuda:{n}" for n in range(torch.cuda.device_count())]
    if torch.backends.mps.is_available():
        known.append("mps")
    if name == "auto":
        return torch.device(next((k for k in (*known[1:],)), "cpu"))
    wanted = "cuda:0" if name == "cuda" else name
    if wanted not in known:
        raise HnasError(NoDevice(None, name=name, known=", ".join(["auto", *known])))
    return torch.device(wanted)


@final
@frozen
class ThreadChoice:
    """How many threads torch computes with, and the seconds measured for each candidate."""

    threads: int
    seconds: dict[str, float]


def choose_threads(wanted: str, device: torch.device, trial: Callable[[], None]) -> ThreadChoice:
    """Set torch's threads: a number, or by measuring `trial` with one and with all cores.

    Small kernels often run faster on one thread. No random state is touched. On a GPU nothing is
    measured.
    """
    if wanted != "auto":
        torch.set_num_threads(int(wanted))
        return ThreadChoice(int(wanted), {})
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if device.type != "cpu" or cores == 1:
        return ThreadChoice(torch.get_num_threads(), {})
    seconds: dict[str, float] = {}
    with kept_random_states():
        for threads in (cores, 1):
            torch.set_num_threads(threads)
            trial()
            begun = time.perf_counter()
            trial()
            seconds[str(threads)] = round(time.perf_counter() - begun, 4)
    best = min(seconds, key=lambda threads: seconds[threads])
    torch.set_num_threads(int(best))
    return ThreadChoice(int(best), seconds)


def seed_everything(seed: int) -> None:
    """Seed python's, numpy's and torch's generators."""
    random.seed(seed)
    np.random.seed(seed & 0xFFFFFFFF)
    torch.manual_seed(seed)


def random_states() -> dict[str, Any]:
    """Every global random state, in tensors and plain values."""
    version, words, gauss = random.getstate()
    name, keys, position, has_gauss, cached = np.random.get_state(legacy=True)
    states: dict[str, Any] = {
        "python": [version, list(words), gauss],
        "numpy": [name, torch.from_numpy(np.asarray(keys).astype(np.int64)), position, has_gauss, cached],
        "torch": torch.get_rng_state(),
    }
    if torch.cuda.is_available():
        states["cuda"] = torch.cuda.get_rng_state_all()
    return states


def set_random_states(states: dict[str, Any]) -> None:
    """Restore what `random_states` gave."""
    version, words, gauss = states["python"]
    random.setstate((version, tuple(words), gauss))
    name, keys, position, has_gauss, cached = states["numpy"]
    np.random.set_state((name, keys.numpy().astype(np.uint32), position, has_gauss, cached))
    torch.set_rng_state(states["torch"])
    if "cuda" in states and torch.cuda.is_available():
        torch.cuda.set_rng_state_all(states["cuda"])


@contextlib.contextmanager
def kept_random_states() -> Iterator[None]:
    """Leave every global random state as it was."""
    states = random_states()
    try:
        yield
    finally:
        set_random_states(states)


def autocast(device: torch.device) -> AbstractContextManager[Any]:
    """bfloat16 where tensor cores make it worth it: on a GPU."""
    if device.type == "cuda":
        return torch.autocast("cuda", torch.bfloat16)
    return contextlib.nullcontext()


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an exception says that memory ran out, on whatever device."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and "can't allocate memory" in str(error)
