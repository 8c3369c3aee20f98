"""share: what is computed twice is computed once.

Operates on any program. Two steps that apply the same operation, with the same parameters, to the same
values become one, wherever they stand: the rectified input and the pooled maps of all edges out of a
node, and what moves into a state that share operators compute of the same map. `skip` is its operand.

Norms are merged when each moves running statistics of its own, which then stay equal, as they receive
the same updates. What draws random numbers or runs code of others is left alone.
"""

from hnas.ir.intern import Numbering
from hnas.ir.program import Program, Ref, Step, moved_by

_ALONE = frozenset(("dropout", "drop", "extern", "image"))


def share(program: Program) -> Program:
    """The program with every computation once."""
    moved, number_of = moved_by(program), Numbering()
    where: dict[Ref, Ref] = {}
    steps: list[Step] = []
    known: dict[tuple[object, ...], Step] = {}
    places: dict[int, Ref] = {}
    for number, step in enumerate(program.steps):
        (member,) = step.members
        operands = tuple([where[ref] for ref in member.operands])
        if step.op == "skip":
            where[number, 0] = operands[0]
            continue
        if step.op not in _ALONE and not any(moved[path] > 1 for path in member.stats):
            # of a mask, what lives is told by its type
            kinds = number_of(step.attrs), number_of(step.type), number_of(step.kernel)
            key = step.op, operands, member.weights, *kinds, member.terms, member.scale
            twin = known.setdefault(key, step)
            if twin is not step:
                where[number, 0] = places[id(twin)]
                twin.members[0].stats += member.stats
                continue
            places[id(step)] = len(steps), 0
        where[number, 0] = len(steps), 0
        member.operands = operands
        steps.append(step)
    return program.with_steps(steps, where, "share")
