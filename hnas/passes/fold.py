"""fold: the weight of an option becomes the scale of the norm it ends in.

Operates on a program of single members, after `share`. Where a mix weighs the result of a norm that
nobody else reads and that has no scale of its own, the norm is told to scale its result and the mix
adds it as it is:

    sum_k alpha_k norm(x_k)  =  sum_k norm(x_k; scale = alpha_k)            (Liu et al. 2019, Eq. 3)

That saves a product for each branch, and its operand kept for backward: the gradient of alpha_k is the
sum over channels of the gradient of the norm's scale. A mix of nothing but such norms is a plain sum.
"""

from hnas.ir.program import Program, Ref, Step


def fold(program: Program) -> Program:
    """The program with weights of options moved into norms."""
    uses = program.uses()
    steps = program.steps
    for step in steps:
        if step.op == "mix":
            (member,) = step.members
            terms = list(member.terms)
            for position, (ref, weight) in enumerate(zip(member.operands, member.terms, strict=True)):
                if weight and uses[ref] == 1 and _takes_scale(steps[ref[0]]):
                    steps[ref[0]].members[ref[1]].scale = weight
                    terms[position] = ()
            member.terms = tuple(terms)
            if not any(terms):
                step.op, member.terms = "sum", ()
    where: dict[Ref, Ref] = {(n, 0): (n, 0) for n in range(len(steps))}
    return program.with_steps(steps, where, "fold")


def _takes_scale(step: Step) -> bool:
    member = step.members[0]
    return step.op == "norm" and not member.weights and not member.scale
