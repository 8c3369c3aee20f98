"""Strings of NAS-Bench-201: there and back over random cells, and what is said about bad ones."""

from pathlib import Path

import pytest
from helpers import ROOT
from hypothesis import example, given, settings
from hypothesis import strategies as st
from imported_files import EXAMPLES, compiled, read_back, said, text_of

from hnas.compiler import Compilation
from hnas.diag import HnasError, Sink, Source
from hnas.importing.nasbench201 import OPERATORS, parse_nasbench201
from hnas.ir import cost
from hnas.ir.decisions import Architecture

BEST = "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|skip_connect~0|nor_conv_3x3~1|nor_conv_3x3~2|"
_NAMES = {label: name for name, label in OPERATORS.items()}


def _spelled(architecture: Architecture) -> str:
    """The string of a cell, as the benchmark's own `tostr` writes it."""
    states = {"prev": 0, "n1": 1, "n2": 2}
    nodes: list[str] = []
    for node in ("n1", "n2", "n3"):
        picks = architecture.picks[f"searched.{node}"]
        nodes.append("|" + "".join(f"{_NAMES[label]}~{states[source]}|" for source, label in picks))
    return "+".join(nodes)


def _written(folder: Path, text: str) -> Path:
    path = folder / "cell.txt"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (BEST, "best_cifar10"),
        ("|none~0|+|none~0|none~1|+|none~0|none~1|none~2|", "disconnected"),
        ("|OP~0|+|OP~0|OP~1|+|OP~0|OP~1|OP~2|".replace("OP", "avg_pool_3x3"), "all_pool"),
        ("|OP~0|+|OP~0|OP~1|+|OP~0|OP~1|OP~2|".replace("OP", "nor_conv_1x1"), "all_conv1x1"),
    ],
)
def test_it_is_the_network_the_example_writes_out(text: str, name: str, tmp_path: Path) -> None:
    found = read_back("nasbench201", text_of("nasbench201", _written(tmp_path, text)), tmp_path)
    (expected,) = Compilation(ROOT / "examples" / "nasbench201" / f"{name}.hnas").networks().values()
    cells = {key: picks for key, picks in expected.picks.items() if key.startswith("searched")}
    assert {key: picks for key, picks in found.picks.items() if key.startswith("searched")} == cells
    assert _spelled(found) == text


_OPERATORS = st.sampled_from(sorted(OPERATORS))


@settings(max_examples=25, deadline=None)
@given(st.tuples(*[_OPERATORS] * 6))
def test_a_string_comes_back_as_it_was(
    tmp_path_factory: pytest.TempPathFactory, operators: tuple[str, ...]
) -> None:
    a, b, c, d, e, f = operators
    text = f"|{a}~0|+|{b}~0|{c}~1|+|{d}~0|{e}~1|{f}~2|"
    compilation = compiled(EXAMPLES["nasbench201"])
    folder = tmp_path_factory.mktemp("cell")
    found = read_back("nasbench201", text_of("nasbench201", _written(folder, f"\n {text}\n")), folder)
    assert _spelled(found) == text
    # only convolutions have weights: 5 cells of 16, 32 and 64 channels each, two values of its norm a channel
    shapes = cost.parameters(compilation.specialized(found))
    inside = sum(cost.total({n: s}) for n, s in shapes.items() if ".searched." in f".{n}.")
    ones, threes = text.count("conv_1x1"), text.count("conv_3x3")
    widths = (16, 32, 64)
    assert inside == sum(5 * (c * c * (ones + 9 * threes) + 2 * c * (ones + threes)) for c in widths)


@pytest.mark.parametrize(
    ("text", "code", "message", "place", "mend"),
    [
        ("", "E0901", "it is empty", " --> cell.txt:1:1", "a cell is |OP~0|+"),
        (BEST[:-1], "E0901", "a node begins and ends with |", ":1:50", "a cell is |OP~0|+"),
        (BEST[:70], "E0901", "a node begins and ends with |", ":1:50", "a cell is |OP~0|+"),
        (BEST[:48], "E0204", "network found needs `searched.n3`", ":1:1", "not chosen: searched.n3"),
        (BEST[:49], "E0901", "a node begins and ends with |", ":1:50", "a cell is |OP~0|+"),
        (f"{BEST}\n{BEST}", "E0901", "an edge is OP~NUMBER", ":1:96", "one in a file"),
        (
            f"{BEST}+|none~0|",
            "E0202",
            "`n4` is not known in cell searched",
            ":1:97",
            "the nodes are n1, n2, n3",
        ),
        (
            BEST.replace("skip", "hop"),
            "E0903",
            "no operator hop_connect",
            ":1:51",
            "did you mean skip_connect?",
        ),
        (
            BEST.replace("~2", "~3"),
            "E0222",
            "n3 of cell searched cannot take the input n3",
            ":1:94",
            "known here",
        ),
        (BEST.replace("~2", ""), "E0901", "an edge is OP~NUMBER", ":1:81", "a cell is"),
        (BEST.replace("~2", "~-2"), "E0901", "an edge is OP~NUMBER", ":1:81", "a cell is"),
        (BEST.replace("~2", "~2000"), "E0901", "an edge is OP~NUMBER", ":1:81", "a cell is"),
        (BEST.replace("~2", "~1"), "E0223", "takes distinct inputs, this has one twice", ":1:51", ""),
        (BEST.replace("nor_conv_3x3~2|", ""), "E0223", "n3 of cell searched takes one operator", ":1:51", ""),
        ("||+||", "E0901", "an edge is OP~NUMBER", ":1:2", "a cell is"),
        (f"('{BEST}')", "E0901", "a node begins and ends with |", ":1:1", "a cell is"),
        ("|none~0|" * 9999, "E0901", "longer than 10,000 characters", ":1:1", "a cell is"),
        (f"|{'x' * 5000}~0|", "E0903", f"no operator {'x' * 40}...", ":1:2", "known here: avg_pool_3x3"),
    ],
)
def test_what_is_said(text: str, code: str, message: str, place: str, mend: str, tmp_path: Path) -> None:
    shown = said("nasbench201", _written(tmp_path, text))
    assert shown.startswith(f"error[{code}]: "), shown
    assert shown.count("error[") == 1
    assert message in shown.partition("\n")[0]
    assert f"{place}\n" in shown
    assert mend in shown


def test_digits_of_other_scripts_are_none(tmp_path: Path) -> None:
    assert "an edge is" in said("nasbench201", _written(tmp_path, BEST.replace("~2", "~٢")))


@settings(max_examples=300, deadline=None)
@given(st.text("|+~012nosekip_ \n\0٢") | st.text(max_size=40))
@example("|")
@example("+")
@example("|~0|")
def test_of_any_text_nothing_but_diagnostics_comes(text: str) -> None:
    _only_diagnostics(text)


@settings(max_examples=200, deadline=None)
@given(st.integers(0, len(BEST)), st.integers(0, 9), st.text("|+~01x", max_size=3))
def test_of_a_damaged_string_nothing_but_diagnostics_comes(at: int, gone: int, put: str) -> None:
    _only_diagnostics(BEST[:at] + put + BEST[at + gone :])


def _only_diagnostics(text: str) -> None:
    sink = Sink()
    try:
        found = parse_nasbench201(Source("a", text), sink)
    except HnasError:
        return
    assert (found is None) == bool(sink.errors)
