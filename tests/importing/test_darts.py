"""Genotypes of DARTS: the published ones, the ways they are written, and what is said about bad ones."""

from pathlib import Path

import pytest
from helpers import ROOT, random_architecture
from hypothesis import example, given, settings
from hypothesis import strategies as st
from imported_files import EXAMPLES, compiled, read_back, said, text_of

from hnas.compiler import Compilation
from hnas.diag import HnasError, Sink, Source
from hnas.importing.darts import OPERATORS, parse_darts
from hnas.importing.genotypes import LONGEST, genotypes
from hnas.ir import cost
from hnas.ir.decisions import Architecture

V1 = (
    "Genotype(normal=[('sep_conv_3x3', 1), ('sep_conv_3x3', 0), ('skip_connect', 0), ('sep_conv_3x3', 1), "
    "('skip_connect', 0), ('sep_conv_3x3', 1), ('sep_conv_3x3', 0), ('skip_connect', 2)], "
    "normal_concat=[2, 3, 4, 5], reduce=[('max_pool_3x3', 0), ('max_pool_3x3', 1), ('skip_connect', 2), "
    "('max_pool_3x3', 0), ('max_pool_3x3', 0), ('skip_connect', 2), ('skip_connect', 2), "
    "('avg_pool_3x3', 0)], reduce_concat=[2, 3, 4, 5])"
)
V2 = (
    "Genotype(normal=[('sep_conv_3x3', 0), ('sep_conv_3x3', 1), ('sep_conv_3x3', 0), ('sep_conv_3x3', 1), "
    "('sep_conv_3x3', 1), ('skip_connect', 0), ('skip_connect', 0), ('dil_conv_3x3', 2)], "
    "normal_concat=[2, 3, 4, 5], reduce=[('max_pool_3x3', 0), ('max_pool_3x3', 1), ('skip_connect', 2), "
    "('max_pool_3x3', 1), ('max_pool_3x3', 0), ('skip_connect', 2), ('skip_connect', 2), "
    "('max_pool_3x3', 1)], reduce_concat=[2, 3, 4, 5])"
)
FILE = f"""\
from collections import namedtuple

Genotype = namedtuple('Genotype', 'normal normal_concat reduce reduce_concat')
PRIMITIVES = ['none', 'max_pool_3x3']
# OLD = Genotype(normal=[])

DARTS_V1 = {V1}
DARTS_V2 = {V2}

DARTS = DARTS_V2
"""


def _written(folder: Path, text: str) -> Path:
    path = folder / "genotypes.py"
    path.write_text(text, encoding="utf-8")
    return path


def _unordered(architecture: Architecture) -> dict[str, list[tuple[str, str]]]:
    return {name: sorted(picks) for name, picks in architecture.picks.items()}


@pytest.mark.parametrize(("name", "parameters"), [("DARTS_V1", None), ("DARTS_V2", 3_349_342)])
def test_the_published_genotypes(name: str, parameters: int | None, tmp_path: Path) -> None:
    text = text_of("darts", _written(tmp_path, FILE), name=name)
    assert f"network {name} of darts_cifar10 at choices(" in text
    found = read_back("darts", text, tmp_path)
    by_hand = Compilation(ROOT / "examples" / "darts" / f"{name[-2:].lower()}.hnas")
    (expected,) = by_hand.networks().values()
    assert _unordered(found) == _unordered(expected)
    if parameters is not None:
        # the published count is without the auxiliary head
        shapes = cost.parameters(compiled(EXAMPLES["darts"]).specialized(found))
        main = {name: shape for name, shape in shapes.items() if not name.startswith("aux")}
        assert cost.total(main) == parameters


_NESTED = V2.replace("normal=[(", "normal=[[(").replace("reduce=[(", "reduce=[[(")


@pytest.mark.parametrize(
    "text",
    [
        V2,
        f"genotype = {V2}",
        f"genotype: object = {V2}",
        f"a = b = genotypes.{V2}",
        f"\ufeff\n\n{V2}\n\n".replace("\n", "\r\n"),
        V2.replace("[2, 3, 4, 5]", "range(2, 6)"),
        V2.replace("[2, 3, 4, 5]", "list(range(2, 6))"),
        V2.replace("('", "['").replace("),", "],").replace(")]", "]]"),
        V2.replace("normal=", "").replace("normal_concat=", "").replace("reduce_concat=", "reduce_concat = "),
        f"x = 'Genotype(1)'\n{V2}\ndef f():\n    return Genotype(1)\n",
    ],
    ids=["bare", "named", "annotated", "attribute", "crlf", "range", "list", "lists", "positional", "beside"],
)
def test_the_ways_it_is_written(text: str, tmp_path: Path) -> None:
    plain = parse_darts(Source("a", V2), None, Sink())
    found = parse_darts(Source("a", text.removeprefix("\ufeff")), None, Sink())
    assert plain is not None
    assert found is not None
    assert [_terms(cell) for cell in found.cells] == [_terms(cell) for cell in plain.cells]
    assert "sep(3)(prev_prev) + sep(3)(prev)" in text_of("darts", _written(tmp_path, text))


def _terms(cell) -> list[tuple[str, list[tuple[str, str]]]]:  # type: ignore[no-untyped-def]
    return [(node.name, [(term.label, term.source) for term in node.terms]) for node in cell.nodes]


def test_a_list_for_each_node_is_read_too() -> None:
    nested = "[[('none', 0), ('sep_conv_3x3', 1)], [('skip_connect', 2), ('max_pool_3x3', 0)]]"
    text = f"Genotype(normal={nested}, normal_concat=range(2, 4), reduce={nested}, reduce_concat=range(2, 4))"
    found = parse_darts(Source("a", text), None, Sink())
    assert found is not None
    assert _terms(found.cells[0]) == [
        ("n1", [("none", "prev_prev"), ("sep(3)", "prev")]),
        ("n2", [("shortcut", "n1"), ("max(3)", "prev_prev")]),
    ]


def test_it_is_what_its_text_says_at_the_place_it_says() -> None:
    text = f"# größer\r\nä = 1; DARTS = {V2}"
    found = parse_darts(Source("a", text), None, Sink())
    assert found is not None
    assert found.span.text == V2
    term = found.cells[0].nodes[3].terms[1]
    assert (term.span.text, term.label_span.text, term.source_span.text) == (
        "('dil_conv_3x3', 2)",
        "'dil_conv_3x3'",
        "2",
    )


@pytest.mark.parametrize("seed", range(12))
def test_a_random_network_comes_back(seed: int, tmp_path: Path) -> None:
    compilation = compiled(EXAMPLES["darts"])
    made = random_architecture(compilation.decisions, (1,) * 6 + (2,) * 7 + (4,) * 7, seed)
    spelled = {label: name for name, label in OPERATORS.items()}
    states = {"prev_prev": 0, "prev": 1, "n1": 2, "n2": 3, "n3": 4}
    cells = {
        field: [
            (spelled[label], states[source])
            for node in ("n1", "n2", "n3", "n4")
            for source, label in made.picks[f"{cell}.{node}"]
        ]
        for field, cell in (("normal", "normal"), ("reduce", "reduction"))
    }
    text = f"Genotype({', '.join(f'{k}={v!r}, {k}_concat=range(2, 6)' for k, v in cells.items())})"
    found = read_back("darts", text_of("darts", _written(tmp_path, text)), tmp_path)
    assert found.picks == {name: picks for name, picks in made.picks.items() if name in found.picks}
    assert {name for name in made.picks if name not in found.picks} == set()


# --- what is said ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "code", "message", "place", "mend"),
    [
        ("", "E0902", "genotypes.py has no genotype", "", "a genotype is Genotype("),
        ("x = 1", "E0902", "genotypes.py has no genotype", "", "a genotype is Genotype("),
        (FILE, "E0902", "has 2 genotypes", "", "--name: DARTS_V1, DARTS_V2, DARTS"),
        (f"{V1}\n{V2}\nA = {V2}", "E0902", "has 2 genotypes", "", "--name: A"),
        (V2[:-1], "E0901", "was never closed", ":1:9", "written out"),
        (V2.replace("'sep_conv_3x3', 1", "OP, 1", 1), "E0901", "an entry is", "^^^^^^^", "written out"),
        (V2.replace("('sep_conv_3x3', 1)", "f()", 1), "E0901", "an entry is", "^^^", "written out"),
        (V2.replace("3x3', 1", "3x3', -1", 1), "E0901", "a number from 0", "^^", "written out"),
        (V2.replace("3x3', 1", "3x3', True", 1), "E0901", "a number from 0", "^^^^", "written out"),
        (V2.replace("3x3', 1", "3x3', 4001", 1), "E0901", "a number from 0", "^^^^", "written out"),
        (V2.replace("3x3', 1", "3x3', 7", 1), "E0222", "cannot take the input n6", "^", "known here"),
        (
            V2.replace("sep_conv_3x3", "sep_konv_3x3", 1),
            "E0903",
            "no operator sep_konv_3x3",
            "^^^",
            "did you",
        ),
        (
            V2.replace("sep_conv_3x3", "sep_conv_7x7", 1),
            "E0222",
            "the operator sep(7)",
            "^^^",
            "did you mean",
        ),
        (V2.replace("3x3', 1)", "3x3', 0)", 1), "E0223", "distinct inputs, this has one twice", "^^^", ""),
        (V2.replace("[2, 3, 4, 5]", "range(3, 6)", 1), "E0904", "puts out n2, n3, n4", "^^^", "the same"),
        (
            V2.replace("[2, 3, 4, 5]", "range(0)", 1),
            "E0904",
            "cell normal puts out nothing",
            "^^^",
            "the same",
        ),
        (
            V2.replace("[2, 3, 4, 5]", "[0, 1, 2]", 1),
            "E0904",
            "puts out prev_prev, prev, n1,",
            "^^^",
            "the same",
        ),
        (
            V2.replace("[2, 3, 4, 5]", "range(2, 6, 1)", 1),
            "E0901",
            "range(2, 6) or a list",
            "^^",
            "written out",
        ),
        (V2.replace("[2, 3, 4, 5]", "[]", 1), "E0901", "range(2, 6) or a list", "^^", "written out"),
        (
            V2.replace("('dil_conv_3x3', 2)", "('skip_connect', 2), ('skip_connect', 1)"),
            "E0202",
            "`n5`",
            "^^^",
            "the nodes",
        ),
        (V2.replace(", ('dil_conv_3x3', 2)", ""), "E0223", "n4 of cell normal takes 2 terms", "^^^", ""),
        (V2.replace("reduce_concat", "reduced"), "E0901", "its fields are normal,", "^^^", "written out"),
        (V2.replace("Genotype(", "Genotype(**{}, "), "E0901", "its fields are normal,", "^^", "written out"),
        ("Genotype(1, 2, 3, 4, 5)", "E0901", "its fields are normal,", "^^^", "written out"),
        ("Genotype(normal=1)", "E0901", "its fields are normal,", "^^^", "written out"),
        ("#" * (LONGEST + 1), "E0901", "longer than 131,072 characters", ":1:1", "take out"),
        ("a\0b", "E0101", "binary, not text", "", ""),
    ],
)
def test_what_is_said(text: str, code: str, message: str, place: str, mend: str, tmp_path: Path) -> None:
    shown = said("darts", _written(tmp_path, text))
    assert shown.startswith(f"error[{code}]: "), shown
    assert message in shown.partition("\n")[0]
    assert place in shown
    assert mend in shown
    if code not in ("E0902", "E0101"):
        assert " --> genotypes.py:1:" in shown
        assert shown.count("error[") == 1


@pytest.mark.parametrize(
    "text",
    [
        *(
            "(" * 150 + "-" * 9999,
            "-" * 5000 + "1",
            "not " * 20_000 + "1",
            "lambda:" * 9999 + "1",
            "(" * 9999,
        ),
        *("a" + ".b" * 50_000, "+".join(["a"] * 60_000), "if a:pass\n" + "elif a:pass\n" * 9000, "1" * 5000),
    ],
    ids=lambda text: text[:8],
)
def test_what_python_cannot_follow_is_said_too(text: str, tmp_path: Path) -> None:
    # how deep it can is another thing in each version of Python: one that can finds no genotype in it
    assert said("darts", _written(tmp_path, text)).startswith(("error[E0901]: ", "error[E0902]: "))


def test_a_name_that_is_not_there(tmp_path: Path) -> None:
    shown = said("darts", _written(tmp_path, FILE), name="DARTS_V3")
    assert shown.startswith(
        "error[E0902]: genotypes.py has no genotype DARTS_V3\n = help: did you mean DARTS_V"
    )


def test_every_mistake_is_said_at_once(tmp_path: Path) -> None:
    text = V2.replace("sep_conv_3x3", "conv", 1).replace("dil_conv_3x3", "dilated")
    assert said("darts", _written(tmp_path, text)).count("error[E0903]") == 2


@pytest.mark.parametrize("data", [b"\xff\xfe", b"A = 'caf\xe9'", b"\x80\x04K\x01."])
def test_what_is_no_utf_8(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "genotypes.py"
    path.write_bytes(data)
    assert said("darts", path).startswith("error[E0101]: cannot read genotypes.py: line 1 is not UTF-8")


def test_a_folder_and_a_file_that_is_not_there(tmp_path: Path) -> None:
    _written(tmp_path, V2)
    assert "name a .py file in it" in said("darts", tmp_path)
    shown = said("darts", tmp_path / "genotype.py")
    assert "there is no such file" in shown
    assert "genotypes.py" in shown


def test_nothing_is_executed(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    call = f"__import__('pathlib').Path({str(gone)!r}).touch()"
    for text in (f"{call}\n{V2}", V2.replace("[2, 3, 4, 5]", call), V2.replace("'sep_conv_3x3'", call, 1)):
        said("darts", _written(tmp_path, text))
        assert not gone.exists()


def test_what_python_warns_about_is_passed_over(tmp_path: Path) -> None:
    assert said("darts", _written(tmp_path, f"x = '\\d' is 1\n{V2}")) == ""


def test_of_two_of_one_name_the_last_counts() -> None:
    (found,), _ = genotypes(Source("a", f"A = {V1}\nA = {V2}"))
    (last,), _ = genotypes(Source("a", f"\nA = {V2}"))
    assert (found.call.lineno, len(found.call.keywords)) == (last.call.lineno, 4)


_PIECES = st.sampled_from(
    [
        *("Genotype", "(", ")", "[", "]", ",", "=", "'", '"', "\n", " ", "normal", "normal_concat", "reduce"),
        *("reduce_concat", "range", "sep_conv_3x3", "'none'", "0", "1", "6", "-", "*", "\0", "\r", "#", "\\"),
        *(
            "ä",
            "\ud7ff",
            "lambda",
            "**",
            ":",
            "{",
            "}",
            "1e999",
            "0x1f",
            "1j",
            "if",
            "\f",
            "\t",
            "DARTS",
            "A",
        ),
    ]
)


@settings(max_examples=300, deadline=None)
@given(st.lists(_PIECES, max_size=30).map("".join) | st.text(max_size=60))
@example("Genotype(normal=[()], normal_concat=range(1), reduce=[], reduce_concat=[])")
@example("Genotype([[[]]], [0], [[[]]], [0])")
def test_of_any_text_nothing_but_diagnostics_comes(text: str) -> None:
    _only_diagnostics(text)


@settings(max_examples=300, deadline=None)
@given(st.integers(0, len(V2)), st.integers(0, 20), st.lists(_PIECES, max_size=3).map("".join))
def test_of_a_damaged_genotype_nothing_but_diagnostics_comes(at: int, gone: int, put: str) -> None:
    _only_diagnostics(V2[:at] + put + V2[at + gone :])


def _only_diagnostics(text: str) -> None:
    sink = Sink()
    try:
        found = parse_darts(Source("a", text), None, sink)
    except HnasError:
        return
    assert (found is None) == bool(sink.errors)
