"""`hnas search` and `hnas decode` from the outside: every message whole, every bad input refused."""

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from helpers import SPEC, tiny_flags

Call = Callable[..., Any]

FIGURE = re.compile(r"\d\.\d{4}")


def _masked(text: str) -> str:
    """Losses and the like, which differ from machine to machine in their last digits, as #; paths too."""
    text = re.sub(r"\d+\.\d\d steps/s(, [\d: dhs]+ left)?", "# steps/s", text)
    text = re.sub(r"path \d+( \d+)*", "path #", text)
    return FIGURE.sub("#", text)


def test_a_run_says_what_it_does_whole(hnas: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    said = hnas(*tiny_flags("--out", "run", "--max-steps", "7"))
    assert said.code == 0, said.err
    assert _masked(said.err) == (
        """\
  space          auto_deeplab, profile demo: 4 paths, 256 cells
  super-network  5,127 weights, 5 groups of alpha and beta
  data           shapes: 12 images trainA, 12 trainB, 60 val
  search         3 epochs of 6 steps, batch 2, alpha and beta from epoch 2
  device         cpu, 1 thread, seed 0
  run            run
epoch 1/3  step 1/7  loss A #  lr 0.025  H(alpha) #  H(beta) #  path #
"""
        + "".join(
            f"epoch 1/3  step {step}/7  # steps/s  loss A #  lr {lr}  H(alpha) #  H(beta) #  path #\n"
            for step, lr in zip(range(2, 7), ("0.025", "0.024", "0.023", "0.022", "0.021"), strict=True)
        )
        + """\
step 6: mIoU # on 2 images (always the most frequent class: #)
epoch 2/3  step 7/7  # steps/s  loss A #  loss B #  mIoU #  lr 0.019  H(alpha) #  H(beta) #  path #
step 7: mIoU # on 2 images (always the most frequent class: #)
"""
    )
    drawn, _, rest = said.out.partition("\nmIoU")
    assert drawn.startswith("layer     0   1   2\nstride 4  ●")
    assert "cell dense\n  n1 ┬─ " in drawn
    assert _masked(rest) == (
        " of the super-network #, of always predicting the most frequent class #\n\n"
        "found    run/found.hnas\n"
        "again    hnas show run/found.hnas\n"
        "go on    hnas search --resume run --max-steps 18    (7 of 18 steps made)\n"
    )


def test_missing_data_runs_the_demo_and_says_so_in_one_line(
    hnas: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    flags = [
        flag for flag in tiny_flags("--out", "run", "--max-steps", "1") if flag not in ("--profile", "demo")
    ]
    said = hnas(*flags)
    assert said.code == 0, said.err
    first = said.err.splitlines()[0]
    assert first == (
        "the data set cityscapes is not on this machine: this is the profile demo, on generated images; "
        "give its folder with --data cityscapes=PATH, or set HNAS_DATA to the folder above cityscapes/"
    )
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    assert record["profile"] == "demo"
    assert "cityscapes is not on this machine" in record["notes"][0]
    assert "# the data set cityscapes is not on this machine" in (tmp_path / "run" / "found.hnas").read_text()


def test_decode_writes_the_same_network_again(
    hnas: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    first = hnas(*tiny_flags("--out", "run", "--max-steps", "2"))
    assert first.code == 0
    found = tmp_path / "run" / "found.hnas"
    text = found.read_text()
    found.unlink()
    again = hnas("decode", "run")
    assert again.code == 0, again.err
    assert found.read_text() == text
    assert again.out.splitlines()[:3] == first.out.splitlines()[:3]
    assert hnas("check", "run/found.hnas").out == "run/found.hnas: ok\n"
    greedy = hnas("decode", "run", "--set", "decode.path=greedy")
    assert greedy.code == 0
    wrong = hnas("decode", "run", "--set", "L=3")
    assert wrong.code == 2


def test_runs_never_overwrite_each_other(hnas: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "mine.txt").write_text("keep")
    said = hnas(*tiny_flags("--out", "run"))
    assert said.code == 1
    assert "E0601" in said.err
    assert [p.name for p in (tmp_path / "run").iterdir()] == ["mine.txt"]
    for _ in range(2):
        assert hnas(*tiny_flags("--max-steps", "1")).code == 0
    assert len(list((tmp_path / "runs").glob("spec-*"))) == 2


@pytest.mark.parametrize(
    ("flags", "code", "words"),
    [
        (["--data", "camvid=missing"], 1, ["E0502", "camvid: missing is not there"]),
        (["--data", "camvd=x"], 1, ["E0509", "did you mean camvid?"]),
        (["--data", "camvid"], 1, ["E0509", "NAME=PATH"]),
        (["--profile", "camvid"], 1, ["E0501", "--data camvid=PATH"]),
        (["--profile", "paper"], 1, ["E0501", "--data cityscapes=PATH"]),
        (["--profile", "dmo"], 1, ["did you mean demo?"]),
        (["--set", "trellis.layer=3"], 1, ["did you mean layers?"]),
        (["--set", "L=many"], 1, ["--set"]),
        (["--set", "L=2.5"], 1, ["whole number"]),
        (["--set", "L"], 1, ["--set"]),
        (["--device", "cuda:9"], 1, ["E0702", "there is no device cuda:9 here"]),
        (["--device", "toaster"], 1, ["E0702", "cpu"]),
        (["--threads", "some"], 2, ["neither auto nor a number"]),
        (["--batch", "0"], 2, ["--batch"]),
        (["--checkpoint-every", "soon"], 2, ["is no time"]),
        (["--resume", "x"], 2, ["either SPEC, or --resume"]),
        (["--frobnicate"], 2, ["No such option"]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_wrong_flags_are_refused_before_a_folder_is_made(
    hnas: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, flags: list[str], code: int, words: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    device = [] if "--device" in flags else ["--device", "cpu"]
    profile = ["--profile", "demo"] if "--device" in flags else []
    said = hnas("search", str(SPEC), *device, *profile, *flags)
    assert said.code == code, said.err
    for word in words:
        assert word in said.err
    assert "Traceback" not in said.err
    assert said.out == ""
    assert list(tmp_path.iterdir()) == []


def test_data_that_the_spec_does_not_read_is_refused(hnas: Call, tmp_path: Path) -> None:
    said = hnas("search", str(SPEC), "--data", f"camvid={tmp_path}")
    assert said.code == 1
    assert "E0510" in said.err
    assert "paper, demo, camvid" in said.err


@pytest.mark.parametrize("flag", [["--seed", "1"], ["--batch", "2"], ["--set", "L=3"], ["--profile", "demo"]])
def test_what_a_run_keeps_does_not_go_with_resume(hnas: Call, flag: list[str]) -> None:
    said = hnas("search", "--resume", "runs/x", *flag)
    assert said.code == 2
    assert f"{flag[0]} does not go with --resume" in said.err


def test_resuming_what_is_no_run(hnas: Call, tmp_path: Path) -> None:
    for path, why in (
        (tmp_path, "it has no run.json"),
        (tmp_path / "none", "no such folder"),
        (SPEC, "a file"),
    ):
        for command in (["search", "--resume", str(path)], ["decode", str(path)]):
            said = hnas(*command)
            assert said.code == 1
            assert "E0602" in said.err
            assert why in said.err


def test_epochs_that_never_reach_the_architecture_warn(
    hnas: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    flags = [f for f in tiny_flags() if f != "search.epochs=3"]
    del flags[flags.index("--set", flags.index("search.batch=2") + 1)]
    said = hnas(*flags, "--epochs", "1", "--out", "run")
    assert said.code == 0, said.err
    assert said.err.count("warning[") == 1
    assert "warning[W0202]: arch has no effect: of 1 epoch none is left for alpha and beta" in said.err
    assert "epochs = 1" in (tmp_path / "run" / "spec.hnas").read_text()


def test_a_run_that_stops_before_the_architecture_moves_is_warned(
    hnas: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    said = hnas(*tiny_flags("--max-steps", "6", "--out", "run"))
    assert said.code == 0, said.err
    assert said.err.count("warning[W0401]: no architecture step will run") == 1
    assert "W0401" not in hnas(*tiny_flags("--max-steps", "7", "--out", "run2")).err


def test_out_of_memory_says_what_to_lower(
    hnas: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from hnas.search.bilevel import Bilevel

    def full(*_: object) -> None:
        raise MemoryError

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Bilevel, "weight_step", full)
    said = hnas(*tiny_flags("--out", "run"))
    assert said.code == 1
    assert "E0703" in said.err
    assert "--batch" in said.err


def test_a_full_disk_while_checkpointing_keeps_what_was_written(
    hnas: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import errno
    import os

    monkeypatch.chdir(tmp_path)
    assert hnas(*tiny_flags("--out", "run", "--max-steps", "1")).code == 0
    kept = sorted(p.read_bytes() for p in (tmp_path / "run" / "checkpoints").iterdir())
    real = os.fsync

    def full(descriptor: int) -> None:
        if os.fstat(descriptor).st_size > 10_000:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(descriptor)

    monkeypatch.setattr(os, "fsync", full)
    said = hnas("search", "--resume", "run", "--max-steps", "2")
    assert said.code == 1
    assert "E0604" in said.err
    assert "the disk is full" in said.err
    assert sorted(p.read_bytes() for p in (tmp_path / "run" / "checkpoints").iterdir()) == kept


def test_a_loss_that_is_not_finite_names_the_step_and_keeps_the_checkpoint(
    hnas: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from hnas.search import bilevel

    real = bilevel.cross_entropy
    calls: list[int] = []

    def spoilt(*arguments: Any) -> Any:
        calls.append(1)
        return real(*arguments) * (float("nan") if len(calls) == 3 else 1)

    monkeypatch.setattr(bilevel, "cross_entropy", spoilt)
    monkeypatch.chdir(tmp_path)
    said = hnas(*tiny_flags("--out", "run", "--checkpoint-every", "0.001"))
    assert said.code == 1
    assert "E0704" in said.err
    assert "the loss of the weight step is nan at step 2; nothing was updated" in said.err
    assert "the last checkpoint is kept" in said.err
    assert [p.name for p in sorted((tmp_path / "run" / "checkpoints").iterdir())][-1] == "step-000000002.pt"


def test_a_run_whose_spec_was_changed_is_refused(
    hnas: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert hnas(*tiny_flags("--out", "run", "--max-steps", "1")).code == 0
    spec = tmp_path / "run" / "spec.hnas"
    text = spec.read_text()
    for old, new, which in (
        ("none, skip", "skip, none", "choices and settings"),
        ("param F = 2", "param F = 4", "weights and settings"),
        ("epochs = 3", "epochs = 4", "its settings differ"),
    ):
        assert old in text
        spec.write_text(text.replace(old, new))
        for command in (["decode", "run"], ["search", "--resume", "run", "--max-steps", "2"]):
            said = hnas(*command)
            assert said.code == 1
            assert "E0607" in said.err
            assert which in said.err
    spec.write_text(text)
    assert hnas("decode", "run").code == 0


def test_decoding_more_edges_than_a_cell_takes_is_refused(
    hnas: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert hnas(*tiny_flags("--out", "run", "--max-steps", "1")).code == 0
    said = hnas("decode", "run", "--set", "decode.edges=strongest(3)")
    assert said.code == 1
    assert "edges of decode must be strongest(2)" in said.err
    assert hnas("decode", "run", "--set", "decode.edges=strongest(1)").code == 0
    assert hnas("check", "run/found.hnas").code == 0


def test_decode_reports_a_damaged_checkpoint(
    hnas: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert hnas(*tiny_flags("--out", "run", "--max-steps", "3", "--checkpoint-every", "0.001")).code == 0
    newest = sorted((tmp_path / "run" / "checkpoints").iterdir())[-1]
    newest.write_bytes(b"")
    said = hnas("decode", "run")
    assert said.code == 0
    assert "W0601" in said.err
    assert newest.name in said.err


def test_a_set_that_generated_images_do_not_need_is_refused_too(hnas: Call, tmp_path: Path) -> None:
    said = hnas("search", str(SPEC), "--profile", "demo", "--data", f"camvid={tmp_path}")
    assert said.code == 1
    assert "E0510" in said.err


def test_a_batch_larger_than_a_half_is_refused(
    hnas: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    said = hnas("search", str(SPEC), "--profile", "demo", "--batch", "121")
    assert said.code == 1
    assert "E0513" in said.err
    assert "121" in said.err
    assert list(tmp_path.iterdir()) == []


def test_a_fault_in_mid_run_says_how_to_go_on(
    hnas: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from hnas.data.errors import BadImage
    from hnas.data.shapes import Shapes
    from hnas.diag import HnasError

    real, reads = Shapes.read, list[int]()

    def spoilt(self: Shapes, index: int) -> Any:
        reads.append(index)
        if len(reads) == 5:
            raise HnasError(BadImage(None, path="x.png", why="it is cut short"))
        return real(self, index)

    monkeypatch.setattr(Shapes, "read", spoilt)
    monkeypatch.chdir(tmp_path)
    said = hnas(*tiny_flags("--out", "run", "--checkpoint-every", "0.001"))
    assert said.code == 1
    assert "x.png: it is cut short" in said.err
    assert "go on with: hnas search --resume run" in said.err
    assert hnas("search", "--resume", "run", "--max-steps", "3").code == 0


def test_a_closed_stderr_does_not_stop_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    from hnas.cli.terminal import tell

    class Gone:
        encoding = "utf-8"

        def write(self, _text: str) -> int:
            raise BrokenPipeError

        def flush(self) -> None:
            raise BrokenPipeError

        def isatty(self) -> bool:
            return False

    monkeypatch.setattr(sys, "stderr", Gone())
    tell("nobody hears this")
    tell("nor this")
    assert sys.stderr.name == "/dev/null"
    sys.stderr.close()


EXTERN = """hnas 1
space s {
  extern op plain(c) { class = "layers_of_mine:Plain"  channels = c  stride = 1 }
  stem = conv(3, 4, stride = 2) -> norm
  trellis { layers = 2  strides = [2]  path = [2, 2]  width = 4  cell = one_of { plain(4), skip } }
  head = conv(1, classes, bias = true) -> resize(1)
}
data shapes { crop = 17  split = [0.05, 0.05] }
search { epochs = 1  batch = 2  weights = sgd(lr = 0.1)  arch = adam(lr = 0.003)  validate { images = 2 } }
"""

PLAIN = """
from torch import nn


class Plain(nn.Conv2d):
    def __init__(self, channels, c):
        super().__init__(channels, c, 1)
"""


@pytest.fixture
def extern_spec(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A space with an operator that is a Python class, in the current folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "layers_of_mine", raising=False)
    (tmp_path / "layers_of_mine.py").write_text(PLAIN)
    (tmp_path / "mine.hnas").write_text(EXTERN)
    return "mine.hnas"


def test_a_run_with_extern_operators_begins_goes_on_and_is_decoded(
    hnas: Call, extern_spec: str, tmp_path: Path
) -> None:
    flags = ["--out", "run", "--threads", "1", "--max-steps", "2"]
    said = hnas("search", extern_spec, "--allow-extern", *flags)
    assert said.code == 0, said.err
    assert "go on    hnas search --resume run --allow-extern --max-steps 6" in said.out
    refused = hnas("search", "--resume", "run", "--max-steps", "3")
    assert refused.code == 1
    assert "E0705" in refused.err
    assert hnas("search", "--resume", "run", "--max-steps", "3", "--allow-extern").code == 0
    found = tmp_path / "run" / "found.hnas"
    text = found.read_text()
    found.unlink()
    assert hnas("decode", "run").code == 0  # which builds nothing, and so needs no leave to
    assert found.read_text() == text


@pytest.mark.parametrize(
    "sets",
    [
        ("trellis.cell=none",),
        ("trellis.strides=[4]", "trellis.enter=4", "dense.op=sep(3)"),
    ],
    ids=["none", "fixed"],
)
def test_where_there_is_nothing_to_train_no_run_begins(
    hnas: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sets: tuple[str, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    said = hnas(*tiny_flags("--out", "run"), *(part for each in sets for part in ("--set", each)))
    assert said.code == 1
    assert "error[E0404]: auto_deeplab cannot be searched: no choice has a say in the result" in said.err
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("flags", "code"), [((), "E0705"), (("--allow-extern",), "E0706")], ids=["not allowed", "not there"]
)
def test_an_extern_operator_that_cannot_be_built_leaves_no_run(
    hnas: Call, extern_spec: str, tmp_path: Path, flags: tuple[str, ...], code: str
) -> None:
    (tmp_path / extern_spec).write_text(EXTERN.replace(":Plain", ":Other"))
    said = hnas("search", extern_spec, "--out", "run", "--threads", "1", *flags)
    assert said.code == 1
    assert f"error[{code}]" in said.err
    assert "--> mine.hnas:5:82" in said.err  # the reader's file, not the run's copy
    assert not (tmp_path / "run").exists()


TILE = """
from torch import nn


class Plain(nn.Module):
    def __init__(self, channels, c):
        super().__init__()
        self.channels = c

    def forward(self, x):
        return x[:, :1].expand(-1, self.channels, -1, -1)
"""


def test_a_space_without_weights_cannot_be_searched(hnas: Call, extern_spec: str, tmp_path: Path) -> None:
    (tmp_path / "layers_of_mine.py").write_text(TILE)
    text = EXTERN.replace("stem = conv(3, 4, stride = 2) -> norm", "stem = resize(2) -> plain(4)")
    text = text.replace("head = conv(1, classes, bias = true)", "head = plain(classes)")
    (tmp_path / extern_spec).write_text(text.replace("{ plain(4), skip }", "{ relu, skip }"))
    said = hnas("search", extern_spec, "--out", "run", "--allow-extern")
    assert said.code == 1
    assert "error[E0404]: s cannot be searched: it has no weights" in said.err
    assert not (tmp_path / "run").exists()
