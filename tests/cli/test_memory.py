"""--memory through plan, search and train: kept to, recorded, gone on with to the bit, refused."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers import ROOT

Call = Callable[..., Any]
SPEC = ROOT / "tests" / "specs" / "passes.hnas"
QUICK = ("--device", "cpu", "--threads", "1", "--seed", "1", "--batch", "2")
KIB = 2**10


def planned(hnas: Call, *flags: str) -> dict[str, Any]:
    said = hnas("plan", str(SPEC), "--batch", "2", "--json", *flags)
    assert said.code == 0, said.err
    return json.loads(said.out)


def smallest(hnas: Call, *flags: str) -> int:
    """KiB, as a refusal tells them."""
    said = hnas("plan", *flags, "--batch", "2", "--memory", "1KiB")
    assert said.code == 1
    assert said.err.startswith("error[E0725]: training does not fit into 1 KiB: it takes ")
    return int(said.err.partition("--memory ")[2].partition("KiB")[0])


def middle(hnas: Call) -> int:
    """KiB, more than the least and fewer than without recomputation."""
    return (smallest(hnas, str(SPEC)) + planned(hnas)["total_bytes"] // KIB) // 2


def recorded(run: Path) -> dict[str, Any]:
    return json.loads((run / "run.json").read_text())["options"]


def state(run: Path) -> dict[str, torch.Tensor]:
    files = sorted((run / "checkpoints").glob("step-*.pt"))
    return torch.load(files[-1], weights_only=True)["state"]["model"]


def test_a_plan_tells_what_it_costs(hnas: Call) -> None:
    free, most = planned(hnas), middle(hnas) * KIB
    kept = planned(hnas, "--memory", f"{most // KIB}KiB")
    assert kept["total_bytes"] <= most < free["total_bytes"]
    resident = kept["parameter_bytes"] + kept["buffer_bytes"] + kept["state_bytes"]
    assert kept["total_bytes"] == resident + kept["peak_bytes"]
    assert kept["recomputed"]
    assert kept["multiply_adds"] - kept["recomputed_multiply_adds"] == free["multiply_adds"]
    # SGD's momentum is as large as the weights, Adam's moments twice alpha and beta
    arch = 4 * free["parts"]["arch"]["parameters"]
    assert free["state_bytes"] == free["parameter_bytes"] - arch + 2 * arch
    text = hnas("plan", str(SPEC), "--batch", "2", "--memory", f"{most // KIB}KiB")
    parts = len(kept["recomputed"])
    extra = kept["recomputed_multiply_adds"] / free["multiply_adds"]
    assert f"backward computes {parts} part" in text.out
    assert f"{extra:.1%} more multiply-adds" in text.out
    assert kept["recomputed"][0] in text.out


def test_the_smallest_that_is_told_is_enough(hnas: Call) -> None:
    least = smallest(hnas, str(SPEC))
    assert planned(hnas, "--memory", f"{least}KiB")["total_bytes"] <= least * KIB
    said = hnas("plan", str(SPEC), "--batch", "2", "--memory", f"{least - 1}KiB")
    assert said.code == 1


@pytest.mark.parametrize("given", ["6", "GiB", "-1GiB", "0GiB", "6GB", "1e3GiB", "nanGiB"])
@pytest.mark.parametrize("command", ["plan", "search", "train"])
def test_what_is_no_memory(hnas: Call, command: str, given: str) -> None:
    said = hnas(command, str(SPEC), "--memory", given)
    assert said.code == 2
    assert f"{given} is no memory" in said.err


def test_a_search_keeps_to_it_and_goes_on_to_the_bit(hnas: Call, tmp_path: Path) -> None:
    memory = f"{middle(hnas)}KiB"
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    for run, steps in ((whole, "4"), (parts, "2")):
        said = hnas("search", str(SPEC), "--out", str(run), *QUICK, "--max-steps", steps, "--memory", memory)
        assert said.code == 0, said.err
        assert "backward computes " in said.err
    chosen = recorded(whole)["recompute"]
    assert chosen
    assert recorded(whole)["memory"] == int(memory.removesuffix("KiB")) * KIB
    assert hnas("search", "--resume", str(parts), "--max-steps", "4").code == 0
    assert recorded(parts)["recompute"] == chosen
    assert all(torch.equal(value, state(whole)[name]) for name, value in state(parts).items())
    # another network, of which other parts may have to run again
    said = hnas("search", "--resume", str(parts), "--max-steps", "5", "-O0")
    assert said.code == 0, said.err
    assert "planning a pass within" in said.err
    assert hnas("search", "--resume", str(parts), "--max-steps", "6", "--memory", "1GiB").code == 0
    assert recorded(parts)["recompute"] == ""


def test_a_search_that_cannot_fit_leaves_nothing_behind(hnas: Call, tmp_path: Path) -> None:
    said = hnas("search", str(SPEC), "--out", str(tmp_path / "run"), *QUICK, "--memory", "1KiB")
    assert said.code == 1
    assert "E0725" in said.err
    assert not (tmp_path / "run").exists()


def test_it_does_not_go_with_compile_on(hnas: Call, tmp_path: Path) -> None:
    run = tmp_path / "run"
    refused = "error[E0729]: a run compiled by torch cannot keep to 1 GiB"
    said = hnas("search", str(SPEC), "--out", str(run), *QUICK, "--memory", "1GiB", "--compile", "on")
    assert said.code == 1
    assert refused in said.err
    assert not run.exists()
    said = hnas("search", str(SPEC), "--out", str(run), *QUICK, "--memory", "1GiB", "--max-steps", "1")
    assert said.code == 0, said.err
    assert json.loads((run / "run.json").read_text())["compile"] == "off"
    said = hnas("search", "--resume", str(run), "--max-steps", "2", "--compile", "on")
    assert said.code == 1
    assert refused in said.err


def test_a_network_is_trained_within_it(hnas: Call, tmp_path: Path) -> None:
    search, run = tmp_path / "search", tmp_path / "run"
    deep = ("--set", "trellis.layers=8", "--set", "trellis.strides=[2]")
    deep += ("--set", "trellis.enter=2", "--set", "trellis.moves=same")
    assert hnas("search", str(SPEC), "--out", str(search), *QUICK, *deep, "--max-steps", "1").code == 0
    given = (str(search / "found.hnas"),)
    free = json.loads(hnas("plan", *given, "--batch", "2", "--json").out)["total_bytes"] // KIB
    memory = f"{(smallest(hnas, *given) + free) // 2}KiB"
    said = hnas("train", *given, "--out", str(run), *QUICK, "--max-steps", "2", "--memory", memory)
    assert said.code == 0, said.err
    chosen = recorded(run)["recompute"]
    assert chosen
    assert hnas("train", "--resume", str(run), "--max-steps", "3").code == 0
    assert recorded(run)["recompute"] == chosen
    assert hnas("eval", str(run), "--images", "2").code == 0
