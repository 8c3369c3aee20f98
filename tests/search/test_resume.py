"""Stop and go on: kill -9 at any moment, resume, and end with the very bits of an uninterrupted run."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers import tiny_flags

from hnas.engine.checkpoint import _read
from hnas.engine.run import RunFolder


def _hnas(*arguments: str, cwd: Path) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "hnas", *arguments]
    return subprocess.Popen(command, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def _finish(process: "subprocess.Popen[str]") -> tuple[int, str, str]:
    out, err = process.communicate(timeout=240)
    return process.returncode, out, err


def _newest(run: Path) -> dict[str, Any]:
    return _read(sorted((run / "checkpoints").glob("step-*.pt"))[-1])


def _rows(run: Path) -> list[dict[str, Any]]:
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return [{k: v for k, v in row.items() if k != "steps_per_second"} for row in rows]


def assert_same(a: object, b: object, where: str = "state") -> None:
    """Equal bit for bit, all the way down."""
    assert type(a) is type(b), where
    if isinstance(a, torch.Tensor):
        assert torch.equal(a, b), where
    elif isinstance(a, dict):
        assert list(a) == list(b), where
        for key in a:
            assert_same(a[key], b[key], f"{where}.{key}")
    elif isinstance(a, list | tuple):
        assert len(a) == len(b), where
        for i, (x, y) in enumerate(zip(a, b, strict=True)):
            assert_same(x, y, f"{where}[{i}]")
    else:
        assert a == b, where


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that nobody interrupts."""
    folder = tmp_path_factory.mktemp("whole")
    code, _, err = _finish(_hnas(*tiny_flags("--out", "run"), cwd=folder))
    assert code == 0, err
    return folder / "run"


def _step_of(run: Path) -> int:
    found = sorted((run / "checkpoints").glob("step-*.pt"))
    return int(found[-1].stem.partition("-")[2]) if found else 0


def _wait_for(process: "subprocess.Popen[str]", run: Path, step: int) -> None:
    while process.poll() is None and _step_of(run) < step:
        time.sleep(0.01)


def test_kill_9_and_resume_give_the_same_bits(whole: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    process = _hnas(*tiny_flags("--out", "run", "--checkpoint-every", "0.01"), cwd=tmp_path)
    for step in (1, 7, 13):  # before alpha and beta move, in the midst, and after validations
        _wait_for(process, run, step)
        process.kill()
        process.communicate()
        process = _hnas("search", "--resume", "run", "--checkpoint-every", "0.01", cwd=tmp_path)
    code, out, err = _finish(process)
    assert code == 0, err
    assert "goes on after step" in err
    assert_same(_newest(run), _newest(whole))
    assert _rows(run) == _rows(whole)
    assert (run / "found.hnas").read_text() == (whole / "found.hnas").read_text()
    assert len(list((run / "checkpoints").iterdir())) == 2
    assert "mIoU of the super-network" in out


def test_a_run_killed_before_its_first_checkpoint_begins_anew(whole: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    process = _hnas(*tiny_flags("--out", "run"), cwd=tmp_path)
    while process.poll() is None and not (run / "run.json").exists():
        time.sleep(0.005)
    process.kill()
    process.communicate()
    assert _step_of(run) == 0
    code, _, err = _finish(_hnas("search", "--resume", "run", cwd=tmp_path))
    assert code == 0, err
    assert_same(_newest(run), _newest(whole))
    assert _rows(run) == _rows(whole)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_finishes_the_step_and_says_how_to_go_on(
    whole: Path, tmp_path: Path, number: signal.Signals
) -> None:
    run = tmp_path / "run"
    process = _hnas(*tiny_flags("--out", "run"), cwd=tmp_path)
    _wait_for(process, run, 6)
    os.kill(process.pid, number)
    code, _, err = _finish(process)
    assert code == 128 + number, err
    assert "go on with: hnas search --resume run" in err
    assert "Traceback" not in err
    assert 6 <= _step_of(run) < 18
    code, _, err = _finish(_hnas("search", "--resume", "run", "--workers", "2", cwd=tmp_path))
    assert code == 0, err
    assert_same(_newest(run), _newest(whole))
    assert _rows(run) == _rows(whole)


def test_a_finished_run_says_so_and_changes_nothing(whole: Path) -> None:
    before, rows = _newest(whole), _rows(whole)
    code, _, err = _finish(_hnas("search", "--resume", str(whole), cwd=whole.parent))
    assert code == 0
    assert "W0402" in err
    assert_same(_newest(whole), before)
    assert _rows(whole) == rows


def test_max_steps_stops_early_and_a_larger_one_goes_on(whole: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    code, out, _ = _finish(_hnas(*tiny_flags("--out", "run", "--max-steps", "9"), cwd=tmp_path))
    assert code == 0
    assert "9 of 18 steps made" in out
    code, _, err = _finish(_hnas("search", "--resume", "run", "--max-steps", "18", cwd=tmp_path))
    assert code == 0, err
    mine, other = _newest(run)["state"], _newest(whole)["state"]
    for part in ("model", "weights_optimizer", "arch_optimizer", "positions", "random"):
        assert_same(mine[part], other[part], part)


def test_what_is_drawn_goes_on_where_it_was(tmp_path: Path) -> None:
    """Gumbel noise and second order: a stop in the midst, between epochs and validations, changes no bit."""
    drawn = ("--set", "search.relax=gdas(tau = linear(5, 0.1))", "--set", "search.order=second")
    assert _finish(_hnas(*tiny_flags("--out", "whole", *drawn), cwd=tmp_path))[0] == 0
    assert _finish(_hnas(*tiny_flags("--out", "run", "--max-steps", "9", *drawn), cwd=tmp_path))[0] == 0
    code, _, err = _finish(_hnas("search", "--resume", "run", "--max-steps", "18", cwd=tmp_path))
    assert code == 0, err
    mine, other = _newest(tmp_path / "run")["state"], _newest(tmp_path / "whole")["state"]
    for part in ("model", "weights_optimizer", "arch_optimizer", "positions", "random"):
        assert_same(mine[part], other[part], part)


def test_the_damaged_newest_checkpoint_is_reported_and_the_one_before_used(
    whole: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    process = _hnas(
        *tiny_flags("--out", "run", "--max-steps", "9", "--checkpoint-every", "0.01"), cwd=tmp_path
    )
    assert _finish(process)[0] == 0
    newest = sorted((run / "checkpoints").glob("step-*.pt"))[-1]
    newest.write_bytes(newest.read_bytes()[:-1000])
    code, _, err = _finish(_hnas("search", "--resume", "run", "--max-steps", "18", cwd=tmp_path))
    assert code == 0, err
    assert "W0601" in err
    assert newest.name in err
    assert_same(_newest(run)["state"]["model"], _newest(whole)["state"]["model"])


def test_a_checkpoint_of_another_run_is_refused_by_name(whole: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    assert (
        _finish(_hnas(*tiny_flags("--out", "run", "--seed", "1", "--max-steps", "1"), cwd=tmp_path))[0] == 0
    )
    ours = sorted((run / "checkpoints").glob("step-*.pt"))[-1]
    foreign = sorted((whole / "checkpoints").glob("step-*.pt"))[-1]
    ours.write_bytes(foreign.read_bytes())
    code, _, err = _finish(_hnas("search", "--resume", "run", "--max-steps", "2", cwd=tmp_path))
    assert code == 1
    assert "E0606" in err
    assert ours.name in err


def test_a_run_records_what_it_was_made_with(whole: Path) -> None:
    record = RunFolder.open(whole).record
    assert record.profile == "demo"
    assert record.threads == 1
    assert record.data == {"name": "shapes"}
    assert record.seed == 0
    assert record.torch == torch.__version__
    assert set(record.digests) == {"choices", "weights", "run"}
    assert record.command[1] == "search"
    assert [p.name for p in whole.glob("events/*")], "TensorBoard events are there"
    phases = [row["phase"] for row in _rows(whole)]
    assert phases.count("validation") == 3
    assert {"loss_weights", "loss_arch", "entropy_alpha", "entropy_beta", "lr", "path"} <= _rows(whole)[
        -2
    ].keys()
