"""The switch between kernels in C and torch's own."""

from typing import Any

import pytest
import torch
from torch import Tensor

import hnas
from hnas.engine.kernels import kernels_for, use_kernels
from hnas.runtime import native
from hnas.runtime.depthwise import Shape
from hnas.runtime.functions import depthwise_conv

CPU = torch.device("cpu")
HOW = Shape((3, 3), (1, 1), (1, 1), (1, 1))


@pytest.fixture
def used(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The kernels in C that were asked for."""
    asked: list[str] = []
    real = native.run

    def noted(name: str, *given: Any) -> None:
        asked.append(name)
        real(name, *given)

    monkeypatch.setattr(native, "run", noted)
    return asked


def gradient() -> Tensor:
    """That of depthwise weights (4, 1, 3, 3)."""
    weight = torch.ones(4, 1, 3, 3, requires_grad=True)
    depthwise_conv(torch.ones(1, 4, 5, 5), weight, HOW, 1).sum().backward()
    assert weight.grad is not None
    return weight.grad


@pytest.mark.skipif(native.compiler() is None, reason="no C compiler here")
def test_the_switch_decides_what_computes_and_both_agree(used: list[str]) -> None:
    assert use_kernels("off") == "torch"
    plain = gradient()
    assert used == []
    assert hnas.use_kernels("auto") == "C"
    assert torch.equal(gradient(), plain)  # sums of ones are exact
    assert used == ["depthwise", "depthwise_weight"]


def test_without_a_compiler_auto_is_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native, "library", lambda: None)
    assert use_kernels("auto") == "torch"


def test_another_word_is_refused() -> None:
    with pytest.raises(ValueError, match="neither 'auto' nor 'off'"):
        use_kernels("on")  # type: ignore[arg-type]


def test_a_run_asks_for_kernels_on_a_processor_and_with_passes_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native, "library", lambda: "loaded")
    assert kernels_for("auto", CPU, ("share",)) == "C"
    assert kernels_for("off", CPU, ("share",)) == "torch"
    assert kernels_for("auto", CPU, ()) == ""
    assert kernels_for("auto", torch.device("cuda"), ("share",)) == ""
