"""--compile through whole runs: off by itself, recorded, kept on --resume, taken back."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers import ROOT
from processes import newest

from hnas.cli import choosing
from hnas.runtime.compiled import Compiled, cpp_compiler
from hnas.runtime.lower import Network

Call = Callable[..., Any]
SPEC = ROOT / "tests" / "specs" / "passes.hnas"
QUICK = ("--device", "cpu", "--threads", "1", "--seed", "1")
pytestmark = pytest.mark.skipif(cpp_compiler() is None, reason="no C++ compiler here")


@pytest.fixture(autouse=True)
def traced_alone(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """Trace without making C++ of it, which takes minutes; the records of what was compiled."""
    made: list[int] = []

    def compiled(network: Network, *, graphs: bool) -> Compiled:
        assert not graphs
        made.append(len(network.steps))
        return Compiled(network, backend="aot_eager")

    monkeypatch.setattr(choosing, "Compiled", compiled)
    torch.compiler.reset()
    yield made
    torch.compiler.reset()


def _recorded(run: Path) -> tuple[str, str]:
    record = json.loads((run / "run.json").read_text())
    return record["options"]["compile"], record["compile"]


def _search(hnas: Call, out: Path, *flags: str) -> None:
    said = hnas("search", str(SPEC), "--out", str(out), *QUICK, *flags)
    assert said.code == 0, said.err


def test_auto_is_off_on_a_processor(hnas: Call, tmp_path: Path, traced_alone: list[int]) -> None:
    _search(hnas, tmp_path / "run", "--max-steps", "1")
    assert _recorded(tmp_path / "run") == ("auto", "off")
    assert traced_alone == []


def test_a_search_is_the_same_and_goes_on_compiled(
    hnas: Call, tmp_path: Path, traced_alone: list[int]
) -> None:
    run, plain = tmp_path / "run", tmp_path / "plain"
    flags = ("--set", "search.arch.from_epoch=0")
    _search(hnas, plain, "--max-steps", "3", *flags)
    _search(hnas, run, "--max-steps", "2", "--compile", "on", *flags)
    assert _recorded(run) == ("on", "on")
    assert len(traced_alone) == 1
    said = hnas("search", "--resume", str(run), "--max-steps", "3")
    assert "--compile off goes without" in said.err
    assert len(traced_alone) == 2
    mine, other = (newest(path)["state"]["model"] for path in (run, plain))
    for name, weight in other.items():
        torch.testing.assert_close(mine[name], weight, rtol=1e-3, atol=1e-4, msg=name)
    assert hnas("search", "--resume", str(run), "--max-steps", "4", "--compile", "off").code == 0
    assert _recorded(run) == ("off", "off")
    assert len(traced_alone) == 2


def test_a_network_is_trained_compiled(hnas: Call, tmp_path: Path, traced_alone: list[int]) -> None:
    _search(hnas, tmp_path / "search", "--max-steps", "1")
    found, run = str(tmp_path / "search" / "found.hnas"), tmp_path / "run"
    said = hnas("train", found, "--out", str(run), *QUICK, "--max-steps", "2", "--compile", "on")
    assert said.code == 0, said.err
    assert "torch compiles the passes of training, 1 of " in said.err
    assert _recorded(run) == ("on", "on")
    assert len(traced_alone) == 1


def test_a_compiler_that_is_gone_is_told_on_resume(
    hnas: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / "run"
    _search(hnas, run, "--max-steps", "1", "--compile", "on")
    monkeypatch.setenv("CXX", "none-here")
    said = hnas("search", "--resume", str(run), "--max-steps", "2")
    assert said.code == 1
    assert "error[E0727]: --compile on needs a C++ compiler, and none-here is not found here" in said.err
    assert hnas("search", "--resume", str(run), "--max-steps", "2", "--compile", "off").code == 0


def test_a_run_older_than_the_flag_goes_on_without(hnas: Call, tmp_path: Path) -> None:
    run = tmp_path / "run"
    _search(hnas, run, "--max-steps", "1")
    record = json.loads((run / "run.json").read_text())
    del record["compile"], record["options"]["compile"]
    (run / "run.json").write_text(json.dumps(record))
    assert hnas("search", "--resume", str(run), "--max-steps", "2").code == 0
    assert json.loads((run / "run.json").read_text())["compile"] == "off"
