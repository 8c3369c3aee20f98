"""The published spaces under examples/: their numbers, published or counted by other means, and a step."""

import pytest
import torch
from helpers import ROOT

from hnas.compiler import Compilation
from hnas.ir import cost
from hnas.passes.inline import inline
from hnas.planning.plan import predict, unallocated
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
    "hrnet/spec": 65_859_379,  # the paper's 65.9 M; counted by hand in test_hrnet
    "deeplabv3/spec": 39_638_355,  # torchvision's 39,638,869 but for the classes, 19 in place of 21
    "gridnet/spec": 12_524_867,
    "frrn/spec": 17_712_179,  # the paper's 17.7 M
    "hourglass/spec": 6_591_123,
}


@pytest.mark.parametrize("name", WEIGHTS)
def test_the_weights_of_a_fixed_network(name: str) -> None:
    graph = Compilation(EXAMPLES / f"{name}.hnas").graph
    assert cost.total(cost.parameters(graph)) == WEIGHTS[name]


NETWORKS = {
    "darts/v1": 3_169_414,  # 3.17 M
    "darts/v2": 3_349_342,
    "darts/imagenet": 4_718_752,  # the paper's 4.7 M
    "nasnet/nasnet_a": 3_328_234,  # the paper's 3.3 M
    "nasnet/enas": 3_672_838,  # the paper says 4.6 M
    "nasnet/pnas": 4_271_002,  # the paper says 3.2 M
    "dpc/published": 2_506_195,
    "proxylessnas/cpu": 4_361_648,  # these four as released
    "proxylessnas/gpu": 7_119_848,
    "proxylessnas/mobile": 4_080_512,
    "proxylessnas/mobile_14": 6_857_568,
    "fbnet/a": 4_264_792,  # the paper's 4.3 M
    "fbnet/b": 4_813_048,  # 4.8 M as released; the paper says 4.5 M
    "fbnet/c": 5_572_200,  # the paper's 5.5 M, exactly that of public re-implementations
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
    assert cost.total(cost.parameters(compilation.used(architecture))) == NETWORKS[name]


@pytest.mark.parametrize("name", ["unet", "gridnet", "frrn", "nasbench201", "fbnet"])
def test_a_space_computes_forward_and_backward_on_the_meta_device(name: str) -> None:
    compilation = Compilation(EXAMPLES / name / "spec.hnas")
    axes = (64,) * compilation.space.dims
    with torch.device("meta"):
        network = lower(inline(compilation.graph)).train()
        weights = {g.id: torch.ones(len(g.options)) for g in compilation.decisions.groups()}
        scores = network(torch.zeros(2, 3, *axes), weights)
        scores.sum().backward()
    assert scores.shape[:2] == (2, compilation.space.classes)
    assert all(p.grad is not None for n, p in network.named_parameters())


def test_fasterseg_at_its_published_widths_can_be_run() -> None:
    """Its moves into a state bring maps of different widths: small widths would not show it."""
    compilation = Compilation(ROOT / "examples" / "fasterseg" / "spec.hnas", sets=("trellis.layers=3",))
    with unallocated():
        model = compilation.supernet()
    assert predict(model, lambda path: "all", image=(64, 64)).whole.parameters > 0
