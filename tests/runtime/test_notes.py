"""What fails while a network computes is told with its place in the spec, at every level."""

from typing import Any, final

import pytest
import torch
from helpers import ROOT

from hnas.compiler import Compilation
from hnas.diag import HnasError
from hnas.passes.pipeline import LEVELS
from hnas.runtime.lower import Network
from hnas.runtime.steps import Step

SPEC = ROOT / "tests" / "specs" / "passes.hnas"


@final
class _Fails(Step):
    """Stands in the place of another step."""

    def run(self, values: Any, scalars: Any, training: bool) -> torch.Tensor:
        raise RuntimeError("it fails")


def _failing(network: Network, number: int) -> Step:
    """The network with a step that fails; which one it is."""
    old, new = network.main_steps[number], _Fails()
    new.place(old.out, old.operands, old.path, old.span)
    network.main_steps[number] = new
    return old


@pytest.mark.parametrize("level", LEVELS)
def test_any_step_that_fails_is_named_with_its_place(level: int) -> None:
    images = torch.rand(2, 3, 17, 17)
    compilation = Compilation(SPEC, passes=level)  # type: ignore[arg-type]
    model = compilation.supernet(0)
    for number in range(len(model.network.main_steps)):
        before = list(model.network.main_steps)
        step = _failing(model.network, number)
        with pytest.raises(RuntimeError, match="it fails") as error:
            model(images)
        model.network.main_steps = before
        (note,) = error.value.__notes__
        assert note.startswith(f"in {step.path} ({step.span}), input")
        assert "passes.hnas:" in note


@pytest.mark.parametrize("level", LEVELS)
def test_a_batch_of_one_is_told_with_its_place(level: int) -> None:
    sets = ("head = sum_over(stride, global_pool -> conv(1, classes) -> norm -> resize(1))",)
    compilation = Compilation(SPEC, sets=sets, passes=level)  # type: ignore[arg-type]
    with pytest.raises(HnasError) as error:
        compilation.supernet(0)(torch.rand(1, 3, 17, 17))
    (diagnostic,) = error.value.diagnostics
    assert diagnostic.code == "E0701"
    assert "head" in diagnostic.message
    assert diagnostic.span is not None
