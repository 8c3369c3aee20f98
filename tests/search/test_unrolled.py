"""Second order: against closed forms, against autograd through the step itself, and what it leaves alone."""

import math
from collections.abc import Callable

import attrs
import pytest
import torch
from helpers import small
from torch import Tensor, nn
from torch.func import functional_call
from torch.optim import SGD

from hnas.compiler import Compilation
from hnas.data.base import Batch
from hnas.diag import HnasError
from hnas.engine.losses import cross_entropy
from hnas.runtime.supernet import SuperNet
from hnas.search.bilevel import Bilevel, Optimizers
from hnas.search.unrolled import Losses, unrolled_gradient

CPU = torch.device("cpu")
TINY = ("L=2", "B=1", "trellis.strides=[4, 8]", "search.order=second")


def batch_of(compilation: Compilation, seed: int, dtype: torch.dtype = torch.float32) -> Batch:
    generator = torch.Generator().manual_seed(seed)
    images = torch.randn(2, 3, 33, 33, generator=generator, dtype=dtype)
    return Batch(images, torch.randint(len(compilation.card.classes), (2, 33, 33), generator=generator))


def bilevel_of(compilation: Compilation, dtype: torch.dtype = torch.float32) -> Bilevel:
    model = compilation.supernet(0).to(dtype)
    with torch.no_grad():
        for logits in model.arch_parameters():  # far from equal, so that every option matters differently
            logits.copy_(torch.linspace(-1, 1, len(logits), dtype=dtype).sin())
    return Bilevel(model, Optimizers.of(model, compilation.search), compilation.search, CPU)


def parts(model: SuperNet) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in model.state_dict().items()}


@pytest.mark.parametrize(("momentum", "nesterov"), [(0.0, False), (0.9, False), (0.9, True)])
@pytest.mark.parametrize("buffered", [False, True])
def test_a_quadratic_by_hand(momentum: float, nesterov: bool, buffered: bool) -> None:
    """L_train = |w - M a|^2 / 2, L_val = |w - c|^2 / 2 + b a: everything about them is known."""
    torch.manual_seed(0)
    w = nn.Parameter(torch.randn(5, dtype=torch.float64))
    a = nn.Parameter(torch.randn(3, dtype=torch.float64))
    m, b, c = (torch.randn(*size, dtype=torch.float64) for size in ((5, 3), (3,), (5,)))
    lr, decay = 0.1, 0.05
    sgd = SGD([w], lr=lr, momentum=momentum, nesterov=nesterov, weight_decay=decay)
    buffer = torch.randn(5, dtype=torch.float64) if buffered and momentum else None
    if buffer is not None:
        sgd.state[w]["momentum_buffer"] = buffer.clone()

    def train() -> Tensor:
        return (w - m @ a).square().sum() / 2

    def val() -> Tensor:
        return (w - c).square().sum() / 2 + b @ a

    start = w.detach().clone()
    loss, (found,) = unrolled_gradient(Losses(train, val, train), sgd, [a], CPU)
    assert torch.equal(w, start)
    assert w.grad is None
    assert buffer is None or torch.equal(sgd.state[w]["momentum_buffer"], buffer)

    slope = start - m @ a.detach() + decay * start
    carried = slope + (momentum * buffer if buffer is not None else 0)
    step = slope + momentum * carried if nesterov else carried
    after = start - lr * step
    # w' depends on a by slope alone: dslope/da = -M
    by_slope = lr * (1 + momentum if nesterov else 1)
    expected = b + by_slope * m.T @ (after - c)
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(loss, (after - c).square().sum() / 2 + b @ a.detach())
    # and the virtual step is the real one
    w.grad = start - m @ a.detach()
    sgd.step()
    torch.testing.assert_close(w.detach(), after)


def test_a_smooth_network_at_the_papers_epsilon() -> None:
    torch.manual_seed(1)
    w = [nn.Parameter(torch.randn(4, 4, dtype=torch.float64) / 2) for _ in range(2)]
    a = nn.Parameter(torch.randn(2, dtype=torch.float64))
    (x, y), (u, v) = ((torch.randn(8, 4, dtype=torch.float64) for _ in range(2)) for _ in range(2))
    sgd = SGD(w, lr=0.1, momentum=0.9, weight_decay=1e-3)

    def loss(ws: list[Tensor], given: Tensor, wanted: Tensor) -> Tensor:
        mixed = a.softmax(0)
        hidden = (given @ ws[0]).tanh() * mixed[0] + given * mixed[1]
        return ((hidden @ ws[1]).tanh() - wanted).square().mean()

    slopes = torch.autograd.grad(loss([*w], x, y), w, create_graph=True)
    moved = [p - 0.1 * (slope + 1e-3 * p) for p, slope in zip(w, slopes, strict=True)]
    (expected,) = torch.autograd.grad(loss(moved, u, v), [a])
    (first,) = torch.autograd.grad(loss([p.detach() for p in moved], u, v), [a])
    losses = Losses(lambda: loss([*w], x, y), lambda: loss([*w], u, v), lambda: loss([*w], x, y))
    _, (found,) = unrolled_gradient(losses, sgd, [a], CPU)
    assert found is not None
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-8)
    assert not torch.allclose(first, expected, rtol=1e-2)


def exact(bilevel: Bilevel, train: Batch, val: Batch) -> dict[str, Tensor]:
    """The gradient by autograd through the gradient step, nothing left out."""
    model, group = bilevel.model, bilevel.optimizers.weights.param_groups[0]
    model.train()
    model.network.update_statistics(False)
    named = dict(model.named_parameters())
    weights = {n: p for n, p in named.items() if n.startswith("network.")}

    loss = cross_entropy(model(train.images), train.labels)
    slopes = torch.autograd.grad(loss, list(weights.values()), create_graph=True)
    moved: dict[str, Tensor] = {}
    for (name, w), slope in zip(weights.items(), slopes, strict=True):
        step = slope + group["weight_decay"] * w
        buffer = bilevel.optimizers.weights.state[w].get("momentum_buffer")
        moved[name] = w - group["lr"] * (step if buffer is None else step + group["momentum"] * buffer)
    after = cross_entropy(functional_call(model, {**named, **moved}, (val.images,)), val.labels)
    gradients = torch.autograd.grad(after, list(model.arch.logits.values()))
    model.network.update_statistics(True)
    return dict(zip(model.arch.logits, gradients, strict=True))


def relative(found: dict[str, Tensor], expected: dict[str, Tensor]) -> float:
    off = torch.cat([found[g] - expected[g] for g in expected])
    return float(off.norm() / torch.cat(list(expected.values())).norm())


def test_the_supernet_against_autograd_through_the_step(monkeypatch: pytest.MonkeyPatch) -> None:
    # without passes: gradients of gradients are asked for, which wide steps have not
    compilation = attrs.evolve(
        small(*TINY, "search.weights.lr=0.5", "search.weights.weight_decay=1e-2"), passes=0
    )
    bilevel = bilevel_of(compilation, torch.float64)
    train, val = (batch_of(compilation, seed, torch.float64) for seed in (1, 2))
    bilevel.weight_step(batch_of(compilation, 3, torch.float64), 0)  # momentum has something in it
    expected = exact(bilevel, train, val)
    first = exact_first_order(bilevel, val)

    def found(radius: float) -> dict[str, Tensor]:
        monkeypatch.setattr("hnas.search.unrolled.unrolled_gradient.__defaults__", (radius,))
        bilevel.arch_step(val, 0, train)
        gradients = {g: p.grad.clone() for g, p in bilevel.model.arch.logits.items() if p.grad is not None}
        with torch.no_grad():  # the step itself is undone: only its gradient is looked at
            for group, logits in bilevel.model.arch.logits.items():
                logits.copy_(kept[group])
        return gradients

    kept = {g: p.detach().clone() for g, p in bilevel.model.arch.logits.items()}
    assert relative(first, expected) > 0.05, "the second order matters here"
    # so near that no relu and no max pool switches between the two points: a kink has no second derivative
    assert relative(found(1e-5), expected) < 1e-7


def exact_first_order(bilevel: Bilevel, val: Batch) -> dict[str, Tensor]:
    model = bilevel.model
    model.train()
    model.network.update_statistics(False)
    loss = cross_entropy(model(val.images), val.labels)
    gradients = torch.autograd.grad(loss, list(model.arch.logits.values()))
    model.network.update_statistics(True)
    return dict(zip(model.arch.logits, gradients, strict=True))


@pytest.mark.parametrize("relax", ["softmax", "gdas(tau = linear(10, 0.1))"])
def test_weights_statistics_and_momentum_are_the_same_to_the_bit(relax: str) -> None:
    compilation = small(*TINY, f"search.relax={relax}")
    bilevel = bilevel_of(compilation)
    bilevel.weight_step(batch_of(compilation, 3), 0)
    state, weights = parts(bilevel.model), bilevel.optimizers.weights
    momentum = {k: v["momentum_buffer"].clone() for k, v in weights.state_dict()["state"].items()}
    loss = bilevel.arch_step(batch_of(compilation, 2), 1, batch_of(compilation, 1))
    assert math.isfinite(float(loss))
    after = bilevel.model.state_dict()
    changed = {name for name, value in state.items() if not torch.equal(value, after[name])}
    assert changed == {name for name in state if name.startswith("arch.")}
    for key, entry in weights.state_dict()["state"].items():
        assert torch.equal(entry["momentum_buffer"], momentum[key])
    assert all(p.requires_grad for p in bilevel.model.parameters())


def test_statistics_move_once_where_the_spec_says_so() -> None:
    norm = "norm=batch(affine = not searching, stats = per_move, update = both)"
    second, first = (small(*TINY, norm, f"search.order={order}") for order in ("second", "first"))
    held_out, train = batch_of(second, 2), batch_of(second, 1)
    one, other = bilevel_of(second), bilevel_of(first)
    one.optimizers.weights.param_groups[0]["lr"] = 0.0  # then w' is w, and both see the same maps
    one.arch_step(held_out, 0, train)
    other.arch_step(held_out, 0)
    found, expected = parts(one.model), parts(other.model)
    running = [name for name in found if "running" in name]
    assert running
    for name in running:
        assert torch.equal(found[name], expected[name]), name


def test_without_a_learning_rate_it_is_the_first_order() -> None:
    second, first = (small(*TINY, f"search.order={order}") for order in ("second", "first"))
    one, other = bilevel_of(second), bilevel_of(first)
    one.optimizers.weights.param_groups[0]["lr"] = 0.0
    held_out = batch_of(second, 2)
    losses = one.arch_step(held_out, 0, batch_of(second, 1)), other.arch_step(held_out, 0)
    assert torch.equal(*losses)
    for group, logits in other.model.arch.logits.items():
        assert torch.equal(logits, one.model.arch.logits[group]), group


def test_every_pass_draws_the_same_numbers() -> None:
    compilation = small(*TINY, "search.relax=gdas(5)")
    bilevel = bilevel_of(compilation)
    drawn: list[dict[str, Tensor]] = []
    real: Callable[[], dict[str, Tensor]] = bilevel.model.arch.training_weights

    def kept() -> dict[str, Tensor]:
        found = real()
        drawn.append({group: weight.detach().clone() for group, weight in found.items()})
        return found

    bilevel.model.arch.training_weights = kept  # type: ignore[method-assign]
    torch.manual_seed(4)
    bilevel.arch_step(batch_of(compilation, 2), 0, batch_of(compilation, 1))
    once, *others = drawn
    assert len(others) == 3
    assert all(torch.equal(once[g], other[g]) for other in others for g in once)
    bilevel.arch_step(batch_of(compilation, 2), 1, batch_of(compilation, 1))
    assert any(not torch.equal(once[g], drawn[4][g]) for g in once), "the next step draws others"


def test_a_loss_that_is_not_finite_leaves_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    compilation = small(*TINY)
    for broken in range(4):  # at w, at w', and at both sides of the difference
        bilevel = bilevel_of(compilation)
        before, calls = parts(bilevel.model), 0

        def spoilt(scores: Tensor, labels: Tensor, at: int = broken) -> Tensor:
            nonlocal calls
            calls += 1
            return cross_entropy(scores, labels) * (float("nan") if calls == at + 1 else 1)

        monkeypatch.setattr("hnas.search.bilevel.cross_entropy", spoilt)
        with pytest.raises(HnasError) as caught:
            bilevel.arch_step(batch_of(compilation, 2), 7, batch_of(compilation, 1))
        assert "architecture step is nan at step 7" in caught.value.diagnostics[0].message
        after = bilevel.model.state_dict()
        assert all(torch.equal(value, after[name]) for name, value in before.items())


def test_it_runs_on_the_meta_device() -> None:
    compilation = small(*TINY, "search.relax=gdas(tau = linear(10, 0.1))")
    model = compilation.supernet(0).to("meta")
    bilevel = Bilevel(
        model, Optimizers.of(model, compilation.search), compilation.search, torch.device("meta")
    )
    images = torch.empty(2, 3, 33, 33, device="meta")
    batch = Batch(images, torch.empty(2, 33, 33, dtype=torch.long, device="meta"))
    assert bilevel.arch_step(batch, 0, batch).is_meta


def test_second_order_needs_the_batch_of_the_next_weight_step() -> None:
    compilation = small(*TINY)
    with pytest.raises(AssertionError, match="second order"):
        bilevel_of(compilation).arch_step(batch_of(compilation, 2), 0)


def test_parts_that_run_again_give_the_same_gradient() -> None:
    """What backward runs again is a part of each pass, with the weights of that pass."""
    compilation = small(*TINY)
    found: list[list[Tensor]] = []
    for again in (False, True):
        bilevel = bilevel_of(compilation, torch.float64)
        if again:
            bilevel.model.network.compute_again(bilevel.model.network.regions)
        bilevel.arch_step(batch_of(compilation, 1, torch.float64), 0, batch_of(compilation, 2, torch.float64))
        found.append([p.grad for p in bilevel.model.arch_parameters() if p.grad is not None])
    assert found[0]
    torch.testing.assert_close(found[1], found[0], rtol=1e-9, atol=1e-12)
