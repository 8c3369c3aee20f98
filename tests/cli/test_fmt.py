"""`hnas fmt`: files rewritten, checked, compared; standard input; files that cannot be formatted."""

import io
import os
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from helpers import SPEC

Call = Callable[..., Any]

LOOSE = "hnas 1\na=1\nbb = 2 # two\n"
FORMATTED = "hnas 1\na  = 1\nbb = 2   # two\n"
BROKEN = "hnas 1\na = \nb = 2 $\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with a file of each kind."""
    monkeypatch.chdir(tmp_path)
    for name, text in (("loose", LOOSE), ("formatted", FORMATTED), ("broken", BROKEN)):
        Path(f"{name}.hnas").write_text(text, encoding="utf-8")
    return tmp_path


@pytest.fixture
def piped(monkeypatch: pytest.MonkeyPatch) -> Callable[[bytes], None]:
    def pipe(data: bytes) -> None:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))

    return pipe


def test_files_are_rewritten_and_named(hnas: Call, folder: Path) -> None:
    said = hnas("fmt", "loose.hnas", "formatted.hnas")
    assert (said.code, said.out, said.err) == (0, "", "loose.hnas: formatted\n")
    assert Path("loose.hnas").read_text(encoding="utf-8") == FORMATTED
    again = hnas("fmt", "loose.hnas", "formatted.hnas")
    assert (again.code, again.out, again.err) == (0, "", "")
    assert sorted(path.name for path in folder.iterdir()) == ["broken.hnas", "formatted.hnas", "loose.hnas"]


def test_check_names_what_would_change_and_writes_nothing(hnas: Call, folder: Path) -> None:
    said = hnas("fmt", "--check", "loose.hnas", "formatted.hnas")
    assert (said.code, said.out, said.err) == (1, "", "loose.hnas: would be formatted\n")
    assert Path("loose.hnas").read_text(encoding="utf-8") == LOOSE
    said = hnas("fmt", "--check", "formatted.hnas", str(SPEC))
    assert (said.code, said.out, said.err) == (0, "", "")


def test_diff_shows_what_would_change_and_writes_nothing(hnas: Call, folder: Path) -> None:
    expected = """\
--- loose.hnas
+++ loose.hnas
@@ -1,3 +1,3 @@
 hnas 1
-a=1
-bb = 2 # two
+a  = 1
+bb = 2   # two
"""
    said = hnas("fmt", "--diff", "loose.hnas", "formatted.hnas")
    assert (said.code, said.out, said.err) == (0, expected, "")
    said = hnas("fmt", "--diff", "--check", "loose.hnas")
    assert (said.code, said.out, said.err) == (1, expected, "loose.hnas: would be formatted\n")
    assert Path("loose.hnas").read_text(encoding="utf-8") == LOOSE


def test_a_missing_last_line_break_shows_in_a_diff(hnas: Call, folder: Path) -> None:
    Path("x.hnas").write_text("hnas 1\na = 1", encoding="utf-8")
    lines = hnas("fmt", "--diff", "x.hnas").out.splitlines()
    assert lines[-4:] == [" hnas 1", "-a = 1", "\\ No newline at end of file", "+a = 1"]


def test_a_byte_order_mark_and_carriage_returns_count_as_changes(hnas: Call, folder: Path) -> None:
    for data in (b"\xef\xbb\xbfhnas 1\na = 1\n", b"hnas 1\r\na = 1\r\n"):
        Path("x.hnas").write_bytes(data)
        assert hnas("fmt", "--check", "x.hnas").code == 1
        assert hnas("fmt", "--diff", "x.hnas").out
        assert hnas("fmt", "x.hnas").code == 0
        assert Path("x.hnas").read_bytes() == b"hnas 1\na = 1\n"


def test_a_file_with_syntax_errors_stays_and_the_others_are_formatted(hnas: Call, folder: Path) -> None:
    said = hnas("fmt", "broken.hnas", "missing.hnas", "loose.hnas")
    assert (said.code, said.out) == (1, "")
    for text in ("--> broken.hnas:2:3", "--> broken.hnas:3:7", "2 errors", "there is no such file"):
        assert text in said.err
    assert said.err.endswith("loose.hnas: formatted\n")
    assert Path("broken.hnas").read_text(encoding="utf-8") == BROKEN
    assert Path("loose.hnas").read_text(encoding="utf-8") == FORMATTED


def test_standard_input_goes_to_standard_output(hnas: Call, piped: Callable[[bytes], None]) -> None:
    piped(LOOSE.replace("two", "zwölf").encode())
    said = hnas("fmt", "-")
    assert (said.code, said.out, said.err) == (0, FORMATTED.replace("two", "zwölf"), "")
    piped(LOOSE.encode())
    said = hnas("fmt", "--check", "-")
    assert (said.code, said.out, said.err) == (1, "", "<stdin>: would be formatted\n")
    piped(BROKEN.encode())
    said = hnas("fmt", "-")
    assert (said.code, said.out) == (1, "")
    assert "--> <stdin>:2:3" in said.err


def test_a_folder_is_not_formatted(hnas: Call, folder: Path) -> None:
    said = hnas("fmt", str(folder))
    assert said.code == 1
    assert "it is a folder" in said.err


def test_permissions_and_links_are_kept(hnas: Call, folder: Path) -> None:
    os.chmod("loose.hnas", 0o640)
    os.symlink("loose.hnas", "link.hnas")
    assert hnas("fmt", "link.hnas").code == 0
    assert Path("link.hnas").is_symlink()
    assert Path("loose.hnas").read_text(encoding="utf-8") == FORMATTED
    assert stat.S_IMODE(os.stat("loose.hnas").st_mode) == 0o640


def test_what_may_not_be_written_is_said_and_stays(hnas: Call, folder: Path) -> None:
    os.chmod("loose.hnas", 0o440)
    said = hnas("fmt", "loose.hnas")
    assert said.code == 1
    assert "cannot write loose.hnas: it is read-only" in said.err
    assert Path("loose.hnas").read_text(encoding="utf-8") == LOOSE


def test_a_write_that_fails_leaves_the_file_whole(
    hnas: Call, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    said = hnas("fmt", "loose.hnas")
    assert said.code == 1
    assert "the disk is full" in said.err
    assert Path("loose.hnas").read_text(encoding="utf-8") == LOOSE
    assert not list(folder.glob(".*"))
