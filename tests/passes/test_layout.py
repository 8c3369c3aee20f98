"""layout and remat: marks on a program, whose steps stay as they are."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from before_after import before_and_after, compare, program_before
from constructs import FIXED, SPACE
from helpers import ROOT

from hnas.ir.verify import steps_of
from hnas.passes.layout import layout
from hnas.passes.remat import remat


@pytest.mark.parametrize("name", ["layout", "remat"])
def test_as_text(name: str, update_golden: bool) -> None:
    before, after, _ = before_and_after(name)
    compare(name, before, after, update_golden)


def test_maps_of_two_axes_have_their_channels_innermost() -> None:
    program = program_before("layout")
    assert not program.channels_last
    steps = steps_of(program)
    found = layout(program)
    assert found.channels_last
    assert steps_of(found) == steps
    program.dims = 3
    assert not layout(program).channels_last


def test_convolutions_are_kept_and_norms_computed_again() -> None:
    program = program_before("remat")
    steps = steps_of(program)
    found = remat(program)
    assert steps_of(found) == steps
    again = {step.op: step.recompute for step in found.steps}
    assert again["norm"]
    assert again["relu"]
    assert not again["depthwise"]
    assert not again["conv"]


_STRIDED = """
import torch
from pathlib import Path
from hnas.compiler import Compilation
torch.set_num_threads(1)
network = Compilation(Path("s.hnas"), passes="layout").supernet(0).train()
for _ in range(4):
    network(torch.randn(4, 3, 64, 64)).sum().backward()
"""


def test_a_1_x_1_convolution_with_a_stride_keeps_to_its_memory(tmp_path: Path) -> None:
    """torch's own gradient of its weights does not, with channels innermost; glibc looks after each free."""
    stem = "conv(3, 12) -> conv(1, 4, stride = 2) -> norm"
    (tmp_path / "s.hnas").write_text(SPACE.format(**(FIXED | {"stem": stem})))
    found = subprocess.run(
        [sys.executable, "-c", _STRIDED],
        cwd=tmp_path,
        env={**os.environ, "MALLOC_CHECK_": "3", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert found.returncode == 0, found.stderr
