"""remat: what is cheap to compute again is not kept for backward.

Operates on any program, last. Norms, rectifiers, pools, resized and gathered maps are made again from
what they were made of when a gradient asks for them: half of what a super-network keeps, at the cost of a
few passes over memory. Convolutions are kept.
"""

from hnas.ir.program import Program

CHEAP = frozenset(("relu", "relu6", "norm", "avg_pool", "max_pool", "resize", "concat"))


def remat(program: Program) -> Program:
    """The program with its cheap steps marked."""
    for step in program.steps:
        step.recompute = step.op in CHEAP and step.kernel is None
    where = {(n, m): (n, m) for n, step in enumerate(program.steps) for m in range(len(step.members))}
    return program.with_steps(program.steps, where, "remat")
