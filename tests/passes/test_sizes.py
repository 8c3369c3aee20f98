"""Sizes that a pad changes: which pads do, and how far such a map may go."""

from pathlib import Path

import pytest
from helpers import ROOT
from hypothesis import given, settings
from hypothesis import strategies as st

from hnas.compiler import Compilation
from hnas.diag import Diagnostic, Source, Span
from hnas.ir import graph as g
from hnas.ir.types import MapType
from hnas.passes.errors import SizeChanged
from hnas.passes.sizes import check_sizes

MINI = ROOT / "tests" / "specs" / "mini.hnas"
NOWHERE = Span(Source("here", ""), 0, 0)


def _pixels(size: int, k: int, stride: int, dilation: int, pad: int) -> int:
    """The windows of a padded axis, by sliding one over it."""
    reach = (k - 1) * dilation + 1
    return len(range(0, size + 2 * pad - reach + 1, stride))


def _summed(kind: g.Op) -> g.Graph:
    """A layer's map summed with another map of its stride."""
    wanted = MapType(3, 4)
    resize = g.Op("resize", (("to", 4), ("mode", "bilinear")))
    nodes = (
        g.Node("padded", kind, ("image",), wanted, span=NOWHERE),
        g.Node("resized", resize, ("image",), wanted, span=NOWHERE),
        g.Node("sum", g.Join("sum"), ("padded", "resized"), wanted, span=NOWHERE),
    )
    return g.Graph((g.Function("main", (("image", MapType(3, 1)),), nodes, "sum"),), {})


def _said(graph: g.Graph) -> list[Diagnostic]:
    found: list[Diagnostic] = []
    check_sizes(graph, found.append)
    return found


@settings(deadline=None)
@given(
    layer=st.sampled_from(("conv", "max_pool")),
    k=st.integers(1, 7),
    dilation=st.integers(1, 3),
    stride=st.integers(1, 4),
    pad=st.integers(0, 10),
)
def test_a_pad_is_refused_if_some_size_of_the_map_is_not_the_size_by_the_stride_rounded_up(
    layer: str, k: int, dilation: int, stride: int, pad: int
) -> None:
    attrs = (("k", k), ("stride", stride), ("pad", pad))
    attrs += (("dilation", dilation),) if layer == "conv" else ()
    rate = dilation if layer == "conv" else 1
    right = all(_pixels(size, k, stride, rate, pad) == -(-size // stride) for size in range(1, 30))
    said = _said(_summed(g.Op(layer, attrs)))
    assert [type(d) for d in said] == ([] if right else [SizeChanged])
    if not right and (k - 1) * rate % 2 == 0:  # and the pad that is named is right
        named = int(said[0].help_text.rpartition(" = ")[2])
        assert all(_pixels(size, k, stride, rate, named) == -(-size // stride) for size in range(1, 30))


@pytest.mark.parametrize(
    ("k", "pad", "right"), [((3, 3), 1, True), ((1, 3), 1, False), ((1, 3), 0, False), ((5, 5), 1, False)]
)
def test_a_kernel_of_several_sides_needs_one_pad_that_is_right_on_every_axis(
    k: tuple[int, int], pad: int, right: bool
) -> None:
    graph = _summed(g.Op("max_pool", (("k", k), ("stride", 1), ("pad", pad))))
    assert (_said(graph) == []) is right
    assert _said(_summed(g.Op("max_pool", (("k", k), ("stride", 1), ("pad", "same"))))) == []


@pytest.mark.parametrize(
    ("then", "codes"),
    [
        ("resize(1)", []),
        ("global_pool -> resize(1)", []),
        ("shift -> dropout(0.1) -> grid_pool(2) -> resize(1)", []),
        ("none -> resize(1)", []),
        ("sum(skip, conv(1)) -> resize(1)", ["E0330"]),
        ("2 * (relu -> conv(1)) -> concat(skip, relu) -> resize(1)", ["E0330"]),
        ("transposed(2, 8) -> resize(1)", ["E0330"]),
    ],
)
def test_a_map_of_a_size_of_its_own_goes_on_alone(tmp_path: Path, then: str, codes: list[str]) -> None:
    text = MINI.read_text(encoding="utf-8")
    head = next(line for line in text.splitlines() if line.startswith("  head = "))
    body = f"conv(3, 8, pad = 0) -> norm -> relu -> {then} -> conv(1, classes)"
    assert _codes(tmp_path, text.replace(head, f"  head = sum_over(stride, {body})")) == codes


@pytest.mark.parametrize(
    ("padded", "codes"),
    [
        ("conv(k, pad = 0) -> norm -> resize(like = input)", []),
        ("conv(k, pad = 2) -> norm", []),
        ("conv(k, pad = 0) -> norm", ["E0330"]),
        ("conv(k) -> norm -> conv(3, pad = 0) -> skip", ["E0330"]),
        # found networks have the kernel that is taken, and one pad fits one of them
        ("conv(one_of(weights = nested) { 3, 5 }, pad = 2) -> norm", ["E0330"]),
        ("conv(one_of(weights = nested) { 3, 5 }) -> norm", []),
    ],
)
def test_the_result_of_an_operator_has_the_size_of_the_map_it_got(
    tmp_path: Path, padded: str, codes: list[str]
) -> None:
    text = MINI.read_text(encoding="utf-8")
    op = "op atrous(k) = relu -> conv(k, dilation = 2) -> norm"
    assert _codes(tmp_path, text.replace(op, f"op atrous(k) = {padded}")) == codes


def _codes(folder: Path, text: str) -> list[str]:
    spec = folder / "spec.hnas"
    spec.write_text(text, encoding="utf-8")
    return [d.code for d in Compilation(spec).check()]
