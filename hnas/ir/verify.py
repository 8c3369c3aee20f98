"""verify: whether a program is one, and still the network it was made of.

A pass may reorder, merge and drop steps; what must hold afterwards is checked here, for the program
as it is unrolled and after every pass:

- every operand stands before its use, and its step has that member;
- types fit: a layer's result is what its rule gives, maps that are joined are alike;
- the members of a step are alike, all of one operation on maps of one type;
- parameters and running statistics are those of the holders, used as the unrolled program uses them;
- every running statistic is moved as often as there, and no other groups are asked for;
- no code of others is in a segment, which runs twice;
- the results are there, with the types they had.

Programs have tens of thousands of values and few kinds of them: what was found right of a kind is
looked up.
"""

from collections import Counter
from typing import final

from hnas.diag import Span
from hnas.ir.intern import Numbering
from hnas.ir.layer import TypeRuleError
from hnas.ir.ops import PRIMITIVES
from hnas.ir.program import JOINED, WEIGHTED, Member, Program, Step
from hnas.ir.types import MapType

_Kind = tuple[object, ...]
_WEIGHTED = frozenset(WEIGHTED)


@final
class ProgramError(Exception):
    """A program is none: `str()` says why, `path` and `span` where."""

    def __init__(self, why: str, member: Member) -> None:
        super().__init__(why)
        self.path: str = member.path
        self.span: Span = member.span


def verify(program: Program) -> "Verifier":
    """Check a program by itself; what is given back checks what passes make of it.

    Raises:
        ProgramError: Something does not hold.
    """
    return Verifier(program)


@final
class Verifier:
    """Checks what passes make of a program, which is checked and taken note of before they change it."""

    def __init__(self, program: Program) -> None:
        self.dims, self.groups = program.dims, frozenset(program.groups)
        self.statistics = {h.path: h for h in program.holders if h.kind == "stats"}
        self.channels = {path: holder.given.channels for path, holder in self.statistics.items()}
        self.parameters = {h.path: h for h in program.holders if h.kind != "stats"}
        self.number_of = Numbering()
        # what was found right already, by the identity of attributes and types: those are kept, as the next
        # object might get the id of one that is gone
        self.kept: list[object] = []
        self.kinds: set[_Kind] = set()
        self.held: set[_Kind] = set()
        self.terms: set[tuple[tuple[str, int], ...]] = {()}
        self.moved: Counter[str] | None = None
        self.results: list[MapType] = []
        self.moved = self.check(program)
        self.results = [program.steps[number].type for number, _ in program.results]

    def check(self, program: Program) -> Counter[str]:
        """Check a program that came of the one taken note of; how often each running statistic is moved.

        Raises:
            ProgramError: Something does not hold.
        """
        steps, kinds, held, terms = program.steps, self.kinds, self.held, self.terms
        types: list[int] = []
        counts: list[int] = []
        channels = self.channels
        statistics: list[str] = []
        for number, step in enumerate(steps):
            members, op = step.members, step.op
            layer = op, id(step.attrs), id(step.given), id(step.type)
            for member in members:
                kind: _Kind = layer
                for n, position in member.operands:
                    if not 0 <= n < number or not 0 <= position < counts[n]:
                        raise ProgramError(_missing(number, n, position), member)
                    kind = kind, types[n]
                if kind not in kinds:
                    self._typed(step, member, steps)
                    kinds.add(kind)
                    self.kept += (step.attrs, step.given, step.type)
                if member.weights:
                    use = member.weights, layer
                    if use not in held:
                        self._held(step, member)
                        held.add(use)
                elif op in _WEIGHTED:
                    raise ProgramError(f"{op} of {step.given} has no parameters", member)
                if member.stats:
                    for path in member.stats:
                        if channels.get(path) != step.given.channels or op != "norm":
                            why = f"{op} of {step.given} has no running statistics {path}"
                            raise ProgramError(why, member)
                    statistics += member.stats
                elif op == "norm":
                    raise ProgramError("norm moves no running statistics", member)
                if member.terms or (member.scale and (op != "norm" or member.scale not in terms)):
                    self._weighed(op, member)
            if len(members) > 1:
                self._alike(step)
            types.append(id(step.type))
            counts.append(len(members))
        return self._whole(program, counts, Counter(statistics))

    # --- a step ------------------------------------------------------------------------------------

    def _typed(self, step: Step, member: Member, steps: list[Step]) -> None:
        """What a step is given fits it, and its type follows from that."""
        op, given, found = step.op, step.given, step.type
        if op == "image":
            return
        if not member.operands:
            raise ProgramError(f"{op} of nothing", member)
        types = [steps[number].type for number, _ in member.operands]
        for each in types if op in JOINED and op != "concat" else types[:1]:
            _same(each, given, f"{op} of {given} is given {each}", member)
        primitive = PRIMITIVES.get(op)
        if op == "concat":
            channels = sum(each.channels for each in types)
            if channels != found.channels:
                raise ProgramError(f"concat of {channels} channels is not {found}", member)
        elif op in ("mask", "drop") or op in JOINED:
            _same(given, found, f"{op} of {given} is not {found}", member)
        elif primitive is not None and _ruled(step):
            try:
                due = primitive.result(dict(step.attrs), given, self.dims)
            except TypeRuleError as error:
                raise ProgramError(f"{op} of {given}: {error}", member) from None
            _same(due, found, f"{op} of {given} is {due}, not {found}", member)

    def _alike(self, step: Step) -> None:
        """Members of a step differ in their values alone."""
        members = step.members
        alike = len({(len(m.operands), not m.weights, not m.stats, not m.scale) for m in members}) == 1
        if members[0].terms or members[-1].terms:
            alike = alike and len({tuple([not weight for weight in m.terms]) for m in members}) == 1
        if not alike:
            raise ProgramError(f"the members of a {step.op} are not alike", members[0])

    def _weighed(self, op: str, member: Member) -> None:
        """Weights of options stand where they may, each of a group there is."""
        if member.terms and (op != "mix" or len(member.terms) != len(member.operands)):
            raise ProgramError(f"{op} of {len(member.operands)} maps has {len(member.terms)} weights", member)
        if member.scale and op != "norm":
            raise ProgramError(f"{op} has a scale", member)
        if self.terms.issuperset(member.terms) and member.scale in self.terms:
            return
        for weight in (*member.terms, member.scale):
            for group, _ in weight:
                if group not in self.groups:
                    raise ProgramError(f"no choice has the group {group}", member)
            self.terms.add(weight)

    def _held(self, step: Step, member: Member) -> None:
        """Parameters are held, and used as they were before."""
        use = step.op, member.weights, self.number_of(step.attrs), step.given.channels
        if use not in self.held:
            holder = self.parameters.get(member.weights)
            if self.moved is not None or holder is None or holder.op != step.op:
                raise ProgramError(f"{step.op} of {step.given} has no parameters {member.weights}", member)
            self.held.add(use)

    # --- the whole ---------------------------------------------------------------------------------

    def _whole(self, program: Program, counts: list[int], moved: Counter[str]) -> Counter[str]:
        """Results and statistics are as they were."""
        last = program.steps[-1].members[0]
        if program.segments and extern_in(program).intersection(program.segments):
            raise ProgramError("code of others would run again in backward", last)
        if not all(0 <= n < len(counts) and 0 <= position < counts[n] for n, position in program.results):
            raise ProgramError("its result is not there", last)
        if self.moved is None:
            return moved
        for (number, position), due in zip(program.results, self.results, strict=True):
            step = program.steps[number]
            why = f"its result was {due}, now it is {step.type}"
            _same(due, step.type, why, step.members[position])
        if moved != self.moved:
            wrong = next(path for path in self.statistics if moved[path] != self.moved[path])
            times = f"{moved[wrong]} instead of {self.moved[wrong]}"
            place = Member((), wrong, self.statistics[wrong].span)
            raise ProgramError(f"its running statistics are moved {times} times", place)
        return moved


def _same(a: MapType, b: MapType, why: str, member: Member) -> None:
    # which channels are searched is no matter of a layer's rule
    if a.channels != b.channels or a.stride != b.stride:
        raise ProgramError(why, member)


def _ruled(step: Step) -> bool:
    """Whether the type of the result follows from the first operand: not of zeros, and not with `like`."""
    if step.op == "resize":
        return any(name in ("to", "scale") for name, _ in step.attrs)
    return step.op != "none"


def _missing(number: int, step: int, position: int) -> str:
    return f"step {number} reads member {position} of step {step}, which is not there before it"


def extern_in(program: Program) -> frozenset[str]:
    """The regions in which code of others runs: what it draws or counts must not happen twice."""
    return frozenset(step.region for step in program.steps if step.op == "extern")


def steps_of(program: Program) -> list[list[object]]:
    """All that steps are but the marks on them: what a pass that only marks leaves as it is."""
    steps = program.steps
    members = [member for step in steps for member in step.members]
    return [
        *([s.op for s in steps], [s.attrs for s in steps], [s.given for s in steps], [s.type for s in steps]),
        *([s.kernel for s in steps], [len(s.members) for s in steps], [m.operands for m in members]),
        *([m.weights for m in members], [m.stats for m in members], [m.terms for m in members]),
        *([m.scale for m in members], [m.number for m in members], [program.result, program.aux]),
    ]


def unlike(before: list[list[object]], program: Program) -> ProgramError:
    """Where a pass that only marks changed something; `before` is what `steps_of` was."""
    places = [step.members[0] for step in program.steps]
    members = [member for step in program.steps for member in step.members]
    for old, new in zip(before, steps_of(program), strict=True):
        for number, (a, b) in enumerate(zip(old, new, strict=False)):
            if a != b:
                where = places if len(new) == len(places) else members
                return ProgramError("it changes more than marks", where[min(number, len(where) - 1)])
    return ProgramError("it changes how many steps there are", places[-1])
