"""Drawings of states and links: whole, shortened, in parts, several states a layer, links within one."""

import pytest

from hnas.cli.lattice import Link, draw_states
from hnas.ir.decisions import State
from hnas.ir.types import Stride


def link(layer: int, source: Stride, target: Stride, by: int = 1) -> Link:
    return State(layer, source), State(layer + by, target)


def chain(layers: int) -> tuple[dict[int, tuple[int]], list[Link]]:
    return dict.fromkeys(range(layers + 1), (4,)), [link(layer, 4, 4) for layer in range(layers)]


def columns(drawing: str) -> int:
    return max(map(len, drawing.splitlines()))


def test_moves_cross() -> None:
    alive = {0: [4], 1: [4, 8], 2: [4, 8]}
    links = [link(0, 4, 4), link(0, 4, 8), *(link(1, a, b) for a in (4, 8) for b in (4, 8))]
    assert (
        draw_states(alive, links, whole=True)
        == """\
layer     0   1   2
stride 4  ●───●───●
            ╲   ╳
       8      ●───●"""
    )


def test_several_states_alive_and_others_dead() -> None:
    alive = {0: [4], 1: [4, 16], 2: [8]}
    links = [link(0, 4, 4), link(0, 4, 16), link(1, 4, 8), link(1, 16, 8)]
    drawing = draw_states(alive, links, {1: [4, 8, 16], 2: [4, 8, 16]}, whole=True)
    assert (
        drawing
        == """\
layer      0   1   2
stride  4  ●───●   ·
            ╲    ╲
        8    ╲ ·   ●
              ╲  ╱
       16      ●   ·"""
    )


def test_links_within_a_layer_have_arrows() -> None:
    alive = {0: [4], 1: [4, 8, 16]}
    assert (
        draw_states(alive, [link(0, 4, 4), link(1, 4, 8, 0), link(1, 8, 16, 0)], whole=True)
        == """\
layer      0   1
stride  4  ●───●
               ↓
        8      ●
               ↓
       16      ●"""
    )
    assert "↕" in draw_states(alive, [link(1, 4, 8, 0), link(1, 8, 4, 0)], whole=True)


def test_links_within_a_layer_go_beside_the_states_they_pass() -> None:
    alive = {0: [4, 8, 16], 1: [4, 8, 16]}
    links = [link(0, 16, 4, 0), *(link(0, s, s) for s in (4, 8, 16))]
    assert (
        draw_states(alive, links, whole=True)
        == """\
layer      0   1
stride  4  ●┬──●
            ↑
        8  ●┼──●
            │
       16  ●┴──●"""
    )


def test_two_lines_beside_each_other_would_not_be_told_apart() -> None:
    alive = {0: [4, 8, 16, 32]}
    drawing = draw_states(alive, [link(0, 4, 16, 0), link(0, 32, 8, 0)], whole=True)
    assert drawing.endswith("\n\nalso  layer 0, stride 32 to layer 0, stride 8")


def test_links_over_several_layers_are_listed() -> None:
    alive, links = chain(20)
    further = [link(layer, 4, 4, 3) for layer in range(15)]
    listed = draw_states(alive, [*links, *further], whole=False).partition("\n\n")[2].splitlines()
    assert listed[0] == "also  layer 0, stride 4 to layer 3, stride 4"
    assert listed[12:] == ["and 3 more such links"]


def test_the_middle_of_many_layers_is_left_out() -> None:
    alive, links = chain(17)
    assert (
        draw_states(alive, links, whole=False)
        == """\
layer     0   1   2   3   4   5   6   7   8   9   10  11  …   14  15  16  17
stride 4  ●───●───●───●───●───●───●───●───●───●───●───●   …   ●───●───●───●"""
    )


@pytest.mark.parametrize("layers", [1, 15, 16, 17, 999, 1000, 2000])
def test_drawings_fit_into_80_columns(layers: int) -> None:
    alive, links = chain(layers)
    for whole in (True, False):
        drawing = draw_states(alive, links, whole=whole)
        assert columns(drawing) < 80
        assert drawing.splitlines()[-2].endswith(f" {layers}")


def test_every_layer_of_a_network_is_drawn_in_parts() -> None:
    alive, links = chain(33)
    parts = draw_states(alive, links, whole=True).split("\n\n")
    assert [part.splitlines()[0].split()[1::100] for part in parts] == [["0"], ["16"], ["32"]]
    assert [part.count("───") for part in parts] == [16, 16, 1]


def test_strides_that_differ_by_axis() -> None:
    alive = {0: [(1, 2, 2)], 1: [(1, 2, 2), (2, 4, 4)]}
    drawing = draw_states(alive, [link(0, (1, 2, 2), (2, 4, 4))], whole=True)
    assert drawing.splitlines()[1:] == ["stride 1x2x2  ●   ●", "                ╲", "       2x4x4      ●"]
