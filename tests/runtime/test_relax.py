"""One option drawn for each choice: by the right probabilities, exactly one, with the softmax's gradient."""

import pytest
import torch
from helpers import ROOT, small
from torch import Tensor

from hnas.compiler import Compilation
from hnas.runtime.arch import ArchParams
from hnas.runtime.relax import Gumbel

MINI = ROOT / "tests" / "specs" / "mini.hnas"


def arch_of(weigh: str, tau: float | None) -> ArchParams:
    arch = ArchParams(Compilation(MINI, sets=(f"trellis.weigh={weigh}",)).decisions, (0.0, 1.0))
    arch.tau = tau
    return arch


def test_softmax_draws_each_option_by_its_probability() -> None:
    torch.manual_seed(0)
    logits = torch.tensor([1.0, 0.0, -1.0, 2.0])
    for tau in (0.1, 10.0):  # the temperature is the gradient's alone
        drawn = torch.stack([Gumbel(tau, 4, logits).softmax(logits) for _ in range(4000)])
        assert set(drawn.unique().tolist()) == {0.0, 1.0}
        assert torch.equal(drawn.sum(1), torch.ones(4000))
        torch.testing.assert_close(drawn.mean(0), logits.softmax(0), rtol=0, atol=0.03)


def test_sigmoid_draws_each_option_by_its_own_probability() -> None:
    torch.manual_seed(0)
    logits = torch.tensor([1.0, 0.0, -2.0])
    drawn = torch.stack([Gumbel(0.5, 6, logits).sigmoid(logits) for _ in range(4000)])
    assert set(drawn.unique().tolist()) == {0.0, 1.0}
    torch.testing.assert_close(drawn.mean(0), logits.sigmoid(), rtol=0, atol=0.03)


def test_the_gradient_is_that_of_the_softmax_with_the_same_noise() -> None:
    for tau in (0.3, 1.0, 10.0):
        logits = torch.randn(5, dtype=torch.float64, requires_grad=True)
        direction = torch.randn(5, dtype=torch.float64)
        torch.manual_seed(3)
        hard = Gumbel(tau, 5, logits).softmax(logits)
        (found,) = torch.autograd.grad(hard @ direction, logits)
        torch.manual_seed(3)
        noise = -torch.empty(5, dtype=torch.float64).exponential_().log()
        p = ((logits.detach() + noise) / tau).softmax(0)
        by_hand = (torch.diag(p) - torch.outer(p, p)) @ direction / tau
        torch.testing.assert_close(found, by_hand)
        assert int(hard.argmax()) == int(p.argmax())


def test_it_is_torchs_gumbel_softmax() -> None:
    logits = torch.randn(6)
    for seed in range(20):
        torch.manual_seed(seed)
        mine = Gumbel(0.7, 6, logits).softmax(logits)
        torch.manual_seed(seed)
        theirs = torch.nn.functional.gumbel_softmax(logits, 0.7, hard=True)
        assert int(mine.argmax()) == int(theirs.argmax())


def test_the_noise_of_a_zero_is_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Tensor, "exponential_", Tensor.zero_)
    logits = torch.zeros(3, requires_grad=True)
    drawn = Gumbel(1e-3, 3, logits).softmax(logits)
    (gradient,) = torch.autograd.grad(drawn[0], logits)
    assert torch.isfinite(drawn).all()
    assert torch.isfinite(gradient).all()


@pytest.mark.parametrize("weigh", ["outgoing", "incoming", "independent"])
def test_every_choice_of_a_space_is_drawn(weigh: str) -> None:
    arch = arch_of(weigh, 5.0)
    plain, drawn = arch.weights(), arch.training_weights()
    assert set(plain) == set(drawn) == set(arch.logits)
    for group, weight in drawn.items():
        assert weight.shape == plain[group].shape
        assert set(weight.unique().tolist()) <= {0.0, 1.0}
    alphas = [g for g in drawn if g.startswith("dense")]
    assert alphas
    assert all(float(drawn[g].detach().sum()) == 1 for g in alphas)
    # fixed factors: the sum of a softmax has no gradient, nor has a draw by it
    factors = {g: torch.randn_like(w) for g, w in drawn.items()}
    sum((w * factors[g]).sum() for g, w in drawn.items()).backward()  # type: ignore[union-attr]
    for group, logits in arch.logits.items():
        assert logits.grad is not None, group
        # the only decided move into a state is certain, and learns nothing
        assert (logits.grad != 0).all() or (weigh == "incoming" and group.startswith("trellis")), group


def test_the_moves_into_a_state_are_one_choice_where_they_sum_to_one() -> None:
    arch = arch_of("incoming", 1.0)
    for members in arch._entering:
        drawn = arch.training_weights()
        assert sum(float(drawn[group][option].detach()) for group, option in members) == 1


def test_without_a_temperature_nothing_is_drawn() -> None:
    arch, state = arch_of("outgoing", None), torch.get_rng_state()
    weights = arch.weights()
    for group, weight in arch.training_weights().items():
        assert torch.equal(weight, weights[group])
    assert torch.equal(state, torch.get_rng_state())


def test_measuring_and_decoding_weigh_without_noise() -> None:
    model = small().supernet(0)
    images = torch.randn(2, 3, 33, 33)
    model.eval()
    with torch.no_grad():
        plain = model(images)
        model.arch.tau = 1.0
        state = torch.get_rng_state()
        assert torch.equal(model(images), plain)
        assert all(torch.equal(a, b) for a, b in zip(*[list(model.arch.weights().values())] * 2, strict=True))
        assert torch.equal(state, torch.get_rng_state())
        model.train()
        assert not torch.equal(model(images), model(images))
    assert not torch.equal(state, torch.get_rng_state())


def test_a_draw_is_the_network_it_drew() -> None:
    """With every choice 0 or 1, the super-network computes what plain one-hot weights make it compute."""
    model = small().supernet(0)
    model.arch.tau = 2.0
    model.train()
    images = torch.randn(2, 3, 33, 33)
    with torch.no_grad():
        torch.manual_seed(5)
        drawn = model(images)
        torch.manual_seed(5)
        weights = model.arch.training_weights()
        assert torch.equal(drawn, model.network(images, weights))
        # and the generator alone decides
        torch.manual_seed(5)
        assert torch.equal(drawn, model(images))
