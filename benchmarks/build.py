"""The paper's super-network: how long each stage takes until it stands, and a bilevel step at a small crop.

python benchmarks/build.py [CROP]
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")
SPEC = Path(__file__).parent.parent / "examples" / "autodeeplab" / "spec.hnas"


def timed(name: str, stage: Callable[[], T]) -> T:
    """Run a stage and print what it took."""
    begun = time.perf_counter()
    result = stage()
    print(f"{name:34} {time.perf_counter() - begun:8.3f} s", flush=True)
    return result


def main() -> None:
    """Print a table."""
    crop = int(sys.argv[1]) if len(sys.argv) > 1 else 65
    import torch

    from hnas.compiler import Compilation
    from hnas.data.base import Batch
    from hnas.search.bilevel import Bilevel, Optimizers

    torch.set_num_threads(1)
    compilation = Compilation(SPEC)
    timed("spec to space", lambda: compilation.program)
    timed("space to graph", lambda: compilation.graph)
    model = timed("graph to super-network", lambda: compilation.supernet(0))
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
