"""prune: what the result does not depend on goes, norms whose statistics would be moved stay."""

from before_after import before_and_after, compare, program_before

from hnas.ir.program import Member, Program, Step, moved_by
from hnas.passes.prune import prune


def test_as_text(update_golden: bool) -> None:
    before, after, _ = before_and_after("prune")
    compare("prune", before, after, update_golden)


def test_zeros_nobody_reads_are_gone() -> None:
    program = program_before("prune")
    assert any(step.op == "none" for step in program.steps)
    assert not any(step.op == "none" for step in prune(program).steps)


def test_every_step_that_is_left_is_read_or_a_norm() -> None:
    program = prune(program_before("prune"))
    uses = program.uses()
    for number, step in enumerate(program.steps[1:], start=1):
        assert step.op == "norm" or any((number, m) in uses for m in range(len(step.members))), number


def _with_dead_end() -> tuple[Program, int]:
    """A program with a norm, and a rectifier behind it, that nobody reads."""
    program = program_before("prune")
    norm = next(n for n, step in enumerate(program.steps) if step.op == "norm")
    span, type_ = program.steps[norm].members[0].span, program.steps[norm].type
    program.steps.append(Step("relu", (), type_, type_, [Member(((norm, 0),), "dead", span)]))
    return program, norm


def test_a_dead_end_goes_and_its_norm_stays() -> None:
    program, _ = _with_dead_end()
    moved = moved_by(program)
    pruned = prune(program)
    assert "dead" not in [member.path for step in pruned.steps for member in step.members]
    assert moved_by(pruned) == moved
