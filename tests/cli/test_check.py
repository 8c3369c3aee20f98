"""`hnas check` beyond a single file: standard input, the shape editors read, very many mistakes."""

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from helpers import ROOT, SPEC

from hnas.diag.lsp import position

Call = Callable[..., Any]
ERRORS = ROOT / "tests" / "errors"


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> Callable[[bytes], None]:
    """Puts bytes on standard input."""

    def put(data: bytes) -> None:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data), encoding="utf-8"))

    return put


def test_standard_input_is_checked(hnas: Call, typed: Callable[[bytes], None]) -> None:
    typed(SPEC.read_bytes())
    said = hnas("check", "-")
    assert (said.code, said.out, said.err) == (0, "<stdin>: ok\n", "")


def test_a_mistake_on_standard_input_whole(hnas: Call, typed: Callable[[bytes], None]) -> None:
    typed((ERRORS / "check" / "unknown_name.hnas").read_bytes())
    said = hnas("check", "-")
    expected = (ERRORS / "check" / "unknown_name.err").read_text(encoding="utf-8")
    assert said.code == 1
    assert said.err == expected.replace("unknown_name.hnas", "<stdin>") + "\n2 errors\n"


def test_standard_input_uses_files_of_the_current_folder(
    hnas: Call, typed: Callable[[bytes], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "spec.hnas").write_bytes(SPEC.read_bytes())
    monkeypatch.chdir(tmp_path)
    text = b'hnas 1\nuse "in/spec.hnas"\nspace wide extends auto_deeplab { F = 9 }\n'
    typed(text)
    said = hnas("check", "-")
    assert said.code == 1
    assert " --> in/spec.hnas:29:19\n" in said.err  # B * F / 2 channels are 22.5
    typed(text.replace(b"9", b"20"))
    assert hnas("check", "-").out == "<stdin>: ok\n"
    monkeypatch.chdir(tmp_path / "in")
    typed(text)
    assert "E0215" in hnas("check", "-").err


@pytest.mark.parametrize(
    ("data", "words"),
    [(b"", "cannot read <stdin>: it is empty"), (b"hnas 1\n\xff", "line 2 is not UTF-8"), (b"\0", "binary")],
)
def test_standard_input_that_is_no_spec(
    hnas: Call, typed: Callable[[bytes], None], data: bytes, words: str
) -> None:
    typed(data)
    said = hnas("check", "-")
    assert said.code == 1
    assert words in said.err


def test_json_whole(hnas: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    text = (ERRORS / "check" / "repeated_option.hnas").read_text(encoding="utf-8")
    Path("mine.hnas").write_text(text.replace(", sep(k = 3) } }", " } }"), encoding="utf-8")
    said = hnas("check", "mine.hnas", "--json")
    assert (said.code, said.err) == (1, "")
    uri = (tmp_path / "mine.hnas").resolve().as_uri()

    def line_6(start: int, end: int) -> dict[str, Any]:
        return {"start": {"line": 6, "character": start}, "end": {"line": 6, "character": end}}

    assert json.loads(said.out) == [
        {
            "file": "mine.hnas",
            "uri": uri,
            "diagnostics": [
                {
                    "range": line_6(56, 60),
                    "severity": 1,
                    "code": "E0213",
                    "source": "hnas",
                    "message": "the option skip is there twice",
                    "relatedInformation": [
                        {"location": {"uri": uri, "range": line_6(42, 46)}, "message": "first here"}
                    ],
                    "data": {"help": "leave it out once, or name the two: { a: ..., b: ... }"},
                }
            ],
        }
    ]


def test_json_of_clean_files_and_of_warnings(hnas: Call) -> None:
    said = hnas("check", "--json", str(SPEC), str(ERRORS / "check" / "no_effect.hnas"))
    clean, warned = json.loads(said.out)
    assert (said.code, said.err) == (0, "")
    assert clean == {"file": str(SPEC), "uri": SPEC.resolve().as_uri(), "diagnostics": []}
    assert [(d["severity"], d["code"]) for d in warned["diagnostics"]] == [(2, "W0202")]


def test_json_tells_files_apart_and_what_is_in_none_stands_with_the_spec(
    hnas: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("base.hnas").write_bytes((ERRORS / "check" / "unknown_name.hnas").read_bytes())
    Path("mine.hnas").write_text('hnas 1\nuse "base.hnas"\nspace t extends s { B = 1 }\n', encoding="utf-8")
    mine, base = json.loads(hnas("check", "--json", "mine.hnas").out)
    assert (mine["file"], base["file"]) == ("mine.hnas", "base.hnas")
    assert [d["code"] for d in mine["diagnostics"]] == ["E0202"]
    assert {d["code"] for d in base["diagnostics"]} == {"E0203"}

    (missing,) = json.loads(hnas("check", "--json", "none.hnas").out)
    zero = {"line": 0, "character": 0}
    assert missing["diagnostics"][0]["range"] == {"start": zero, "end": zero}
    assert missing["diagnostics"][0]["code"] == "E0101"
    assert missing["diagnostics"][0]["data"] == {"help": "in .: base.hnas, mine.hnas"}

    (flagged,) = json.loads(hnas("check", "--json", str(SPEC), "--set", "LL=3").out)
    assert flagged["diagnostics"][0]["range"] == {"start": zero, "end": zero}


def test_positions_are_counted_as_the_protocol_counts() -> None:
    text = "a𝒞b\r\nc\rd\n\n🙂🙂e"
    places = [(c, position(text, i)) for i, c in enumerate(text)]
    assert [(c, p["line"], p["character"]) for c, p in places] == [
        ("a", 0, 0),
        ("𝒞", 0, 1),
        ("b", 0, 3),  # 𝒞 is two code units
        ("\r", 0, 4),
        ("\n", 0, 5),
        ("c", 1, 0),
        ("\r", 1, 1),
        ("d", 2, 0),
        ("\n", 2, 1),
        ("\n", 3, 0),
        ("🙂", 4, 0),
        ("🙂", 4, 2),
        ("e", 4, 4),
    ]
    assert position(text, len(text)) == {"line": 4, "character": 5}


def test_at_most_twenty_errors_are_shown_and_all_are_counted(hnas: Call, tmp_path: Path) -> None:
    many = tmp_path / "many.hnas"
    wrong = "".join(f"  param P{i} = unknown{i}\n" for i in range(57))
    text = (ERRORS / "check" / "unknown_name.hnas").read_text(encoding="utf-8")
    many.write_text(text.replace("rellu", "relu").replace("  param F", f"{wrong}  param F"), encoding="utf-8")
    total = len(json.loads(hnas("check", "--json", str(many)).out)[0]["diagnostics"])
    assert total >= 57
    said = hnas("check", str(many))
    assert said.err.count("error[") == 20
    assert said.err.endswith(f"\n\n20 of {total} errors shown\n")


def test_two_errors_are_counted_as_before(hnas: Call) -> None:
    said = hnas("check", str(ERRORS / "check" / "repeated_option.hnas"))
    assert said.err.endswith("\n\n2 errors\n")


def test_a_file_that_is_not_there_is_no_folder(
    hnas: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "run_3.hnas").mkdir()
    for name in ("a.hnas", "b.hnas", "c.hnas", "d.hnas", "e.hnas", "nose.hnas"):
        (tmp_path / name).write_text("hnas 1")
    said = hnas("check", "nope.hnas")
    assert "= help: in .: nose.hnas" in said.err
    assert "run_3" not in said.err


def test_a_mistake_is_told_once_where_the_space_is_trained_in_another_form(
    hnas: Call, tmp_path: Path
) -> None:
    folder = SPEC.parent
    (tmp_path / "spec.hnas").write_text(SPEC.read_text())
    text = (folder / "published.hnas").read_text()
    (tmp_path / "published.hnas").write_text(text.replace("path = [4, 4, 4, 8,", "path = [4, 4, 4, 32,"))
    said = hnas("check", str(tmp_path / "published.hnas"))
    assert said.err.count("error[E0224]") == 1
    listed = hnas("check", "--json", str(tmp_path / "published.hnas"))
    assert [d["code"] for f in json.loads(listed.out) for d in f["diagnostics"]] == ["E0224"]
