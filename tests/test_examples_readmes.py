"""The READMEs under examples/: every count in them is printed by the command that stands beside it."""

import re
from pathlib import Path

import pytest
from helpers import ROOT

from hnas.cli.main import run

READMES = sorted((ROOT / "examples").glob("*/README.md"))
NUMBER = re.compile(r"\d{1,3}(?:,\d{3})+|\d\.\d+e\+\d+|\d{7,}")
"""Counts as commands print them: with commas, rounded where they are beyond that, in JSON without either."""


def _rows(text: str) -> list[tuple[str, str]]:
    """Command and what is said of it, of the table whose first cells are commands."""
    return re.findall(r"^\| `hnas ([^`]*)` \| ([^|]*) \|", text, re.MULTILINE)


def test_every_example_has_one() -> None:
    assert {path.parent for path in READMES} == {path.parent for path in ROOT.glob("examples/*/*.hnas")}


@pytest.mark.parametrize("path", READMES, ids=lambda path: path.parent.name)
def test_a_command_prints_what_stands_beside_it(
    path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    rows = _rows(path.read_text(encoding="utf-8"))
    assert rows
    for command, said in rows:
        assert run(command.split()) == 0
        printed = set(NUMBER.findall(capsys.readouterr().out))
        claimed = NUMBER.findall(said)
        assert claimed, command
        assert set(claimed) <= printed, command


@pytest.mark.parametrize("path", READMES, ids=lambda path: path.parent.name)
def test_it_names_its_paper_and_every_file_beside_it(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert "arxiv.org/abs/" in text or "arXiv:" in text
    assert [f.name for f in path.parent.glob("*.hnas") if f.name not in text] == []
