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
    """How many threads torch computes with, and the seconds measured for each candidate.

    -1 stands for one that was given up because it was slower than an earlier one.
    """

    threads: int
    seconds: dict[str, float]


Trial = Callable[[float | None], None]
"""What is measured. Given a number of seconds, it may raise TimeoutError once it knows it takes longer."""


def choose_threads(wanted: str, device: torch.device, trial: Trial) -> ThreadChoice:
    """Set torch's threads: to the number `wanted`, or for `auto` by measuring `trial` with one and with more.

    Small kernels often run faster on one thread, and on a busy machine many times so: what is slower
    than the best so far is given up. No random state is touched. On a GPU nothing is measured.
    """
    if wanted != "auto":
        torch.set_num_threads(int(wanted))
        return ThreadChoice(int(wanted), {})
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if device.type != "cpu" or cores == 1:
        return ThreadChoice(torch.get_num_threads(), {})
    seconds: dict[str, float] = {}
    best: float | None = None
    with kept_random_states():
        for threads in sorted({1, min(4, cores), cores}):
            torch.set_num_threads(threads)
            spent = _timed(trial, best)
            if spent < _LONG:  # the first pass allocates; where it takes long that is no part worth a second
                spent = _timed(trial, best)
            seconds[str(threads)] = round(spent, 4) if spent < float("inf") else -1
            best = spent if best is None else min(best, spent)
    measured = {threads: taken for threads, taken in seconds.items() if taken >= 0}
    chosen = min(measured, key=lambda threads: measured[threads])
    torch.set_num_threads(int(chosen))
    return ThreadChoice(int(chosen), seconds)


_LONG = 3.0
"""Seconds after which a trial is not made twice."""


def _timed(trial: Trial, limit: float | None) -> float:
    """Seconds a trial takes; infinity where it gave up."""
    begun = time.perf_counter()
    try:
        trial(limit)
    except TimeoutError:
        return float("inf")
    return time.perf_counter() - begun


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
