"""The moving average of the weights, against its closed form."""

import pytest
import torch
from helpers import ROOT
from torch import Tensor, nn

from hnas.compiler import Compilation
from hnas.train.ema import Average


class Two(nn.Module):
    """A weight, a running statistic and a counter."""

    mean: Tensor
    steps: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor([1.0, -2.0], dtype=torch.float64))
        self.register_buffer("mean", torch.tensor([0.5], dtype=torch.float64))
        self.register_buffer("steps", torch.tensor(0))


def test_it_is_the_sum_of_all_weights_that_were_each_less_the_older() -> None:
    model, decay = Two(), 0.9
    average = Average(model, decay)
    seen = [model.weight.detach().clone()]
    for step in range(1, 6):
        with torch.no_grad():
            model.weight.mul_(1.5).add_(step)
            model.mean.add_(1.0)
            model.steps.add_(1)
        average.update()
        seen.append(model.weight.detach().clone())
    # decay^n w0 + (1 - decay) sum_k decay^(n - k) w_k
    n = len(seen) - 1
    expected = decay**n * seen[0] + (1 - decay) * torch.stack(
        [decay ** (n - k) * seen[k] for k in range(1, n + 1)]
    ).sum(0)
    state = average.state()
    torch.testing.assert_close(state["weight"], expected)
    assert float(state["mean"]) == pytest.approx(
        decay**n * 0.5 + (1 - decay) * sum(decay ** (n - k) * (0.5 + k) for k in range(1, n + 1))
    )
    assert int(state["steps"]) == 5


def test_it_stands_in_for_the_weights_and_goes_again() -> None:
    model = Two()
    average = Average(model, 0.5)
    with torch.no_grad():
        model.weight.add_(2.0)
    average.update()
    with average.in_place():
        assert model.weight.tolist() == [2.0, -1.0]
        assert isinstance(model.weight, nn.Parameter)
    assert model.weight.tolist() == [3.0, 0.0]
    assert average.state()["weight"].tolist() == [2.0, -1.0]


def test_it_goes_on_from_its_state() -> None:
    first, second = Two(), Two()
    one, other = Average(first, 0.5), Average(second, 0.5)
    with torch.no_grad():
        first.weight.add_(1.0)
    one.update()
    other.restore({name: value.clone() for name, value in one.state().items()})
    assert all(torch.equal(value, other.state()[name]) for name, value in one.state().items())


def test_statistics_that_lie_together_are_averaged_too() -> None:
    compilation = Compilation(ROOT / "tests" / "specs" / "passes.hnas", passes=2)
    model = compilation.supernet(0).train()
    average = Average(model, 0.5)
    images = torch.randn(4, 3, 17, 17, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        model(images)
        average.update()
        other = compilation.supernet(1).eval()
        other.load_state_dict(average.state())
        model.eval()
        newest = model(images)
        with average.in_place():
            torch.testing.assert_close(model(images), other(images))
            assert not torch.equal(model(images), newest)
        assert torch.equal(model(images), newest)
