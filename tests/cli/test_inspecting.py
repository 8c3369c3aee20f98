"""`hnas check`, `show`, `compile`, and the command's own help."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from helpers import ROOT, SPEC, TINY

Call = Callable[..., Any]


def test_help_whole(hnas: Call) -> None:
    said = hnas("--help")
    assert said.code == 0
    assert (
        said.out
        == """\
Usage: hnas [OPTIONS] COMMAND [ARGS]...

  Hierarchical neural architecture search: a spec in, an architecture out.

Options:
  --version   Show the version and exit.
  -h, --help  Show this message and exit.

Commands:
  check       Check a spec or a found network; every mistake at once.
  compile     Print a stage of the compiler.
  data        Look through a data set: counts, classes, broken files.
  decode      Decode a run's newest checkpoint again.
  diff        What tells two specs or found networks apart.
  draw        A figure of a space, a network or a run, as SVG or PNG.
  eval        Measure a trained network.
  explain     What an error code means, with an example and its mend.
  fmt         Bring specs into canonical form, comments kept.
  import      A network that other code found, as a .hnas file.
  locate      Whether a network is in a space, and where.
  mutate      A network changed by one choice, at random.
  neighbours  The networks that differ from one by one choice.
  new         Write a first spec, or a variation of one.
  plan        What a pass will take: calls, multiply-adds and bytes, before
              any is allocated.
  predict     Label images with a trained network.
  rank        The number of a network in its space.
  sample      Architectures drawn uniformly from a space.
  search      Search a space: weights and architecture in alternation.
  show        What a spec or a found network is: sizes, counts, drawings.
  train       Train a network that was found or written down.
  unrank      The architecture of a space with a number.
"""
    )


def test_option_names_are_a_promise() -> None:
    from hnas.cli.main import command

    names = {
        name: sorted(o for p in each.params for o in p.opts if o.startswith("--") or o == "-O")
        for name, each in command.commands.items()
    }
    layout = ["--profile", "--set", "--space"]
    passes = ["--passes", "-O"]
    latency = ["--allow-extern", "--batch", "--device", "--latency", "--repeats", "--threads", "--kernels"]
    latency += passes
    run = [
        "--allow-extern",
        *passes,
        *layout,
        *("--data", "--out", "--resume", "--seed", "--batch", "--epochs", "--max-steps"),
        *("--device", "--workers", "--threads", "--checkpoint-every"),
        *("--kernels", "--compile", "--memory"),
    ]
    looking = ["--allow-extern", "--checkpoint", "--device", "--flip", "--scales", "--stride", "--window"]
    looking += ["--kernels", "--threads", *passes]
    assert names == {
        "search": sorted(run),
        "train": sorted([*run, "--as", "--inherit", "--name"]),
        "eval": sorted([*looking, "--batch", "--data", "--images", "--json", "--split"]),
        "predict": sorted([*looking, "--out", "--overlay"]),
        "data": sorted(["--allow-outside", "--data", "--json", "--samples", "--sheet", *layout]),
        "decode": ["--set"],
        "check": sorted(["--allow-outside", "--json", *layout]),
        "diff": sorted(["--allow-outside", "--exit-code", *layout]),
        "explain": [],
        "import": ["--cell", "--name", "--out", "--space"],
        "new": ["--from", "--space"],
        "show": sorted(
            ["--allow-outside", "--as", "--json", "--name", "--size", "--resolved", *latency, *layout]
        ),
        "plan": [
            "--allow-extern",
            "--as",
            "--batch",
            "--json",
            "--memory",
            "--name",
            "--passes",
            "--precision",
            "--profile",
            "--set",
            "--size",
            "--space",
            "-O",
        ],
        "draw": sorted(["--allow-outside", "--name", "--out", "--what", *layout]),
        "fmt": ["--check", "--diff"],
        "sample": sorted(["--allow-outside", "--json", "--out", "--seed", *layout]),
        "unrank": sorted(["--allow-outside", "--out", *layout]),
        "rank": sorted(["--allow-outside", "--name", *layout]),
        "locate": sorted(["--allow-outside", "--json", "--name", *layout]),
        "neighbours": sorted(["--allow-outside", "--count", "--name", *layout]),
        "mutate": sorted(["--allow-outside", "--name", "--out", "--seed", *layout]),
        "compile": sorted(["--allow-extern", "--allow-outside", "--emit", *passes, *layout]),
    }


def test_the_reference_is_clean(hnas: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    said = hnas("check", "examples/autodeeplab/spec.hnas")
    assert (said.code, said.out, said.err) == (0, "examples/autodeeplab/spec.hnas: ok\n", "")


def test_show_counts_the_reference(hnas: Call) -> None:
    said = hnas("show", str(SPEC))
    assert said.code == 0
    for text in ("75,025", "556,627,761,561,600", "20,773,767,168,000", "762,683,172,300", "47,035,696"):
        assert text in said.out
    figures = json.loads(hnas("show", str(SPEC), "--json").out)
    assert figures["parameters"] == sum(figures["parts"].values()) == 47_035_696
    entered = json.loads(hnas("show", str(SPEC), "--set", "trellis.enter=4", "--json").out)
    assert entered["paths"] == 28_657


def test_show_resolved_is_a_spec_that_says_the_same(hnas: Call, tmp_path: Path) -> None:
    said = hnas("show", str(SPEC), "--profile", "demo", "--resolved")
    (tmp_path / "whole.hnas").write_text(said.out)
    assert hnas("show", str(tmp_path / "whole.hnas"), "--resolved").out == said.out
    assert "prev_prev = same_stride" in said.out
    assert "momentum = 0.9" in said.out


@pytest.mark.parametrize("stage", ["ast", "space", "graph", "decisions", "program", "module"])
def test_every_stage_prints(hnas: Call, stage: str) -> None:
    sets = [flag for assignment in TINY for flag in ("--set", assignment)]
    said = hnas("compile", str(SPEC), "--profile", "demo", *sets, "--emit", stage)
    assert said.code == 0, said.err
    telling = {
        "ast": "File",
        "space": "name = 'auto_deeplab'",
        "graph": "function main(",
        "decisions": "node dense.n1: take slots(2), share network",
        "program": "prune, share, fold, batch, layout",
        "module": "SuperNet: 5,149 parameters",
    }
    assert telling[stage] in said.out


def test_several_errors_are_reported_at_once_and_counted(hnas: Call, tmp_path: Path) -> None:
    bad = tmp_path / "bad.hnas"
    text = (
        SPEC.read_text()
        .replace("batch   = 2\n", "bach    = 2\n")
        .replace("cell    = dense", "cell    = dens")
    )
    bad.write_text(text.replace("decode { edges", "decode { edgs"))
    said = hnas("check", str(bad))
    assert said.code == 1
    assert said.out == ""
    for text in ("did you mean batch?", "did you mean dense?", "did you mean edges?"):
        assert text in said.err
    assert said.err.rstrip().endswith("errors")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, ["there is no such file"]),
        (b"", ["empty"]),
        (b"\x00\x01\x02\xff" * 40, ["binary"]),
        (b"hnas 1\nspace \xff\xfe {}\n", ["line 2 is not UTF-8"]),
    ],
)
def test_files_that_are_no_specs(hnas: Call, tmp_path: Path, content: bytes | None, words: list[str]) -> None:
    path = tmp_path / "x.hnas"
    if content is not None:
        path.write_bytes(content)
    for command in (["check"], ["show"], ["search"], ["compile", "--emit", "ast"]):
        said = hnas(*command, str(path))
        assert said.code == 1, command
        for word in words:
            assert word in said.err, command


def test_a_folder_is_no_spec(hnas: Call, tmp_path: Path) -> None:
    said = hnas("check", str(tmp_path))
    assert said.code == 1
    assert "it is a folder" in said.err


def test_an_internal_error_asks_for_a_report(hnas: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    from hnas.compiler import Compilation

    def broken(_: object) -> None:
        raise RuntimeError("boom")

    monkeypatch.setattr(Compilation, "check", broken)
    said = hnas("check", str(SPEC))
    assert said.code == 70
    assert "internal error: RuntimeError: boom" in said.err
    assert "Please report it" in said.err


def test_what_the_terminal_cannot_encode_is_drawn_in_ascii(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import io
    import sys

    from hnas.cli.terminal import say

    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", stream)
    say("●───●\n ╲")
    stream.flush()
    assert stream.buffer.getvalue() == b"o---o\n \\\n"  # type: ignore[attr-defined]


PASSES = ROOT / "tests" / "specs" / "passes.hnas"


def test_the_program_shows_the_passes_asked_for(hnas: Call) -> None:
    heads = {
        flags: hnas("compile", str(PASSES), "--emit", "program", *flags).out.splitlines()[0]
        for flags in (("-O0",), ("-O", "1"), ("--passes", "share,batch"), ("--passes", ""))
    }
    assert heads == {
        ("-O0",): "program of 98 steps, 98 values; no passes",
        ("-O", "1"): "program of 73 steps, 73 values; prune, share, fold",
        ("--passes", "share,batch"): heads["--passes", "share,batch"],
        ("--passes", ""): "program of 98 steps, 98 values; no passes",
    }
    assert heads["--passes", "share,batch"].endswith("; share, batch")


def test_a_network_of_a_file_has_its_program(hnas: Call) -> None:
    published = SPEC.with_name("published.hnas")
    said = hnas("compile", str(published), "--emit", "program", "-O0")
    assert said.code == 0, said.err
    assert said.out.startswith("# network auto_deeplab_s\nprogram of ")


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (("-O3",), "'3' is no level; there are 0, 1, 2"),
        (("-O", "x"), "'x' is no level; there are 0, 1, 2"),
        (("--passes", "shre"), "there is no pass shre; known passes: prune, share, fold, batch, layout"),
        (("--passes", "batch,share"), "the pass share cannot run after batch; the order is prune, share"),
        (("--passes", "share,share"), "the pass share is asked for twice"),
        (("--passes", "share", "-O1"), "give either -O or --passes"),
    ],
)
@pytest.mark.parametrize("command", ["search", "train", "eval", "compile"])
def test_passes_that_cannot_be_asked_for_are_told_at_once(
    hnas: Call, command: str, flags: tuple[str, ...], told: str
) -> None:
    more = ("--emit", "program") if command == "compile" else ()
    said = hnas(command, str(PASSES), *more, *flags)
    assert said.code == 2
    assert told in said.err
    assert said.err.count("Error") == 1


def test_passes_go_with_latency_alone(hnas: Call) -> None:
    said = hnas("show", str(PASSES), "-O1")
    assert (said.code, "-O goes with --latency" in said.err) == (2, True)
