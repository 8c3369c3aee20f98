"""What the README says is true: its spec checks clean, its messages are those hnas prints."""

import re
from pathlib import Path

import pytest
from helpers import ROOT

from hnas.compiler import Compilation
from hnas.diag.render import render

README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```\w*\n(.*?)```", README, re.DOTALL)
(SPACE,) = [block for block in BLOCKS if block.startswith("hnas 1\n")]


def test_the_first_spec_checks_clean_and_builds(tmp_path: Path) -> None:
    (tmp_path / "small.hnas").write_text(SPACE, encoding="utf-8")
    compilation = Compilation(tmp_path / "small.hnas")
    assert compilation.check() == ()
    assert compilation.counts.paths == 70


def test_its_mistakes_are_reported_as_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (shown,) = [block for block in BLOCKS if block.startswith("$ hnas check mine.hnas\n")]
    monkeypatch.chdir(tmp_path)
    text = SPACE.replace("same, coarser }  ", "same, corser }   ").replace("project = fit", "projct = fit")
    Path("mine.hnas").write_text(text, encoding="utf-8")
    said = "\n\n".join(render(d) for d in Compilation(Path("mine.hnas")).check())
    assert shown == f"$ hnas check mine.hnas\n{said}\n\n2 errors\n"


def test_the_two_commands_stand_in_it() -> None:
    assert "\npip install . && hnas search examples/autodeeplab/spec.hnas\n" in README
    assert "\npip install -e '.[test]' && pytest\n" in README


def test_no_text_of_the_project_names_a_folder_of_a_machine() -> None:
    texts = [*ROOT.glob("*.md"), *ROOT.glob("*/*.md"), *ROOT.glob("examples/*/*"), *ROOT.glob("hnas/**/*.py")]
    assert [
        str(p) for p in texts if re.search(r"/(home|root|work|tmp)/", p.read_text(encoding="utf-8"))
    ] == []
