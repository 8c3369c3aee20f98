import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import attrs
import pytest

from hnas.diag import Diagnostic
from hnas.engine.run import RunFolder, RunRecord

Refused = Callable[[Callable[[], object]], Diagnostic]
NOW = datetime(2026, 3, 4, 5, 6, 7)
RECORD = RunRecord(
    hnas="0.1.0",
    python="3.11.7",
    torch="2.6.0",
    command=("search", "spec.hnas", "--seed", "3"),
    started="2026-03-04T05:06:07",
    spec="spec.hnas",
    profile="quick",
    seed=3,
    device="cpu",
    threads=2,
    digests={"choices": "c", "weights": "w", "run": "r"},
    data={"name": "camvid", "path": "/data/camvid"},
    measured={"1": 0.25},
    options={"max_steps": 4, "scale": 0.5, "out": "x"},
    notes=("first", "second"),
)


@pytest.fixture
def made(tmp_path: Path) -> RunFolder:
    """A run folder that can be opened."""
    folder = RunFolder.create(tmp_path / "made", "spec", NOW)
    folder.spec.write_text("space s {}\n")
    folder.write_record(RECORD)
    return folder


# --- making one ------------------------------------------------------------------------------------


@pytest.mark.parametrize("there", [False, True])
def test_a_given_folder_may_be_missing_or_empty(tmp_path: Path, there: bool) -> None:
    out = tmp_path / "a" / "b"
    if there:
        out.mkdir(parents=True)
    folder = RunFolder.create(out, "spec", NOW)
    assert folder.path == out
    assert folder.checkpoints.is_dir()


def test_a_folder_that_is_not_empty_is_refused_and_left_alone(tmp_path: Path, refused: Refused) -> None:
    (tmp_path / ".hidden").touch()
    fault = refused(lambda: RunFolder.create(tmp_path, "spec", NOW))
    assert fault.code == "E0601"
    assert fault.message == f"{tmp_path} is there already and not empty"
    assert f"--resume {tmp_path}" in fault.help_text
    assert [path.name for path in tmp_path.iterdir()] == [".hidden"]


def test_a_run_is_never_made_over_another(made: RunFolder, refused: Refused) -> None:
    before = made.record_file.read_bytes()
    assert refused(lambda: RunFolder.create(made.path, "spec", NOW)).code == "E0601"
    assert made.record_file.read_bytes() == before


def test_a_file_in_its_place_is_refused(tmp_path: Path, refused: Refused) -> None:
    (tmp_path / "file").write_text("kept")
    assert refused(lambda: RunFolder.create(tmp_path / "file", "spec", NOW)).code == "E0601"
    assert refused(lambda: RunFolder.create(tmp_path / "file" / "below", "spec", NOW)).code == "E0604"
    assert (tmp_path / "file").read_text() == "kept"


def test_runs_of_the_same_second_get_different_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    made = [RunFolder.create(None, "autodeeplab", NOW).path for _ in range(3)]
    assert made == [
        Path("runs/autodeeplab-20260304-050607"),
        Path("runs/autodeeplab-20260304-050607-2"),
        Path("runs/autodeeplab-20260304-050607-3"),
    ]
    assert all((path / "checkpoints").is_dir() for path in made)


def test_a_file_called_runs_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refused: Refused
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("runs").touch()
    fault = refused(lambda: RunFolder.create(None, "spec", NOW))
    assert fault.code == "E0604"
    assert "runs/spec-20260304-050607" in fault.message


def test_all_files_lie_in_the_folder_under_different_names(made: RunFolder) -> None:
    files = [made.spec, made.record_file, made.metrics, made.events, made.checkpoints, made.found]
    assert len(set(files)) == 6
    assert {file.parent for file in files} == {made.path}


# --- opening one -----------------------------------------------------------------------------------


def test_what_was_made_can_be_opened(made: RunFolder) -> None:
    opened = RunFolder.open(made.path)
    assert opened.path == made.path
    assert opened.record == RECORD


def test_what_is_no_run_folder_is_refused(tmp_path: Path, refused: Refused) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "empty").mkdir()
    whys = {
        "missing": "there is no such folder",
        "file": "it is a file",
        "empty": "it has no run.json",
    }
    for name, why in whys.items():
        fault = refused(lambda path=tmp_path / name: RunFolder.open(path))
        assert fault.code == "E0602"
        assert fault.message == f"{tmp_path / name} is no run folder: {why}"


def test_a_run_without_its_spec_is_refused(made: RunFolder, refused: Refused) -> None:
    made.spec.unlink()
    fault = refused(lambda: RunFolder.open(made.path))
    assert fault.code == "E0602"
    assert fault.message.endswith("it has no spec.hnas")


# --- run.json --------------------------------------------------------------------------------------


def test_the_record_comes_back_as_it_was() -> None:
    assert RunRecord.from_json(RECORD.to_json()) == RECORD


def test_what_has_a_default_need_not_be_there() -> None:
    content = json.loads(RECORD.to_json())
    for name in ("measured", "options", "notes"):
        del content[name]
    bare = RunRecord.from_json(json.dumps(content))
    assert bare == attrs.evolve(RECORD, measured={}, options={}, notes=())


def test_a_field_of_a_later_version_is_passed_over() -> None:
    content = json.loads(RECORD.to_json())
    content["colour"] = "red"
    assert RunRecord.from_json(json.dumps(content)) == RECORD


def test_text_beyond_ascii_survives(made: RunFolder) -> None:
    record = attrs.evolve(RECORD, spec="Suche äöü.hnas", notes=("naïve → \u2028 done",))
    made.write_record(record)
    assert made.record == record


def damaged(**changes: object) -> str:
    content = json.loads(RECORD.to_json())
    for name, value in changes.items():
        if value is ...:
            del content[name]
        else:
            content[name] = value
    return json.dumps(content)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "run.json cannot be read"),
        (RECORD.to_json()[:40], "run.json cannot be read"),
        ("[1, 2]", "run.json is not a run's"),
        ("{}", "run.json is not a run's"),
        (damaged(format=99), "run.json is of another version of hnas"),
        (damaged(seed=...), "run.json lacks seed"),
        (damaged(seed=..., digests=...), "run.json lacks seed, digests"),
        (damaged(command=None), "run.json cannot be read"),
    ],
)
def test_a_damaged_record_is_refused(made: RunFolder, refused: Refused, text: str, why: str) -> None:
    made.record_file.write_text(text)
    fault = refused(lambda: RunFolder.open(made.path))
    assert fault.code == "E0602"
    assert str(made.path) in fault.message
    assert why in fault.message


def test_a_record_that_is_no_text_is_refused(made: RunFolder, refused: Refused) -> None:
    made.record_file.write_bytes(b"\xff\xfe\x00\x80")
    assert refused(lambda: RunFolder.open(made.path)).code == "E0602"


# --- the lock --------------------------------------------------------------------------------------


def test_a_second_writer_is_refused_while_the_first_is_there(made: RunFolder, refused: Refused) -> None:
    second = RunFolder.open(made.path)
    with made:
        for _ in range(2):
            fault = refused(second.__enter__)
            assert fault.code == "E0603"
            assert fault.message == f"another process is writing to {made.path}"
    with second:
        assert refused(made.__enter__).code == "E0603"


def test_the_lock_is_let_go_after_a_failure(made: RunFolder) -> None:
    with pytest.raises(KeyError), made:
        raise KeyError
    with RunFolder.open(made.path):
        pass


def test_two_runs_do_not_lock_each_other(made: RunFolder, tmp_path: Path) -> None:
    with made, RunFolder.create(tmp_path / "other", "spec", NOW) as other:
        assert other.path != made.path


def test_a_locked_run_can_still_be_read(made: RunFolder) -> None:
    with made:
        assert RunFolder.open(made.path).record == RECORD
