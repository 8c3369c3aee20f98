"""The pipeline: which passes run in which order, and that a pass that breaks a network is caught."""

from collections.abc import Callable

import pytest
from attrs import evolve
from before_after import SPEC

from hnas.cli import main as command_line
from hnas.compiler import Compilation
from hnas.diag import HnasError, InternalError
from hnas.ir.program import Program
from hnas.passes import pipeline
from hnas.passes.inline import inline
from hnas.passes.pipeline import DEFAULT, LEVELS, PASSES, Pass, chosen, optimize


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        (None, DEFAULT),
        (0, ()),
        (1, LEVELS[1]),
        (2, tuple(PASSES)),
        ("", ()),
        ("share, batch", ("share", "batch")),
        (("prune", "layout"), ("prune", "layout")),
    ],
)
def test_passes_are_chosen_by_level_or_name(asked: pipeline.Asked, found: tuple[str, ...]) -> None:
    assert chosen(asked) == found
    assert Compilation(SPEC, passes=asked).passes == found  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("asked", "code", "said"),
    [
        (3, "E0716", "there is no optimisation level 3"),
        (-1, "E0716", "there is no optimisation level -1"),
        ("shre", "E0715", "there is no pass shre"),
        (("share", "share"), "E0717", "the pass share is asked for twice"),
        ("share,fold,share", "E0717", "the pass share is asked for twice"),
        ("batch,share", "E0718", "the pass share cannot run after batch"),
        ("fold,share", "E0718", "the pass share cannot run after fold"),
        ("layout,batch", "E0718", "the pass batch cannot run after layout"),
    ],
)
def test_what_cannot_be_asked_for(asked: pipeline.Asked, code: str, said: str) -> None:
    with pytest.raises(HnasError) as error:
        chosen(asked)
    (diagnostic,) = error.value.diagnostics
    assert (diagnostic.code, diagnostic.message) == (code, said)
    if code == "E0715":
        assert all(name in diagnostic.help_text for name in PASSES)


def test_levels_hold_ever_more_and_in_order() -> None:
    assert all(set(LEVELS[n]) < set(LEVELS[n + 1]) for n in range(2))
    assert all(chosen(names) == names for names in LEVELS.values())
    assert "batch" not in LEVELS[1], "it takes longer to start"


@pytest.mark.parametrize("name", PASSES)
def test_every_pass_can_run_alone(name: str) -> None:
    program = optimize(inline(Compilation(SPEC).graph), (name,))
    assert program.passes == (name,)


# --- broken passes ---------------------------------------------------------------------------------


def _moves_twice(program: Program) -> Program:
    norm = [step for step in program.steps if step.op == "norm"][-1]
    norm.members[0].stats = norm.members[0].stats * 2
    return program


def _swaps_steps(program: Program) -> Program:
    steps = [*program.steps[:1], program.steps[2], program.steps[1], *program.steps[3:]]
    return evolve(program, steps=steps)


def _marks_and_changes(program: Program) -> Program:
    sums = [step for step in program.steps if step.op == "sum"]
    sums[-1].members[0].operands = sums[-1].members[0].operands[::-1]
    return program


@pytest.mark.parametrize(
    ("run", "marks", "place", "why"),
    [
        (_moves_twice, False, "layer1.stride4", "its running statistics are moved 2 instead of 1 times"),
        (_swaps_steps, False, "stem.norm", "step 1 reads member 0 of step 1, which is not there before it"),
        (_marks_and_changes, True, "head.sum", "it changes more than marks"),
    ],
)
def test_a_pass_that_breaks_a_network_is_told_with_its_place(
    run: Callable[[Program], Program], marks: bool, place: str, why: str
) -> None:
    passes = {"share": PASSES["share"], "broken": Pass(run, "", marks)}
    with pytest.raises(InternalError) as error:
        optimize(inline(Compilation(SPEC).graph), ("broken",), passes)
    (diagnostic,) = error.value.diagnostics
    assert diagnostic.code == "E0719"
    assert diagnostic.message.startswith(f"the pass broken broke the network at {place}")
    assert diagnostic.message.endswith(f": {why}")
    assert diagnostic.span is not None
    assert diagnostic.span.source.name.endswith("passes.hnas")


def test_the_command_line_tells_it_as_a_fault_of_hnas(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(PASSES, "share", Pass(_swaps_steps, ""))
    assert command_line.run(["compile", str(SPEC), "--emit", "program", "--passes", "share"]) == 70
    said = capsys.readouterr()
    assert "error[E0719]: the pass share broke the network at stem.norm" in said.err
    assert "tests/specs/passes.hnas:19:37\n" in said.err
    assert "This is a fault of hnas" in said.err
    assert said.out == ""


def test_a_pass_that_fails_is_named() -> None:
    def fails(program: Program) -> Program:
        raise KeyError("x")

    with pytest.raises(KeyError) as error:
        optimize(inline(Compilation(SPEC).graph), ("fails",), {"fails": Pass(fails, "")})
    assert error.value.__notes__ == ["in the pass fails"]
