"""What a pass makes of a space in which every pass has something to do, as text."""

from collections.abc import Callable

from helpers import ROOT

from hnas.compiler import Compilation
from hnas.ir.program import Program, Step
from hnas.ir.program_text import print_program
from hnas.ir.verify import verify
from hnas.passes.inline import inline
from hnas.passes.pipeline import PASSES

SPEC = ROOT / "tests" / "specs" / "passes.hnas"
GOLDEN = ROOT / "tests" / "golden"


def program_before(name: str) -> Program:
    """The program as the pass finds it: after all that may run before it."""
    program = inline(Compilation(SPEC).graph)
    for each in list(PASSES)[: list(PASSES).index(name)]:
        program = PASSES[each].run(program)
    return program


def before_and_after(name: str) -> tuple[str, str, Program]:
    """The texts, and the program after the pass, which is one that computes the same."""
    program = program_before(name)
    before, verifier = print_program(program), verify(program)
    after = PASSES[name].run(program)
    verifier.check(after)
    return before, print_program(after), after


def compare(name: str, before: str, after: str, update: bool) -> None:
    """Hold both texts against tests/golden/NAME.program.txt."""
    text = f"{before}\n# after {name}\n\n{after}"
    path = GOLDEN / f"{name}.program.txt"
    if update:
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


def count(program: Program, of: Callable[[Step], bool]) -> int:
    """How many values steps of a kind compute."""
    return sum(len(step.members) for step in program.steps if of(step))
