"""-O and --passes through whole runs: recorded, kept on --resume, another level reads the checkpoint."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers import ROOT

import hnas as api
from hnas.api.run import open as open_run
from hnas.diag import HnasError
from hnas.passes.pipeline import DEFAULT, LEVELS

Call = Callable[..., Any]
SPEC = ROOT / "tests" / "specs" / "passes.hnas"
QUICK = ("--device", "cpu", "--threads", "1", "--seed", "1", "--batch", "2")


def _recorded(run: Path) -> str:
    return json.loads((run / "run.json").read_text())["options"]["passes"]


def _search(hnas: Call, out: Path, *flags: str) -> None:
    said = hnas("search", str(SPEC), "--out", str(out), *QUICK, "--max-steps", "2", *flags)
    assert said.code == 0, said.err


def _weights(run: Path, passes: object = None) -> Mapping[str, torch.Tensor]:
    return api.open(run, passes=passes).supernet().state_dict()  # type: ignore[arg-type]


def test_a_search_keeps_its_passes_until_others_are_asked_for(hnas: Call, tmp_path: Path) -> None:
    run = tmp_path / "run"
    _search(hnas, run, "-O1")
    assert _recorded(run) == ",".join(LEVELS[1])
    assert hnas("search", "--resume", str(run), "--max-steps", "3").code == 0
    assert _recorded(run) == ",".join(LEVELS[1])
    assert hnas("search", "--resume", str(run), "--max-steps", "4", "-O0").code == 0
    assert _recorded(run) == ""
    assert api.open(run).space.compilation.passes == ()
    assert hnas("search", "--resume", str(run), "--max-steps", "5", "--passes", "share,batch").code == 0
    assert _recorded(run) == "share,batch"
    assert api.open(run).steps.done == 5


def test_without_a_word_all_passes_run(hnas: Call, tmp_path: Path) -> None:
    _search(hnas, tmp_path / "run")
    assert _recorded(tmp_path / "run") == ",".join(DEFAULT)


def test_a_run_older_than_passes_goes_on_with_all(hnas: Call, tmp_path: Path) -> None:
    run = tmp_path / "run"
    _search(hnas, run, "-O0")
    record = json.loads((run / "run.json").read_text())
    del record["options"]["passes"]
    (run / "run.json").write_text(json.dumps(record))
    assert api.open(run).space.compilation.passes == DEFAULT
    assert hnas("search", "--resume", str(run), "--max-steps", "3").code == 0


def test_a_checkpoint_of_one_level_is_read_at_any_other(hnas: Call, tmp_path: Path) -> None:
    run, images = tmp_path / "run", torch.rand(2, 3, 17, 17)
    _search(hnas, run, "-O0")
    plain, scores = _weights(run, 0), []
    for level in LEVELS:
        weights = _weights(run, level)
        assert weights.keys() == plain.keys()
        assert all(torch.equal(weights[name], plain[name]) for name in plain)
        with torch.no_grad():
            scores.append(api.open(run, passes=level).supernet().eval()(images))
    for score in scores[1:]:
        torch.testing.assert_close(score, scores[0], rtol=1e-4, atol=1e-5)


def test_levels_search_alike(hnas: Call, tmp_path: Path) -> None:
    for level in LEVELS:
        _search(hnas, tmp_path / str(level), f"-O{level}")
    plain = _weights(tmp_path / "0")
    for level in (1, 2):
        for name, weight in _weights(tmp_path / str(level)).items():
            torch.testing.assert_close(weight, plain[name], rtol=1e-3, atol=1e-4, msg=name)


def test_a_network_is_trained_and_measured_at_any_level(hnas: Call, tmp_path: Path) -> None:
    search, run = tmp_path / "search", tmp_path / "run"
    _search(hnas, search)
    said = hnas(
        *("train", str(search / "found.hnas"), "--out", str(run), *QUICK),
        *("--max-steps", "2", "-O1"),
    )
    assert said.code == 0, said.err
    assert _recorded(run) == ",".join(LEVELS[1])
    assert open_run(run).network().passes == LEVELS[1]
    assert open_run(run, passes=0).network().passes == ()
    figures = [json.loads(hnas("eval", str(run), "--images", "4", "--json", *f).out) for f in ((), ("-O0",))]
    assert figures[0]["pixel_accuracy"] == pytest.approx(figures[1]["pixel_accuracy"], abs=1e-3)


def test_python_refuses_what_there_is_not() -> None:
    with pytest.raises(HnasError, match="E0716"):
        api.load(SPEC, passes=7)
    with pytest.raises(HnasError, match="E0715"):
        api.load(SPEC, passes="shre")
    assert api.load(SPEC, passes="share").supernet(0).network.passes == ("share",)
