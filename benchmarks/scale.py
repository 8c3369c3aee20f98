"""How building, planning and one step grow with layers and with the batch, in one run.

python benchmarks/scale.py [--crop 65] [--repeats 3] [--set KEY=VALUE ...]

Auto-DeepLab's space made small: F = 4, 2 nodes a cell, all four strides; its head takes two images at least.
Build and plan are seconds of processor time, a bilevel step (a pass for the weights, one for the
architecture) is seconds on one thread, all the least of some repetitions. `x` is times the first line.
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from steps import device, passes_of, seconds

from hnas.compiler import Compilation
from hnas.ir.cost import part_of
from hnas.planning.plan import predict, unallocated

SPEC = Path(__file__).parent.parent / "examples" / "autodeeplab" / "spec.hnas"
SMALL = ("F=4", "B=2")
LAYERS = (12, 24, 48, 96)
BATCHES = (2, 4, 8, 16)


def processor(run: Callable[[], object], repeats: int) -> float:
    """The least processor time of a run."""
    found = float("inf")
    for _ in range(repeats):
        begun = time.process_time()
        run()
        found = min(found, time.process_time() - begun)
    return found


def built(layers: int, sets: tuple[str, ...]) -> Compilation:
    """The space with so many layers."""
    return Compilation(SPEC, sets=(*SMALL, f"L={layers}", *sets))


def measured(layers: int, batch: int, crop: int, repeats: int, sets: tuple[str, ...]) -> list[float]:
    """Seconds of building, planning and a step."""

    def planned() -> None:
        compilation = built(layers, sets)
        with unallocated():
            model = compilation.supernet(0)
        predict(model, part_of, image=(crop, crop), batch=batch)

    build = processor(lambda: built(layers, sets).supernet(0), repeats)
    plan = processor(planned, repeats)
    model = built(layers, sets).supernet(0).to(device()).train()
    passes = passes_of(model, torch.randn(batch, 3, crop, crop, device=device()))
    for run in passes.values():
        run()
    step = sum(min(seconds(run) for _ in range(repeats)) for run in passes.values())
    return [build, plan, step]


def main() -> None:
    """Print a table for layers and one for batches."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--crop", type=int, default=65)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--set", action="append", default=[])
    options: Any = parser.parse_args()
    torch.set_num_threads(1)
    given = options.crop, options.repeats, tuple(options.set)
    measured(3, 2, 33, 1, given[2])  # what is imported and compiled once
    print(
        f"crop {options.crop}\n{'layers':>6} {'batch':>5}   build s      x    plan s      x    step s      x"
    )
    for lines in ([(layers, BATCHES[0]) for layers in LAYERS], [(LAYERS[0], batch) for batch in BATCHES]):
        first: list[float] = []
        for layers, batch in lines:
            found = measured(layers, batch, *given)
            first = first or found
            cells = "   ".join(f"{a:7.2f} {a / b:6.1f}" for a, b in zip(found, first, strict=True))
            print(f"{layers:6} {batch:5}   {cells}", flush=True)


if __name__ == "__main__":
    main()
