"""Building, planning and a step grow with the layers as a line does: the same for every layer that comes in.

What is counted is what the network consists of, and the function calls that each stage makes on its way:
something done for every pair of layers would grow faster.
"""

import gc
import sys
from collections.abc import Callable
from typing import Any, TypeVar

import pytest
from attrs import frozen
from helpers import SPEC

from hnas.compiler import Compilation
from hnas.ir.cost import part_of
from hnas.passes.inline import inline
from hnas.passes.pipeline import DEFAULT, optimize
from hnas.planning.plan import Plan, predict, unallocated
from hnas.runtime.lower import lower

T = TypeVar("T")
LAYERS = (6, 12, 24)


def counted(run: Callable[[], T]) -> tuple[T, int]:
    """What a function gives, and how many calls it made, of Python's functions and of C's."""
    calls = 0

    def note(frame: Any, event: str, argument: Any) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    gc.disable()  # it would call what is to be told of objects that go
    before = sys.getprofile()
    sys.setprofile(note)
    try:
        return run(), calls
    finally:
        sys.setprofile(before)
        gc.enable()


@frozen
class Grown:
    """Of a network: what it consists of, and how many calls each stage took to make it."""

    values: int
    records: int
    plan: Plan
    calls: dict[str, int]


@pytest.fixture(scope="module")
def grown() -> tuple[Grown, ...]:
    return tuple(network_of(layers) for layers in (3, *LAYERS))[1:]  # the first calls prepare others


def network_of(layers: int) -> Grown:
    compilation = Compilation(SPEC, sets=(f"L={layers}", "B=1", "F=2"))
    _ = compilation.program
    calls: dict[str, int] = {}
    graph, calls["graph"] = counted(lambda: compilation.graph)
    unrolled, calls["program"] = counted(lambda: inline(graph))
    values = len(unrolled.steps)
    program, calls["passes"] = counted(lambda: optimize(unrolled, DEFAULT))
    with unallocated():
        network, calls["modules"] = counted(lambda: lower(program))
        model = compilation.supernet(0)
    plan, calls["plan"] = counted(lambda: predict(model, part_of, image=(33, 33), batch=2))
    return Grown(values, len(network.steps), plan, calls)


def bend(found: list[int]) -> float:
    """How far numbers of 6, 12 and 24 layers are from a line, as a part of what the last layers bring."""
    first, second, third = found
    return (third - second - 2 * (second - first)) / (third - second)


def test_a_network_has_as_much_for_every_further_layer(grown: tuple[Grown, ...]) -> None:
    assert bend([each.values for each in grown]) == 0
    assert bend([each.records for each in grown]) == 0
    for figure in ("parameters", "multiply_adds", "forward_calls", "backward_calls", "kept_bytes"):
        assert bend([getattr(each.plan.whole, figure) for each in grown]) == 0, figure


@pytest.mark.parametrize("stage", ["graph", "program", "passes", "modules", "plan"])
def test_a_stage_does_as_much_for_every_further_layer(stage: str, grown: tuple[Grown, ...]) -> None:
    assert abs(bend([each.calls[stage] for each in grown])) < 0.01
