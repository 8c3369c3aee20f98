"""layout and remat: marks on a program, whose steps stay as they are."""

import pytest
from before_after import before_and_after, compare, program_before

from hnas.ir.verify import steps_of
from hnas.passes.layout import layout
from hnas.passes.remat import remat


@pytest.mark.parametrize("name", ["layout", "remat"])
def test_as_text(name: str, update_golden: bool) -> None:
    before, after, _ = before_and_after(name)
    compare(name, before, after, update_golden)


def test_maps_of_two_axes_have_their_channels_innermost() -> None:
    program = program_before("layout")
    assert not program.channels_last
    steps = steps_of(program)
    found = layout(program)
    assert found.channels_last
    assert steps_of(found) == steps
    program.dims = 3
    assert not layout(program).channels_last


def test_convolutions_are_kept_and_norms_computed_again() -> None:
    program = program_before("remat")
    steps = steps_of(program)
    found = remat(program)
    assert steps_of(found) == steps
    again = {step.op: step.recompute for step in found.steps}
    assert again["norm"]
    assert again["relu"]
    assert not again["depthwise"]
    assert not again["conv"]
