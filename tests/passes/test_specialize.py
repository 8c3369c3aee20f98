"""A decoded network is a partial evaluation of its super-network: the one-hot theorem."""

from pathlib import Path

import pytest
import torch
from helpers import paths, random_architecture, small

from hnas.compiler import Compilation
from hnas.diag import HnasError
from hnas.ir import cost
from hnas.ir.decisions import Architecture
from hnas.passes.absent import drop_absent
from hnas.passes.inline import inline
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
    masked = lower(inline(drop_absent(compilation.graph, table, architecture)))
    masked.load_state_dict(full.state_dict(), strict=False)
    chosen = lower(inline(compilation.specialized(architecture, searching=True)))
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
    full = lower(inline(compilation.graph))
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
    full = lower(inline(compilation.graph))
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
    assert lower(inline(graph)).groups == ()
    assert cost.total(cost.parameters(graph)) < cost.total(cost.parameters(compilation.graph))


def test_absent_states_are_dropped_with_what_reads_them() -> None:
    compilation = small()
    architecture = random_architecture(compilation.decisions, (4, 4, 4), 0)
    graph = compilation.specialized(architecture, searching=True)
    named = cost.parameters(graph)
    assert not [name for name in named if "stride8" in name or "stride16" in name]


TAPS = """hnas 1

space taps {
  param F = 2
  op fit(step = 1) = relu -> conv(1, width, stride = step) -> norm
  op sep(k) = relu -> depthwise(k) -> pointwise -> norm
  op unit(c) = conv(1, c, bias = true) -> norm -> resize(2)
  cell c { nodes = 2  op = one_of { skip, sep(3) } }
  cell fuse {
    inputs = [x, low, deep]
    width  = 4
    node a = x -> conv(1, width) -> norm
    node b = conv(1, width)(low) + a + (deep -> conv(3, width) -> resize(2))
  }
  stem = conv(3, F, stride = 2) -> norm
  trellis {
    layers  = 4
    strides = [2, 4, 8]
    moves   = one_of { finer, same, coarser }
    width   = F * stride / 2
    cell    = c
    project = fit
  }
  head = concat(sum_over(stride, unit(4)),
                sum(at(layer = 2, stride = 4) -> unit(4), at(layer = 3, stride = 2) -> unit(4),
                    at(layer = 3, stride = 8) -> unit(4)),
                concat(at(layer = 2, stride = 2), at(layer = 3, stride = 2)) -> unit(3),
                product(at(layer = 2, stride = 2) -> unit(2), at(layer = 3, stride = 2) -> unit(2)))
      -> fuse(low = at(layer = 3, stride = 2),
              deep = sum(at(layer = 3, stride = 4) -> conv(1, 4), at(layer = 2, stride = 4) -> conv(1, 4)))
      -> conv(1, classes, bias = true) -> resize(1)
}
data shapes {}
"""


def test_taps_of_absent_states_feed_no_sum_and_no_join_and_no_cell(tmp_path: Path) -> None:
    spec = tmp_path / "taps.hnas"
    spec.write_text(TAPS, encoding="utf-8")
    compilation = Compilation(spec)
    assert compilation.check() == ()
    torch.manual_seed(2)
    full = lower(inline(compilation.graph))
    _move_statistics(full)
    image = torch.randn(1, 3, 33, 29, dtype=torch.double)
    every = paths(compilation.decisions)
    assert len(every) == 12
    for seed, path in enumerate(every):
        _compare(compilation, random_architecture(compilation.decisions, path, seed), image, full)


def test_a_tap_that_nothing_stands_beside_is_an_error_in_networks_without_its_state(tmp_path: Path) -> None:
    spec = tmp_path / "taps.hnas"
    head = TAPS.index("  head = ")
    alone = (
        "  head = at(layer = 3, stride = 4) -> unit(4) -> conv(1, classes) -> resize(1)\n}\ndata shapes {}\n"
    )
    spec.write_text(TAPS[:head] + alone, encoding="utf-8")
    compilation = Compilation(spec)
    for path in paths(compilation.decisions):
        architecture = random_architecture(compilation.decisions, path, 0)
        if path[2] == 4:
            compilation.specialized(architecture)
            continue
        with pytest.raises(HnasError) as caught:
            compilation.specialized(architecture)
        assert [d.code for d in caught.value.diagnostics] == ["E0331"]
