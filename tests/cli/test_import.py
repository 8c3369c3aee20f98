"""`hnas import`: what it writes, where, and that it writes nothing over."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import ROOT

import hnas as package
from hnas.compiler import Compilation
from hnas.importing import FORMATS
from hnas.importing.formats import READERS

Call = Callable[..., Any]
CELL = "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|skip_connect~0|nor_conv_3x3~1|nor_conv_3x3~2|"
NETWORK = """\
hnas 1

# hnas VERSION: cell.txt, read as nasbench201

use "spec.hnas"

network found of nasbench201 at choices("DIGEST") {
  cell searched {
    n1 = unit(3)(prev)
    n2 = unit(3)(prev) + unit(3)(n1)
    n3 = skip(prev) + unit(3)(n1) + unit(3)(n2)
  }
}
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with a spec and the string of a cell."""
    spec = ROOT / "examples" / "nasbench201" / "spec.hnas"
    (tmp_path / "spec.hnas").write_bytes(spec.read_bytes())
    (tmp_path / "cell.txt").write_text(CELL, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _network(use: str = "spec.hnas", name: str = "found", cell: str = "cell.txt") -> str:
    digest = Compilation(ROOT / "examples" / "nasbench201" / "spec.hnas").decisions.digest
    text = NETWORK.replace("VERSION", package.__version__).replace("DIGEST", digest)
    return text.replace("spec.hnas", use).replace("found", name).replace("cell.txt", cell)


def test_the_formats_are_those_of_the_table() -> None:
    assert tuple(READERS) == FORMATS


def test_the_network_whole(hnas: Call) -> None:
    said = hnas("import", "nasbench201", "cell.txt")
    assert (said.code, said.out, said.err) == (0, _network(), "")


def test_into_a_file(hnas: Call) -> None:
    said = hnas("import", "nasbench201", "cell.txt", "--out", "best.hnas", "--name", "best")
    assert (said.code, said.err) == (0, "")
    assert said.out == "wrote  best.hnas\nnext   hnas show best.hnas\n"
    assert Path("best.hnas").read_text(encoding="utf-8") == _network(name="best")
    assert hnas("check", "best.hnas").out == "best.hnas: ok\n"
    assert hnas("show", "best.hnas").code == 0
    again = hnas("import", "nasbench201", "cell.txt", "--out", "best.hnas")
    assert (again.code, again.out) == (1, "")
    assert again.err.startswith("error[E0801]: best.hnas is there already\n")
    assert Path("best.hnas").read_text(encoding="utf-8") == _network(name="best")


def test_the_spec_beside_the_file_comes_before_the_one_here(hnas: Call) -> None:
    Path("below").mkdir()
    Path("below/spec.hnas").write_bytes(Path("spec.hnas").read_bytes())
    Path("spec.hnas").write_text("hnas 1\n", encoding="utf-8")
    assert hnas("import", "nasbench201", "cell.txt", "--out", "below/a.hnas").code == 0
    assert Path("below/a.hnas").read_text(encoding="utf-8") == _network()
    said = hnas("import", "nasbench201", "cell.txt", "--out", "b.hnas", "--space", "below/spec.hnas")
    assert said.code == 0
    assert Path("b.hnas").read_text(encoding="utf-8") == _network("below/spec.hnas")
    assert hnas("check", "below/a.hnas", "b.hnas").code == 0


def test_a_spec_above_the_file_is_refused(hnas: Call) -> None:
    Path("below").mkdir()
    said = hnas("import", "nasbench201", "cell.txt", "--out", "below/a.hnas")
    assert said.code == 1
    assert said.err.startswith("error[E0220]: spec.hnas is outside the spec's folder\n")
    assert "write the network beside spec.hnas or above it" in said.err
    assert not Path("below/a.hnas").exists()


def test_without_a_spec(hnas: Call) -> None:
    Path("spec.hnas").rename("space.hnas")
    said = hnas("import", "nasbench201", "cell.txt")
    assert (said.code, said.out) == (2, "")
    assert "say which space it is of: --space SPEC; there is no spec.hnas" in said.err


def test_nothing_is_written_for_what_does_not_fit(hnas: Call) -> None:
    Path("cell.txt").write_text(CELL.replace("~2", "~3"), encoding="utf-8")
    said = hnas("import", "nasbench201", "cell.txt", "--out", "a.hnas")
    assert (said.code, said.out) == (1, "")
    assert said.err.startswith(
        "error[E0222]: n3 of cell searched cannot take the input n3\n --> cell.txt:1:94\n"
    )
    assert not Path("a.hnas").exists()


def test_a_network_over_a_limit_of_the_space_is_refused(hnas: Call) -> None:
    spec = Path("spec.hnas").read_text(encoding="utf-8")
    Path("spec.hnas").write_text(
        spec.replace("  stem = ", "  limit parameters < 1e5\n  stem = "), encoding="utf-8"
    )
    said = hnas("import", "nasbench201", "cell.txt", "--out", "a.hnas")
    assert (said.code, said.out) == (1, "")
    assert said.err.startswith("error[E0322]: ")
    assert " --> cell.txt:1:1\n" in said.err
    assert not Path("a.hnas").exists()


def test_a_folder_that_is_not_there(hnas: Call) -> None:
    said = hnas("import", "nasbench201", "cell.txt", "--space", "spec.hnas", "--out", "gone/../a.hnas")
    assert said.code == 1
    assert said.err.startswith("error[E06")


def test_a_name_of_a_file_stays_in_its_comment(hnas: Call) -> None:
    Path("cell.txt").rename("cell\nspace x {}\t.txt")
    said = hnas("import", "nasbench201", "cell\nspace x {}\t.txt")
    assert (said.code, said.out) == (0, _network(cell="cell?space x {}?.txt"))


def test_standard_input(hnas: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(CELL.encode())))
    said = hnas("import", "nasbench201", "-")
    assert (said.code, said.out) == (0, _network(cell="-"))


def test_arrays(hnas: Call) -> None:
    Path("spec.hnas").write_bytes((ROOT / "examples" / "autodeeplab" / "published.hnas").read_bytes())
    said = hnas("import", "autodeeplab", ".")
    assert (said.code, said.out) == (1, "")
    np.save("network_path.npy", np.array([0, 0, 0, 1, 2, 1, 2, 2, 3, 3, 2, 1]))
    np.save("genotype.npy", np.array([[e, 4] for e in (0, 1, 2, 3, 5, 6, 9, 10, 14, 15)]))
    space = ROOT / "examples" / "autodeeplab" / "published.hnas"
    for given in (["."], ["network_path.npy", "--cell", "genotype.npy"]):
        said = hnas("import", "autodeeplab", *given, "--space", str(space))
        assert (said.code, said.err) == (0, "")
        assert 'use "published.hnas"' in said.out
        assert "n5 = sep(3)(prev_prev) + sep(3)(prev)" in said.out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nasbench101", "cell.txt"], "'nasbench101' is not one of 'darts', 'nasbench201', 'autodeeplab'"),
        (["nasbench201", "cell.txt", "--cell", "a.npy"], "--cell goes with autodeeplab"),
        (
            ["nasbench201", "cell.txt", "--name", "my cell"],
            "no name of the language: letters, digits and _: --name my_cell",
        ),
        (["nasbench201", "cell.txt", "--name", "one_of"], "one_of is a word of the language"),
        (["nasbench201"], "Missing argument 'FILE'"),
    ],
)
def test_wrong_usage(hnas: Call, arguments: list[str], words: str) -> None:
    said = hnas("import", *arguments)
    assert (said.code, said.out) == (2, "")
    assert words in " ".join(said.err.split())


_GENOTYPE = (
    "Genotype(normal=[('skip_connect', 0), ('skip_connect', 1)], normal_concat=[2], "
    "reduce=[('skip_connect', 0), ('skip_connect', 1)], reduce_concat=[2])"
)


@pytest.mark.parametrize(
    ("text", "name", "called"),
    [
        ("{}", None, "found"),
        ("{}", "mine", "mine"),
        ("Mine = {}", None, "Mine"),
        ("Mine = {}", "Mine", "Mine"),
        ("one_of = {}", "one_of", "found"),
        ("ä = {}", None, "found"),
    ],
)
def test_what_a_genotype_is_called(hnas: Call, text: str, name: str | None, called: str) -> None:
    spec = (ROOT / "examples" / "darts" / "spec.hnas").read_text(encoding="utf-8")
    Path("spec.hnas").write_text(spec.replace("nodes  = 4", "nodes  = 1"), encoding="utf-8")
    Path("a.py").write_text(text.format(_GENOTYPE), encoding="utf-8")
    said = hnas("import", "darts", "a.py", *(["--name", name] if name else []))
    assert (said.code, said.err) == (0, "")
    assert f"network {called} of darts at" in said.out


def test_a_genotype_without_a_name_takes_one_of_the_language(hnas: Call) -> None:
    Path("a.py").write_text(_GENOTYPE, encoding="utf-8")
    said = hnas("import", "darts", "a.py", "--name", "my cell")
    assert said.code == 2
    assert "--name my_cell" in said.err
