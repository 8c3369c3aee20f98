"""A training as an object: what it trained, with the weights that eval and predict use."""

import shutil
from pathlib import Path

import pytest
import torch
from helpers import tiny_flags, trained_spec

import hnas
from hnas import HnasError
from hnas.cli.main import run as command
from hnas.engine.checkpoint import Checkpoints, _read

TRAIN = "epochs = 2  batch = 8  weights = sgd(lr = 0.1)  validate { images = 2 }"


def trained(folder: Path, train: str) -> Path:
    """A run of three steps."""
    spec = trained_spec(folder, train)
    flags = ["--out", str(folder / "run"), "--threads", "1", "--max-steps", "3"]
    assert command(["train", str(spec), *flags]) == 0
    return folder / "run"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trained(tmp_path_factory.mktemp("trained"), TRAIN + " ema = 0.9")


@pytest.fixture
def copy(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "run"))


def test_a_training_is_opened_as_a_search_is(whole: Path) -> None:
    run = hnas.open(whole)
    assert (run.record.kind, run.finished, run.space.name) == ("train", True, "small")
    assert (run.steps.done, run.steps.planned, run.steps.last) == (3, 60, 3)
    assert run.architecture == run.space.read(whole / "network.hnas")
    assert [row["phase"] for row in run.metrics()] == ["train", "validation"]
    for ask in (run.weights, run.supernet):
        with pytest.raises(HnasError, match="hnas train made it"):
            ask()


def test_its_network_has_the_average_where_there_is_one(whole: Path) -> None:
    before = torch.random.get_rng_state()
    network = hnas.open(whole).network()
    assert torch.equal(torch.random.get_rng_state(), before)
    assert not network.training
    state = _read(next((whole / "checkpoints").glob("step-*.pt")))["state"]
    assert any(not torch.equal(state["ema"][name], state["model"][name]) for name in state["model"])
    for which in ("best", "last", None):
        found = hnas.open(whole).network(which).state_dict()
        assert all(torch.equal(value, state["ema"][name]) for name, value in found.items())


def test_best_and_last_are_told_apart(copy: Path) -> None:
    run = hnas.open(copy)
    newest = max((copy / "checkpoints").glob("step-*.pt"))
    state = _read(newest)["state"]
    state["ema"] = {name: torch.ones_like(value) for name, value in state["ema"].items()}
    Checkpoints(copy / "checkpoints", run.record.binding).save(4, state)
    assert all(bool((value == 1).all()) for value in run.network("last").state_dict().values())
    assert not all(bool((value == 1).all()) for value in run.network().state_dict().values())
    predictors = run.predictor("last", device="cpu"), run.predictor(device="cpu")
    assert [(each.which, each.step) for each in predictors] == [("last", 4), ("best", 3)]
    (copy / "checkpoints" / "best.pt").unlink()
    assert run.predictor(device="cpu").which == "last"
    with pytest.raises(HnasError, match="no best one yet"):
        run.network("best")


def test_a_damaged_checkpoint_is_warned_about(copy: Path) -> None:
    shutil.copy(max((copy / "checkpoints").glob("step-*.pt")), copy / "checkpoints" / "step-000000004.pt")
    newest = copy / "checkpoints" / "step-000000004.pt"
    newest.write_bytes(newest.read_bytes()[:-1])
    for ask in (hnas.open(copy).network, lambda which: hnas.open(copy).predictor(which, device="cpu")):
        with pytest.warns(UserWarning, match="is damaged") as caught:
            ask("last")
        assert [Path(each.filename).name for each in caught] == [Path(__file__).name]


def test_weights_of_another_network_name_what_differs(copy: Path) -> None:
    """A checkpoint whose checksum and run are right, and whose weights are not of this network."""
    newest = max((copy / "checkpoints").glob("step-*.pt"))
    state = _read(newest)["state"]
    first = next(iter(state["ema"]))
    state["ema"][first] = torch.zeros(1, 2, 3)
    binding = hnas.open(copy).record.binding
    Checkpoints(copy / "checkpoints", binding).save(3, state)
    with pytest.raises(HnasError, match=f"E0612.*{first}"):
        hnas.open(copy).network("last")
    del state["ema"][first]
    Checkpoints(copy / "checkpoints", binding).save(3, state)
    with pytest.raises(HnasError, match=f"E0612.*{first}"):
        hnas.open(copy).network("last")


def test_a_changed_network_is_refused(copy: Path) -> None:
    network = copy / "network.hnas"
    network.write_text(network.read_text().replace("unit(3)", "unit(1)"))
    run = hnas.open(copy)
    for ask in (lambda: run.space, lambda: run.architecture, run.network):
        with pytest.raises(HnasError, match="E0607"):
            ask()


def test_of_a_search_it_is_the_part_of_the_super_network_that_was_found(tmp_path: Path) -> None:
    path = tmp_path / "run"
    assert command(tiny_flags("--out", str(path), "--max-steps", "2")) == 0
    run = hnas.open(path)
    network, model = run.network(), run.supernet()
    assert not network.training
    given = model.network.state_dict()
    assert len(network.state_dict()) > 5
    assert all(torch.equal(value, given[name]) for name, value in network.state_dict().items())
    assert network(run.prepare(torch.zeros(3, 33, 41, dtype=torch.uint8))).shape == (1, 8, 33, 41)
    with pytest.raises(HnasError, match="keeps no best one"):
        run.network("best")
    with pytest.raises(HnasError, match="hnas search made it"):
        run.predictor()
    (path / "found.hnas").unlink()
    with pytest.raises(HnasError, match="no found"):
        run.network()
