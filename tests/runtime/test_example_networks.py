"""Every network under examples/ as a module: forward and backward, with its auxiliary head."""

import pytest
import torch
from small_examples import DISCONNECTED, EXAMPLES, NETWORKS

from hnas.compiler import Compilation
from hnas.ir import cost
from hnas.ir.decisions import Architecture
from hnas.runtime.lower import Network


def network_of(compilation: Compilation) -> Network:
    """The file's network, or the one network of its space."""
    networks = compilation.networks()
    assert len(networks) == 1 or compilation.counts.architectures == 1
    return compilation.network(next(iter(networks.values()), Architecture({})))


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_computes_forward_and_backward(name: str) -> None:
    sets, side = NETWORKS[name]
    compilation = Compilation(EXAMPLES / f"{name}.hnas", sets=sets)
    torch.manual_seed(0)
    network = network_of(compilation)
    scores, auxiliary = network.with_aux(torch.randn(2, 3, side, side))
    assert (auxiliary is not None) == (compilation.space.aux is not None)
    results = [scores] if auxiliary is None else [scores, auxiliary]
    pixels = 1 if compilation.space.task == "classification" else side
    for result in results:
        assert result.shape == (2, compilation.space.classes, pixels, pixels)
        assert bool(torch.isfinite(result).all())
    torch.stack([result.square().sum() for result in results]).sum().backward()
    missing = [n for n, p in network.named_parameters() if p.grad is None or not p.grad.isfinite().all()]
    assert not missing


def test_a_cell_without_edges_says_the_same_of_every_image() -> None:
    compilation = Compilation(EXAMPLES / f"{DISCONNECTED}.hnas")
    torch.manual_seed(0)
    network = network_of(compilation).eval()
    with torch.no_grad():
        first, second = network(torch.randn(2, 3, 32, 32))
    assert torch.equal(first, second)


@pytest.mark.parametrize("name", ["darts/v2", "nasbench201/best_cifar10", "proxylessnas/cpu", "hrnet/spec"])
def test_a_module_at_full_size_has_the_parameters_that_were_counted(name: str) -> None:
    compilation = Compilation(EXAMPLES / f"{name}.hnas")
    architecture = next(iter(compilation.networks().values()), Architecture({}))
    with torch.device("meta"):
        network = compilation.network(architecture)
    counted = cost.parameters(compilation.specialized(architecture))
    assert {n: tuple(p.shape) for n, p in network.named_parameters()} == dict(counted)


def test_every_network_is_tried_here() -> None:
    files = {str(path.relative_to(EXAMPLES).with_suffix("")): path for path in EXAMPLES.glob("*/*.hnas")}
    written = {name for name, path in files.items() if "\nnetwork " in path.read_text(encoding="utf-8")}
    assert written <= {*NETWORKS, DISCONNECTED} <= set(files)
