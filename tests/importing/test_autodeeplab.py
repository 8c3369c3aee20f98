"""Arrays of Auto-DeepLab's re-implementations: what they mean, and what is said about bad ones."""

import io
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import ROOT, paths, random_architecture
from hypothesis import example, given, settings
from hypothesis import strategies as st
from imported_files import EXAMPLES, compiled, read_back, said, text_of

from hnas.compiler import Compilation
from hnas.diag import HnasError
from hnas.importing.autodeeplab import OPERATORS, STRIDES
from hnas.importing.npy import read_array

PATH = [0, 0, 0, 1, 2, 1, 2, 2, 3, 3, 2, 1]
CELL = [[0, 7], [1, 4], [2, 4], [3, 6], [8, 4], [5, 4], [13, 5], [11, 5], [17, 5], [19, 7]]
"""The published network: arXiv:1901.02985, figure 3."""


def _space(levels: list[int]) -> np.ndarray:
    """`network_path_space` of a path, as the re-implementations make it."""
    space = np.zeros((len(levels), 4, 3))
    for layer, level in enumerate(levels):
        came = 0 if layer == 0 else 1 - (level - levels[layer - 1])
        space[layer, level, came] = 1
    return space


def _saved(folder: Path, path: Any = PATH, cell: Any = CELL, name: str = "network_path.npy") -> Path:
    np.save(folder / name, np.asarray(path))
    np.save(folder / "genotype.npy", np.asarray(cell))
    return folder


def test_the_published_network(tmp_path: Path) -> None:
    found = read_back("autodeeplab", text_of("autodeeplab", _saved(tmp_path)), tmp_path)
    (expected,) = Compilation(ROOT / "examples" / "autodeeplab" / "published.hnas").networks().values()
    assert found == expected


def test_the_cell_the_re_implementation_ships_reads_as_its_code_does(tmp_path: Path) -> None:
    # retrain_model/new_model.py, get_default_cell: edge j of block i reads state j - i (i + 3) / 2
    shipped = np.array(
        [[0, 7], [1, 4], [2, 4], [3, 6], [5, 4], [8, 4], [11, 5], [13, 5], [19, 7], [18, 5]], np.uint8
    )
    text = text_of("autodeeplab", _saved(tmp_path, np.array(PATH, np.uint8), shipped))
    assert (
        text.partition("cell dense {")[2]
        == """
    n1 = atrous(5)(prev_prev) + sep(3)(prev)
    n2 = sep(3)(prev_prev) + atrous(3)(prev)
    n3 = sep(3)(prev_prev) + sep(3)(n2)
    n4 = sep(5)(n1) + sep(5)(n3)
    n5 = atrous(5)(n4) + sep(5)(n3)
  }
}
"""
    )
    assert "path = [4, 4, 4, 8, 16, 8, 16, 16, 32, 32, 16, 8]" in text


@pytest.mark.parametrize(("seed", "dtype"), list(enumerate(["<i8", "<i8", ">i4", "|u1", "<f4", "<f8"])))
def test_a_random_network_comes_back(seed: int, dtype: str, tmp_path: Path) -> None:
    table = compiled(EXAMPLES["autodeeplab"]).decisions
    ways = paths(table)
    path = ways[seed * 6007 % len(ways)]
    made = random_architecture(table, path, seed)
    levels = [STRIDES.index(int(stride)) for stride in path]  # type: ignore[arg-type]
    states = ["prev_prev", "prev", "n1", "n2", "n3", "n4"]
    offsets = [0, 2, 5, 9, 14]
    rows = [
        [offsets[block] + states.index(source), OPERATORS.index(label)]
        for block in range(5)
        for source, label in made.picks[f"dense.n{block + 1}"]
    ]
    cell = np.asfortranarray(np.array(rows, dtype))
    space = seed % 2 == 0
    name = "network_path_space.npy" if space else "network_path.npy"
    _saved(tmp_path, _space(levels) if space else np.array(levels, dtype), cell, name)
    found = read_back("autodeeplab", text_of("autodeeplab", tmp_path), tmp_path)
    assert found.picks == made.picks


def test_two_files_in_place_of_a_folder(tmp_path: Path) -> None:
    _saved(tmp_path)
    whole = text_of("autodeeplab", tmp_path).partition("use ")[2]
    (tmp_path / "genotype.npy").rename(tmp_path / "genotype_1.npy")
    given = text_of("autodeeplab", tmp_path / "network_path.npy", tmp_path / "genotype_1.npy")
    assert given.partition("use ")[2] == whole
    assert text_of("autodeeplab", tmp_path, tmp_path / "genotype_1.npy").partition("use ")[2] == whole
    assert "there is no such file" in said("autodeeplab", tmp_path)


# --- what is said ----------------------------------------------------------------------------------


def _changed(row: int, to: list[Any]) -> list[Any]:
    return [to if number == row else each for number, each in enumerate(CELL)]


_TWO = _space(PATH)
_TWO[4, 0, 0] = 1
_NONE = _space(PATH)
_NONE[4] = 0


@pytest.mark.parametrize(
    ("path", "cell", "code", "message", "place", "mend"),
    [
        (
            [0, 0, 2, *PATH[3:]],
            CELL,
            "E0224",
            "layer 3 cannot have stride 16",
            "path.npy:3:1",
            "from stride 4 layer 3 can have 4, 8",
        ),
        (
            [2, *PATH[1:]],
            CELL,
            "E0224",
            "layer 1 cannot have stride 16",
            "path.npy:1:1",
            "from stride 4 layer 1 can have 4, 8",
        ),
        (PATH[:-1], CELL, "E0224", "the path has 11 layers, the space has 12", "path.npy:1:1", ""),
        (
            [*PATH[:-1], 4],
            CELL,
            "E0901",
            "layer 12 has level 4",
            "path.npy:12:1",
            "levels are 0 to 3: strides 4, 8, 16, 32",
        ),
        (_TWO, CELL, "E0901", "layer 5 is marked at 2 levels", "path.npy:5:1", "one level a layer"),
        (_NONE, CELL, "E0901", "layer 5 is marked at no levels", "path.npy:5:1", "one level a layer"),
        (_TWO[:, :3], CELL, "E0901", "its shape is (12, 3, 3)", "", "a path is (layers,), or (layers, 4, 3)"),
        (np.zeros((0, 4, 3)), CELL, "E0901", "its shape is (0, 4, 3)", "", "1 to 200 layers"),
        (3, CELL, "E0901", "its shape is ()", "", "a path is (layers,)"),
        (CELL, CELL, "E0901", "its shape is (10, 2)", "", "a path is (layers,)"),
        ([], CELL, "E0901", "its shape is (0)", "", "1 to 200 layers"),
        (PATH, PATH, "E0901", "its shape is (12)", "", "a cell is (2 * blocks, 2)"),
        (PATH, CELL[:-1], "E0901", "its shape is (9, 2)", "", "a cell is (2 * blocks, 2)"),
        (PATH, np.zeros((0, 2)), "E0901", "its shape is (0, 2)", "", "a cell is (2 * blocks, 2)"),
        (PATH, [[*row, 1] for row in CELL], "E0901", "its shape is (10, 3)", "", "a cell is (2 * blocks, 2)"),
        (
            PATH,
            _changed(4, [20, 4]),
            "E0901",
            "row 5 reads edge 20",
            "genotype.npy:5:1",
            "5 blocks have the edges 0 to 19",
        ),
        (
            PATH,
            _changed(4, [8, 8]),
            "E0901",
            "row 5 has operator 8",
            "genotype.npy:5:1",
            "operators are 0 to 7: none",
        ),
        (PATH, _changed(4, [-1, 4]), "E0901", "it has the value -1", "", "numpy.save"),
        (PATH, _changed(4, [8, 4.5]), "E0901", "it has the value 4.5", "", "numpy.save"),
        (PATH, _changed(4, [8, float("nan")]), "E0901", "it has the value nan", "", "numpy.save"),
        (PATH, _changed(4, [8, float("inf")]), "E0901", "it has the value inf", "", "numpy.save"),
        (PATH, [[0, 4]] * 10, "E0223", "n1 of cell dense takes 2 terms, this has 10", "genotype.npy:1:1", ""),
        (PATH, CELL[:8], "E0204", "network found needs `dense.n5`", "genotype.npy:1:1", "not chosen"),
        (
            PATH,
            [*CELL, [20, 4], [21, 4]],
            "E0202",
            "`n6` is not known in cell dense",
            "genotype.npy:11:1",
            "the nodes are",
        ),
        (PATH, np.zeros((102, 101)), "E0901", "far larger than an architecture", "", "numpy.save"),
        (PATH, np.zeros(10, "i4,i4"), "E0901", "it is a table of records", "", "numpy.save"),
        (PATH, np.zeros((10, 2), bool), "E0901", "its values are of the type '|b1'", "", "numpy.save"),
        (PATH, np.array(CELL).astype(str), "E0901", "its values are of the type '<U", "", "numpy.save"),
        (PATH, np.zeros((10, 2), complex), "E0901", "its values are of the type '<c16'", "", "numpy.save"),
    ],
)
def test_what_is_said(
    path: Any, cell: Any, code: str, message: str, place: str, mend: str, tmp_path: Path
) -> None:
    _saved(tmp_path, path, cell)
    shown = said("autodeeplab", tmp_path)
    assert shown.startswith(f"error[{code}]: "), shown
    assert shown.count("error[") == 1
    assert message in shown.partition("\n")[0]
    assert place in shown
    assert mend in shown


def test_objects_are_never_unpickled(tmp_path: Path) -> None:
    gone = tmp_path / "gone"

    class Touch:
        def __reduce__(self) -> tuple[Any, ...]:
            return os.mkdir, (str(gone),)

    _saved(tmp_path)
    np.save(tmp_path / "genotype.npy", np.array([Touch(), 1], object), allow_pickle=True)
    assert "it holds Python objects, which are never loaded" in said("autodeeplab", tmp_path)
    assert not gone.exists()
    np.load(tmp_path / "genotype.npy", allow_pickle=True)
    assert gone.exists(), "the file would have done it"


def _npy(header: str, data: bytes = b"", version: bytes = b"\1\0") -> bytes:
    width = 2 if version == b"\1\0" else 4
    return b"\x93NUMPY" + version + len(header).to_bytes(width, "little") + header.encode() + data


_GOOD = "{'descr': '<i8', 'fortran_order': False, 'shape': (3,), }\n"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "it is no .npy file"),
        (b"PK\3\4", "it is no .npy file"),
        (b"\x80\4K\1.", "it is no .npy file"),
        (b"\x93NUMPY", "it is of a version of the format"),
        (b"\x93NUMPY\1\0\xff", "its header is damaged"),
        (b"\x93NUMPY\1\0\xff\xff", "its header is damaged"),
        (b"\x93NUMPY\2\0\xff\xff\xff\xff", "its header is damaged"),
        (_npy(_GOOD, version=b"\3\0"), "it is of a version of the format"),
        (_npy(_GOOD), "its header says 24 bytes of numbers, the file has 0"),
        (_npy(_GOOD, b"\0" * 23), "its header says 24 bytes of numbers, the file has 23"),
        (_npy(_GOOD, b"\0" * 25), "its header says 24 bytes of numbers, the file has 25"),
        (_npy(_GOOD.replace("(3,)", "(10**12,)")), "its header is damaged"),
        (_npy(_GOOD.replace("(3,)", f"({10**15},)")), "it is far larger than an architecture"),
        (_npy(_GOOD.replace("(3,)", f"({10**15}, 0)")), "it is far larger than an architecture"),
        (_npy(_GOOD.replace("(3,)", "(-3,)")), "its header is damaged"),
        (_npy(_GOOD.replace("(3,)", "(True,)")), "its header is damaged"),
        (_npy(_GOOD.replace("(3,)", "3")), "its header is damaged"),
        (_npy(_GOOD.replace("'shape'", "'form'")), "its header is damaged"),
        (_npy(_GOOD.replace("{", "{'more': 1, ")), "its header is damaged"),
        (_npy(_GOOD.replace("{", "{[]: 1, ")), "its header is damaged"),
        (_npy(_GOOD.replace("False", "print(1)")), "its header is damaged"),
        (_npy("-" * 900), "its header is damaged"),
        (_npy("(" * 900), "its header is damaged"),
        (_npy(_GOOD.replace("<i8", "|O")), "it holds Python objects"),
        (_npy(_GOOD.replace("<i8", "<i3")), "its values are of the type '<i3'"),
        (_npy(_GOOD.replace("<i8", "M8[ns]")), "its values are of the type 'M8[ns]'"),
    ],
)
def test_a_damaged_array(data: bytes, message: str, tmp_path: Path) -> None:
    _saved(tmp_path)
    (tmp_path / "genotype.npy").write_bytes(data)
    shown = said("autodeeplab", tmp_path)
    assert shown.startswith(f"error[E0901]: cannot import genotype.npy as an array of numbers: {message}"), (
        shown
    )


def test_what_is_not_there(tmp_path: Path) -> None:
    shown = said("autodeeplab", tmp_path)
    assert "it has no network_path.npy or network_path_space.npy" in shown
    assert "--cell" in shown
    _saved(tmp_path)
    shown = said("autodeeplab", tmp_path / "network_path.npy")
    assert "the file of its cell is not given" in shown
    assert "--cell FILE" in shown
    assert "there is no such file" in said("autodeeplab", tmp_path / "x.npy", tmp_path / "genotype.npy")
    assert "name a .npy file in it" in said("autodeeplab", tmp_path, tmp_path)


def _bytes(array: Any) -> bytes:
    file = io.BytesIO()
    np.save(file, np.asarray(array))
    return file.getvalue()


_WHOLE = _bytes(CELL)


@settings(max_examples=400, deadline=None)
@given(st.integers(0, len(_WHOLE)), st.integers(0, 40), st.binary(max_size=12))
@example(20, 0, b" ")
def test_of_a_damaged_array_nothing_but_diagnostics_comes(
    tmp_path_factory: pytest.TempPathFactory, at: int, gone: int, put: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "damaged.npy"
    path.write_bytes(_WHOLE[:at] + put + _WHOLE[at + gone :])
    try:
        array = read_array(path)
    except HnasError:
        return
    assert np.prod(array.shape) == len(array.values)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.integers(0, 4), max_size=14),
    st.lists(st.tuples(st.integers(0, 30), st.integers(0, 9)), max_size=12),
)
def test_of_any_numbers_nothing_but_diagnostics_comes(
    tmp_path_factory: pytest.TempPathFactory, levels: list[int], rows: list[tuple[int, int]]
) -> None:
    folder = _saved(tmp_path_factory.getbasetemp(), np.array(levels, int), np.array(rows, int).reshape(-1, 2))
    shown = said("autodeeplab", folder)
    assert not shown or shown.startswith("error[")
