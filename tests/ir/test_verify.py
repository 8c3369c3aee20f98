"""The verifier: every program of every example is one, and each way to break one is told with its place."""

from collections.abc import Callable
from pathlib import Path

import pytest
from attrs import evolve
from helpers import ROOT

from hnas.compiler import Compilation
from hnas.ir.program import Member, Program, Step
from hnas.ir.types import MapType
from hnas.ir.verify import ProgramError, Verifier, verify
from hnas.passes.inline import inline
from hnas.passes.pipeline import PASSES

SPEC = ROOT / "tests" / "specs" / "passes.hnas"


def _program(*passes: str) -> Program:
    program = inline(Compilation(SPEC).graph)
    for name in passes:
        program = PASSES[name].run(program)
    return program


def _first(program: Program, op: str, members: int = 1) -> Step:
    return next(step for step in program.steps if step.op == op and len(step.members) >= members)


def _operand_after(program: Program) -> Member:
    member = _first(program, "relu").members[0]
    member.operands = ((len(program.steps) - 1, 0),)
    return member


def _operand_of_no_member(program: Program) -> Member:
    member = _first(program, "relu").members[0]
    member.operands = ((member.operands[0][0], 1),)
    return member


def _no_operand(program: Program) -> Member:
    member = _first(program, "relu").members[0]
    member.operands = ()
    return member


def _other_type(program: Program) -> Member:
    step = _first(program, "depthwise")
    step.type = MapType(step.type.channels, 64)
    return step.members[0]


def _other_operand(program: Program) -> Member:
    step = _first(program, "pointwise")
    step.members[0].operands = ((0, 0),)
    return step.members[0]


def _unequal_sum(program: Program) -> Member:
    member = _first(program, "sum").members[0]
    member.operands = (member.operands[0], (0, 0))
    return member


def _short_concat(program: Program) -> Member:
    member = _first(program, "concat").members[0]
    member.operands = member.operands[:1]
    return member


def _unknown_parameters(program: Program) -> Member:
    member = _first(program, "conv").members[0]
    member.weights = "nowhere"
    return member


def _parameters_of_another(program: Program) -> Member:
    # of the same operation on the same map, but for another kernel
    small, large = (
        next(s for s in program.steps if s.op == "depthwise" and ("k", k) in s.attrs).members[0]
        for k in (3, 5)
    )
    small.weights = large.weights
    return small


def _unknown_statistics(program: Program) -> Member:
    member = _first(program, "norm").members[0]
    member.stats = ("nowhere",)
    return member


def _no_statistics(program: Program) -> Member:
    member = _first(program, "norm").members[0]
    member.stats = ()
    return member


def _unknown_group(program: Program) -> Member:
    member = _first(program, "mix").members[0]
    member.terms = ((("nowhere", 0),), *member.terms[1:])
    return member


def _too_few_weights(program: Program) -> Member:
    member = _first(program, "mix").members[0]
    member.terms = member.terms[1:]
    return member


def _scaled(program: Program) -> Member:
    member = _first(program, "relu").members[0]
    member.scale = next(m.terms[0] for s in program.steps if s.op == "mix" for m in s.members)
    return member


_BREAKS: dict[Callable[[Program], Member], str] = {
    _operand_after: "which is not there before it",
    _operand_of_no_member: "reads member 1 of step",
    _no_operand: "relu of nothing",
    _other_type: "not 4 x stride 64",
    _other_operand: "pointwise of 4 x stride 2 is given 3 x stride 1",
    _unequal_sum: "sum of 4 x stride 2 is given 3 x stride 1",
    _short_concat: "concat of 4 channels is not 8 x stride 2",
    _unknown_parameters: "has no parameters nowhere",
    _parameters_of_another: "has no parameters layer1",
    _unknown_statistics: "has no running statistics nowhere",
    _no_statistics: "norm moves no running statistics",
    _unknown_group: "no choice has the group nowhere",
    _too_few_weights: "weights",
    _scaled: "relu has a scale",
}


@pytest.mark.parametrize("how", _BREAKS, ids=lambda how: how.__name__)
def test_what_breaks_a_program_is_told_with_its_place(how: Callable[[Program], Member]) -> None:
    program = _program()
    verifier = Verifier(program)
    member = how(program)
    with pytest.raises(ProgramError) as said:
        verifier.check(program)
    assert _BREAKS[how] in str(said.value)
    assert (said.value.path, said.value.span) == (member.path, member.span)
    assert said.value.span.source.text[said.value.span.start : said.value.span.end].strip()


def test_members_of_a_step_are_alike() -> None:
    program = _program("prune", "share", "fold", "batch")
    verifier = verify(program)
    step = _first(program, "mix", 2)
    first = step.members[1].terms[0]
    assert first
    step.members[1].terms = ((), *step.members[1].terms[1:])
    with pytest.raises(ProgramError, match="the members of a mix are not alike"):
        verifier.check(program)


def test_a_norm_that_is_lost_or_done_twice_moves_other_statistics() -> None:
    program = _program()
    verifier = verify(program)
    step = _first(program, "norm")
    twice = evolve(program, steps=[*program.steps, step])
    with pytest.raises(ProgramError, match="running statistics are moved 2 instead of 1 times") as said:
        verifier.check(twice)
    assert said.value.path == step.members[0].stats[0]
    step.op, step.attrs, step.members[0].stats = "relu", (), ()
    with pytest.raises(ProgramError, match="running statistics are moved 0 instead of 1 times"):
        verifier.check(program)


def test_results_are_there_and_of_their_types() -> None:
    program = _program()
    verifier = verify(program)
    with pytest.raises(ProgramError, match="its result is not there"):
        verifier.check(evolve(program, result=(len(program.steps), 0)))
    with pytest.raises(ProgramError, match="its result was 8 x stride 1, now it is 3 x stride 1"):
        verifier.check(evolve(program, result=(0, 0)))
    with pytest.raises(ProgramError, match="its result is not there"):
        verifier.check(evolve(program, steps=program.steps[:1]))


SPECS = sorted((*(ROOT / "examples").glob("*/*.hnas"), *(ROOT / "tests" / "specs").glob("*.hnas")))


@pytest.mark.parametrize("path", SPECS, ids=lambda p: f"{p.parent.name}/{p.stem}")
def test_all_passes_keep_every_example(path: Path) -> None:
    compilation = Compilation(path)
    networks = list(compilation.networks().values())
    graphs = [compilation.specialized(each) for each in networks]
    graphs += [compilation.graph] if compilation.has_supernet and not graphs else []
    for graph in graphs:
        program = inline(graph)
        verifier = verify(program)
        for each in PASSES.values():
            program = each.run(program)
            verifier.check(program)
