import errno
import hashlib
import io
import os
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from hnas.diag import Diagnostic, InternalError
from hnas.engine.checkpoint import Checkpoints, plain
from hnas.engine.settings import random_states, set_random_states

Refused = Callable[[Callable[[], object]], Diagnostic]
MAGIC = b"hnas-ckpt1"


@pytest.fixture
def checkpoints(tmp_path: Path) -> Checkpoints:
    folder = tmp_path / "run" / "checkpoints"
    folder.mkdir(parents=True)
    return Checkpoints(folder, "digest-of-this-run")


def names(checkpoints: Checkpoints) -> list[str]:
    return sorted(path.name for path in checkpoints.folder.iterdir())


def sealed(content: Any) -> bytes:
    """What torch.save makes of `content`, with a footer that fits."""
    buffer = io.BytesIO()
    torch.save(content, buffer)
    return buffer.getvalue() + hashlib.sha256(buffer.getvalue()).digest() + MAGIC


def same(a: Any, b: Any) -> bool:
    """Equal in value, type and, for tensors, in every bit."""
    if type(a) is not type(b):
        return False
    if isinstance(a, torch.Tensor):
        return a.dtype == b.dtype and torch.equal(a, b)
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b, strict=True))
    return a == b


# --- round trips -----------------------------------------------------------------------------------


def test_a_nested_state_comes_back_as_it_was(checkpoints: Checkpoints) -> None:
    dtypes = (
        torch.float32,
        torch.float64,
        torch.float16,
        torch.bfloat16,
        torch.int64,
        torch.uint8,
        torch.bool,
    )
    state = {
        "tensors": {str(dtype): torch.arange(6).reshape(2, 3).to(dtype) for dtype in dtypes},
        "empty": torch.empty(0, 3),
        "scalar": torch.tensor(2.5),
        "numbers": [1, -(2**62), 0.1, 1e-300, True, None, "text"],
        "pairs": ({"lr": 0.1, "betas": (0.9, 0.999)}, [[], {}, ()]),
        "by number": {0: "a", 1: {"step": torch.tensor(3.0)}},
    }
    path = checkpoints.save(7, state)
    assert path.parent == checkpoints.folder
    step, found, warnings = checkpoints.load_latest()
    assert (step, warnings) == (7, ())
    assert same(found, state)


def test_what_a_model_and_its_optimiser_hold_comes_back(checkpoints: Checkpoints) -> None:
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 1), torch.nn.BatchNorm2d(4))
    optimizer = torch.optim.Adam(model.parameters())
    model(torch.randn(2, 3, 4, 4)).square().mean().backward()
    optimizer.step()
    states = {"model": model.state_dict(), "optimizer": optimizer.state_dict()}
    checkpoints.save(1, states)
    _, found, _ = checkpoints.load_latest()
    assert same(found, plain(states))
    model.load_state_dict(found["model"])
    optimizer.load_state_dict(found["optimizer"])


def test_random_states_go_on_where_they_were(checkpoints: Checkpoints) -> None:
    torch.manual_seed(3)
    checkpoints.save(1, {"random": random_states()})
    expected = torch.rand(5)
    torch.manual_seed(99)
    set_random_states(checkpoints.load_latest()[1]["random"])
    assert torch.equal(torch.rand(5), expected)


def test_a_parameter_comes_back_as_a_tensor_without_its_graph(checkpoints: Checkpoints) -> None:
    weight = torch.nn.Parameter(torch.ones(2))
    checkpoints.save(1, {"leaf": weight, "grown": weight * 2})
    _, found, _ = checkpoints.load_latest()
    assert same(found, {"leaf": torch.ones(2), "grown": torch.full((2,), 2.0)})
    assert not found["grown"].requires_grad


@pytest.mark.parametrize("value", [object(), {1, 2}, b"bytes", len, 1j, torch.float32, Path("x")])
def test_plain_refuses_what_could_not_be_read_back(value: object) -> None:
    with pytest.raises(InternalError, match=type(value).__name__):
        plain({"deep": [({"down": value},)]})


def test_nothing_is_written_when_the_state_is_refused(checkpoints: Checkpoints) -> None:
    checkpoints.save(1, {})
    with pytest.raises(InternalError):
        checkpoints.save(2, {"bad": object()})
    assert names(checkpoints) == ["step-000000001.pt"]


def test_plain_makes_dicts_of_mappings() -> None:
    found = plain(OrderedDict(b=1, a=OrderedDict(c=2)))
    assert same(found, {"b": 1, "a": {"c": 2}})


# --- which are kept --------------------------------------------------------------------------------


def test_the_last_two_are_kept(checkpoints: Checkpoints) -> None:
    for step in (9, 10, 100, 1000):
        checkpoints.save(step, {"at": step})
        assert checkpoints.load_latest()[:2] == (step, {"at": step})
    assert names(checkpoints) == ["step-000000100.pt", "step-000001000.pt"]
    assert [path.name for path in checkpoints.files()] == names(checkpoints)


def test_saving_a_step_again_replaces_it(checkpoints: Checkpoints) -> None:
    checkpoints.save(5, {"try": 1})
    checkpoints.save(5, {"try": 2})
    assert names(checkpoints) == ["step-000000005.pt"]
    assert checkpoints.load_latest()[1] == {"try": 2}


def test_what_an_interrupted_write_left_is_cleared_and_never_read(checkpoints: Checkpoints) -> None:
    checkpoints.save(1, {"at": 1})
    (checkpoints.folder / ".step-000000002.pt.part").write_bytes(b"half")
    assert checkpoints.load_latest()[0] == 1
    checkpoints.save(3, {"at": 3})
    assert names(checkpoints) == ["step-000000001.pt", "step-000000003.pt"]


# --- damage ----------------------------------------------------------------------------------------


def cut(data: bytes) -> bytes:
    return data[: len(data) // 2]


def without_its_end(data: bytes) -> bytes:
    return data[:-1]


def flipped(data: bytes) -> bytes:
    # the middle of the file is tensor data: torch itself would not notice
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]


def emptied(_data: bytes) -> bytes:
    return b""


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        (cut, "it is cut short"),
        (without_its_end, "it is cut short"),
        (emptied, "it is cut short"),
        (flipped, "its checksum is wrong"),
    ],
)
def test_a_damaged_newest_is_reported_and_the_one_before_used(
    checkpoints: Checkpoints, damage: Callable[[bytes], bytes], why: str
) -> None:
    checkpoints.save(1, {"w": torch.ones(1000)})
    newest = checkpoints.save(2, {"w": torch.zeros(1000)})
    newest.write_bytes(damage(newest.read_bytes()))
    step, state, warnings = checkpoints.load_latest()
    assert step == 1
    assert same(state, {"w": torch.ones(1000)})
    (warning,) = warnings
    assert (warning.code, warning.severity) == ("W0601", "warning")
    assert warning.message == f"{newest} is damaged ({why}); the one before it is used"


def test_every_flipped_bit_is_noticed(checkpoints: Checkpoints, refused: Refused) -> None:
    path = checkpoints.save(1, {"w": torch.ones(3)})
    whole = path.read_bytes()
    for at in range(0, len(whole), 11):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 4]) + whole[at + 1 :])
        assert refused(checkpoints.load_latest).code == "E0605", at


def test_all_damaged_is_refused(checkpoints: Checkpoints, refused: Refused) -> None:
    for step in (1, 2):
        checkpoints.save(step, {}).write_bytes(b"gone")
    fault = refused(checkpoints.load_latest)
    assert fault.code == "E0605"
    assert str(checkpoints.folder.parent) in fault.message
    assert "all of them are damaged" in fault.message


def test_none_there_is_refused(checkpoints: Checkpoints, refused: Refused) -> None:
    fault = refused(checkpoints.load_latest)
    assert fault.code == "E0605"
    assert fault.message == f"{checkpoints.folder.parent} has no checkpoint to go on from: there is none yet"


def test_a_checkpoint_of_another_run_is_refused_by_name(checkpoints: Checkpoints, refused: Refused) -> None:
    path = checkpoints.save(4, {})
    fault = refused(Checkpoints(checkpoints.folder, "digest-of-another").load_latest)
    assert fault.code == "E0606"
    assert fault.message == f"{path} belongs to run digest-of-this-run, this is run digest-of-another"


# --- what is no checkpoint -------------------------------------------------------------------------


class Malicious:
    """Runs code when it is unpickled."""

    def __init__(self, proof: Path) -> None:
        self.proof = proof

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return os.mkdir, (str(self.proof),)


def test_code_in_a_pickle_is_not_run(checkpoints: Checkpoints, tmp_path: Path) -> None:
    proof = tmp_path / "it ran"
    checkpoints.save(1, {"at": 1})
    evil = checkpoints.folder / "step-000000002.pt"
    evil.write_bytes(sealed({"step": 2, "digest": checkpoints.digest, "state": {"x": Malicious(proof)}}))
    step, _, warnings = checkpoints.load_latest()
    assert not proof.exists()
    assert step == 1
    assert [w.code for w in warnings] == ["W0601"]
    assert str(evil) in warnings[0].message
    # the file would have run it: without this the test could not fail
    torch.load(io.BytesIO(evil.read_bytes()[: -32 - len(MAGIC)]), weights_only=False)
    assert proof.exists()


@pytest.mark.parametrize("content", [[1, 2], "text", {"step": 1, "state": {}}, torch.ones(3)])
def test_a_sealed_file_with_other_content_counts_as_damaged(
    checkpoints: Checkpoints, refused: Refused, content: object
) -> None:
    (checkpoints.folder / "step-000000002.pt").write_bytes(sealed(content))
    assert refused(checkpoints.load_latest).code == "E0605"


# --- no room ---------------------------------------------------------------------------------------


def full(*_: object, **__: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_full_disk_leaves_earlier_ones_untouched(
    checkpoints: Checkpoints, refused: Refused, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    before = {path: path.read_bytes() for path in (checkpoints.save(s, {"at": s}) for s in (1, 2))}
    monkeypatch.setattr(os, call, full)
    fault = refused(lambda: checkpoints.save(3, {"at": 3}))
    monkeypatch.undo()
    assert fault.code == "E0604"
    path = checkpoints.folder / "step-000000003.pt"
    assert fault.message == f"cannot write {path}: the disk is full"
    assert {path: path.read_bytes() for path in checkpoints.folder.iterdir()} == before
    assert checkpoints.load_latest()[:2] == (2, {"at": 2})


def test_a_folder_that_is_gone_is_named(checkpoints: Checkpoints, refused: Refused) -> None:
    checkpoints.folder.rmdir()
    fault = refused(lambda: checkpoints.save(3, {}))
    assert fault.code == "E0604"
    assert str(checkpoints.folder / "step-000000003.pt") in fault.message
    assert "the disk is full" not in fault.message
