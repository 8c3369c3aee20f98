"""share: equal computations become one, which moves the statistics of all of them."""

from before_after import before_and_after, compare, program_before

from hnas.ir.program import Program, moved_by
from hnas.passes.share import share


def test_as_text(update_golden: bool) -> None:
    before, after, _ = before_and_after("share")
    compare("share", before, after, update_golden)


def _keys(program: Program) -> list[tuple[object, ...]]:
    return [
        (step.op, step.attrs, member.operands, member.weights, member.terms)
        for step in program.steps
        for member in step.members
    ]


def test_nothing_is_computed_twice_afterwards() -> None:
    program = program_before("share")
    keys = _keys(program)
    assert len(set(keys)) < len(keys)
    keys = _keys(share(program))
    assert len(set(keys)) == len(keys)


def test_skip_is_its_operand() -> None:
    program = program_before("share")
    assert any(step.op == "skip" for step in program.steps)
    assert not any(step.op == "skip" for step in share(program).steps)


def test_one_norm_moves_the_statistics_of_all_it_stands_for() -> None:
    program = program_before("share")
    norms, moved = sum(step.op == "norm" for step in program.steps), moved_by(program)
    shared = share(program)
    assert sum(step.op == "norm" for step in shared.steps) < norms
    assert max(len(step.members[0].stats) for step in shared.steps) == 2
    assert moved_by(shared) == moved


def test_norms_with_statistics_in_common_are_moved_as_often_as_before() -> None:
    program = program_before("share")
    norms = [step for step in program.steps if step.op == "norm"]
    twins = [
        (a, b)
        for n, a in enumerate(norms)
        for b in norms[:n]
        if (a.type, a.members[0].operands) == (b.type, b.members[0].operands)
    ]
    # pooled twice from one map: their operands are equal only once those are shared
    assert not twins
    pools = [step for step in program.steps if step.op == "avg_pool"]
    behind = {n: step for n, step in enumerate(program.steps) if step.op == "norm"}
    common = next(
        step.members[0]
        for step in behind.values()
        if program.steps[step.members[0].operands[0][0]] is pools[0]
    )
    other = next(
        step.members[0]
        for step in behind.values()
        if program.steps[step.members[0].operands[0][0]] is pools[1]
    )
    other.stats = common.stats
    before = moved_by(program)
    assert before[common.stats[0]] == 2
    shared = share(program)
    assert moved_by(shared) == before
    assert sum(common.stats[0] in step.members[0].stats for step in shared.steps) == 2


def test_dropout_is_drawn_for_each() -> None:
    program = program_before("share")
    for step in program.steps:
        if step.op == "avg_pool":
            step.op, step.attrs = "dropout", ()
    drawn = sum(step.op == "dropout" for step in program.steps)
    assert sum(step.op == "dropout" for step in share(program).steps) == drawn
