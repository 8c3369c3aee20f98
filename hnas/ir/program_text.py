"""A program as text, a line a step: what `--emit program` prints and what tests of passes compare.

    %12[3] = norm(affine = false) %9[0:2] %11 : 8@4  recompute  scale a#0; a#1; b#0  stats ...  # NAME

A step of several members tells how many behind its number. What it reads is told position by position,
with commas; the values that its members read there as runs: `%9` is all of step 9, `%9[0:2]` its
members 0 and 1, `2 x %9` that row twice. What differs from member to member has semicolons; NAME is
that of the first member. Attributes that are the default are left out. The steps behind a line `segment NAME`
are computed again in backward as a whole, up to the next such line or `no segment`.
"""

from collections.abc import Iterator, Sequence

from hnas.ir.expr import Value
from hnas.ir.ops import PRIMITIVES
from hnas.ir.program import Member, Program, Ref, Step, repeats_of, runs_of
from hnas.ir.text import spell_layer, spell_type, spell_weight


def print_program(program: Program) -> str:
    """Every step, then the results."""
    return "\n".join(_lines(program)) + "\n"


def _lines(program: Program) -> Iterator[str]:
    values = sum(len(step.members) for step in program.steps)
    passes = ", ".join(program.passes) or "no passes"
    layout = ", channels innermost" if program.channels_last else ""
    yield f"program of {len(program.steps):,} steps, {values:,} values; {passes}{layout}"
    counts = [len(step.members) for step in program.steps]
    region = ""
    for number, step in enumerate(program.steps):
        if step.region != region and (region in program.segments or step.region in program.segments):
            yield f"  segment {step.region}" if step.region in program.segments else "  no segment"
        region = step.region
        yield f"  {_step(number, step, counts)}"
    yield f"  return {', '.join(_row([ref], counts) for ref in program.results)}"


def _step(number: int, step: Step, counts: Sequence[int]) -> str:
    members = step.members
    size = f"[{len(members)}]" if len(members) > 1 else ""
    operation = spell_layer(step.op, tuple(_told(step)), step.kernel, step.extern)
    most = max(len(member.operands) for member in members)
    rows = [[m.operands[n] for m in members if n < len(m.operands)] for n in range(most)]
    operands = ", ".join(_row(row, counts) for row in rows)
    parts = [f"%{number}{size} = {operation}{' ' if operands else ''}{operands} : {spell_type(step.type)}"]
    if step.recompute:
        parts.append("recompute")
    parts += _of_members(members)
    return f"{'  '.join(parts)}  # {members[0].path}"


def _told(step: Step) -> Iterator[tuple[str, Value]]:
    """The attributes that are not the default."""
    primitive = PRIMITIVES.get(step.op)
    for name, value in step.attrs:
        attribute = primitive.attribute(name) if primitive is not None else None
        if attribute is None or value != attribute.default or type(value) is not type(attribute.default):
            yield name, value


def _of_members(members: Sequence[Member]) -> Iterator[str]:
    """What members differ in, member by member."""
    told = {
        "terms": [", ".join(spell_weight(term) or "1" for term in m.terms) for m in members],
        "scale": [spell_weight(m.scale) for m in members],
        "parameters": [m.weights for m in members],
        "stats": [", ".join(m.stats) for m in members],
    }
    for name, texts in told.items():
        if any(texts):
            yield f"{name} {'; '.join(texts)}"


def _row(refs: Sequence[Ref], counts: Sequence[int]) -> str:
    times = repeats_of(refs)
    row = " ".join(_run(*run, counts) for run in runs_of(refs[: len(refs) // times]))
    return f"{times} x {row}" if times > 1 else row


def _run(number: int, first: int, stop: int, counts: Sequence[int]) -> str:
    if stop - first == counts[number]:
        return f"%{number}"
    return f"%{number}[{first}]" if stop - first == 1 else f"%{number}[{first}:{stop}]"
