# ruff: noqa: E501 - cells of a spec stand on lines of their own
"""Choices anywhere: each construct as a super-network and as the networks in it, by their numbers."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from hnas.compiler import Compilation
from hnas.ir.decisions import Architecture, DecisionTable, Pick
from hnas.passes.absent import drop_absent
from hnas.passes.inline import inline
from hnas.runtime.arch import one_hot
from hnas.runtime.lower import Network, lower

SPACE = """hnas 1
space s {{
  {above}
  op fit(step = 1) = relu -> conv(1, width, stride = step) -> norm
  op unit(k, c = channels) = conv(k, c) -> norm -> relu
  {cell}
  stem = {stem}
  trellis {{
    layers = {layers}
    strides = {strides}
    {trellis}
  }}
  head = {head}
}}
data shapes {{ crop = 33 }}
decode {{ edges = strongest(1) }}
"""
ONE_CELL = "cell c { inputs = [prev]  nodes = 1  op = one_of { conv(3), skip }  take = all  output = last }"
FIXED = {
    "above": "",
    "cell": "",
    "stem": "conv(3, 4, stride = 2) -> norm",
    "layers": "3",
    "strides": "[2]",
    "trellis": "path = [2, 2, 2]  width = 4  cell = unit(3)",
    "head": "conv(1, classes, bias = true) -> resize(1)",
}
OPEN = FIXED | {
    "strides": "[2, 4, 8]",
    "trellis": "moves = one_of { finer, same, coarser }  width = 2 * stride  cell = c  project = fit",
    "cell": ONE_CELL,
    "head": "sum_over(stride, conv(1, classes, bias = true) -> resize(1))",
}
EACH = "each(stride, conv(3, width, stride = stride) -> norm)"
MANY = OPEN["trellis"].replace("one_of", "some_of")

CASES = {
    "operator": FIXED | {"trellis": "path = 3 * [2]  width = 4  cell = one_of { unit(3), unit(5), skip }"},
    "argument": FIXED | {"trellis": "path = 3 * [2]  width = 4  cell = unit(one_of { 3, 5 })"},
    "in_a_pipe": FIXED
    | {"trellis": "path = 3 * [2]  width = 4  cell = relu -> one_of { conv(3), conv(5) } -> norm"},
    "none": FIXED | {"trellis": "path = 3 * [2]  width = 4  cell = sum(skip, one_of { unit(3), none })"},
    "named": FIXED
    | {"above": "choice k = one_of { 1, 3 }", "trellis": "path = 3 * [2]  width = 4  cell = unit(k)"},
    "by_stride": FIXED
    | {"trellis": "path = 3 * [2]  width = 4  cell = unit(one_of(share = stride) { 1, 3, 5 })"},
    "some_of": FIXED
    | {"trellis": "path = 3 * [2]  width = 4  cell = some_of(1..2) { unit(1), unit(3), skip }"},
    "depth": FIXED | {"trellis": "path = 3 * [2]  width = 4  cell = one_of { 1, 2, 3 } * unit(3)"},
    "kernel": FIXED
    | {"trellis": "path = 3 * [2]  width = 4  cell = conv(one_of(weights = nested) { 1, 3, 5 }) -> norm"},
    "channels": FIXED
    | {
        "trellis": "path = 3 * [2]  width = 4  cell = conv(3, one_of { 2, 4, 6 }) -> norm -> relu -> conv(1, 4)"
    },
    "width": FIXED
    | {"trellis": "path = 3 * [2]  width = one_of { 2, 4, 6 }  cell = conv(3, width) -> norm -> relu"},
    "width_of_cell": OPEN | {"trellis": OPEN["trellis"].replace("2 * stride", "stride * one_of { 1, 2 }")},
    "inputs": FIXED
    | {
        "cell": "cell c { inputs = [prev]  node a = conv(3)(prev)  node b = conv(3)(a)"
        "  node d = conv(1)(one_of { prev, a, b }) + skip(a)  output = concat(b, d) }",
        "trellis": "path = 3 * [2]  width = 4  cell = c  project = fit",
    },
    "some_inputs": FIXED
    | {
        "cell": "cell c { inputs = [prev]  node a = conv(3)(prev)  node d = some_of(1..2) { prev, a }  output = d }",
        "trellis": "path = 3 * [2]  width = 4  cell = c",
    },
    "back": OPEN
    | {
        "layers": "4",
        "cell": ONE_CELL.replace("[prev]", "[prev, back(3)]").replace("take = all", "take = edges(1)"),
    },
    "previous": FIXED
    | {
        "cell": "cell c { inputs = [prev]  nodes = 3  edges = previous  op = one_of { conv(3), skip }  take = all }",
        "trellis": "path = 3 * [2]  width = 4  cell = c  project = fit",
    },
    "none_of_another_type": FIXED
    | {"trellis": "path = 3 * [2]  width = 4  cell = one_of { conv(3, 6), none } -> conv(1, 4)"},
    "slots_with_arguments": FIXED
    | {
        "cell": "cell c { inputs = [prev, prev_prev]  nodes = 2  op = one_of { unit(one_of { 1, 3 }), skip }"
        "  take = slots(2)  weigh = slots }",
        "trellis": "path = 3 * [2]  width = 4  cell = c  project = fit",
    },
    "shared_by_edge": FIXED
    | {
        "cell": "cell c { inputs = [prev, prev_prev]  nodes = 2  take = edges(1)"
        "  op = one_of { unit(one_of(share = edge) { 1, 3 }) -> unit(one_of(share = edge) { 1, 3 }), skip } }",
        "trellis": "path = 3 * [2]  width = 4  cell = c  project = fit",
    },
    "shared_by_cell": FIXED
    | {
        "cell": "cell c { inputs = [prev]  nodes = 2  take = edges(1)  share = layer"
        "  op = one_of { unit(one_of(share = cell) { 1, 3 }), skip } }",
        "trellis": "path = 3 * [2]  width = 4  cell = c  project = fit",
    },
    "grouped": FIXED
    | {
        "trellis": 'path = 3 * [2]  width = 4  cell = unit(one_of(share = group("g")) { 1, 3 })'
        ' -> 2 * conv(one_of(share = group("g")) { 1, 3 })',
        "head": 'one_of(share = group("h")) { relu, skip } -> 2 * one_of(share = group("h")) { relu, skip }'
        " -> conv(1, classes, bias = true) -> resize(1)",
    },
    "repeated_by_layer": FIXED
    | {"trellis": "path = 3 * [2]  width = 4  cell = 2 * one_of(share = layer) { unit(1), unit(3) }"},
    "by_layer": FIXED
    | {"trellis": "path = 3 * [2]  width = one_of(share = layer) { 2, 4 }  cell = unit(3, width)"},
    "shared_by_link": OPEN | {"cell": ONE_CELL.replace("take = all", "take = all  share = link")},
    "shared_by_group": OPEN
    | {
        "cell": ONE_CELL.replace("take = all", 'take = all  share = group("g")')
        + ONE_CELL.replace("cell c", "cell d").replace("take = all", 'take = all  share = group("g")'),
        "trellis": OPEN["trellis"].replace("cell = c", "cell = { coarser: c, other: d }"),
    },
    "slots": FIXED
    | {
        "cell": "cell c { inputs = [prev, prev_prev]  nodes = 3  op = one_of { conv(3), skip }"
        "  take = slots(2)  weigh = slots }",
        "trellis": "path = 3 * [2]  width = 4  cell = c  project = fit",
    },
    "selectors": OPEN
    | {
        "trellis": OPEN["trellis"]
        .replace("width = 2 * stride", "width = { layer(1..2): { stride(2): 6, other: 4 }, other: 8 }")
        .replace("cell = c", "cell = { last: one_of { unit(1), unit(3) }, other: c }")
    },
    "links": OPEN | {"layers": "4", "trellis": OPEN["trellis"] + " skips = earlier(one_of { none, fit })"},
    "links_concat": OPEN
    | {
        "layers": "4",
        "trellis": OPEN["trellis"] + " skips = back(2, fit, join = concat)",
        "cell": "cell c { inputs = [prev]  node a = one_of { conv(1, width), conv(3, width) }(prev)  output = a }",
    },
    "several_alive": OPEN | {"trellis": MANY + " weigh = independent"},
    "from_every_stride": OPEN | {"stem": EACH, "trellis": MANY},
    "every_move": OPEN
    | {"trellis": OPEN["trellis"].replace("one_of { finer, same, coarser }", "[same, coarser]")},
    "within": OPEN
    | {
        "trellis": OPEN["trellis"].replace(
            "one_of { finer, same, coarser }", "some_of { same, within(coarser) }"
        )
    },
    "branches": OPEN | {"layers": "4", "trellis": OPEN["trellis"] + " keep = branches(2)"},
    "enter_some": OPEN | {"trellis": MANY + " enter = some_of { 2, 4 }"},
    "fold": OPEN
    | {
        "trellis": MANY,
        "head": "each(stride, conv(1, 3)) -> fold_over(stride, unit(3, 3), join = sum)"
        " -> conv(1, classes, bias = true) -> resize(1)",
    },
    "fold_concat": OPEN
    | {
        "trellis": MANY,
        "head": "fold_over(stride, unit(3, 4)) -> conv(1, classes, bias = true) -> resize(1)",
    },
    "concat": OPEN
    | {
        "trellis": MANY,
        "head": "concat_over(stride, conv(1, 3) -> resize(2)) -> conv(1, classes, bias = true) -> resize(1)",
    },
    "searched_head": OPEN
    | {
        "cell": ONE_CELL
        + " cell dpc { inputs = [x]  nodes = 2  op = one_of { conv(3, width, dilation = one_of { 1, 2 }), conv(1, width) }"
        "  take = slots(1)  width = 5 }",
        "head": "sum_over(stride, dpc -> conv(1, classes, bias = true) -> resize(1))",
    },
    "cell_of_two_maps": FIXED
    | {
        "cell": "cell fuse { inputs = [x, low]  node a = one_of { conv(1), conv(3) }(concat(x, low))  output = a }",
        "head": "fuse(low = at(layer = 1)) -> conv(1, classes, bias = true) -> resize(1)",
    },
}


def _compilation(tmp_path: Path, case: str) -> Compilation:
    path = tmp_path / f"{case}.hnas"
    path.write_text(SPACE.format(**CASES[case]), encoding="utf-8")
    return Compilation(path)


def _random(table: DecisionTable, seed: int) -> Architecture:
    """A random architecture, by picking at every decision and keeping what matters."""
    rng = np.random.default_rng(seed)
    while True:
        picks: dict[str, tuple[Pick, ...]] = {}
        for d in table.decisions:
            if d.take.how in ("all", "pairs"):
                picks[d.id] = tuple((g.name, str(rng.choice(g.options))) for g in d.groups)
            elif d.kind == "node":
                pairs = [(g.name, o) for g in d.groups for o in g.options]
                picks[d.id] = (pairs[rng.integers(len(pairs))],)
            else:
                (group,) = d.groups
                least, most = d.take.count or 1, d.take.most or 1
                taken = rng.choice(len(group.options), size=rng.integers(least, most + 1), replace=False)
                picks[d.id] = tuple((group.name, group.options[i]) for i in sorted(taken))
        try:
            architecture = table.pruned(picks)
        except KeyError:
            continue
        taken_ = table.trellis.taken(architecture.picks)
        last, n = len(table.trellis.layers), table.trellis.branches
        apart = len(taken_.layer(last)) == n and all(taken_.leaving(i) <= n for i in range(last))
        if taken_.layer(last) and (n == 1 or apart):
            return architecture


def _cut(weight: Tensor, shape: torch.Size) -> Tensor:
    """The part of the largest tensor that a smaller network has: the first channels, the middle of a kernel."""
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
        architecture = _random(table, seed)
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
        architecture = _random(compilation.decisions, seed)
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
