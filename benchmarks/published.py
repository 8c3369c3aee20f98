"""The published Auto-DeepLab: seconds and peak memory of a pass and of a training step.

python benchmarks/published.py HxW [F [IMAGES]]

A line each for the forward pass of one image, without gradients and with norms as after training; for
that pass and the one back; and for a step of the trainer, of IMAGES images. Those are 2 where nothing is
said: of one image, what image pooling gives is one value a channel, which has no statistics. Every line
is a process of its own on one thread. Its peak is all of its resident memory, Python and torch
included: at 1025 x 2049 the step of 2 images needs 14 GiB.
"""

import resource
import sys
import time
from collections.abc import Callable
from multiprocessing import get_context
from multiprocessing.queues import SimpleQueue
from pathlib import Path

SPEC = Path(__file__).parent.parent / "examples" / "autodeeplab" / "published.hnas"
CLASSES = 19


def forward(filters: int, images: int, size: tuple[int, int], *, back: bool = False) -> float:
    """Seconds of a forward pass, or of that and the pass back."""
    import torch

    from hnas.compiler import Compilation
    from hnas.engine.losses import cross_entropy

    torch.set_num_threads(1)
    compilation = Compilation(SPEC, sets=(f"F={filters}",))
    (architecture,) = compilation.networks().values()
    network = compilation.network(architecture).eval()
    x, y = torch.randn(images, 3, *size), torch.randint(CLASSES, (images, *size))
    begun = time.perf_counter()
    with torch.set_grad_enabled(back):
        scores = network(x)
        assert scores.shape == (images, CLASSES, *size)
        if back:
            cross_entropy(scores, y).backward()
    return time.perf_counter() - begun


def both_ways(filters: int, images: int, size: tuple[int, int]) -> float:
    """Seconds of a pass forward and back."""
    return forward(filters, images, size, back=True)


def step(filters: int, images: int, size: tuple[int, int]) -> float:
    """Seconds of a step of the trainer, as the block train says, with edges left out."""
    import torch

    from hnas.compiler import Compilation
    from hnas.data.base import Batch
    from hnas.train.updates import Updates

    torch.set_num_threads(1)
    compilation = Compilation(SPEC, sets=(f"F={filters}",), trained=True)
    (architecture,) = compilation.networks().values()
    network = compilation.network(architecture, drop_path=True)
    network.drop_path = 0.1
    updates = Updates(network, compilation.train, torch.device("cpu"))
    batch = Batch(torch.randn(images, 3, *size), torch.randint(CLASSES, (images, *size)))
    begun = time.perf_counter()
    updates.update([batch], 0, 0.05)
    return time.perf_counter() - begun


def measured(
    queue: "SimpleQueue[tuple[float, int]]",
    what: Callable[[int, int, tuple[int, int]], float],
    filters: int,
    images: int,
    size: tuple[int, int],
) -> None:
    """In a process of its own: seconds, and the most bytes it had in memory."""
    seconds = what(filters, images, size)
    queue.put((seconds, 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss))


def main() -> None:
    """Print a table."""
    height, width = (int(extent) for extent in sys.argv[1].split("x"))
    filters, together = [int(number) for number in sys.argv[2:]] + [20, 2][len(sys.argv[2:]) :]
    context = get_context("spawn")
    lines = (("forward", forward, 1), ("forward and back", both_ways, 1), ("training step", step, together))
    for label, what, images in lines:
        queue: SimpleQueue[tuple[float, int]] = context.SimpleQueue()
        process = context.Process(target=measured, args=(queue, what, filters, images, (height, width)))
        process.start()
        process.join()
        if process.exitcode != 0:
            sys.exit(f"{label}: ended with {process.exitcode}")
        seconds, peak = queue.get()
        named = f"{label}, F = {filters}, {images} of {height} x {width}"
        print(f"{named:46} {seconds:8.1f} s  peak {peak / 2**30:6.2f} GiB", flush=True)


if __name__ == "__main__":
    main()
