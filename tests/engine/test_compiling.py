"""Whether torch.compile pays."""

import pytest
import torch

from hnas.engine.compiling import START, pays


@pytest.mark.parametrize("seconds", [0.01, 1e6])
def test_never_on_a_processor(seconds: float) -> None:
    assert not pays(torch.device("cpu"), 10, 1, 10**6, seconds)


def test_on_a_gpu_once_the_start_is_a_twentieth_of_the_run() -> None:
    cuda = torch.device("cuda")
    passes = round(20 * 2 * 100 * START / 0.5)
    assert pays(cuda, 100, 2, passes, 0.5)
    assert not pays(cuda, 100, 2, passes - 1, 0.5)
    assert not pays(cuda, 101, 2, passes, 0.5)
    assert not pays(cuda, 6_500, 2, 200, 1.0)
