"""What tests of whole commands as processes of their own share: begin, wait for a step, end, compare."""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import torch

from hnas.engine.checkpoint import _read


def hnas(*arguments: str, cwd: Path) -> "subprocess.Popen[str]":
    """A command that has begun."""
    command = [sys.executable, "-m", "hnas", *arguments]
    return subprocess.Popen(command, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finish(process: "subprocess.Popen[str]") -> tuple[int, str, str]:
    """Its exit code, stdout and stderr, once it has ended."""
    out, err = process.communicate(timeout=240)
    return process.returncode, out, err


def newest(run: Path) -> dict[str, Any]:
    """What the newest checkpoint of a run holds."""
    return _read(sorted((run / "checkpoints").glob("step-*.pt"))[-1])


def rows(run: Path) -> list[dict[str, Any]]:
    """The rows of metrics of a run, without its speed."""
    found = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return [{k: v for k, v in row.items() if k != "steps_per_second"} for row in found]


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


def step_of(run: Path) -> int:
    """The step of the newest checkpoint; 0 before there is one."""
    found = sorted((run / "checkpoints").glob("step-*.pt"))
    return int(found[-1].stem.partition("-")[2]) if found else 0


def wait_for(process: "subprocess.Popen[str]", run: Path, step: int) -> None:
    """Until the run has a checkpoint of this step, or has ended."""
    while process.poll() is None and step_of(run) < step:
        time.sleep(0.01)
