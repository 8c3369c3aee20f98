"""Edges of cells that may be left out, and that leaving them out keeps the expectation."""

import torch
from helpers import ROOT

from hnas.compiler import Compilation
from hnas.passes.edges import droppable_edges
from hnas.runtime.steps import Edge


def test_every_operator_of_the_published_cell_but_no_skip() -> None:
    v2 = Compilation(ROOT / "examples" / "darts" / "v2.hnas", sets=("L=3", "C=4"))
    (architecture,) = v2.networks().values()
    graph = v2.specialized(architecture)
    found = droppable_edges(v2.space, graph)
    normal = {edge for name, edges in found.items() if name.startswith("normal.") for edge in edges}
    # DARTS_V2 has eight edges in its normal cell, two of them skip_connect
    assert normal == {
        "n1.prev.sep_3",
        "n1.prev_prev.sep_3",
        "n2.prev.sep_3",
        "n2.prev_prev.sep_3",
        "n3.prev.sep_3",
        "n4.n1.dil_3",
    }
    assert all(name.startswith(("normal.", "reduction.")) for name in found)
    network = v2.network(architecture, drop_path=True)
    assert sum(isinstance(step, Edge) for step in network.steps) == network.edges > 0
    assert v2.network(architecture).edges == 0


def test_the_expectation_stays_and_each_image_is_by_itself() -> None:
    spec = Compilation(ROOT / "examples" / "darts" / "v2.hnas", sets=("L=3", "C=4"))
    (architecture,) = spec.networks().values()
    torch.manual_seed(0)
    network = spec.network(architecture, drop_path=True)
    edge = next(step for step in network.steps if isinstance(step, Edge))
    x = torch.ones(4000, 2, 1, 1)
    values = [None, x]
    edge.operands = (1,)
    network.drop_path = 0.3
    factors = network._dropped(x)
    found = edge.run(values, {"@dropped": factors}, True)
    kept = found[:, 0, 0, 0]
    assert torch.equal(found[:, 0], found[:, 1])  # a whole map or nothing of it
    assert set(kept.tolist()) == {0.0, float(torch.tensor(1.0) / 0.7)}
    # the mean of 4000 draws of variance 0.3 / 0.7 lies within five standard errors of 1
    assert abs(float(kept.mean()) - 1) < 5 * (0.3 / 0.7 / 4000) ** 0.5
    assert edge.run(values, {}, True) is x


def test_it_is_for_training_alone() -> None:
    spec = Compilation(ROOT / "examples" / "darts" / "v2.hnas", sets=("L=3", "C=4"))
    (architecture,) = spec.networks().values()
    torch.manual_seed(0)
    network = spec.network(architecture, drop_path=True)
    plain = spec.network(architecture)
    plain.load_state_dict(network.state_dict())
    images = torch.randn(2, 3, 32, 32)
    network.drop_path = 0.5
    assert not torch.equal(network(images), network(images))
    network.eval()
    plain.eval()
    plain.load_state_dict(network.state_dict())
    assert torch.equal(network(images), plain(images))
