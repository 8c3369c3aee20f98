"""One update: what it is on is a mean over all labels, however they are dealt to batches."""

from collections.abc import Callable
from copy import deepcopy

import pytest
import torch
from attrs import evolve
from helpers import ROOT
from torch import Tensor
from torch.nn import functional as F

from hnas.compiler import Compilation
from hnas.data.base import VOID, Batch
from hnas.diag import HnasError
from hnas.engine.losses import Loss, cross_entropy
from hnas.runtime.lower import Network
from hnas.schema.settings import AdamW, RmsProp, Schedule, TrainSettings
from hnas.train.updates import Updates

CPU = torch.device("cpu")


@pytest.fixture
def settings(compiled: Callable[..., Compilation]) -> TrainSettings:
    return compiled().train


def batch_of(images: int, seed: int, void: int = 0) -> Batch:
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(8, (images, 17, 17), generator=generator)
    for i in range(images):  # more and more of them, so that batches differ in what they count
        labels[i, : void * i] = VOID
    return Batch(torch.randn(images, 3, 17, 17, generator=generator).double(), labels)


def halves_of(batch: Batch) -> list[Batch]:
    half = len(batch.images) // 2
    return [Batch(batch.images[:half], batch.labels[:half]), Batch(batch.images[half:], batch.labels[half:])]


def weights_after(network: Network, settings: TrainSettings, batches: list[Batch], steps: int = 2) -> Tensor:
    updates = Updates(deepcopy(network).double(), settings, CPU, (1.0, 2.0, 0.5, 1, 1, 1, 0, 3))
    for step in range(steps):
        updates.update(batches, step, 0.1)
    return torch.cat([p.detach().flatten() for p in updates.network.parameters()])


@pytest.mark.parametrize(("smoothing", "nothing"), [(0.0, False), (0.1, False), (0.0, True)])
def test_two_batches_of_four_are_one_of_eight(
    network: Network, settings: TrainSettings, smoothing: float, nothing: bool
) -> None:
    how = evolve(settings, label_smoothing=smoothing, clip=0.5)
    whole = batch_of(8, 0, void=2)
    whole.labels[:4] = VOID if nothing else whole.labels[:4]
    one, two = weights_after(network, how, [whole]), weights_after(network, how, halves_of(whole))
    torch.testing.assert_close(two, one, rtol=1e-6, atol=1e-9)
    # the mean of both means would be another one
    apart = weights_after(network, how, [halves_of(whole)[0]])
    assert (apart - one).abs().max() > 1e-4


def test_the_losses_that_are_said_are_the_mean_over_all_labels(
    network: Network, settings: TrainSettings
) -> None:
    whole = batch_of(8, 1, void=2)
    double = network.double()
    expected = cross_entropy(double(whole.images), whole.labels).detach()
    found = Updates(double, settings, CPU).update(halves_of(whole), 0, 0.1)
    assert set(found) == {"loss"}
    assert float(found["loss"]) == pytest.approx(float(expected), rel=1e-6)


def test_weighted_smoothed_cross_entropy_is_that_of_torch() -> None:
    generator = torch.Generator().manual_seed(0)
    scores = torch.randn(2, 3, 5, 5, generator=generator)
    labels = torch.randint(3, (2, 5, 5), generator=generator)
    labels[0, 0] = VOID
    weights = torch.tensor([1.0, 3.0, 0.5])
    loss = Loss(weights, 0.1)
    expected = F.cross_entropy(scores, labels, weights, ignore_index=VOID, label_smoothing=0.1)
    torch.testing.assert_close(loss.total(scores, labels) / loss.mass(labels), expected)


def test_a_batch_of_void_alone_changes_nothing(network: Network, settings: TrainSettings) -> None:
    batch = batch_of(2, 0)
    void = Batch(batch.images.float(), torch.full_like(batch.labels, VOID))
    before = deepcopy(network.state_dict())
    found = Updates(network, settings, CPU, (1.0,) * 8).update([void], 0, 0.1)
    assert float(found["loss"]) == 0
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_a_loss_that_is_no_number_updates_nothing(network: Network, settings: TrainSettings) -> None:
    good, bad = batch_of(2, 0), batch_of(2, 1)
    bad.images[0, 0, 0, 0] = float("nan")
    before = deepcopy(network.state_dict())
    updates = Updates(network, evolve(settings, ema=0.5), CPU)
    with pytest.raises(HnasError) as caught:
        updates.update([Batch(b.images.float(), b.labels) for b in (good, bad)], 3, 0.1)
    (diagnostic,) = caught.value.diagnostics
    assert diagnostic.code == "E0704"
    assert "at step 3" in diagnostic.message
    assert "train.clip" in diagnostic.help_text
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_the_gradient_is_no_longer_than_clip(network: Network, settings: TrainSettings) -> None:
    updates = Updates(network, evolve(settings, clip=0.01), CPU)
    batch = batch_of(4, 0)
    updates.update([Batch(batch.images.float() * 100, batch.labels)], 0, 0.0)
    length = sum(float(p.grad.square().sum()) for p in network.parameters() if p.grad is not None) ** 0.5
    assert length == pytest.approx(0.01, rel=1e-3)


def test_the_auxiliary_loss_has_its_weight(settings: TrainSettings) -> None:
    spec = Compilation(ROOT / "examples" / "darts" / "v2.hnas", sets=("L=3", "C=4"))
    (architecture,) = spec.networks().values()
    torch.manual_seed(0)
    whole = spec.network(architecture).double()
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(2, 3, 32, 32, generator=generator, dtype=torch.float64)
    labels = torch.tensor([3, 7])

    def gradient(weights: tuple[float, float]) -> Tensor:
        model = deepcopy(whole).train()
        scores, auxiliary = model.with_aux(images)
        assert auxiliary is not None
        losses = F.cross_entropy(scores[..., 0, 0], labels), F.cross_entropy(auxiliary[..., 0, 0], labels)
        (weights[0] * losses[0] + weights[1] * losses[1]).backward()
        parts = [p.grad if p.grad is not None else torch.zeros_like(p) for p in model.parameters()]
        return torch.cat([p.flatten() for p in parts])

    updates = Updates(deepcopy(whole), evolve(settings, aux=0.4), CPU)
    losses = updates.update([Batch(images, labels)], 0, 0.0)
    assert set(losses) == {"loss", "loss_aux"}
    found = torch.cat([p.grad.flatten() for p in updates.network.parameters() if p.grad is not None])
    torch.testing.assert_close(found, gradient((1.0, 0.4)))
    assert set(Updates(deepcopy(whole), settings, CPU).update([Batch(images, labels)], 0, 0.0)) == {"loss"}


LR = Schedule("constant", 0.01, 0.01)


@pytest.mark.parametrize(
    ("optimizer", "expected"),
    [
        # one step on a gradient g: Adam's moments are g and g^2 once corrected, so the step is lr * sign(g)
        (AdamW(LR, (0.9, 0.999), 1e-12, 0.0), lambda g: 0.01 * g.sign()),
        # RMSprop's mean square is (1 - alpha) g^2
        (RmsProp(LR, 0.75, 1e-12, 0.0, 0.0), lambda g: 0.01 * g.sign() / 0.25**0.5),
    ],
)
def test_other_optimisers(
    network: Network,
    settings: TrainSettings,
    optimizer: AdamW | RmsProp,
    expected: Callable[[Tensor], Tensor],
) -> None:
    double = network.double()
    updates = Updates(double, evolve(settings, weights=optimizer), CPU)
    before = [p.detach().clone() for p in double.parameters()]
    updates.update([batch_of(4, 0)], 0, 0.01)
    for old, parameter in zip(before, double.parameters(), strict=True):
        assert parameter.grad is not None
        large = parameter.grad.abs() > 1e-6
        assert large.any()
        step = (old - parameter.detach())[large]
        torch.testing.assert_close(step, expected(parameter.grad)[large], rtol=1e-4, atol=1e-9)


def test_bfloat16_computes_coarser_and_keeps_weights_as_they_are(
    network: Network, settings: TrainSettings
) -> None:
    batch = batch_of(4, 0)
    single = Batch(batch.images.float(), batch.labels)
    coarse = evolve(settings, precision="bfloat16")
    exact = Updates(deepcopy(network), settings, CPU).update([single], 0, 0.1)["loss"]
    updates = Updates(network, coarse, CPU)
    found = updates.update([single], 0, 0.1)["loss"]
    assert 0 < abs(float(found - exact)) < 0.05
    assert {p.dtype for p in network.parameters()} == {torch.float32}
    assert found.dtype == torch.float32


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_an_update_on_a_gpu_is_that_on_the_processor(
    network: Network, settings: TrainSettings, precision: str
) -> None:
    batch = batch_of(4, 0)
    single = Batch(batch.images.float(), batch.labels)
    how = evolve(settings, precision=precision)  # type: ignore[arg-type]
    network.drop_path = 0.5
    losses: list[float] = []
    for device in (CPU, torch.device("cuda:0")):
        torch.manual_seed(0)
        updates = Updates(deepcopy(network).to(device), how, device, (1.0,) * 8)
        losses += [float(updates.update([single.to(device)], step, 0.1)["loss"]) for step in range(3)]
    assert losses[3:] == pytest.approx(losses[:3], rel=1e-3 if precision == "float32" else 3e-2)
