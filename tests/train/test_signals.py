"""`hnas train` as a process: stopped at any moment, it goes on to the bits of one that nobody stopped."""

import os
import signal
from pathlib import Path

import pytest
from helpers import trained_spec
from processes import assert_same, finish, hnas, newest, rows, step_of, wait_for

TRAIN = (
    "epochs = 2  batch = 4  accumulate = 2  ema = 0.9  warm_up = steps(10)  label_smoothing = 0.1  "
    "weights = sgd(lr = cosine(0.05, 0), momentum = 0.9)  validate { images = 2 }"
)
LAST = 60
"""Updates of both epochs: seconds, so that a signal after the first few is long before the end."""


def train(folder: Path, *more: str) -> list[str]:
    """The command line of the training."""
    trained_spec(folder, TRAIN)
    return ["train", "one.hnas", "--threads", "1", "--device", "cpu", *more]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that nobody interrupts."""
    folder = tmp_path_factory.mktemp("whole")
    code, _, err = finish(hnas(*train(folder, "--out", "run"), cwd=folder))
    assert code == 0, err
    return folder / "run"


@pytest.mark.parametrize(
    ("number", "step", "workers"),
    [(signal.SIGINT, 3, "0"), (signal.SIGTERM, 31, "2")],
    ids=["in the first epoch", "in the second"],
)
def test_a_signal_changes_no_bit(
    whole: Path, tmp_path: Path, number: signal.Signals, step: int, workers: str
) -> None:
    run = tmp_path / "run"
    process = hnas(*train(tmp_path, "--out", "run", "--checkpoint-every", "0.01"), cwd=tmp_path)
    wait_for(process, run, step)
    os.kill(process.pid, number)
    code, _, err = finish(process)
    assert code == 128 + number, err
    assert f"of {LAST}; go on with: hnas train --resume run" in err
    assert "Traceback" not in err
    assert step <= step_of(run) < LAST
    code, out, err = finish(hnas("train", "--resume", "run", "--workers", workers, cwd=tmp_path))
    assert code == 0, err
    assert "goes on after step" in err
    assert "measure  hnas eval run" in out
    assert_same(newest(run), newest(whole))
    assert rows(run) == rows(whole)
    for name in ("result.json", "checkpoints/best.pt"):
        assert (run / name).read_bytes() == (whole / name).read_bytes()
