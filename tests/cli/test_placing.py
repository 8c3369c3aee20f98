"""`hnas show --as`: a network in the space it is to be trained in; and the folder of a run."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from helpers import ROOT, SPEC, tiny_flags, trained_spec

Call = Callable[..., Any]

FORM = ROOT / "examples" / "autodeeplab" / "trained.hnas"
QUICK = ("--latency", "--threads", "1", "--repeats", "2")


@pytest.fixture
def found(hnas: Call, tmp_path: Path) -> str:
    """A network of the reference space, beside its spec."""
    (tmp_path / "spec.hnas").write_bytes(SPEC.read_bytes())
    path = tmp_path / "found.hnas"
    path.write_text(hnas("sample", str(tmp_path / "spec.hnas"), "--seed", "3").out)
    return str(path)


def figures_of(hnas: Call, *arguments: str) -> dict[str, Any]:
    said = hnas("show", *arguments, "--json")
    assert said.code == 0, said.err
    return json.loads(said.out)


def test_a_network_in_the_form_it_is_trained_in(hnas: Call, found: str) -> None:
    own = figures_of(hnas, found)
    other = figures_of(hnas, found, "--as", str(FORM))
    assert (own["space"], other["space"], other["network"]) == ("auto_deeplab", "trained", "found")
    assert other["path"] == own["path"]
    assert other["parts"]["stem"] == 112_832, "the published stem"
    assert (own["sizes"][0]["height"], other["sizes"][0]["height"]) == (161, 385), "crops of 321 and 769"
    wider = figures_of(hnas, found, "--as", str(FORM), "--set", "F=32")
    assert wider["parts"]["cells"] > 2 * other["parts"]["cells"]


def test_a_space_of_its_own_file(hnas: Call, tmp_path: Path) -> None:
    spec = trained_spec(
        tmp_path,
        "epochs = 1  batch = 4  C = 8  weights = sgd(lr = 0.1, momentum = 0.9)",
    )
    name = figures_of(hnas, str(spec))["space"]
    narrow, wide = figures_of(hnas, str(spec)), figures_of(hnas, str(spec), "--as", name, "--name", "one")
    assert narrow["sizes"][-1]["channels"] == 4
    assert wide["sizes"][-1]["channels"] == 8, "as the block train changes it"
    assert wide["network"] == "one"


def test_it_is_measured(hnas: Call, found: str) -> None:
    figures = figures_of(hnas, found, "--as", str(FORM), *QUICK, "--size", "33x65")
    assert figures["latency"]["image"] == [33, 65]
    assert list(figures["latency"]["milliseconds_by_part"]) == ["stem", "cells", "head"]


def test_a_space_of_one_network_is_measured(hnas: Call) -> None:
    spec = str(ROOT / "examples" / "unet" / "spec.hnas")
    small = ("--set", "C=4", *QUICK, "--size", "16x32")
    said = hnas("show", spec, *small)
    assert said.code == 0, said.err
    assert "network unet, measured: " in said.out
    assert figures_of(hnas, spec, *small)["latency"]["image"] == [16, 32]


def test_the_folder_of_a_run(hnas: Call, tmp_path: Path) -> None:
    spec = trained_spec(tmp_path, "epochs = 1  batch = 4  C = 8  weights = sgd(lr = 0.1, momentum = 0.9)")
    run = str(tmp_path / "run")
    assert hnas("train", str(spec), "--out", run, "--max-steps", "1", "--threads", "1").code == 0
    figures = figures_of(hnas, run, *QUICK)
    assert (figures["network"], figures["sizes"][-1]["channels"]) == ("one", 8)
    assert figures["latency"]["image"] == [33, 33]


def test_the_folder_of_a_search_before_and_after_its_end(hnas: Call, tmp_path: Path) -> None:
    run = tmp_path / "run"
    assert hnas(*tiny_flags("--out", str(run), "--max-steps", "1")).code == 0
    assert (run / "found.hnas").is_file()
    assert figures_of(hnas, str(run))["network"] == "found"
    (run / "found.hnas").unlink()
    assert "network" not in figures_of(hnas, str(run))


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("--name", "found"), 2, "--name goes with --as"),
        (("--as", "trained"), 1, "there is no space `trained`"),
        (("--as", "nowhere.hnas"), 1, "there is no such file"),
        (("--as", str(FORM), "--name", "other"), 1, "has no network other"),
    ],
)
def test_what_is_refused(hnas: Call, found: str, arguments: tuple[str, ...], code: int, message: str) -> None:
    said = hnas("show", found, *arguments)
    assert said.code == code
    assert message in said.err


def test_a_space_has_no_network_to_place(hnas: Call) -> None:
    said = hnas("show", str(SPEC), "--as", str(FORM))
    assert said.code == 1
    assert "has no network" in said.err
