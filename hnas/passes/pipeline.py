"""The passes, in the order in which they may run, the levels that choose among them, and their run.

The order is one for all: `share` finds equal steps before `fold` gives norms scales that differ, both
work on steps of one member and so before `batch` puts several into one, and what only marks a program
comes last. A pass never needs another one to have run. A program is checked before the first pass and
after every one, see `hnas.ir.verify`.
"""

from collections.abc import Callable, Sequence
from typing import final

from attrs import frozen

from hnas.diag import HnasError, InternalError
from hnas.ir.program import Program
from hnas.ir.verify import ProgramError, Verifier, steps_of, unlike
from hnas.passes.batch import batch
from hnas.passes.fold import fold
from hnas.passes.layout import layout
from hnas.passes.pass_errors import BrokenPass, PassOrder, RepeatedPass, UnknownLevel, UnknownPass
from hnas.passes.prune import prune
from hnas.passes.remat import remat
from hnas.passes.share import share


@final
@frozen
class Pass:
    """A pass.

    Attributes:
        run: Makes a program of a program, which is not used any more.
        does: What it does, in a line.
        marks: Whether it leaves steps as they are but for marks on them.
    """

    run: Callable[[Program], Program]
    does: str
    marks: bool = False


PASSES: dict[str, Pass] = {
    "prune": Pass(prune, "what the result does not depend on is not computed"),
    "share": Pass(share, "what is computed twice is computed once"),
    "fold": Pass(fold, "the weight of an option becomes the scale of the norm it ends in"),
    "batch": Pass(batch, "values that one call can compute are computed in one call"),
    "layout": Pass(layout, "maps lie with their channels innermost", marks=True),
    "remat": Pass(remat, "what is cheap to compute again is not kept for backward", marks=True),
}
"""By name, in order."""

LEVELS: dict[int, tuple[str, ...]] = {0: (), 1: ("prune", "share", "fold"), 2: tuple(PASSES)}
"""0: the network as it is written down. 1: what saves calls and bytes and costs nothing to start. 2: all."""

DEFAULT = LEVELS[2]


Asked = int | str | Sequence[str] | None
"""A level, or passes by name, one by one or with commas between them; None: as usual."""


def chosen(asked: Asked) -> tuple[str, ...]:
    """The names of the passes that are asked for.

    Raises:
        HnasError: There is no such level or pass, or they cannot run in this order.
    """
    if asked is None:
        return DEFAULT
    if isinstance(asked, int):
        if asked not in LEVELS:
            raise HnasError(UnknownLevel(None, level=asked, most=max(LEVELS)))
        return LEVELS[asked]
    names = [n.strip() for n in asked.split(",") if n.strip()] if isinstance(asked, str) else list(asked)
    order = list(PASSES)
    for position, name in enumerate(names):
        if name not in PASSES:
            raise HnasError(UnknownPass(None, name=name, known=", ".join(PASSES)))
        if name in names[:position]:
            raise HnasError(RepeatedPass(None, name=name))
        if position and order.index(name) < order.index(names[position - 1]):
            after = names[position - 1]
            raise HnasError(PassOrder(None, name=name, after=after, order=", ".join(PASSES)))
    return tuple(names)


def optimize(program: Program, names: Sequence[str], passes: dict[str, Pass] = PASSES) -> Program:
    """The program after the passes called `names`, checked before and after each.

    Raises:
        InternalError: A pass broke the program; it tells which, and where.
    """
    name = "inline"
    try:
        verifier = Verifier(program)
        for name in names:
            each = passes[name]
            before = steps_of(program) if each.marks else None
            program = _ran(name, each, program)
            if before is None:
                verifier.check(program)
            elif before != steps_of(program):
                raise unlike(before, program)
    except ProgramError as fault:
        advice = "" if name in names else "this is before any pass: report it"
        broken = BrokenPass(fault.span, name=name, place=fault.path, why=str(fault), advice=advice)
        raise InternalError(broken.message, broken) from fault
    return program


def _ran(name: str, each: Pass, program: Program) -> Program:
    try:
        return each.run(program)
    except Exception as error:
        error.add_note(f"in the pass {name}")
        raise
