"""The published Auto-DeepLab as it is trained, S, M and L by F: steps at odd and even sizes."""

import math

import pytest
import torch
from helpers import SPEC
from torch import Tensor

from hnas.compiler import Compilation
from hnas.data.base import Batch
from hnas.diag import HnasError
from hnas.runtime.primitives import Statistics
from hnas.train.updates import Updates

PUBLISHED = SPEC.with_name("published.hnas")
CLASSES = 19


def updates_of(filters: int) -> Updates:
    torch.manual_seed(0)
    compilation = Compilation(PUBLISHED, sets=(f"F={filters}",), trained=True)
    network = compilation.network(compilation.networks()["auto_deeplab_s"], drop_path=True)
    return Updates(network, compilation.train, torch.device("cpu"))


def batch_of(images: int, size: tuple[int, int]) -> Batch:
    return Batch(torch.randn(images, 3, *size), torch.randint(CLASSES, (images, *size)))


def weights_of(updates: Updates) -> dict[str, Tensor]:
    return {name: weight.detach().clone() for name, weight in updates.network.named_parameters()}


@pytest.mark.parametrize(
    ("filters", "size"),
    [(20, (33, 65)), (20, (64, 64)), (20, (97, 129)), (20, (50, 31)), (32, (33, 34)), (48, (33, 34))],
    ids=str,
)
def test_a_step_moves_every_weight(filters: int, size: tuple[int, int]) -> None:
    updates = updates_of(filters)
    before, batch = weights_of(updates), batch_of(2, size)
    loss = updates.update([batch], 0, 0.05)["loss"]
    assert abs(float(loss) - math.log(CLASSES)) < 1, "an untrained network knows nothing"
    after = weights_of(updates)
    assert all(bool(weight.isfinite().all()) for weight in after.values())
    assert not [name for name, weight in after.items() if torch.equal(weight, before[name])]
    norms = [module for module in updates.network.modules() if isinstance(module, Statistics)]
    assert all(bool(each.running_mean.any()) for each in norms)
    with torch.no_grad():
        scores = updates.network.eval()(batch.images[:1])
    assert scores.shape == (1, CLASSES, *size)
    assert bool(scores.isfinite().all())


def test_steps_learn_a_batch() -> None:
    updates = updates_of(20)
    batch = batch_of(2, (33, 49))
    batch.labels[:, :, :20], batch.labels[:, :, 20:] = 3, 11
    losses = [float(updates.update([batch], step, 0.05)["loss"]) for step in range(6)]
    assert losses[-1] < 0.5 * losses[0]


def test_one_image_has_no_statistics_after_image_pooling() -> None:
    updates = updates_of(4)
    before = weights_of(updates)
    with pytest.raises(HnasError) as caught:
        updates.update([batch_of(1, (33, 65))], 0, 0.05)
    (said,) = caught.value.diagnostics
    assert said.code == "E0701"
    assert "pooled" in said.message
    assert all(torch.equal(weight, before[name]) for name, weight in weights_of(updates).items())
