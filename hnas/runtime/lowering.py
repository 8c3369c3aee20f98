"""How each step of a program becomes records over slots."""

from collections.abc import Callable
from fractions import Fraction
from typing import Any, final

from torch import Tensor, nn

from hnas.ir.program import WEIGHTED, Member, Program, Step
from hnas.runtime import steps as rt
from hnas.runtime.holders import Holders
from hnas.runtime.primitives import convolution, plain


@final
class Lowering:
    """Records for a program. Slot i holds the values of step i."""

    def __init__(self, program: Program, holders: Holders) -> None:
        self.program, self.holders = program, holders
        self.records: list[rt.Step] = []
        self.functions: dict[tuple[Any, ...], Callable[..., Tensor]] = {}

    def run(self) -> list[rt.Step]:
        """Every record, in order."""
        for number, step in enumerate(self.program.steps[1:], start=1):
            (member,) = step.members
            record = self.record(step, member)
            record.place(number, tuple(n for n, _ in member.operands), member.path, member.span)
            record.region = step.region
            self.records.append(record)
        return self.records

    def record(self, step: Step, member: Member) -> rt.Step:
        """The record of a step of a single member."""
        match step.op:
            case "mix":
                return rt.Mixed(member.terms)
            case "mask":
                return rt.Masked(step.type.segments())
            case "sum":
                return rt.Sum()
            case "product":
                return rt.Product()
            case "concat":
                return rt.Concat()
            case "drop":
                return rt.Edge(member.number)
            case "extern":
                module = self.holders.externs[member.weights]
                return rt.Extern(member.weights, module, step.type.channels, step.type.stride)
            case "norm":
                affine = self.holders.affines[member.weights] if member.weights else None
                stats = self.holders.statistics[member.stats[0]]
                return rt.Norm(stats, affine, number_of(step, "momentum"), number_of(step, "eps"))
            case "dropout":
                return rt.Plain(nn.functional.dropout, number_of(step, "p"))
            case op if op in WEIGHTED:
                layer, function = self.holders.layers[member.weights], self._function(step)
                if step.kernel is not None:
                    return rt.Nested(function, layer, step.kernel)
                return rt.Layer(function, layer)
            case _:
                return rt.Plain(self._function(step))

    def _function(self, step: Step) -> Callable[..., Tensor]:
        key = (step.op, step.attrs, step.given, step.type)
        if key not in self.functions:
            attrs, dims = dict(step.attrs), self.program.dims
            if step.op in WEIGHTED:
                self.functions[key] = convolution(
                    step.op, attrs, step.given, step.type, dims, innermost=self.program.channels_last
                )
            else:
                self.functions[key] = plain(step.op, attrs, step.type, dims)
        return self.functions[key]


def number_of(step: Step, name: str) -> float:
    """An attribute of a step that is a number."""
    value = dict(step.attrs)[name]
    assert isinstance(value, int | Fraction)
    return float(value)
