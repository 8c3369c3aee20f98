"""batch: what one call can compute becomes the members of one step."""

from collections import Counter

from before_after import before_and_after, compare, program_before

from hnas.ir.program import Program
from hnas.passes.batch import batch


def test_as_text(update_golden: bool) -> None:
    before, after, _ = before_and_after("batch")
    compare("batch", before, after, update_golden)


def _values(program: Program) -> Counter[tuple[object, ...]]:
    return Counter(
        (step.op, step.attrs, step.type, m.path, m.weights, m.stats, m.terms, m.scale)
        for step in program.steps
        for m in step.members
    )


def test_the_values_are_the_same_in_fewer_steps() -> None:
    program = program_before("batch")
    values, steps = _values(program), len(program.steps)
    batched = batch(program)
    assert _values(batched) == values
    assert len(batched.steps) < steps


def test_no_member_depends_on_another_of_its_step() -> None:
    program = batch(program_before("batch"))
    behind: list[set[int]] = []
    for step in program.steps:
        read = {number for member in step.members for number, _ in member.operands}
        behind.append(read.union(*(behind[number] for number in read)))
    assert not any(number in found for number, found in enumerate(behind))


def test_depthwise_convolutions_of_one_map_are_one_step() -> None:
    program = batch(program_before("batch"))
    wide = [step for step in program.steps if step.op == "depthwise" and len(step.members) > 1]
    assert wide
    for step in wide:
        assert len({member.operands for member in step.members}) == 1
        assert len({member.weights for member in step.members}) == len(step.members)


def test_norms_that_move_the_same_statistics_keep_their_order() -> None:
    program = program_before("batch")
    norms = [step.members[0] for step in program.steps if step.op == "norm"]
    first, last = norms[1], norms[-1]
    last.stats = first.stats
    batched = batch(program)
    where = {m.path: (n, len(step.members)) for n, step in enumerate(batched.steps) for m in step.members}
    assert where[first.path] < where[last.path]
    assert where[first.path][1] == where[last.path][1] == 1
