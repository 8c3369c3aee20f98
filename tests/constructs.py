# ruff: noqa: E501 - cells of a spec stand on lines of their own
"""Each construct of the language that decides something, as a small space."""

import numpy as np

from hnas.ir.decisions import Architecture, DecisionTable, Pick

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


def random_choices(table: DecisionTable, seed: int) -> Architecture:
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
