"""A decoded network is a partial evaluation of its super-network: the one-hot theorem."""

import pytest
import torch
from helpers import paths, random_architecture, small

from hnas.compiler import Compilation
from hnas.ir import cost
from hnas.ir.decisions import Architecture
from hnas.passes.absent import drop_absent
from hnas.runtime.arch import one_hot
from hnas.runtime.lower import Network, lower

VARIANTS = {
    "reference": (),
    "drop": ("trellis.missing=drop",),
    "per_move": ("trellis.operators=per_move",),
    "bilinear": ("trellis.coarser=bilinear",),
    "before_cell": ("trellis.mix=before_cell",),
    "incoming": ("trellis.weigh=incoming",),
    "long_moves": ("trellis.moves=one_of { finer, same, coarser, coarser(2) }",),
}


def _compare(
    compilation: Compilation, architecture: Architecture, image: torch.Tensor, full: Network
) -> None:
    table = compilation.decisions
    masked = lower(drop_absent(compilation.graph, table, architecture))
    masked.load_state_dict(full.state_dict(), strict=False)
    chosen = lower(compilation.specialized(architecture, searching=True))
    missing, _ = chosen.load_state_dict(full.state_dict(), strict=False)
    assert not missing, "every weight of the specialised network is one of the super-network's"
    masked.double().eval()
    chosen.double().eval()
    weights = {group: weight.double() for group, weight in one_hot(table, architecture).items()}
    with torch.no_grad():
        relaxed, fixed = masked(image, weights), chosen(image)
    assert relaxed.shape == fixed.shape
    torch.testing.assert_close(relaxed, fixed, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("variant", VARIANTS)
def test_one_hot_super_network_is_the_specialised_network_on_every_path(variant: str) -> None:
    compilation = small(*VARIANTS[variant])
    torch.manual_seed(0)
    full = lower(compilation.graph)
    _move_statistics(full)
    image = torch.randn(1, 3, 33, 29, dtype=torch.double)
    every = paths(compilation.decisions)
    assert len(every) == compilation.counts.paths
    for seed, path in enumerate(every):
        _compare(compilation, random_architecture(compilation.decisions, path, seed), image, full)


def _move_statistics(network: Network) -> None:
    """Running statistics that differ from norm to norm, so that a mix-up would show."""
    for name, buffer in network.named_buffers():
        if name.endswith("running_mean"):
            buffer.normal_(0, 0.1)
        elif name.endswith("running_var"):
            buffer.uniform_(0.5, 2)


def test_with_four_strides_and_five_layers() -> None:
    compilation = small("L=5", "B=1", "trellis.strides=[4, 8, 16, 32]", "trellis.enter=4")
    torch.manual_seed(1)
    full = lower(compilation.graph)
    _move_statistics(full)
    image = torch.randn(1, 3, 32, 32, dtype=torch.double)
    every = paths(compilation.decisions)
    for seed in range(0, len(every), 5):
        _compare(compilation, random_architecture(compilation.decisions, every[seed], seed), image, full)


def test_the_specialised_network_has_fewer_parameters_and_no_mix() -> None:
    compilation = small()
    architecture = random_architecture(compilation.decisions, (4, 8, 16), 0)
    graph = compilation.specialized(architecture, searching=True)
    assert not any("mix [" in str(node.kind) for f in graph.functions for node in f.nodes)
    assert lower(graph).groups == ()
    assert cost.total(cost.parameters(graph)) < cost.total(cost.parameters(compilation.graph))


def test_absent_states_are_dropped_with_what_reads_them() -> None:
    compilation = small()
    architecture = random_architecture(compilation.decisions, (4, 4, 4), 0)
    graph = compilation.specialized(architecture, searching=True)
    named = cost.parameters(graph)
    assert not [name for name in named if "stride8" in name or "stride16" in name]
