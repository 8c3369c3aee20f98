"""--kernels through whole runs: recorded, kept on --resume, told where it cannot be kept."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers import ROOT
from processes import assert_same, newest

from hnas.runtime import native

Call = Callable[..., Any]
SPEC = ROOT / "tests" / "specs" / "passes.hnas"
QUICK = ("--device", "cpu", "--threads", "1", "--seed", "1")
needs_compiler = pytest.mark.skipif(native.compiler() is None, reason="no C compiler here")


def _search(hnas: Call, out: Path, *flags: str) -> None:
    said = hnas("search", str(SPEC), "--out", str(out), *QUICK, *flags)
    assert said.code == 0, said.err


def _recorded(run: Path) -> str:
    return json.loads((run / "run.json").read_text())["kernels"]


def _without_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a process that finds none."""
    monkeypatch.setattr(native, "library", lambda: None)


@needs_compiler
def test_what_computes_is_recorded_in_run_and_checkpoint(hnas: Call, tmp_path: Path) -> None:
    _search(hnas, tmp_path / "c", "--max-steps", "1")
    _search(hnas, tmp_path / "torch", "--max-steps", "1", "--kernels", "off")
    _search(hnas, tmp_path / "plain", "--max-steps", "1", "-O0")
    for name, kernels in (("c", "C"), ("torch", "torch"), ("plain", "")):
        assert _recorded(tmp_path / name) == kernels
        assert newest(tmp_path / name)["state"]["kernels"] == kernels


@needs_compiler
def test_begun_without_goes_on_without(hnas: Call, tmp_path: Path) -> None:
    _search(hnas, tmp_path / "whole", "--max-steps", "4", "--kernels", "off")
    _search(hnas, tmp_path / "run", "--max-steps", "2", "--kernels", "off")
    assert hnas("search", "--resume", str(tmp_path / "whole"), "--kernels", "auto").code == 2
    native.Settings.wanted = True  # as in a new process
    said = hnas("search", "--resume", str(tmp_path / "run"), "--max-steps", "4")
    assert said.code == 0
    assert "W0602" not in said.err
    mine, other = (newest(tmp_path / name)["state"] for name in ("run", "whole"))
    for part in ("model", "weights_optimizer", "arch_optimizer", "kernels"):
        assert_same(mine[part], other[part], part)


def test_begun_where_there_was_no_compiler_goes_on_without(
    hnas: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        _without_compiler(patch)
        _search(hnas, tmp_path / "run", "--max-steps", "1")
    assert _recorded(tmp_path / "run") == "torch"
    assert "W0602" not in hnas("search", "--resume", str(tmp_path / "run"), "--max-steps", "2").err
    assert newest(tmp_path / "run")["state"]["kernels"] == "torch"


@needs_compiler
def test_a_compiler_that_is_gone_is_told_and_the_run_goes_on(
    hnas: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / "run"
    _search(hnas, run, "--max-steps", "1")
    with monkeypatch.context() as patch:
        _without_compiler(patch)
        said = hnas("search", "--resume", str(run), "--max-steps", "2")
        assert said.code == 0
        assert (
            "warning[W0602]: kernels in C computed the run so far, torch's own kernels go on: "
            "results differ in their last bits\n"
        ) in said.err
        assert "W0602" not in hnas("search", "--resume", str(run), "--max-steps", "3").err
    assert _recorded(run) == "C"
    said = hnas("search", "--resume", str(run), "--max-steps", "4")
    assert "torch's own kernels computed the run so far, kernels in C go on" in said.err


@needs_compiler
def test_a_run_that_begins_anew_takes_what_there_is(
    hnas: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / "run"
    _search(hnas, run, "--max-steps", "1")
    for checkpoint in (run / "checkpoints").iterdir():
        checkpoint.unlink()
    _without_compiler(monkeypatch)
    said = hnas("search", "--resume", str(run), "--max-steps", "1")
    assert said.code == 0
    assert "W0602" not in said.err
    assert _recorded(run) == "torch"


@needs_compiler
def test_a_run_older_than_kernels_goes_on_with_what_there_is(hnas: Call, tmp_path: Path) -> None:
    run = tmp_path / "run"
    _search(hnas, run, "--max-steps", "1")
    record = json.loads((run / "run.json").read_text())
    del record["kernels"], record["options"]["kernels"]
    (run / "run.json").write_text(json.dumps(record))
    assert hnas("search", "--resume", str(run), "--max-steps", "2").code == 0
    assert _recorded(run) == "C"


@needs_compiler
def test_a_network_is_trained_and_measured_with_the_kernels_of_its_run(hnas: Call, tmp_path: Path) -> None:
    search, run = tmp_path / "search", tmp_path / "run"
    _search(hnas, search, "--max-steps", "1")
    flags = ("--out", str(run), *QUICK, "--max-steps", "2", "--kernels", "off")
    said = hnas("train", str(search / "found.hnas"), *flags)
    assert said.code == 0, said.err
    assert _recorded(run) == "torch"
    native.Settings.wanted = True
    said = hnas("eval", str(run), "--images", "2", "--threads", "2", "--json")
    assert said.code == 0, said.err
    assert not native.Settings.wanted
    assert torch.get_num_threads() == 2
    assert hnas("eval", str(run), "--images", "2", "--threads", "1", "--kernels", "auto").code == 0
    assert native.Settings.wanted
    assert torch.get_num_threads() == 1
    found = hnas("show", str(run), "--latency", "--size", "17x17", "--repeats", "1", "--kernels", "off")
    assert found.code == 0, found.err
    assert not native.Settings.wanted
    assert hnas("show", str(run), "--kernels", "off").code == 2
