"""share: what is computed twice is computed once.

Operates on any program. Two steps that apply the same operation, with the same parameters, to the same
values become one, wherever they stand: the rectified input and the pooled maps of all edges out of a
node, and what moves into a state that share operators compute of the same map. `skip` is its operand.

Norms are merged when each moves running statistics of its own, which then stay equal, as they receive
the same updates. What draws random numbers or runs code of others is left alone.
"""

from hnas.ir.program import Member, Program, Ref, Step

_ALONE = ("dropout", "drop", "extern", "image")


def share(program: Program) -> Program:
    """The program with every computation once."""
    moved = moved_by(program)
    where: dict[Ref, Ref] = {}
    steps: list[Step] = []
    known: dict[tuple[object, ...], int] = {}
    for number, step in enumerate(program.steps):
        (member,) = step.members
        operands = tuple(where[ref] for ref in member.operands)
        if step.op == "skip":
            where[number, 0] = operands[0]
            continue
        key = _key(step, member, operands, moved)
        found = known.get(key) if key is not None else None
        if found is not None:
            where[number, 0] = found, 0
            twin = steps[found].members[0]
            twin.stats = (*twin.stats, *member.stats)
            continue
        if key is not None:
            known[key] = len(steps)
        where[number, 0] = len(steps), 0
        steps.append(_copied(step, member, operands))
    return program.with_steps(steps, where, "share")


def moved_by(program: Program) -> dict[str, int]:
    """How many norms move each running statistic."""
    moved: dict[str, int] = {}
    for step in program.steps:
        for member in step.members:
            for path in member.stats:
                moved[path] = moved.get(path, 0) + 1
    return moved


def _key(
    step: Step, member: Member, operands: tuple[Ref, ...], moved: dict[str, int]
) -> tuple[object, ...] | None:
    if step.op in _ALONE or any(moved[path] > 1 for path in member.stats):
        return None
    # of a mask, what lives is told by its type
    live = step.type if step.op == "mask" else None
    return step.op, step.attrs, operands, member.weights, member.terms, member.scale, live, step.type


def _copied(step: Step, member: Member, operands: tuple[Ref, ...]) -> Step:
    copied = Member(
        operands,
        member.path,
        member.span,
        member.weights,
        member.stats,
        member.terms,
        member.scale,
        member.number,
    )
    return Step(
        step.op,
        step.attrs,
        step.given,
        step.type,
        [copied],
        step.region,
        step.kernel,
        step.extern,
        step.recompute,
    )
