"""Options of every kind of expression: a network that takes them is written and read back as it was."""

from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hnas.compiler import Compilation
from hnas.diag import Source
from hnas.ir.decisions import Architecture
from hnas.ir.ranking import Ranking

SPACE = """hnas 1
space s {{
  param F = 4
  op sep(k, step = 1) = relu -> depthwise(k, stride = step) -> pointwise -> norm
  op drop(p) = dropout(p)
  op wide(k, e = 2) = conv(k, e * channels) -> conv(1, channels)
  choice w = one_of {{ 3, 5 }}
  choice o = one_of {{ relu6, norm }}
  cell c {{
    inputs = [prev]
    nodes = 2
    op = one_of {{ {options} }}
    take = {take}
    weigh = {weigh}
    output = last
  }}
  stem = conv(3, F) -> norm
  trellis {{ layers = 2  strides = [1]  path = [1, 1]  width = F  cell = c }}
  head = conv(1, classes) -> resize(1)
}}
data shapes {{ crop = 17 }}

"""

LEAVES = (
    "relu",
    "norm",
    "skip",
    "none",
    "conv(3)",
    "conv(3, pad = same)",
    "conv(3, c = width)",
    "sep(3)",
    "sep(k = 3)",
    "sep(2 * F - 1)",
    "sep((3, 5))",
    "sep(w)",
    "o",
    "drop(0.25)",
    "drop(1 / 3)",
    "drop(1e-3)",
    "wide(3)",
    "wide(3, e = 3)",
    "wide(one_of { 3, 5 }, e = one_of { 1, 2 })",
    "wide(3, one_of { 1, 2 })",
    "conv(one_of(weights = nested) { 3, 5 })",
)


def _deeper(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    several = st.lists(inner, min_size=2, max_size=3, unique=True).map(", ".join)
    return st.one_of(
        inner.map("({})".format),
        st.tuples(inner, inner).map("({0[0]}) -> ({0[1]})".format),
        st.tuples(inner, inner).map("relu -> ({0[0]}) -> ({0[1]}) -> norm".format),
        inner.map("2 * ({})".format),
        inner.map("({}) * 2".format),
        inner.map("(F / 2) * ({})".format),
        inner.map("one_of {{ 1, 2 }} * ({})".format),
        st.tuples(inner, inner).map("({0[0]}) if stride == 1 else ({0[1]})".format),
        st.tuples(inner, inner).map("{0[0]} if layer == 1 and width > 2 else {0[1]}".format),
        several.map("sum({})".format),
        several.map("product({})".format),
        several.map("one_of {{ {} }}".format),
        several.map('one_of(share = group("g2")) {{ {} }}'.format),
        several.map("some_of(1..2) {{ {} }}".format),
        several.map("2 * one_of {{ {} }}".format),
    )


EXPRESSIONS = st.recursive(st.sampled_from(LEAVES), _deeper, max_leaves=3)
OPTIONS = st.tuples(st.none() | st.sampled_from(("a", "wide_one")), EXPRESSIONS).map(
    lambda option: option[1] if option[0] is None else f"{option[0]}: {option[1]}"
)


def _reads_back(folder: Path, options: str, weigh: str, take: str) -> bool:
    """Whether the space was one; then networks of it, with each option taken, were read back."""
    text = SPACE.format(options=options, weigh=weigh, take=take)
    compilation = Compilation(folder / "s.hnas", source=Source("s.hnas", text))
    if any(d.severity == "error" for d in compilation.check()):
        return False  # two options alike, or none where the other has another width
    (folder / "s.hnas").write_text(text, encoding="utf-8")
    architecture = Ranking(compilation.decisions).sample(Random(len(options)))
    _written_and_read(folder, compilation, architecture)
    for option in compilation.space.cells["c"].options:
        if not option.is_none:  # which edges(n) never takes
            _written_and_read(folder, compilation, _taking(compilation, option.label))
    return True


def _taking(compilation: Compilation, label: str) -> Architecture:
    """An architecture in which a node takes this option of the cell."""
    ranking = Ranking(compilation.decisions)
    for seed in range(200):
        found = ranking.sample(Random(seed))
        taken = [name for picks in found.picks.values() for _, name in picks]
        if any(name == label or name.startswith((f"{label}(", f"({label})(")) for name in taken):
            return found
    raise AssertionError(label)


def _written_and_read(folder: Path, compilation: Compilation, architecture: Architecture) -> None:
    architecture = compilation.decisions.pruned(architecture.picks)
    path = folder / "found.hnas"
    path.write_text(compilation.found_text(architecture), encoding="utf-8")
    again = Compilation(path)
    assert [d.message for d in again.check() if d.severity == "error"] == [], path.read_text()
    assert again.networks() == {"found": architecture}


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    st.lists(OPTIONS, min_size=2, max_size=3, unique=True),
    st.sampled_from((("edges", "edges(1)"), ("edges", "slots(1)"), ("slots", "slots(2)"), ("edges", "all"))),
)
def test_any_options(tmp_path: Path, options: list[str], how: tuple[str, str]) -> None:
    weigh, take = how
    _reads_back(tmp_path, ", ".join(options), weigh, take)


@pytest.mark.parametrize(("weigh", "take"), [("edges", "slots(1)"), ("slots", "slots(2)")])
@pytest.mark.parametrize(
    "options",
    [
        "relu -> norm, 2 * relu",
        "skip, 2 * sep(3)",
        "skip, sep(3) * 2",
        "skip, (relu -> norm)",
        "skip, (relu) -> (2 * norm)",
        "relu if stride == 1 else (norm -> relu), skip",
        "one_of { relu, norm }, skip",
        "one_of { 1, 2 } * sep(3), skip",
        "sum(relu, 2 * norm), skip",
        "drop(0.25), drop(1 / 3), drop(1e-3)",
        "sep((3, 5)), sep(2 * F - 1)",
    ],
)
def test_options_that_need_parentheses(tmp_path: Path, options: str, weigh: str, take: str) -> None:
    assert _reads_back(tmp_path, options, weigh, take)
