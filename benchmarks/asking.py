"""How long it takes to count, draw and number architectures, by layers. Processor time.

python benchmarks/asking.py
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import hnas

SPEC = Path(__file__).parent.parent / "examples" / "autodeeplab" / "spec.hnas"
LAYERS = (12, 48, 192, 1000)
T = TypeVar("T")


def seconds(work: Callable[[], T]) -> tuple[T, float]:
    """What `work` gives, and the processor time it took."""
    begun = time.process_time()
    result = work()
    return result, time.process_time() - begun


def row(layers: int, share: str, number: int) -> tuple[float, float, float, float]:
    """Seconds to load and to count; milliseconds to draw an architecture and to number it."""
    sets = (f"L={layers}", f"dense.share={share}")
    space, loaded = seconds(lambda: hnas.load(SPEC, sets=sets))
    _, counted = seconds(space.count)
    space.sample(1)  # what is remembered is made with the first one
    drawn, sampled = seconds(lambda: space.sample(number))
    _, ranked = seconds(lambda: [space.rank(each) for each in drawn])
    return loaded, counted, 1e3 * sampled / number, 1e3 * ranked / number


def main(number: int) -> None:
    """Print a table: cells shared by the whole network, and a cell for each state."""
    print(f"{number:,} architectures each; x: times what 12 layers take")
    print(
        f"{'share':8} {'layers':>6} {'load s':>8} {'count s':>8} "
        f"{'draw ms':>8} {'x':>6} {'number ms':>9} {'x':>6}"
    )
    for share in ("network", "state"):
        first: tuple[float, float] | None = None
        for layers in LAYERS:
            loaded, counted, sampled, ranked = row(layers, share, number)
            first = first or (sampled, ranked)
            times = f"{sampled:8.3f} {sampled / first[0]:6.1f} {ranked:9.3f} {ranked / first[1]:6.1f}"
            print(f"{share:8} {layers:6} {loaded:8.2f} {counted:8.2f} {times}", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000)
