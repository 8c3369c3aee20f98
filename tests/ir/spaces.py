# ruff: noqa: E501 - cells of a spec stand on lines of their own
"""Small spaces, one for each way decisions depend on the trellis or on each other."""

from pathlib import Path

from hnas.compiler import Compilation

SPEC = """hnas 1
space s {{
  op unit(k) = relu -> conv(k) -> norm
  op fit(step = 1) = relu -> conv(1, width, stride = step) -> norm
  cell c {{ inputs = [prev]  nodes = 1  op = one_of {{ none, skip, unit(3) }}  take = all  output = last  share = {share} }}
  cell two {{ nodes = 2  op = one_of {{ none, skip, unit(one_of {{ 1, 3 }}) }}  take = {take}  share = {share} }}
  cell three {{ nodes = 1  op = one_of {{ skip, some_of(2) {{ unit(1), unit(3) }} }}  take = {take} }}
  choice told = one_of {{ skip, unit(one_of {{ 1, 3 }}) }}
  cell four {{ inputs = [prev]  nodes = 1  op = one_of {{ told, skip }}  take = all  output = last }}
  stem = conv(3, 4, stride = 2) -> norm
  trellis {{ layers = {layers}  strides = [2, 4]  width = 4  cell = {cell}  project = fit  {trellis} }}
  head = sum_over(stride, conv(1, classes, bias = true) -> resize(1))
}}
data shapes {{ crop = 33 }}
decode {{ edges = {edges} }}
"""
CASES = {
    "path": ("network", "c", "moves = one_of { finer, same, coarser }", 3),
    "state": ("state", "c", "moves = one_of { finer, same, coarser }", 3),
    "stride": ("stride", "c", "moves = one_of { finer, same, coarser }", 3),
    "layer": ("layer", "c", "moves = one_of { finer, same, coarser }", 2),
    "link": ("link", "c", "moves = one_of { finer, same, coarser }", 2),
    "some": ("state", "c", "moves = some_of { finer, same, coarser }", 2),
    "some_stride": ("stride", "c", "moves = some_of { finer, same, coarser }", 3),
    "branches": ("state", "c", "moves = one_of { finer, same, coarser }  keep = branches(2)", 3),
    "nested": ("state", "one_of { unit(one_of { 1, 3, 5 }), skip }", "moves = one_of { same, coarser }", 3),
    "several": ("state", "some_of(1..2) { unit(1), unit(3), skip }", "path = [2, 4]", 2),
    "depth": (
        "state",
        "one_of { 1, 2, 3 } * one_of { unit(1), unit(3) }",
        "moves = one_of { same, coarser }",
        2,
    ),
    "depths": ("state", "one_of { 1, 2 } * unit(one_of(share = stride) { 1, 3 })", "path = [2, 2]", 2),
    "slots": ("network", "two", "path = [2, 4]", 2, "slots(2)"),
    "edges": ("network", "two", "path = [2, 4]", 2, "edges(2)"),
    "every": ("network", "two", "path = [2]", 1, "all"),
    "one way": ("network", "three", "path = [2, 4]", 2, "slots(2)"),
    "told": ("state", "told -> norm", "moves = one_of { finer, same, coarser }", 2),
    "told in nodes": ("state", "four", "moves = one_of { same, coarser }", 2),
    "told late": ("state", "{ stride(4): told -> norm, other: skip }", "moves = one_of { same, coarser }", 3),
    "pairs": ("network", "two", "path = [2]", 1, "slots(2)  weigh = slots"),
    "within": ("state", "unit(one_of { 1, 3 })", "moves = some_of { same, within(coarser) }", 2),
}


def small_space(case: str, tmp_path: Path) -> Compilation:
    """The space of a case."""
    share, cell, trellis, layers, *take = CASES[case]
    path = tmp_path / "s.hnas"
    counted = take[0] if take else "all"
    edges = "strongest(2)" if take and counted != "all" else "strongest(1)"
    text = SPEC.format(share=share, cell=cell, trellis=trellis, layers=layers, take=counted, edges=edges)
    path.write_text(text, encoding="utf-8")
    return Compilation(path)
