"""What a run chooses once, before its first step: kernels, threads, whether passes are compiled."""

import time
from collections.abc import Callable

import attrs
import torch

from hnas.cli.running import pixels_of
from hnas.compiler import Compilation
from hnas.data.base import Batch, Dataset
from hnas.engine.checkpoint import Checkpoints
from hnas.engine.compiling import pays
from hnas.engine.kernels import kernels_for
from hnas.engine.loop import Reporter
from hnas.engine.run import RunRecord
from hnas.engine.settings import choose_threads, kept_random_states
from hnas.runtime.compiled import Compiled, refuse_without_compiler
from hnas.runtime.lower import Network

Trial = Callable[[Batch, float | None], None]
"""A pass on a batch that changes nothing; given seconds, it may give up once it knows it takes longer."""


def with_kernels(
    record: RunRecord, compilation: Compilation, device: torch.device, checkpoints: Checkpoints
) -> tuple[RunRecord, str]:
    """Choose what computes: as the run began, where there is a C compiler still.

    Returns:
        The record with what the run began with, and what computes now.
    """
    kernels = kernels_for(record.wanted_kernels, device, compilation.passes)
    if record.kernels and checkpoints.files():
        return record, kernels
    return attrs.evolve(record, kernels=kernels), kernels


def trial_batch(compilation: Compilation, images: Dataset, batch: int, device: torch.device) -> Batch:
    """A batch of noise, of the size that is trained on."""
    pixels, label = pixels_of(compilation, images), images.read(0)[1]
    labels = torch.zeros(batch, *(pixels if label.ndim else ()), dtype=torch.long)
    noise = torch.randn(batch, 3, *pixels, generator=torch.Generator().manual_seed(0))
    return Batch(noise, labels).to(device)


def with_threads(
    record: RunRecord, device: torch.device, batch: Batch, trial: Trial, reporter: Reporter
) -> RunRecord:
    """The record with the number of threads."""
    if record.threads:
        torch.set_num_threads(record.threads)
        return record
    if record.options["threads"] == "auto" and device.type == "cpu":
        reporter.message("measuring how many threads are fastest; --threads N chooses without")
    choice = choose_threads(str(record.options["threads"]), device, lambda limit: trial(batch, limit))
    measured = {f"seconds with {n} threads": seconds for n, seconds in choice.seconds.items()}
    return attrs.evolve(record, threads=choice.threads, measured={**record.measured, **measured})


def with_compile(
    record: RunRecord,
    network: Network,
    device: torch.device,
    trial: Callable[[], None],
    reporter: Reporter,
    *,
    passes: int,
    kinds: int,
    sums: bool = False,
) -> RunRecord:
    """The record with whether torch compiles the passes of training, and the network so that it does.

    Args:
        trial: A pass that changes nothing.
        passes: How many the run makes.
        kinds: Of passes: each is compiled by itself.
        sums: Whether gradients of several passes are summed up.

    Raises:
        HnasError: It is asked for, and there is no C++ compiler (E0727).
    """
    choice = record.compile
    if not choice:
        # a run older than the flag goes on as it began
        asked = str(record.options.get("compile", "off"))
        # what torch compiles keeps for backward what it likes
        auto = asked == "auto" and device.type == "cuda" and record.memory is None
        if auto and pays(device, len(network.steps), kinds, passes, _seconds(trial, device)):
            asked = "on"
        choice = "on" if asked == "on" else "off"
    if choice == "on":
        refuse_without_compiler(device)
        network.compiled = Compiled(network, graphs=device.type == "cuda" and not sums)
        reporter.message(
            f"torch compiles the passes of training, {kinds} of {len(network.steps):,} records: "
            "the first step of a kind takes minutes; --compile off goes without"
        )
    return attrs.evolve(record, compile=choice)


def _seconds(trial: Callable[[], None], device: torch.device) -> float:
    """Of a pass on a GPU, once its kernels are chosen."""
    with kept_random_states():
        trial()
        torch.cuda.synchronize(device)
        begun = time.perf_counter()
        trial()
        torch.cuda.synchronize(device)
    return time.perf_counter() - begun
