"""The program: a graph unrolled into one list of steps, the form in which passes work on a network.

A step computes `members`, values of one type by one operation, at once: as it is unrolled every step
has a single member; what can be computed in one call becomes the members of one step. Their maps lie
one after the other along the channels.

A value is a `Ref`: the number of a step, and of a member in it. Step 0 is the image.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal, final

from attrs import define, evolve, frozen

from hnas.diag import Span
from hnas.ir.graph import Attrs, Weight
from hnas.ir.table import Table
from hnas.ir.types import MapType

Ref = tuple[int, int]
"""A step's number, and that of a member in it."""

Run = tuple[int, int, int]
"""Members `first` up to `stop` of a step."""

IMAGE: Ref = (0, 0)

GLUE = ("mix", "mask", "sum", "product", "concat", "drop", "image")
"""What a step computes when it is no primitive layer: the joins of a graph, an edge that may be left out."""

JOINED = ("mix", "sum", "product", "concat")
"""Of these, what puts several maps together."""

WEIGHTED = ("conv", "depthwise", "pointwise", "transposed", "linear")
"""Layers with weights; a norm's scale and shift are held apart."""


@final
@define(eq=False)
class Member:
    """One value of a step.

    Attributes:
        operands: What it is computed from; a layer whose result refers to the image's size reads that last.
        path: Its name: the path of its calls, then the node's own.
        span: Where the spec has it.
        weights: The path of the parameters it reads, empty where it has none.
        stats: The running statistics it moves; several where one computation stands for several norms.
        terms: Of a mix, the weight of each operand; empty for one that is weighed already.
        scale: Of a norm, the weight its result is multiplied with; empty: none.
        number: Of an edge that may be left out, which.
    """

    operands: tuple[Ref, ...]
    path: str
    span: Span
    weights: str = ""
    stats: tuple[str, ...] = ()
    terms: tuple[Weight, ...] = ()
    scale: Weight = ()
    number: int = 0


@final
@define(eq=False)
class Step:
    """An operation and the values it computes, all of one type.

    Attributes:
        op: A primitive of the catalogue, or one of `GLUE`.
        attrs: Of the primitive.
        given: The type of the first operand.
        type: The type of a value.
        region: What of the network it is a part of: a state of the trellis, the stem, the head.
        kernel, extern: As of `graph.Op`.
        recompute: Whether backward computes it again, rather than keep its value.
    """

    op: str
    attrs: Attrs
    given: MapType
    type: MapType
    members: list[Member]
    region: str = ""
    kernel: Table | None = None
    extern: str | None = None
    recompute: bool = False


@final
@frozen
class Holder:
    """A module that holds parameters or running statistics, made before any pass changes the steps.

    All levels thus have the same parameters, in the same order, with the same initial values.
    """

    kind: Literal["layer", "affine", "stats", "extern"]
    path: str
    name: str
    op: str
    attrs: Attrs
    given: MapType
    span: Span
    extern: str | None = None


@final
@define(eq=False)
class Program:
    """A network as steps in an order in which every operand stands before its use.

    Attributes:
        steps: Step 0 is the image.
        result, aux: The result, and that of an auxiliary head.
        holders: What holds parameters, in the order in which it is made.
        edges: How many edges may be left out.
        dims: Axes of a map.
        deciding: The groups that have a say in the result.
        groups: All groups a mix or mask names.
        passes: The names of the passes it went through.
        channels_last: Whether maps lie with their channels innermost where the device prefers that.
        segments: Regions that backward computes again as a whole, from what goes into them.
    """

    steps: list[Step]
    result: Ref
    aux: Ref | None
    holders: tuple[Holder, ...]
    edges: int
    dims: int
    deciding: frozenset[str]
    groups: tuple[str, ...]
    passes: tuple[str, ...] = ()
    channels_last: bool = False
    segments: tuple[str, ...] = ()

    @property
    def results(self) -> tuple[Ref, ...]:
        """The result, and the auxiliary one where there is one."""
        return (self.result,) if self.aux is None else (self.result, self.aux)

    def with_steps(self, steps: list[Step], where: Mapping[Ref, Ref], name: str) -> "Program":
        """The same network in other steps, `where` telling what became of the results."""
        return evolve(
            self,
            steps=steps,
            result=where[self.result],
            aux=None if self.aux is None else where[self.aux],
            passes=(*self.passes, name),
        )

    def uses(self) -> dict[Ref, int]:
        """How often each value is read, by steps or as a result."""
        found: dict[Ref, int] = {}
        for step in self.steps:
            for member in step.members:
                for ref in member.operands:
                    found[ref] = found.get(ref, 0) + 1
        for ref in self.results:
            found[ref] = found.get(ref, 0) + 1
        return found


def moved_by(program: Program) -> dict[str, int]:
    """How many norms move each running statistic."""
    moved: dict[str, int] = {}
    for step in program.steps:
        for member in step.members:
            for path in member.stats:
                moved[path] = moved.get(path, 0) + 1
    return moved


def groups_of(step: Step) -> Iterator[str]:
    """The groups whose weights a step asks for."""
    for member in step.members:
        for weight in (*member.terms, member.scale):
            for group, _ in weight:
                yield group
    if step.kernel is not None:
        yield from (axis.group for axis in step.kernel.axes)
    if step.op == "mask":
        for segment in step.type.segments():
            yield from (axis.group for axis in (segment.table.axes if segment.table is not None else ()))
            yield from (group for group, _ in segment.gate)


def runs_of(refs: Sequence[Ref]) -> list[Run]:
    """The references as runs of members that lie one after the other."""
    found: list[Run] = []
    for number, member in refs:
        if found and found[-1][0] == number and found[-1][2] == member:
            found[-1] = (number, found[-1][1], member + 1)
        else:
            found.append((number, member, member + 1))
    return found


def repeats_of(refs: Sequence[Ref]) -> int:
    """How often the references are the same row over and over."""
    first = refs[0]
    for period in (n for n, ref in enumerate(refs) if n and ref == first):
        if len(refs) % period == 0 and all(refs[n] == refs[n - period] for n in range(period, len(refs))):
            return len(refs) // period
    return 1
