"""A run as an object, while it is searched and afterwards."""

import json
import shutil
import warnings
from pathlib import Path

import pytest
import torch
from helpers import tiny_flags

import hnas
from hnas import HnasError
from hnas.cli.main import run as command
from hnas.engine.run import RunFolder


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of all its 18 steps."""
    path = tmp_path_factory.mktemp("whole") / "run"
    assert command(tiny_flags("--out", str(path))) == 0
    return path


@pytest.fixture
def copy(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "run"))


def test_a_finished_run(whole: Path) -> None:
    run = hnas.open(str(whole))
    assert (run.path, run.record) == (whole, RunFolder.open(whole).record)
    assert run.finished
    steps = run.steps
    assert (steps.done, steps.planned, steps.last) == (18, 18, 18)
    assert (run.space.name, run.space.counts.paths) == ("auto_deeplab", 4)
    assert run.architecture == run.space.read(whole / "found.hnas")
    assert [row["step"] for row in run.metrics() if row["phase"] == "validation"] == [6, 12, 18]


def test_weights_are_those_that_were_decoded(whole: Path) -> None:
    run = hnas.open(whole)
    found, table = run.weights(), run.space.compilation.decisions
    assert {name: len(given) for name, given in found.items()} == {
        g.id: len(g.options) for g in table.groups()
    }
    assert all(sum(given) == pytest.approx(1) for given in found.values())
    model = run.supernet()
    with torch.no_grad():
        assert {name: tuple(given.tolist()) for name, given in model.arch.weights().items()} == found
    from hnas.search.decode import decode

    assert decode(table, found, run.space.compilation.decode) == run.architecture


def test_the_super_network_has_the_weights_of_the_checkpoint(whole: Path) -> None:
    before = torch.random.get_rng_state()
    model = hnas.open(whole).supernet()
    assert torch.equal(torch.random.get_rng_state(), before)
    from hnas.engine.checkpoint import Checkpoints

    kept = Checkpoints(whole / "checkpoints", RunFolder.open(whole).record.binding).load_latest()[1]["model"]
    assert all(torch.equal(kept[name], value) for name, value in model.state_dict().items())
    assert model(torch.zeros(2, 3, 33, 33)).shape == (2, 8, 33, 33)


def test_looking_leaves_no_trace_and_needs_no_lock(whole: Path) -> None:
    def files() -> dict[str, tuple[int, bytes]]:
        return {str(p): (p.stat().st_mtime_ns, p.read_bytes()) for p in whole.rglob("*") if p.is_file()}

    before = files()
    with RunFolder.open(whole):  # another process is writing
        run = hnas.open(whole)
        _ = run.finished, run.steps, run.metrics(), run.architecture, run.weights()
    assert files() == before


def test_a_run_that_is_not_at_its_end(tmp_path: Path) -> None:
    path = tmp_path / "part"
    assert command(tiny_flags("--out", str(path), "--max-steps", "7")) == 0
    run = hnas.open(path)
    assert (run.steps.done, run.steps.planned, run.steps.last, run.finished) == (7, 18, 7, True)
    assert command(["search", "--resume", str(path), "--max-steps", "12"]) == 0
    assert (run.steps.done, run.steps.last, run.finished) == (12, 12, True)  # read anew
    assert run.metrics()[-1]["step"] == 12


def test_a_run_in_its_first_steps(copy: Path) -> None:
    """What there is when a search has begun: no found.hnas, no checkpoint, half a row."""
    (copy / "found.hnas").unlink()
    shutil.rmtree(copy / "checkpoints")
    (copy / "checkpoints").mkdir()
    (copy / "metrics.jsonl").write_text('{"step": 6, "phase": "search"}\n{"step": 12, "pha')
    run = hnas.open(copy)
    assert run.metrics() == ({"step": 6, "phase": "search"},)
    assert (run.steps.done, run.finished, run.architecture) == (6, False, None)
    with pytest.raises(HnasError, match="E0605"):
        run.weights()
    (copy / "metrics.jsonl").unlink()
    assert (run.metrics(), run.steps.done) == ((), 0)


def test_a_record_without_steps_is_not_known_to_be_finished(copy: Path) -> None:
    record = json.loads((copy / "run.json").read_text())
    del record["steps"]
    (copy / "run.json").write_text(json.dumps(record))
    run = hnas.open(copy)
    assert (run.steps.done, run.steps.planned, run.steps.last, run.finished) == (18, None, None, False)


def test_a_damaged_checkpoint_is_warned_about(copy: Path) -> None:
    newest = max((copy / "checkpoints").glob("*.pt"))
    newest.write_bytes(newest.read_bytes()[:-1])
    with pytest.warns(UserWarning, match="is damaged") as caught:
        hnas.open(copy).weights()
    assert [Path(each.filename).name for each in caught] == [Path(__file__).name]


def test_nothing_is_unpickled(copy: Path) -> None:
    newest = max((copy / "checkpoints").glob("*.pt"))
    torch.save({"step": 1, "digest": "x", "state": Path("x")}, newest)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        hnas.open(copy).weights()  # the checkpoint before it


def test_a_changed_spec_is_refused(copy: Path) -> None:
    spec = copy / "spec.hnas"
    spec.write_text(spec.read_text().replace("epochs = 3", "epochs = 4"))
    run = hnas.open(copy)
    assert run.metrics()
    for ask in (lambda: run.space, lambda: run.architecture, run.weights, run.supernet):
        with pytest.raises(HnasError, match="E0607"):
            ask()


def test_what_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(HnasError, match="E0602"):
        hnas.open(tmp_path)
    with pytest.raises(HnasError, match="there is no such folder"):
        hnas.open(tmp_path / "gone")
