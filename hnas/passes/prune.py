"""prune: what the results do not depend on is not computed.

Operates on any program. A step nobody reads goes, with what only it read: `none` on an edge, operators
of a state that has no say. What leaves more behind than its value stays: norms, whose running statistics a
pass moves, and what draws random numbers or runs code of others. The result of an auxiliary head counts
as read.
"""

from hnas.ir.program import Program, Ref, Step

_ACTING = ("norm", "dropout", "extern")


def prune(program: Program) -> Program:
    """The program without unread steps."""
    needed = {number for number, _ in program.results} | {0}
    for number in range(len(program.steps) - 1, -1, -1):
        step = program.steps[number]
        if step.op in _ACTING or number in needed:
            needed.add(number)
            for member in step.members:
                needed.update([ref[0] for ref in member.operands])
    where: dict[Ref, Ref] = {}
    steps: list[Step] = []
    for number, step in enumerate(program.steps):
        if number in needed:
            for position, member in enumerate(step.members):
                member.operands = tuple([where[ref] for ref in member.operands])
                where[number, position] = len(steps), position
            steps.append(step)
    return program.with_steps(steps, where, "prune")
