"""Stop and go on: kill -9 at any moment, resume, and end with the very bits of an uninterrupted run."""

import os
import signal
import time
from pathlib import Path

import pytest
import torch
from helpers import tiny_flags
from processes import assert_same, finish, hnas, newest, rows, step_of, wait_for

from hnas.engine.run import RunFolder


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that nobody interrupts."""
    folder = tmp_path_factory.mktemp("whole")
    code, _, err = finish(hnas(*tiny_flags("--out", "run"), cwd=folder))
    assert code == 0, err
    return folder / "run"


def test_kill_9_and_resume_give_the_same_bits(whole: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    process = hnas(*tiny_flags("--out", "run", "--checkpoint-every", "0.01"), cwd=tmp_path)
    for step in (1, 7, 13):  # before alpha and beta move, in the midst, and after validations
        wait_for(process, run, step)
        process.kill()
        process.communicate()
        process = hnas("search", "--resume", "run", "--checkpoint-every", "0.01", cwd=tmp_path)
    code, out, err = finish(process)
    assert code == 0, err
    assert "goes on after step" in err
    assert_same(newest(run), newest(whole))
    assert rows(run) == rows(whole)
    assert (run / "found.hnas").read_text() == (whole / "found.hnas").read_text()
    assert len(list((run / "checkpoints").iterdir())) == 2
    assert "mIoU of the super-network" in out


def test_a_run_killed_before_its_first_checkpoint_begins_anew(whole: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    process = hnas(*tiny_flags("--out", "run"), cwd=tmp_path)
    while process.poll() is None and not (run / "run.json").exists():
        time.sleep(0.005)
    process.kill()
    process.communicate()
    assert step_of(run) == 0
    code, _, err = finish(hnas("search", "--resume", "run", cwd=tmp_path))
    assert code == 0, err
    assert_same(newest(run), newest(whole))
    assert rows(run) == rows(whole)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_finishes_the_step_and_says_how_to_go_on(
    whole: Path, tmp_path: Path, number: signal.Signals
) -> None:
    run = tmp_path / "run"
    process = hnas(*tiny_flags("--out", "run"), cwd=tmp_path)
    wait_for(process, run, 6)
    os.kill(process.pid, number)
    code, _, err = finish(process)
    assert code == 128 + number, err
    assert "go on with: hnas search --resume run" in err
    assert "Traceback" not in err
    assert 6 <= step_of(run) < 18
    code, _, err = finish(hnas("search", "--resume", "run", "--workers", "2", cwd=tmp_path))
    assert code == 0, err
    assert_same(newest(run), newest(whole))
    assert rows(run) == rows(whole)


def test_a_finished_run_says_so_and_changes_nothing(whole: Path) -> None:
    before, measured = newest(whole), rows(whole)
    code, _, err = finish(hnas("search", "--resume", str(whole), cwd=whole.parent))
    assert code == 0
    assert "W0402" in err
    assert_same(newest(whole), before)
    assert rows(whole) == measured


def test_max_steps_stops_early_and_a_larger_one_goes_on(whole: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    code, out, _ = finish(hnas(*tiny_flags("--out", "run", "--max-steps", "9"), cwd=tmp_path))
    assert code == 0
    assert "9 of 18 steps made" in out
    code, _, err = finish(hnas("search", "--resume", "run", "--max-steps", "18", cwd=tmp_path))
    assert code == 0, err
    mine, other = newest(run)["state"], newest(whole)["state"]
    for part in ("model", "weights_optimizer", "arch_optimizer", "positions", "random"):
        assert_same(mine[part], other[part], part)


def test_what_is_drawn_goes_on_where_it_was(tmp_path: Path) -> None:
    """Gumbel noise and second order: a stop in the midst, between epochs and validations, changes no bit."""
    drawn = ("--set", "search.relax=gdas(tau = linear(5, 0.1))", "--set", "search.order=second")
    assert finish(hnas(*tiny_flags("--out", "whole", *drawn), cwd=tmp_path))[0] == 0
    assert finish(hnas(*tiny_flags("--out", "run", "--max-steps", "9", *drawn), cwd=tmp_path))[0] == 0
    code, _, err = finish(hnas("search", "--resume", "run", "--max-steps", "18", cwd=tmp_path))
    assert code == 0, err
    mine, other = newest(tmp_path / "run")["state"], newest(tmp_path / "whole")["state"]
    for part in ("model", "weights_optimizer", "arch_optimizer", "positions", "random"):
        assert_same(mine[part], other[part], part)


def test_the_damaged_newest_checkpoint_is_reported_and_the_one_before_used(
    whole: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    process = hnas(
        *tiny_flags("--out", "run", "--max-steps", "9", "--checkpoint-every", "0.01"), cwd=tmp_path
    )
    assert finish(process)[0] == 0
    last = sorted((run / "checkpoints").glob("step-*.pt"))[-1]
    last.write_bytes(last.read_bytes()[:-1000])
    code, _, err = finish(hnas("search", "--resume", "run", "--max-steps", "18", cwd=tmp_path))
    assert code == 0, err
    assert "W0601" in err
    assert last.name in err
    assert_same(newest(run)["state"]["model"], newest(whole)["state"]["model"])


def test_a_checkpoint_of_another_run_is_refused_by_name(whole: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    assert finish(hnas(*tiny_flags("--out", "run", "--seed", "1", "--max-steps", "1"), cwd=tmp_path))[0] == 0
    ours = sorted((run / "checkpoints").glob("step-*.pt"))[-1]
    foreign = sorted((whole / "checkpoints").glob("step-*.pt"))[-1]
    ours.write_bytes(foreign.read_bytes())
    code, _, err = finish(hnas("search", "--resume", "run", "--max-steps", "2", cwd=tmp_path))
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
    phases = [row["phase"] for row in rows(whole)]
    assert phases.count("validation") == 3
    assert {"loss_weights", "loss_arch", "entropy_alpha", "entropy_beta", "lr", "path"} <= rows(whole)[
        -2
    ].keys()
