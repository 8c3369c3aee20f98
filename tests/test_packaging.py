"""The grammar is found however hnas is installed, and the version is told once."""

import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

from helpers import ROOT

import hnas
from hnas.lang.grammar import grammar_text

# what a wheel must hold besides the modules
NEEDED = {
    "hnas/grammars/hnas.lark",
    "hnas/py.typed",
    "hnas/__main__.py",
    "hnas/lang/tables.py",
    "hnas/cli/examples/base.hnas",
}


def _built(tmp_path: Path, version: str) -> zipfile.ZipFile:
    code = (
        "import sys; from hatchling.builders.wheel import WheelBuilder; "
        "print(*WheelBuilder(sys.argv[1]).build(directory=sys.argv[2], versions=[sys.argv[3]]))"
    )
    command = [sys.executable, "-c", code, str(ROOT), str(tmp_path), version]
    built = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    return zipfile.ZipFile(built[0])


def test_a_wheel_holds_the_grammar(tmp_path: Path) -> None:
    with _built(tmp_path, "standard") as wheel:
        assert set(wheel.namelist()) >= NEEDED
        assert wheel.read("hnas/grammars/hnas.lark") == (ROOT / "grammars" / "hnas.lark").read_bytes()
        wheel.extractall(tmp_path / "site")
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); import hnas.lang.grammar as g; "
        "print(g.__file__, len(g.grammar_text()))"
    )
    site = str(tmp_path / "site")
    done = subprocess.run(
        [sys.executable, "-c", code, site], cwd=tmp_path, check=True, capture_output=True, text=True
    )
    module, length = done.stdout.split()
    assert module.startswith(site)
    assert int(length) == len(grammar_text())


def test_an_editable_wheel_points_at_a_tree_with_the_grammar(tmp_path: Path) -> None:
    with _built(tmp_path, "editable") as wheel:
        (pointer,) = [name for name in wheel.namelist() if name.endswith(".pth")]
        folder = Path(wheel.read(pointer).decode().strip())
    assert (folder / "hnas" / "grammars" / "hnas.lark").is_file()


def test_the_grammar_that_is_found_is_the_one_at_the_top() -> None:
    assert grammar_text() == (ROOT / "grammars" / "hnas.lark").read_text(encoding="utf-8")


def test_the_version_comes_from_the_package() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert project["project"]["dynamic"] == ["version"]
    assert project["tool"]["hatch"]["version"]["path"] == "hnas/__init__.py"
    done = subprocess.run(
        [sys.executable, "-m", "hnas", "--version"], check=True, capture_output=True, text=True
    )
    assert done.stdout == f"hnas, version {hnas.__version__}\n"
