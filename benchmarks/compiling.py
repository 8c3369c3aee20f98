"""What torch.compile takes to start and what it saves: passes of training with and without, in one run.

python benchmarks/compiling.py SPEC [CROP] [-O LEVEL]

A pass is forward and back, of two images, with the gradients of weights, alpha and beta; times are minima of
interleaved repetitions, on one thread of a processor, or on a GPU where there is one. The second pass is
the first that is not a start.
"""

import argparse
import time
from pathlib import Path
from typing import Any

import torch

from hnas.compiler import Compilation
from hnas.engine.settings import resolve_device
from hnas.runtime.compiled import Compiled

REPEATS = 5


def main() -> None:
    """Print the times."""
    parser = argparse.ArgumentParser()
    parser.add_argument("spec", type=Path)
    parser.add_argument("crop", nargs="?", type=int, default=65)
    parser.add_argument("-O", dest="level", type=int, default=2)
    parser.add_argument("--set", action="append", default=[])
    options: Any = parser.parse_args()
    torch.set_num_threads(1)
    device = resolve_device("auto")
    compilation = Compilation(options.spec, sets=tuple(options.set), passes=options.level)
    model = compilation.supernet(0).to(device).train()
    images = torch.randn(2, 3, options.crop, options.crop, device=device)

    def seconds() -> float:
        model.zero_grad(set_to_none=True)
        begun = time.perf_counter()
        model(images).square().mean().backward()
        if device.type == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter() - begun

    records = len(model.network.steps)
    print(
        f"{options.spec}, -O{options.level}, {records:,} records, crop {options.crop}, {device}", flush=True
    )
    for graphs in (False, True)[: 2 if device.type == "cuda" else 1]:
        compiled = Compiled(model.network, graphs=graphs)
        ways = {"plain": None, "compiled, CUDA graphs" if graphs else "compiled": compiled}
        model.network.compiled = compiled
        print(f"  start of torch.compile {seconds():8.1f} s", flush=True)
        best = dict.fromkeys(ways, float("inf"))
        for _ in range(REPEATS):
            for name, way in ways.items():
                model.network.compiled = way
                best[name] = min(best[name], seconds())
        for name, took in best.items():
            print(f"  {name:22} {took * 1000:8.1f} ms a pass  {best['plain'] / took:5.2f} x", flush=True)


if __name__ == "__main__":
    main()
