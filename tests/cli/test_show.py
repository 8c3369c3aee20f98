"""`hnas show`: sizes of maps, the trellis and the cells of a space, sizes of a network."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from helpers import ROOT, SPEC

from hnas.cli.catalogue import EXAMPLES
from hnas.cli.sizes import spell_layers
from hnas.schema.datasets import CARDS

Call = Callable[..., Any]

PUBLISHED = ROOT / "examples" / "autodeeplab" / "published.hnas"
BASE = EXAMPLES / "base.hnas"


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str], str]:
    """A file with a variation of the starter; its path."""

    def written(items: str) -> str:
        (tmp_path / "base.hnas").write_text(BASE.read_text())
        path = tmp_path / "mine.hnas"
        path.write_text(f'hnas 1\nuse "base.hnas"\nspace mine extends base {{ {items} }}\n')
        return str(path)

    return written


def sizes_of(hnas: Call, *arguments: str) -> list[dict[str, Any]]:
    said = hnas("show", *arguments, "--json")
    assert said.code == 0, said.err
    return json.loads(said.out)["sizes"]


def size_of(layers: range, stride: int, channels: int | None, height: int | None) -> dict[str, Any]:
    return {
        "layers": list(layers),
        "stride": stride,
        "channels": channels,
        "height": height,
        "width": height,
    }


def test_the_reference_whole_behind_its_figures(hnas: Call) -> None:
    said = hnas("show", str(SPEC))
    assert (
        said.out.partition("\n\n")[2]
        == """\
stride  channels  pixels of 321 x 321  layers
     2        20  161 x 161            -1
     4        40  81 x 81              0..12
     8        80  41 x 41              1..12
    16       160  21 x 21              2..12
    32       320  11 x 11              3..12

layer      0   1   2   3   4   5   6   7   8   9   10  11  12
stride  4  ●───●───●───●───●───●───●───●───●───●───●───●───●
             ╲   ╳   ╳   ╳   ╳   ╳   ╳   ╳   ╳   ╳   ╳   ╳
        8      ●───●───●───●───●───●───●───●───●───●───●───●
                 ╲   ╳   ╳   ╳   ╳   ╳   ╳   ╳   ╳   ╳   ╳
       16          ●───●───●───●───●───●───●───●───●───●───●
                     ╲   ╳   ╳   ╳   ╳   ╳   ╳   ╳   ╳   ╳
       32              ●───●───●───●───●───●───●───●───●───●

cell dense
  inputs   prev, prev_prev
  options  none, skip, avg(3), max(3), sep(3), sep(5), atrous(3), atrous(5)
  take     slots(2) for each node, joined by sum
  output   concat
  share    network

  reads  prev  prev_prev  n1  n2  n3  n4
  n1     ●     ●
  n2     ●     ●          ●
  n3     ●     ●          ●   ●
  n4     ●     ●          ●   ●   ●
  n5     ●     ●          ●   ●   ●   ●
"""
    )


def test_sizes_of_the_reference_as_data(hnas: Call) -> None:
    assert sizes_of(hnas, str(SPEC)) == [
        size_of(range(-1, 0), 2, 20, 161),
        size_of(range(13), 4, 40, 81),
        size_of(range(1, 13), 8, 80, 41),
        size_of(range(2, 13), 16, 160, 21),
        size_of(range(3, 13), 32, 320, 11),
    ]


def test_sizes_of_a_network(hnas: Call) -> None:
    found = sizes_of(hnas, str(PUBLISHED))
    assert [(each["layers"], each["channels"], each["height"]) for each in found] == [
        ([-1], 64, 161),
        ([0], 128, 81),
        ([1, 2, 3], 100, 81),
        ([4, 6, 12], 200, 41),
        ([5, 7, 8, 11], 400, 21),
        ([9, 10], 800, 11),
    ]
    said = hnas("show", str(PUBLISHED)).out
    assert said.endswith(
        "    16       400  21 x 21              5, 7..8, 11\n    32       800  11 x 11              9..10\n"
    )
    data = json.loads(hnas("show", str(PUBLISHED), "--json").out)
    assert data["networks"]["auto_deeplab_s"]["sizes"] == found


def test_an_auxiliary_head_is_counted_apart(hnas: Call) -> None:
    """It is there while the network is trained: 476,426 of what the authors' code builds then, 3,825,768."""
    path = str(ROOT / "examples" / "darts" / "v2.hnas")
    found = json.loads(hnas("show", path, "--json").out)
    assert found["parameters"] == sum(found["parts"].values()) == 3_349_342
    assert found["auxiliary_parameters"] == 476_426
    assert set(found["parts"]) == {"cells", "head", "stem"}
    assert found["multiply_adds"] == 528_359_040
    said = hnas("show", path).out
    assert (
        "parameters     3,349,342 (cells 3,340,440, head 5,770, stem 3,132)\n"
        "               476,426 more in the auxiliary head, while it is trained\n"
    ) in said
    without = json.loads(hnas("show", str(PUBLISHED), "--json").out)
    assert "auxiliary_parameters" not in without


def test_a_space_without_super_network(hnas: Call, write: Callable[[str], str]) -> None:
    stepped = "op sep(k, step = 1) = relu -> depthwise(k, stride = step) -> pointwise -> norm"
    path = write(
        f"{stepped} cell normal {{ op = one_of {{ sep(3), skip }} }}"
        " trellis { prev_prev = on_path  coarser = operators  align = bilinear }"
    )
    assert sizes_of(hnas, path) == sizes_of(hnas, str(BASE))
    said = hnas("show", path).out
    assert "super-network" not in said
    assert "╳" in said


def test_channels_are_unknown_where_nothing_can_be_laid_out(hnas: Call, write: Callable[[str], str]) -> None:
    # an operator that halves the size stands for a cell on a fixed way down only
    path = write(
        "op half(k) = conv(k, width, stride = 2)  cell normal { op = one_of { half(3), half(5) } }"
        " trellis { prev_prev = on_path }"
    )
    assert {each["channels"] for each in sizes_of(hnas, path)} == {None}
    assert "     8         ?  9 x 9              2..6" in hnas("show", path).out


@pytest.mark.parametrize(
    ("data", "height", "width"),
    [
        ("data shapes { crop = [65, 97] }", 5, 7),
        ("data shapes { crop = none  resize = [32, 48] }", 2, 3),
        ("data shapes { crop = none }", 7, 9),
        ("data camvid { crop = none }", None, None),
    ],
)
def test_pixels_are_of_the_crop_else_of_the_image(
    hnas: Call, write: Callable[[str], str], data: str, height: int | None, width: int | None
) -> None:
    path = write(data)
    last = sizes_of(hnas, path)[-1]
    assert (last["stride"], last["height"], last["width"]) == (16, height, width)
    assert ("pixels  layers" in hnas("show", path).out) == (height is None)


def test_images_of_one_size_have_it() -> None:
    from hnas.data.shapes import _SIZE  # pyright: ignore[reportPrivateUsage]

    assert CARDS["shapes"].size == _SIZE


def test_other_dims(hnas: Call) -> None:
    line = sizes_of(hnas, str(BASE), "--set", "dims=1")[-1]
    assert (line["height"], line["width"], "depth" in line) == (None, 5, False)
    volume = json.loads(hnas("show", str(BASE), "--set", "dims=3", "--json").out)
    assert volume["image"] == [65, 65, 65]
    assert [volume["sizes"][-1][axis] for axis in ("depth", "height", "width")] == [5, 5, 5]
    said = hnas("show", str(BASE), "--set", "dims=3", "--set", "data.crop=none")
    assert said.code == 0
    assert "multiply-adds" not in said.out  # height and width alone are no volume
    assert "?       2..6" in said.out


def test_a_thousand_layers_stay_compact(hnas: Call) -> None:
    said = hnas("show", str(BASE), "--profile", "quick", "--set", "trellis.layers=1000")
    sizes, trellis = said.out.split("\n\n")[1:3]
    assert sizes.splitlines()[-1].endswith("3..1000")
    assert len(sizes.splitlines()) == 5
    assert trellis.splitlines()[0].split()[-3:] == ["998", "999", "1000"]
    assert max(map(len, said.out.splitlines())) < 90


def test_widths_of_every_layer_are_cut_in_the_table(hnas: Call, write: Callable[[str], str]) -> None:
    path = write("trellis { layers = 60  width = 4 * layer }")
    table = hnas("show", path).out.split("\n\n")[1].splitlines()
    assert len(table) == 21
    assert "more rows; --json gives them all" in table[15]
    assert len(sizes_of(hnas, path)) > 100


def test_counts_beyond_any_line_are_rounded_and_json_has_them_exactly(
    hnas: Call, write: Callable[[str], str]
) -> None:
    path = write("cell normal { share = state  take = slots(40) } trellis { layers = 24 }")
    said = hnas("show", path)
    assert said.code == 0, said.err
    assert "e+" in said.out.partition("architectures")[2].splitlines()[0]
    said = hnas("show", path, "--json")
    assert said.code == 0
    assert any(len(line) > 4300 for line in said.out.splitlines())
    assert hnas("diff", str(BASE), path).code == 0


@pytest.mark.parametrize(
    ("layers", "text"),
    [
        ([3], "3"),
        ([-1, 0, 1], "-1..1"),
        ([1, 2, 3, 7, 9, 10], "1..3, 7, 9..10"),
        (list(range(1, 1000, 2)), "1, 3, 5, 7, 9, … 999 (500 layers)"),
    ],
)
def test_layers_are_spelled_as_ranges(layers: list[int], text: str) -> None:
    assert spell_layers(layers) == text


def test_cells_of_a_space(hnas: Call, write: Callable[[str], str]) -> None:
    path = write(
        "op block(step = 1) = relu -> conv(3, width, stride = step) -> norm"
        " cell normal { op -= atrous(3)  output = last }"
        " cell wide extends normal { nodes = 14  inputs = [prev] }"
        " trellis { cell = { coarser: block, same: wide, finer: normal } }"
    )
    parts = hnas("show", path).out.split("\n\n")
    assert "cell block: the operator block" in "\n".join(parts)
    wide = next(part for part in parts if part.startswith("  reads  prev  n1"))
    assert wide.splitlines()[0] == "  reads  prev  n1  n2  n3  n4  n5  n6  …  n12  n13"
    assert len(wide.splitlines()) == 11
    assert wide.splitlines()[-1].endswith("●    ●")


def test_long_lists_of_options_are_wrapped(hnas: Call, write: Callable[[str], str]) -> None:
    many = ", ".join(f"sep({k})" for k in range(3, 51, 2))
    said = hnas("show", write(f"cell normal {{ op = one_of {{ {many} }} }}")).out
    drawing = said[said.index("cell normal\n") :]
    assert drawing.count("sep(31)") == 1
    assert max(map(len, drawing.splitlines())) <= 80


def test_every_layer_of_a_found_network_has_a_size(hnas: Call, tmp_path: Path) -> None:
    (tmp_path / "base.hnas").write_text(BASE.read_text())
    path = tmp_path / "mine.hnas"
    nodes = "".join(f"n{i} = skip(prev) + sep(3)(prev_prev)\n" for i in (1, 2, 3))
    path.write_text(
        'hnas 1\nuse "base.hnas"\n'
        f"network mine of base {{ path = [4, 8, 8, 16, 8, 4]\n cell normal {{\n{nodes}}} }}\n"
    )
    assert [each["layers"] for each in sizes_of(hnas, str(path))] == [[-1], [0, 1, 6], [2, 3, 5], [4]]


def test_multiply_adds_for_a_size(hnas: Call) -> None:
    """A convolution's cost goes with the pixels: at twice both sides it is four times."""
    small, large = (
        json.loads(hnas("show", str(PUBLISHED), "--set", "F=20", "--json", "--size", size).out)
        for size in ("512x1024", "1024x2048")
    )
    assert large["multiply_adds"] == 317_541_632_000
    assert sum(large["multiply_adds_by_part"].values()) == large["multiply_adds"]
    assert large["image"] == [1024, 2048]
    assert small["parameters"] == large["parameters"] == 10_147_427
    assert small["multiply_adds"] < large["multiply_adds"] < 4.1 * small["multiply_adds"]


@pytest.mark.parametrize("size", ["1024", "0x5", "5x5x5", "-3x4", "axb", "²x4", ""])
def test_a_size_that_is_none(hnas: Call, size: str) -> None:
    said = hnas("show", str(PUBLISHED), "--size", size)
    assert said.code == 2
    assert "is not HxW in pixels, like 321x321" in said.err
