"""benchmarks/camvid.py: one width for all networks, and what is finished is not made again."""

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import pytest
from attrs import evolve
from helpers import ROOT, SPEC, random_architecture

from hnas.api.networks import network_block
from hnas.cli.sizes import graph_sizes
from hnas.compiler import Compilation
from hnas.ir.decisions import Architecture

Said = list[tuple[str, ...]]
MEASURED = '{"miou": 0.25}'


@pytest.fixture(scope="module")
def camvid() -> ModuleType:
    spec = importlib.util.spec_from_file_location("camvid", ROOT / "benchmarks" / "camvid.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def said(camvid: ModuleType, monkeypatch: pytest.MonkeyPatch) -> Said:
    """The commands, which are not run."""
    commands: Said = []

    def hnas(_: object, *arguments: object) -> str:
        commands.append(tuple(map(str, arguments)))
        return MEASURED

    monkeypatch.setattr(camvid.Bench, "hnas", hnas)
    return commands


def _channels(compilation: Compilation, architecture: Architecture) -> dict[object, int | None]:
    """Of the cells' maps, by stride."""
    sizes = graph_sizes(compilation.specialized(architecture), None)
    return {size.stride: size.channels for size in sizes if max(size.layers) > 0}


def test_the_published_network_has_the_width_of_the_others(camvid: ModuleType) -> None:
    form = Compilation(ROOT / camvid.FORM, "camvid", camvid.AS_PUBLISHED, trained=True)
    block = evolve(network_block(ROOT / camvid.PUBLISHED), relation=None)
    published = _channels(form, form.place(block))

    searched = Compilation(SPEC, "camvid")
    form = Compilation(ROOT / camvid.FORM, "camvid", trained=True)
    assert form.decisions.digest == searched.decisions.digest
    drawn = random_architecture(searched.decisions, (4, 8, 16, 16, 8, 4), 0)
    assert _channels(form, drawn) == {4: 60, 8: 120, 16: 240}
    assert published == {4: 60, 8: 120, 16: 240, 32: 480}


def test_the_budget_is_that_of_the_profile_and_ends_with_the_only_validation(camvid: ModuleType) -> None:
    train = Compilation(ROOT / camvid.FORM, "camvid", trained=True).train
    assert (train.iterations, train.epochs, train.validate.every, train.validate.images) == (None, 12, 12, 0)


def test_a_run_is_begun_resumed_or_left_alone(camvid: ModuleType, said: Said, tmp_path: Path) -> None:
    bench = camvid.Bench(tmp_path, "PATH", 1)
    run, data = tmp_path / "search-3", ("--data", "camvid=PATH")
    bench.search(3)
    settings = ("--profile", "camvid", "--threads", "1", "--out", str(run))
    assert said == [("search", str(camvid.SPEC), "--seed", "3", *data, *settings)]

    run.mkdir()
    (run / "run.json").touch()
    said.clear()
    bench.search(3)
    assert said == [("search", "--resume", str(run), *data)]

    (run / "found.hnas").touch()
    said.clear()
    assert bench.search(3).file == run / "found.hnas"
    assert said == []


def test_a_training_that_stopped_early_is_resumed_and_measured_at_the_end(
    camvid: ModuleType, said: Said, tmp_path: Path
) -> None:
    bench = camvid.Bench(tmp_path, "PATH", 1)
    network = camvid.Candidate("drawn", "sample", Path("0001.hnas"))
    run = tmp_path / "drawn-seed-0"
    run.mkdir()
    (run / "run.json").touch()
    (run / "result.json").write_text(json.dumps({"step": 3, "steps": 550}))
    bench.train(network, 0)
    assert [words[:3] for words in said] == [
        ("train", "--resume", str(run)),
        ("eval", str(run), "--json"),
        ("eval", str(run), "--window"),
    ]
    assert bench.measured(network, 0).read_text() == MEASURED
    assert camvid.reached(bench, [network], [0]) == ([0.25], [0.25])

    (run / "result.json").write_text(json.dumps({"step": 550, "steps": 550}))
    said.clear()
    bench.train(network, 0)
    assert said == []
