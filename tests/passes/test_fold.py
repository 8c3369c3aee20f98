"""fold: the weight of an option is the scale of the norm it ends in, where nobody else reads that norm."""

from before_after import before_and_after, compare, program_before

from hnas.passes.fold import fold


def test_as_text(update_golden: bool) -> None:
    before, after, _ = before_and_after("fold")
    compare("fold", before, after, update_golden)


def test_every_weight_is_asked_for_as_often_as_before() -> None:
    program = program_before("fold")
    before = sorted(term for step in program.steps for m in step.members for term in m.terms)
    after = [
        weight
        for step in fold(program).steps
        for m in step.members
        for weight in (*m.terms, m.scale)
        if weight
    ]
    assert sorted(after) == before
    assert any(m.scale for step in program.steps for m in step.members)


def test_a_norm_that_two_read_keeps_its_scale() -> None:
    program = program_before("fold")
    uses = program.uses()
    several = [step for n, step in enumerate(program.steps) if step.op == "norm" and uses.get((n, 0), 0) > 1]
    assert several
    fold(program)
    assert not any(step.members[0].scale for step in several)


def test_an_affine_norm_keeps_its_scale() -> None:
    program = program_before("fold")
    for step in program.steps:
        if step.op == "norm":
            step.members[0].weights = "its.own"
    fold(program)
    assert not any(member.scale for step in program.steps for member in step.members)


def test_a_mix_of_folded_norms_alone_is_a_sum() -> None:
    program = program_before("fold")
    uses = program.uses()

    def folds(number: int) -> bool:
        return program.steps[number].op == "norm" and uses[number, 0] == 1

    mix = next(
        step
        for step in program.steps
        if step.op == "mix" and any(folds(n) for n, _ in step.members[0].operands)
    )
    (member,) = mix.members
    kept = [n for n, (ref, _) in enumerate(member.operands) if folds(ref)]
    member.operands = tuple(member.operands[n] for n in kept)
    member.terms = tuple(member.terms[n] for n in kept)
    fold(program)
    assert (mix.op, member.terms) == ("sum", ())
