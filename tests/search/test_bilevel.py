"""The two steps: what they move, what they leave alone, and on which device."""

import math

import pytest
import torch
from helpers import SPEC, small

from hnas.compiler import Compilation
from hnas.data.base import VOID, Batch
from hnas.diag import HnasError
from hnas.engine.losses import cross_entropy
from hnas.engine.trial import trial
from hnas.runtime.lower import Network
from hnas.runtime.supernet import SuperNet
from hnas.search.bilevel import Bilevel, Optimizers


def _batch(compilation: Compilation, side: int, device: str = "cpu") -> Batch:
    classes = len(compilation.card.classes)
    if device == "meta":
        images = torch.empty(2, 3, side, side, device=device)
        return Batch(images, torch.empty(2, side, side, dtype=torch.long, device=device))
    generator = torch.Generator().manual_seed(1)
    images = torch.randn(2, 3, side, side, generator=generator)
    return Batch(images, torch.randint(classes, (2, side, side), generator=generator))


def _bilevel(compilation: Compilation, device: str = "cpu") -> Bilevel:
    model = compilation.supernet(0).to(device)
    return Bilevel(model, Optimizers.of(model, compilation.search), compilation.search, torch.device(device))


def _state(model: SuperNet, part: str) -> dict[str, torch.Tensor]:
    return {k: v.clone() for k, v in model.state_dict().items() if k.startswith(part)}


def _changed(before: dict[str, torch.Tensor], model: SuperNet) -> set[str]:
    after = model.state_dict()
    return {name for name, value in before.items() if not torch.equal(value, after[name])}


def test_parameters_are_split_totally_and_without_overlap() -> None:
    model = small().supernet(0)
    weights = {id(p) for p in model.weight_parameters()}
    arch = {id(p) for p in model.arch_parameters()}
    assert not weights & arch
    assert weights | arch == {id(p) for p in model.parameters()}


def test_every_weight_and_every_entry_of_alpha_and_beta_receives_gradient() -> None:
    compilation = small()
    model = compilation.supernet(0)
    batch = _batch(compilation, 33)
    cross_entropy(model(batch.images), batch.labels).backward()
    none = {f"{g.id}#{i}" for g in compilation.decisions.groups() for i in g.none}
    for group in compilation.decisions.groups():
        gradient = model.arch.logits[group.id].grad
        assert gradient is not None, group.id
        for option, value in enumerate(gradient.tolist()):
            # the softmax hands even `none` its share, through the other options
            assert value != 0, f"{group.id}#{option}"
    assert none, "the reference has none among its options"
    silent = [name for name, p in model.network.named_parameters() if p.grad is None or not p.grad.any()]
    assert silent == []


def test_the_weight_step_moves_weights_alone() -> None:
    compilation = small()
    bilevel = _bilevel(compilation)
    arch, network = _state(bilevel.model, "arch."), _state(bilevel.model, "network.")
    loss = bilevel.weight_step(_batch(compilation, 33), 0)
    assert math.isfinite(float(loss))
    assert _changed(arch, bilevel.model) == set()
    parameters = {f"network.{name}" for name, _ in bilevel.model.network.named_parameters()}
    assert parameters <= _changed(network, bilevel.model)
    assert any(name.endswith("running_mean") for name in _changed(network, bilevel.model))


def test_the_architecture_step_moves_alpha_and_beta_alone_and_no_statistics() -> None:
    compilation = small()
    bilevel = _bilevel(compilation)
    arch, network = _state(bilevel.model, "arch."), _state(bilevel.model, "network.")
    bilevel.arch_step(_batch(compilation, 33), 0)
    assert _changed(arch, bilevel.model) == set(arch)
    assert _changed(network, bilevel.model) == set()
    assert all(p.requires_grad for p in bilevel.model.parameters())


def test_statistics_move_in_both_steps_where_the_spec_says_so() -> None:
    compilation = small("norm=batch(affine = not searching, stats = per_move, update = both)")
    bilevel = _bilevel(compilation)
    network = _state(bilevel.model, "network.")
    bilevel.arch_step(_batch(compilation, 33), 0)
    changed = _changed(network, bilevel.model)
    assert changed
    assert all("running" in name or "num_batches" in name for name in changed)


def test_first_order_step_is_adam_on_the_gradient_at_fixed_weights() -> None:
    compilation = small()
    bilevel = _bilevel(compilation)
    twin = compilation.supernet(0)
    batch = _batch(compilation, 33)
    twin.train()
    twin.network.update_statistics(False)
    cross_entropy(twin(batch.images), batch.labels).backward()
    settings = compilation.search.arch
    adam = torch.optim.Adam(twin.arch_parameters(), lr=settings.lr.start, weight_decay=1e-3)
    adam.step()
    bilevel.optimizers.schedule(compilation.search, 0.0)
    bilevel.arch_step(batch, 0)
    for group, logits in twin.arch.logits.items():
        assert torch.equal(logits, bilevel.model.arch.logits[group]), group


def test_both_steps_run_on_the_meta_device() -> None:
    """Nothing is allocated on a device of its own choosing, as a GPU will demand."""
    compilation = small()
    bilevel = _bilevel(compilation, "meta")
    batch = _batch(compilation, 33, "meta")
    assert bilevel.weight_step(batch, 0).is_meta
    assert bilevel.arch_step(batch, 0).is_meta
    state = bilevel.optimizers.weights.state_dict()["state"]
    assert state
    assert all(v["momentum_buffer"].is_meta for v in state.values())


def test_the_papers_own_setting_builds_and_makes_a_bilevel_step_at_a_small_crop() -> None:
    compilation = Compilation(SPEC)
    bilevel = _bilevel(compilation)
    assert sum(p.numel() for p in bilevel.model.weight_parameters()) == 47_035_696
    batch = _batch(compilation, 33)
    arch, weights = _state(bilevel.model, "arch."), _state(bilevel.model, "network.head.")
    assert math.isfinite(float(bilevel.weight_step(batch, 0)))
    assert math.isfinite(float(bilevel.arch_step(batch, 0)))
    assert _changed(arch, bilevel.model) == set(arch)
    assert _changed(weights, bilevel.model)


def test_a_loss_that_is_not_finite_stops_before_the_update() -> None:
    compilation = small()
    bilevel = _bilevel(compilation)
    batch = _batch(compilation, 33)
    batch.images[0, 0, 0, 0] = float("nan")
    for step in (bilevel.weight_step, bilevel.arch_step):
        before = {n: p.clone() for n, p in bilevel.model.named_parameters()}
        with pytest.raises(HnasError) as caught:
            step(batch, 17)
        (diagnostic,) = caught.value.diagnostics
        assert diagnostic.code == "E0704"
        assert "step 17" in diagnostic.message
        assert all(torch.equal(p, before[n]) for n, p in bilevel.model.named_parameters())


def test_void_pixels_do_not_count() -> None:
    scores = torch.randn(1, 3, 2, 2)
    labels = torch.tensor([[[0, VOID], [2, VOID]]])
    kept = torch.stack([scores[0, :, 0, 0], scores[0, :, 1, 0]])
    expected = torch.nn.functional.cross_entropy(kept, torch.tensor([0, 2]))
    torch.testing.assert_close(cross_entropy(scores, labels), expected)
    assert float(cross_entropy(scores, torch.full((1, 2, 2), VOID))) == 0


def test_a_trial_leaves_no_trace() -> None:
    compilation = small()
    model = compilation.supernet(0)
    before = {k: v.clone() for k, v in model.state_dict().items()}
    trial(model, model.network, _batch(compilation, 33))
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())
    assert all(p.grad is None for p in model.parameters())
    with pytest.raises(TimeoutError):
        trial(model, model.network, _batch(compilation, 33), limit=0.0)


def test_a_batch_of_one_is_named_as_the_fault() -> None:
    compilation = small()
    network: Network = compilation.supernet(0).network
    weights = {g.id: torch.full((len(g.options),), 0.5) for g in compilation.decisions.groups()}
    with pytest.raises(HnasError) as caught:
        network.train()(torch.zeros(1, 3, 33, 33), weights)
    assert caught.value.diagnostics[0].code == "E0701"


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_both_steps_run_on_a_gpu() -> None:
    compilation = small()
    bilevel = _bilevel(compilation, "cuda")
    batch = _batch(compilation, 33).to(torch.device("cuda"))
    losses = [float(bilevel.weight_step(batch, step)) for step in range(20)]
    assert losses[-1] < losses[0]
    assert math.isfinite(float(bilevel.arch_step(batch, 0)))
