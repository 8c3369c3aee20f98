"""`hnas diff`: every difference of meaning is said, nothing else is, and what follows is left out."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from helpers import SPEC

from hnas.cli.differing import difference
from hnas.compiler import Compilation

Call = Callable[..., Any]

WIDE = """\
hnas 1
use "spec.hnas"
space wide extends auto_deeplab {
  F = 20
  cell dense { op += sep(7)  op -= atrous(5) }
  op sep(k) = relu -> depthwise(k) -> pointwise -> norm
  trellis { strides = [4, 8, 16]  missing = drop }
  search { clip = 5 }
}
"""

NETWORK = """\
hnas 1
use "small.hnas"
network found of small {
  path = [4, 4, 8, 8, 16, 16]
  cell normal {
    n1 = sep(3)(prev) + skip(prev_prev)
    n2 = sep(5)(n1) + skip(prev)
    n3 = atrous(3)(n2) + skip(n1)
  }
}
"""


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("spec.hnas").write_bytes(SPEC.read_bytes())


def _difference(*sets: str, profile: str = "demo") -> str:
    a, b = (Compilation(Path("spec.hnas"), profile, given) for given in ((), sets))
    return difference(a, b)


def test_two_spaces_whole(hnas: Call) -> None:
    Path("wide.hnas").write_text(WIDE, encoding="utf-8")
    said = hnas("diff", "spec.hnas", "wide.hnas")
    assert (said.code, said.err) == (0, "")
    assert (
        said.out
        == """\
auto_deeplab of spec.hnas -> wide of wide.hnas

  F                8 -> 20
  op sep(3)
    - 2 * (relu -> depthwise(3) -> pointwise -> norm)
    + relu -> depthwise(3) -> pointwise -> norm
  op sep(5)
    - 2 * (relu -> depthwise(5) -> pointwise -> norm)
    + relu -> depthwise(5) -> pointwise -> norm
  cell dense.op    + sep(7)  - atrous(5)
  trellis.strides  [4, 8, 16, 32] -> [4, 8, 16]
  trellis.missing  closest -> drop
  search.clip      none -> 5

                                     before                       after  ratio
  paths                              75,025                      33,461  0.446
  cells                 556,627,761,561,600         556,627,761,561,600      1
  architectures  41,760,997,811,159,040,000  18,625,321,529,612,697,600  0.446
  weights                        47,035,696                  28,469,807  0.605
  multiply-adds              40,217,811,300              63,170,019,550   1.57
"""
    )
    assert hnas("diff", "spec.hnas", "wide.hnas", "--exit-code").code == 1


def test_one_space_under_two_spellings(hnas: Call) -> None:
    for profile in ("paper", "demo", "camvid"):
        resolved = Compilation(Path("spec.hnas"), profile).resolved_text
        Path("whole.hnas").write_text(resolved, encoding="utf-8")
        a, b = Compilation(Path("spec.hnas"), profile), Compilation(Path("whole.hnas"))
        assert difference(a, b) == ""
    Path("same.hnas").write_text(
        'hnas 1\nuse "spec.hnas"\nspace same extends auto_deeplab {}  # another name\n', encoding="utf-8"
    )
    said = hnas("diff", "spec.hnas", "same.hnas", "--exit-code")
    assert (said.code, said.out) == (0, "spec.hnas and same.hnas mean the same\n")


ONE_CHANGE = {
    "F=8": "F  4 -> 8",
    "B=2": "B  5 -> 2",
    "norm=batch(affine = true, stats = per_move)": "norm.affine  not searching -> true",
    "norm=batch(affine = not searching, stats = per_move, update = both)": "norm.update  weights -> both",
    "trellis.layers=4": "trellis.layers  12 -> 4",
    "trellis.enter=4": "trellis.enter  one_of { 4, 8 } -> 4",
    "trellis.moves=one_of { same, coarser }": (
        "trellis.moves  one_of { finer, same, coarser } -> one_of { same, coarser }"
    ),
    "trellis.path=[4, 4, 4, 4, 4, 4, 8, 8, 8, 8, 8, 8]": (
        "trellis.path  none -> [4, 4, 4, 4, 4, 4, 8, 8, 8, 8, 8, 8]"
    ),
    "trellis.width=F * stride / 2": "trellis.width  (4 * stride) / 4 -> (4 * stride) / 2",
    "trellis.weigh=incoming": "trellis.weigh  outgoing -> incoming",
    "trellis.coarser=bilinear": "trellis.coarser  projection -> bilinear",
    "trellis.missing=drop": "trellis.missing  closest -> drop",
    "trellis.mix=before_cell": "trellis.mix  after_cell -> before_cell",
    "trellis.operators=per_move": "trellis.operators  shared -> per_move",
    "head=sum_over(stride, conv(1, classes) -> resize(1))": """head
    - sum_over(stride, aspp(rate = 96 / stride) -> conv(1, classes, bias = true) -> resize(1))
    + sum_over(stride, conv(1, classes) -> resize(1))""",
    # the crop is of the block `data shapes`, which goes
    "data=camvid": "data       shapes -> camvid\n  data.crop  [49, 49] -> none",
    "data.crop=33": "data.crop  [49, 49] -> [33, 33]",
    "data.flip=false": "data.flip  true -> false",
    "data.split=[0.25, 0.75]": "data.split  [0.5, 0.5] -> [0.25, 0.75]",
    "search.epochs=9": "search.epochs  4 -> 9",
    "search.arch.lr=poly(0.1, 2)": "search.arch.lr  constant(0.003) -> poly(0.1, 2)",
    "search.arch.betas=[0.5, 0.9]": "search.arch.betas  [0.9, 0.999] -> [0.5, 0.9]",
    "search.arch.init=normal(0, 1)": "search.arch.init  [0, 0.001] -> [0, 1]",
    "search.weights.nesterov=true": "search.weights.nesterov  false -> true",
    "search.validate.every=3": "search.validate.every  2 -> 3",
    "decode.edges=strongest(1)": "decode.edges  2 -> 1",
    "decode.path=greedy": "decode.path  viterbi -> greedy",
}
"""An override of the demo, and all that is said to differ."""


@pytest.mark.parametrize("override", ONE_CHANGE, ids=lambda text: text.partition("=")[0])
def test_what_one_override_changes(override: str) -> None:
    _, rows, _ = _difference(override).split("\n\n")
    assert rows == f"  {ONE_CHANGE[override]}"


def test_what_follows_from_a_parameter_is_left_out_but_never_what_does_not() -> None:
    Path("a.hnas").write_text(WIDE.replace("F = 20", "L = 8"), encoding="utf-8")
    other = WIDE.replace("F = 20", "L = 5").replace("strides = [4, 8, 16]  missing = drop", "layers = 8")
    Path("b.hnas").write_text(other, encoding="utf-8")
    rows = difference(Compilation(Path("a.hnas")), Compilation(Path("b.hnas"))).split("\n\n")[1]
    # 8 layers both times, though A with the L of B would have 5
    assert rows == (
        "  L                8 -> 5\n"
        "  trellis.strides  [4, 8, 16] -> [4, 8, 16, 32]\n"
        "  trellis.missing  drop -> closest"
    )


def test_a_parameter_the_other_cannot_have_hides_nothing() -> None:
    # with F = 9 the reference's stem would have 13.5 channels
    text = _difference("F=9", "stem=[conv(3, 8, stride = 2), conv(3, 8, stride = 2)]")
    assert "  F              4 -> 9\n" in text
    assert "trellis.width  (4 * stride) / 4 -> (9 * stride) / 4" in text


def test_cells_and_blocks_that_only_one_has(hnas: Call) -> None:
    hnas("new", "small")
    text = Path("small.hnas").read_text(encoding="utf-8")
    start, end = text.index("search {"), text.index("# How the network")
    quick = text.index("# Values for another")
    other = (text[:start] + text[end:quick]).replace("cell normal {", "cell plain {")
    Path("other.hnas").write_text(other.replace("= normal", "= plain"), encoding="utf-8")
    rows = hnas("diff", "small.hnas", "other.hnas").out.split("\n\n")[1]
    assert rows == (
        "  cell normal   - 3 nodes\n"
        "  cell plain    + 3 nodes\n"
        "  trellis.cell  normal -> plain\n"
        "  search        - 6 epochs"
    )


def test_two_networks_whole(hnas: Call) -> None:
    hnas("new", "small")
    Path("a.hnas").write_text(NETWORK, encoding="utf-8")
    other = NETWORK.replace("8, 8, 16, 16", "8, 4, 4, 8").replace("skip(n1)", "sep(3)(n1)")
    Path("b.hnas").write_text(other.replace("found", "other"), encoding="utf-8")
    said = hnas("diff", "a.hnas", "b.hnas")
    assert (said.code, said.err) == (0, "")
    assert (
        said.out
        == """\
small of a.hnas -> small of b.hnas

network found -> other
  layer 4    8 -> 4
  layer 5    16 -> 4
  layer 6    16 -> 8
  normal.n3  + sep(3)(n1)  - skip(n1)

                    before      after  ratio
  weights           53,536     23,088  0.431
  multiply-adds  3,463,512  4,016,024   1.16
"""
    )


def test_the_order_of_what_a_node_sums_means_nothing_but_how_often_does(hnas: Call) -> None:
    hnas("new", "small")
    Path("a.hnas").write_text(NETWORK, encoding="utf-8")
    Path("b.hnas").write_text(
        NETWORK.replace("sep(5)(n1) + skip(prev)", "skip(prev) + sep(5)(n1)"), encoding="utf-8"
    )
    assert hnas("diff", "a.hnas", "b.hnas").out == "a.hnas and b.hnas mean the same\n"
    Path("b.hnas").write_text(
        NETWORK.replace("sep(5)(n1) + skip(prev)", "skip(prev) + skip(prev)"), encoding="utf-8"
    )
    assert "  normal.n2  + skip(prev)  - sep(5)(n1)\n" in hnas("diff", "a.hnas", "b.hnas").out


def test_a_network_that_only_one_file_has(hnas: Call) -> None:
    hnas("new", "small")
    Path("a.hnas").write_text(NETWORK, encoding="utf-8")
    said = hnas("diff", "a.hnas", "small.hnas", "--exit-code")
    assert (said.code, said.out) == (
        1,
        "small of a.hnas -> small of small.hnas\n\nnetwork found\n  only in  - a.hnas\n",
    )


def test_an_option_in_another_order_or_of_another_body(hnas: Call) -> None:
    hnas("new", "small")
    text = Path("small.hnas").read_text(encoding="utf-8")
    Path("order.hnas").write_text(text.replace("none, skip,", "skip, none,"), encoding="utf-8")
    assert (
        "cell normal.op  in another order: skip, none, sep(3), sep(5), atrous(3)"
        in hnas("diff", "small.hnas", "order.hnas").out
    )
    named = text.replace("atrous(3) }", "far: relu -> conv(3, dilation = {}) }")
    Path("a.hnas").write_text(named.replace("{}", "2"), encoding="utf-8")
    Path("b.hnas").write_text(named.replace("{}", "4"), encoding="utf-8")
    rows = hnas("diff", "a.hnas", "b.hnas").out.split("\n\n")[1]
    old = "  cell normal.op far\n    - relu -> conv(3, dilation = 2)\n"
    assert rows == f"{old}    + relu -> conv(3, dilation = 4)"
    # the same name, once given on the spot and once to an operator
    operator = text.replace("  op fit", "  op far = relu -> conv(5)\n  op fit").replace(
        "atrous(3) }", "far }"
    )
    Path("b.hnas").write_text(operator, encoding="utf-8")
    rows = hnas("diff", "a.hnas", "b.hnas").out.split("\n\n")[1]
    assert rows == f"{old}    + far"


def test_options_apply_to_both_and_mistakes_of_either_are_told(hnas: Call) -> None:
    Path("wide.hnas").write_text(WIDE, encoding="utf-8")
    camvid = hnas("diff", "spec.hnas", "wide.hnas", "--profile", "camvid")
    assert "trellis.strides" not in camvid.out  # the profile has them so
    assert "E0219" in hnas("diff", "spec.hnas", "wide.hnas", "--profile", "dmo").err
    Path("bad.hnas").write_text(WIDE.replace("missing", "mising"), encoding="utf-8")
    for pair in (("spec.hnas", "bad.hnas"), ("bad.hnas", "spec.hnas")):
        said = hnas("diff", *pair)
        assert (said.code, said.out) == (1, "")
        assert "did you mean missing?" in said.err


def test_no_difference_means_the_same_program() -> None:
    """What is said to mean the same is the same space, but for its name."""
    a = Compilation(Path("spec.hnas")).program
    Path("whole.hnas").write_text(Compilation(Path("spec.hnas")).resolved_text, encoding="utf-8")
    b = Compilation(Path("whole.hnas")).program
    assert evolve(a.space, name="") == evolve(b.space, name="")
    assert (a.data, a.search, a.decode) == (b.data, b.search, b.decode)


def test_settings_that_are_calls_and_lists_are_spelled_as_a_spec_says_them() -> None:
    sets = (
        "search.relax=gdas(tau = linear(10, 0.1))",
        "data.crop=none",
        "data.augment=[pad(4), crop([32, 48]), scale(0.5, 2), flip, cutout(16)]",
    )
    said = _difference(*sets)
    assert "search.relax" in said
    assert "softmax -> gdas(linear(10, 0.1))" in said
    assert "[pad(4, black), crop([32, 48]), scale(0.5, 2), flip, cutout(16)]" in said
