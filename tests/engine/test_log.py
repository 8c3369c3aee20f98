"""metrics.jsonl."""

import json
import math
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from hnas.diag import Diagnostic
from hnas.engine.log import MetricsLog

Refused = Callable[[Callable[[], object]], Diagnostic]


@pytest.fixture
def log(tmp_path: Path) -> MetricsLog:
    return MetricsLog(tmp_path / "metrics.jsonl")


def test_rows_come_back_in_order(log: MetricsLog) -> None:
    rows = [{"step": n, "loss": n / 3, "phase": "search", "miou": None} for n in range(4)]
    for row in rows:
        log.append(row)
    assert log.rows() == rows
    assert [json.loads(line) for line in log.path.read_text().splitlines()] == rows


def test_without_a_file_there_are_no_rows(log: MetricsLog) -> None:
    assert log.rows() == []


def test_numbers_that_are_not_finite_become_null(log: MetricsLog) -> None:
    log.append({"a": math.nan, "b": math.inf, "c": -math.inf, "d": 1e308, "e": "nan"})
    assert log.rows() == [{"a": None, "b": None, "c": None, "d": 1e308, "e": "nan"}]
    json.loads(log.path.read_text(), parse_constant=pytest.fail)


def test_text_beyond_ascii_stays_one_line(log: MetricsLog) -> None:
    row = {"path": "4 → 8\u2028\n\x85 → 16"}
    log.append(row)
    assert log.rows() == [row]


def test_a_half_written_last_line_is_left_out(log: MetricsLog) -> None:
    log.append({"step": 1})
    whole = log.path.read_bytes()
    log.append({"step": 2, "path": "4 → 8"})
    both = log.path.read_bytes()
    for length in range(len(whole), len(both) - 2):
        log.path.write_bytes(both[:length])
        assert log.rows() == [{"step": 1}], length


def test_cut_keeps_the_first_rows_and_what_is_appended_then_is_whole(log: MetricsLog) -> None:
    for step in range(5):
        log.append({"step": step})
    with log.path.open("a") as file:
        file.write('{"step": 5, "lo')
    log.cut(3)
    log.append({"step": 30})
    assert log.rows() == [{"step": 0}, {"step": 1}, {"step": 2}, {"step": 30}]
    assert len(log.path.read_text().splitlines()) == 4


@pytest.mark.parametrize(("rows", "kept"), [(0, 0), (2, 2), (9, 2)])
def test_cut_to_none_to_all_and_to_more_than_there_are(log: MetricsLog, rows: int, kept: int) -> None:
    log.append({"step": 1})
    log.append({"step": 2})
    before = log.path.read_bytes()
    log.cut(rows)
    assert log.rows() == [{"step": 1}, {"step": 2}][:kept]
    assert kept < 2 or log.path.read_bytes() == before


def test_cut_of_a_log_that_was_never_written(log: MetricsLog) -> None:
    log.cut(0)
    assert log.rows() == []


def test_a_full_disk_while_cutting_keeps_all_rows(
    log: MetricsLog, refused: Refused, monkeypatch: pytest.MonkeyPatch
) -> None:
    log.append({"step": 1})

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    fault = refused(lambda: log.cut(0))
    assert fault.code == "E0604"
    assert fault.message == f"cannot write {log.path}: the disk is full"
    assert log.rows() == [{"step": 1}]


def test_a_folder_that_is_gone_is_named(tmp_path: Path, refused: Refused) -> None:
    path = tmp_path / "gone" / "metrics.jsonl"
    fault = refused(lambda: MetricsLog(path).append({"step": 1}))
    assert fault.code == "E0604"
    assert str(path) in fault.message
