"""The passes, in the order in which they may run, and the levels that choose among them."""

from collections.abc import Callable, Sequence

from hnas.ir.program import Program
from hnas.passes.batch import batch
from hnas.passes.fold import fold
from hnas.passes.layout import layout
from hnas.passes.prune import prune
from hnas.passes.remat import remat
from hnas.passes.share import share

PASSES: dict[str, Callable[[Program], Program]] = {
    "prune": prune,
    "share": share,
    "fold": fold,
    "batch": batch,
    "layout": layout,
    "remat": remat,
}
"""By name, in order."""

LEVELS: dict[int, tuple[str, ...]] = {0: (), 1: ("prune", "share", "fold"), 2: tuple(PASSES)}


def optimize(program: Program, names: Sequence[str]) -> Program:
    """The program after the passes called `names`."""
    for name, run in PASSES.items():
        if name in names:
            program = run(program)
    return program
