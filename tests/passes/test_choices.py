"""Choices anywhere: each construct as a super-network and as the networks in it, by their numbers."""

from pathlib import Path

import pytest
import torch
from constructs import CASES, SPACE, random_choices
from torch import Tensor

from hnas.compiler import Compilation
from hnas.ir.decisions import Architecture
from hnas.passes.absent import drop_absent
from hnas.passes.inline import inline
from hnas.runtime.arch import one_hot
from hnas.runtime.lower import Network, lower


def _compilation(tmp_path: Path, case: str) -> Compilation:
    path = tmp_path / f"{case}.hnas"
    path.write_text(SPACE.format(**CASES[case]), encoding="utf-8")
    return Compilation(path)


def _cut(weight: Tensor, shape: torch.Size) -> Tensor:
    """The part of the largest tensor a smaller network has: the first channels, the middle of a kernel."""
    for axis, (have, want) in enumerate(zip(weight.shape, shape, strict=True)):
        start = 0 if axis < 2 else (have - want) // 2
        weight = weight.narrow(axis, start, want)
    return weight


def _statistics(network: Network) -> None:
    for name, buffer in network.named_buffers():
        if name.endswith("running_mean"):
            buffer.normal_(0, 0.1)
        elif name.endswith("running_var"):
            buffer.uniform_(0.5, 2)


@pytest.mark.parametrize("case", CASES)
def test_one_hot_super_network_is_the_network_with_its_weights(case: str, tmp_path: Path) -> None:
    compilation = _compilation(tmp_path, case)
    assert compilation.check() == ()
    table = compilation.decisions
    torch.manual_seed(0)
    full = lower(inline(compilation.graph))
    _statistics(full)
    state = full.state_dict()
    image = torch.randn(2, 3, 33, 29, dtype=torch.double)
    for seed in range(6):
        architecture = random_choices(table, seed)
        masked = lower(inline(drop_absent(compilation.graph, table, architecture)))
        masked.load_state_dict(state, strict=False)
        chosen = lower(inline(compilation.specialized(architecture, searching=True)))
        assert chosen.groups == ()
        own = chosen.state_dict()
        assert set(own) <= set(state), "every weight of a network is one of the super-network's"
        chosen.load_state_dict({name: _cut(state[name], own[name].shape) for name in own})
        weights = {g: w.double() for g, w in one_hot(table, architecture).items()}
        with torch.no_grad():
            relaxed = masked.double().eval()(image, weights)
            fixed = chosen.double().eval()(image)
        torch.testing.assert_close(relaxed, fixed, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(
    ("case", "names"),
    [("grouped", ["g", "h"]), ("repeated_by_layer", ["layer1.op", "layer2.op", "layer3.op"])],
)
def test_what_shares_a_decision_has_one(case: str, names: list[str], tmp_path: Path) -> None:
    assert [d.id for d in _compilation(tmp_path, case).decisions.decisions] == names


@pytest.mark.parametrize("case", CASES)
def test_a_network_is_written_and_read_back(case: str, tmp_path: Path) -> None:
    compilation = _compilation(tmp_path, case)
    for seed in range(4):
        architecture = random_choices(compilation.decisions, seed)
        found = tmp_path / "found.hnas"
        found.write_text(compilation.found_text(architecture), encoding="utf-8")
        assert Compilation(found).networks() == {"found": architecture}


@pytest.mark.parametrize("case", CASES)
def test_every_weight_of_the_decisions_gets_a_gradient(case: str, tmp_path: Path) -> None:
    compilation = _compilation(tmp_path, case)
    model = compilation.supernet(0)
    model.train()
    model(torch.randn(2, 3, 33, 33)).square().mean().backward()
    # a decision nobody weighs against another one has nothing to learn: a single way in
    assert not [n for n, p in model.arch.named_parameters() if p.grad is None]


def test_the_loose_ends_are_the_nodes_nobody_reads(tmp_path: Path) -> None:
    text = SPACE.format(**CASES["slots"]).replace("weigh = slots", "weigh = slots  output = loose_ends")
    (tmp_path / "s.hnas").write_text(text, encoding="utf-8")
    compilation = Compilation(tmp_path / "s.hnas")
    pairs = {
        "c.n1": ("skip(prev)", "conv(3)(prev)"),
        "c.n2": ("skip(n1)", "conv(3)(prev)"),
        "c.n3": ("skip(prev)", "conv(3)(prev_prev)"),
    }
    picks = {n: (("slot1", a), ("slot2", b)) for n, (a, b) in pairs.items()}
    graph = compilation.specialized(Architecture(picks))
    assert graph.main.types[graph.main.nodes[-1].operands[0]].channels
    cell = next(f for f in graph.functions if f.name.startswith("c."))
    assert cell.types[cell.result].channels == 2 * 4  # n2 and n3; n1 is read
    with torch.no_grad():
        full = compilation.supernet(0).eval()
        gates = one_hot(compilation.decisions, Architecture(picks))
        assert full.network(torch.randn(1, 3, 33, 33), gates).isfinite().all()
