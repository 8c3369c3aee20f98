"""Parameters and multiply-adds of small spaces, against numbers that were worked out by hand."""

from pathlib import Path
from string import Template

import pytest

from hnas.compiler import Compilation
from hnas.ir.cost import multiply_adds, parameters, total
from hnas.ir.decisions import Architecture

IMAGE = (33, 65)
N1, N2, N4 = 33 * 65, 17 * 33, 9 * 17
"""Pixels of IMAGE at stride 1, 2 and 4: sizes are rounded up."""
CLASSES = 8

_CHAIN = Template("""hnas 1
space chain {
  cell c { inputs = [prev]  nodes = 1  op = skip  output = last }
  stem = conv(1, 8, stride = 2)
  trellis { layers = 1  strides = [2]  width = 8  cell = c }
  head = $layer -> resize(1) -> conv(1, classes)
}
data shapes {}
""")
"""The stem has 3 * 8 weights; the last layer one for each class and channel it gets."""

_TRELLIS = Template("""hnas 1
space grid {
  cell c { inputs = [prev]  nodes = 1  op = $op  output = last }
  stem = conv(1, 4, stride = 2)
  trellis {
    layers    = 3
    strides   = [2, 4]
    width     = 4
    cell      = c
    coarser   = $coarser
    project   = $project
    operators = $operators
    mix       = $mix
  }
  head = sum_over(stride, conv(1, classes, bias = true) -> resize(1))
}
data shapes {}
""")


def _compiled(text: str, folder: Path) -> Compilation:
    path = folder / "spec.hnas"
    path.write_text(text, encoding="utf-8")
    return Compilation(path)


def _cost(text: str, folder: Path) -> tuple[int, int]:
    graph = _compiled(text, folder).graph
    return total(parameters(graph)), multiply_adds(graph, IMAGE)


# --- layers one by one ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("layer", "weights", "macs", "channels"),
    [
        ("relu", 0, 0, 8),
        ("conv(1)", 8 * 8, 8 * 8 * N2, 8),
        ("conv(3, 6)", 6 * 8 * 9, 6 * 8 * 9 * N2, 6),
        ("conv(3, 6, dilation = 4)", 6 * 8 * 9, 6 * 8 * 9 * N2, 6),
        ("conv(3, 6, stride = 2)", 6 * 8 * 9, 6 * 8 * 9 * N4, 6),
        ("conv(3, 6, groups = 2)", 6 * 4 * 9, 6 * 4 * 9 * N2, 6),
        ("conv((1, 3), 6)", 6 * 8 * 3, 6 * 8 * 3 * N2, 6),
        ("conv(1, 6, bias = true)", 6 * 8 + 6, 6 * 8 * N2, 6),
        ("depthwise(5)", 8 * 25, 8 * 25 * N2, 8),
        ("depthwise(3, stride = 2)", 8 * 9, 8 * 9 * N4, 8),
        ("pointwise(3, bias = true)", 3 * 8 + 3, 3 * 8 * N2, 3),
        ("transposed(2, 6)", 8 * 6 * 4, 8 * 6 * 4 * N2, 6),
        ("global_pool -> linear(5)", 5 * 8 + 5, 5 * 8, 5),
        ("global_pool -> linear(5, bias = false)", 5 * 8, 5 * 8, 5),
        ("norm", 2 * 8, 0, 8),
        ("norm(affine = false)", 0, 0, 8),
        ("avg_pool(3, stride = 2) -> max_pool(3)", 0, 0, 8),
        ("3 * conv(3)", 3 * 64 * 9, 3 * 64 * 9 * N2, 8),
        ("sum(conv(1), conv(3), skip)", 64 + 64 * 9, (64 + 64 * 9) * N2, 8),
        ("concat(conv(1, 2), skip)", 2 * 8, 2 * 8 * N2, 10),
        ("resize(4) -> conv(1)", 64, 64 * N4, 8),
    ],
)
def test_a_layer(layer: str, weights: int, macs: int, channels: int, tmp_path: Path) -> None:
    found = _cost(_CHAIN.substitute(layer=layer), tmp_path)
    last = channels * CLASSES
    assert found == (3 * 8 + weights + last, 3 * 8 * N2 + macs + last * N1)


@pytest.mark.parametrize(("dims", "image"), [(1, (33,)), (2, (33, 65)), (3, (33, 65, 9))])
def test_axes(dims: int, image: tuple[int, ...], tmp_path: Path) -> None:
    text = _CHAIN.substitute(layer="conv(3, 6)").replace("space chain {", f"space chain {{ dims = {dims}")
    graph = _compiled(text, tmp_path).graph
    pixels = half = 1
    for extent in image:
        pixels *= extent
        half *= (extent + 1) // 2
    weights = 6 * 8 * 3**dims
    assert total(parameters(graph)) == 3 * 8 + weights + 6 * CLASSES
    assert multiply_adds(graph, image) == (3 * 8 + weights) * half + 6 * CLASSES * pixels


def test_shapes_have_names_of_the_spec(tmp_path: Path) -> None:
    shapes = parameters(_compiled(_CHAIN.substitute(layer="conv(3, 6, bias = true)"), tmp_path).graph)
    assert sorted(shapes.values()) == [(6,), (6, 8, 3, 3), (8, 3, 1, 1), (8, 6, 1, 1)]
    assert [name.partition(".")[0] for name in shapes if shapes[name] == (8, 3, 1, 1)] == ["stem"]


# --- a trellis -----------------------------------------------------------------------------------
#
# Layer 1 has stride 2; layers 2 and 3 have strides 2 and 4. Moves: one into layer 1, one into each
# state of layer 2, two into each of layer 3: 7 calls of a cell in 5 states.

_HEAD = 2 * (4 * CLASSES + CLASSES)
_HEAD_MACS = 4 * CLASSES * (N2 + N4)
_CALLS = 4 * N2 + 3 * N4
"""Pixels of all calls: four at stride 2, three at stride 4."""


def _grid(**changed: str) -> str:
    plain = {
        "op": "conv(1)", "coarser": "bilinear", "project": "skip", "operators": "shared", "mix": "after_cell"
    }  # fmt: skip
    return _TRELLIS.substitute(plain | changed)


def test_cells_of_a_state_share_their_weights_and_are_computed_for_every_move(tmp_path: Path) -> None:
    weights, macs = _cost(_grid(), tmp_path)
    assert weights == 3 * 4 + 5 * 16 + _HEAD
    assert macs == 3 * 4 * N2 + 16 * _CALLS + _HEAD_MACS


def test_operators_of_each_move_have_weights_of_their_own(tmp_path: Path) -> None:
    weights, macs = _cost(_grid(operators="per_move"), tmp_path)
    assert weights == 3 * 4 + 7 * 16 + _HEAD
    assert macs == 3 * 4 * N2 + 16 * _CALLS + _HEAD_MACS


def test_mixing_before_the_cell_computes_it_once_for_each_state(tmp_path: Path) -> None:
    weights, macs = _cost(_grid(mix="before_cell"), tmp_path)
    assert weights == 3 * 4 + 5 * 16 + _HEAD
    assert macs == 3 * 4 * N2 + 16 * (3 * N2 + 2 * N4) + _HEAD_MACS


def test_a_projection_is_that_of_its_move_and_carries_the_stride(tmp_path: Path) -> None:
    text = _grid(project="fit", coarser="projection").replace(
        "  stem", "  op fit(step = 1) = conv(3, width, stride = step)\n  stem"
    )
    weights, macs = _cost(text, tmp_path)
    assert weights == 3 * 4 + 5 * 16 + 7 * 16 * 9 + _HEAD
    assert macs == 3 * 4 * N2 + (16 + 16 * 9) * _CALLS + _HEAD_MACS


def test_every_option_of_an_edge_is_computed(tmp_path: Path) -> None:
    weights, macs = _cost(_grid(op="one_of { none, skip, conv(1), conv(3) }"), tmp_path)
    assert weights == 3 * 4 + 5 * (16 + 16 * 9) + _HEAD
    assert macs == 3 * 4 * N2 + (16 + 16 * 9) * _CALLS + _HEAD_MACS


def test_a_found_network_has_the_operators_it_chose(tmp_path: Path) -> None:
    compilation = _compiled(_grid(op="one_of { none, skip, conv(1), conv(3) }"), tmp_path)
    picks = dict(compilation.decisions.along((2, 4, 4)))
    picks["c.n1"] = (("prev", "conv(3)"), ("prev", "skip"))
    graph = compilation.specialized(Architecture(picks))
    assert total(parameters(graph)) == 3 * 4 + 3 * 16 * 9 + _HEAD // 2
    assert multiply_adds(graph, IMAGE) == 3 * 4 * N2 + 16 * 9 * (N2 + 2 * N4) + 4 * CLASSES * N4


def test_norm_without_scale_while_searching_has_weights_in_the_network(tmp_path: Path) -> None:
    text = _grid(op="one_of { none, norm }").replace(
        "  cell", "  norm = batch(affine = not searching)\n  cell", 1
    )
    compilation = _compiled(text, tmp_path)
    picks = dict(compilation.decisions.along((2, 2, 2)))
    picks["c.n1"] = (("prev", "norm"), ("prev", "none"))
    assert total(parameters(compilation.graph)) == 3 * 4 + _HEAD
    assert total(parameters(compilation.specialized(Architecture(picks)))) == 3 * 4 + 3 * 2 * 4 + _HEAD // 2
