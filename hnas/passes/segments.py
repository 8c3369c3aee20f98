"""segments: the regions of a program that backward is to compute again as a whole.

Operates on any program, after all passes, whichever they are. Which regions is no matter of the program
but of the memory there is: see `hnas.planning.memory`.
"""

from collections.abc import Sequence

from attrs import evolve

from hnas.diag import HnasError, did_you_mean
from hnas.ir.program import Program
from hnas.ir.verify import extern_in
from hnas.passes.pass_errors import NoSegment


def with_segments(program: Program, regions: Sequence[str]) -> Program:
    """The same steps, with `regions` marked to be computed again.

    Raises:
        HnasError: There is no such region, or code of others runs in it (E0726).
    """
    known = dict.fromkeys(step.region for step in program.steps if step.region)
    theirs = extern_in(program)
    for region in regions:
        if region not in known or region in theirs:
            why = "it runs code of others" if region in theirs else "the network has no such part"
            advice = did_you_mean(region, [name for name in known if name not in theirs])
            raise HnasError(NoSegment(None, name=region, why=why, advice=advice))
    return evolve(program, segments=tuple(region for region in known if region in set(regions)))
