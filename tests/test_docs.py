"""What docs/python.md says runs as it stands, block after block."""

import re
from pathlib import Path

import pytest
from helpers import ROOT, tiny_flags

from hnas.cli.main import run

TEXT = (ROOT / "docs" / "python.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)


def test_the_program_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    monkeypatch.chdir(tmp_path)
    assert run(tiny_flags("--out", "runs/spec-20260101-120000")) == 0
    capsys.readouterr()
    names: dict[str, object] = {}
    for block in BLOCKS:
        exec(compile(block, "docs/python.md", "exec"), names)
    said = capsys.readouterr().out
    for line in (
        "auto_deeplab paper",
        "75025",
        "dense.n1",
        "47035696",
        "torch.Size([2, 8, 65, 65])",
        "18 of 18 finished",
        "0 demo",
    ):
        assert f"{line}\n" in said
    assert names["losses"]
    assert "architectures\n" in said
