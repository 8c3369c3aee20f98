"""The paper's super-network: how long each stage takes until it stands, and a bilevel step at a small crop.

python benchmarks/build.py [CROP]

Of the stages, seconds of processor time; of the steps, seconds. Importing torch does not count.
"""

import gc
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")
SPEC = Path(__file__).parent.parent / "examples" / "autodeeplab" / "spec.hnas"


def timed(name: str, stage: Callable[[], T], clock: Callable[[], float] = time.perf_counter) -> T:
    """Run a stage and print what it took."""
    begun = clock()
    result = stage()
    print(f"{name:50} {clock() - begun:8.3f} s", flush=True)
    return result


def main() -> None:
    """Print a table."""
    crop = int(sys.argv[1]) if len(sys.argv) > 1 else 65
    import torch

    from hnas.compiler import Compilation
    from hnas.data.base import Batch
    from hnas.passes.collecting import uncollected
    from hnas.runtime.supernet import SuperNet
    from hnas.search.bilevel import Bilevel, Optimizers

    torch.set_num_threads(1)
    gc.set_threshold(50_000)  # as the command line has it
    compilation, clock = Compilation(SPEC), time.process_time
    begun = clock()
    timed("spec to space", lambda: compilation.program, clock)
    timed("space to graph", lambda: compilation.graph, clock)
    init = compilation.search.arch.init
    with uncollected():
        steps = timed("graph to program, all passes, checked after each", compilation.steps, clock)
        model = timed("program to modules", lambda: SuperNet(steps, compilation.decisions, init), clock)
    print(f"{'together':50} {clock() - begun:8.3f} s", flush=True)
    parameters = sum(p.numel() for p in model.weight_parameters())
    print(f"{len(model.network.steps):,} steps, {parameters:,} weights")
    settings = compilation.search
    bilevel = Bilevel(model, Optimizers.of(model, settings), settings, torch.device("cpu"))
    batch = Batch(torch.randn(settings.batch, 3, crop, crop), torch.randint(19, (settings.batch, crop, crop)))
    where = f"crop {crop}, batch {settings.batch}, one thread"
    timed(f"weight step, {where}", lambda: bilevel.weight_step(batch, 0))
    timed(f"architecture step, {where}", lambda: bilevel.arch_step(batch, 0))


if __name__ == "__main__":
    main()
