"""The published spaces under examples/: their numbers, published or counted by other means, and a step."""

import pytest
import torch
from helpers import ROOT

from hnas.compiler import Compilation
from hnas.ir import cost
from hnas.runtime.lower import lower

EXAMPLES = ROOT / "examples"

ARCHITECTURES = {
    "dpc/spec": 418_414_128_120,  # 5! * 81^5 (the paper's 4.2e11)
    "nasnet/spec": 5_107_366_597_713_630_212_832_188_866_560_000,
    "nasnet/enas": 5_062_500_000_000**2,
    "nasnet/pnas": 556_627_761_561_600,  # the paper's 5.6e14
    "darts/spec": 1_037_664_180**2,
    "nasbench201/spec": 15_625,
    "proxylessnas/spec": 6**6 * 7**15,
    "fbnet/spec": 9**22,
    "dints/spec": int(
        "602328501185948806117672271681375213590712409302087920299550764749135644773275344390869140625"
    ),
    **dict.fromkeys(
        ("unet/spec", "hrnet/spec", "gridnet/spec", "frrn/spec", "hourglass/spec", "deeplabv3/spec"), 1
    ),
}


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_how_many_architectures_a_space_has(name: str) -> None:
    assert Compilation(EXAMPLES / f"{name}.hnas").counts.architectures == ARCHITECTURES[name]


def test_the_topologies_of_dints() -> None:
    paths = Compilation(EXAMPLES / "dints" / "spec.hnas").counts.paths
    assert paths == 941_195_147_536_768_978_633_792_198_321


WEIGHTS = {
    "unet/spec": 31_032_395,  # 31,030,658 with one channel and two classes, as published
    "unet/batchnorm": 31_038_283,
    "deeplabv3/spec": 39_638_355,
    "gridnet/spec": 12_524_867,
    "frrn/spec": 17_712_179,  # the paper's 17.7 M
    "hourglass/spec": 6_591_123,
}


@pytest.mark.parametrize("name", WEIGHTS)
def test_the_weights_of_a_fixed_network(name: str) -> None:
    graph = Compilation(EXAMPLES / f"{name}.hnas").graph
    assert cost.total(cost.parameters(graph)) == WEIGHTS[name]


NETWORKS = {
    "nasnet/nasnet_a": 3_328_234,  # the paper's 3.3 M
    "dpc/published": 2_506_195,
    "proxylessnas/mobile": 2_812_322,
    "proxylessnas/gpu": 5_408_138,
    "fbnet/a": 2_949_562,
    "fbnet/b": 2_847_898,
    "fbnet/c": 3_607_050,
    "nasbench201/all_conv3x3": 1_531_546,
    "nasbench201/all_skip": 73_306,
    "nasbench201/all_pool": 73_306,
    "nasbench201/all_conv1x1": 241_306,
    "nasbench201/resnet": 559_386,
    "nasbench201/best_cifar10": 1_288_506,
    "nasbench201/disconnected": 73_306,
}


@pytest.mark.parametrize("name", NETWORKS)
def test_the_weights_of_a_published_network(name: str) -> None:
    compilation = Compilation(EXAMPLES / f"{name}.hnas")
    architecture = next(iter(compilation.networks().values()))
    shapes = cost.parameters(compilation.specialized(architecture))
    kept = {path: shape for path, shape in shapes.items() if not path.startswith("aux.")}
    assert cost.total(kept) == NETWORKS[name]


@pytest.mark.parametrize("name", ["unet", "gridnet", "frrn", "nasbench201", "fbnet"])
def test_a_space_computes_forward_and_backward_on_the_meta_device(name: str) -> None:
    compilation = Compilation(EXAMPLES / name / "spec.hnas")
    axes = (64,) * compilation.space.dims
    with torch.device("meta"):
        network = lower(compilation.graph).train()
        weights = {g.id: torch.ones(len(g.options)) for g in compilation.decisions.groups()}
        scores = network(torch.zeros(2, 3, *axes), weights)
        scores.sum().backward()
    assert scores.shape[:2] == (2, compilation.space.classes)
    assert all(p.grad is not None for n, p in network.named_parameters())
