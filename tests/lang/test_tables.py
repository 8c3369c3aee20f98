"""The parser's tables were made from the grammar as it stands, and parse as the grammar does."""

import logging
from pathlib import Path
from typing import Any

import pytest
from lang_specs import GOOD
from lark import Lark, UnexpectedInput, logger

import hnas.lang.tables
from hnas.lang import grammar


@pytest.fixture(scope="module")
def built() -> Lark:
    """The parser out of the grammar itself, which takes a second."""
    return grammar.build()


def test_the_tables_were_made_from_this_grammar_and_this_lark() -> None:
    assert grammar.digest() == hnas.lang.tables.DIGEST, "run python -m hnas.lang.grammar"


def test_the_parser_comes_out_of_the_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> Lark:
        raise AssertionError("the grammar was built anew")

    monkeypatch.setattr(grammar, "build", refuse)
    grammar.parser.cache_clear()
    assert grammar.parser().parse("hnas 1", start="start").data == "start"


def test_old_tables_are_not_used(monkeypatch: pytest.MonkeyPatch, built: Lark) -> None:
    monkeypatch.setattr(hnas.lang.tables, "DIGEST", "of another grammar")
    monkeypatch.setattr(grammar, "build", lambda: built)
    grammar.parser.cache_clear()
    try:
        assert grammar.parser() is built
    finally:
        grammar.parser.cache_clear()


@pytest.mark.parametrize("spec", GOOD, ids=lambda path: path.stem)
def test_tables_and_grammar_parse_a_spec_alike(spec: Path, built: Lark) -> None:
    text = spec.read_text(encoding="utf-8")
    assert grammar.parser().parse(text, start="start") == built.parse(text, start="start")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hnas",
        "hnas 1 a",
        "hnas 1 a = ",
        "hnas 1 a { b = 1",
        "hnas 1 a = 1 2",
        "hnas 1 a = b < c < d",
        "x = 1",
    ],
)
def test_tables_and_grammar_refuse_a_text_alike(text: str, built: Lark) -> None:
    assert _refusal(grammar.parser(), text) == _refusal(built, text)


def _refusal(parser: Any, text: str) -> tuple[str, object, object]:
    with pytest.raises(UnexpectedInput) as caught:
        parser.parse(text, start="start")
    return type(caught.value).__name__, caught.value.line, caught.value.column


def test_the_grammar_has_no_conflicts(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, logger=logger.name):
        Lark(grammar.grammar_text(), parser="lalr", start=list(grammar.STARTS), debug=True)
    assert [record.message for record in caplog.records if "conflict" in record.message] == []


def test_a_conflict_would_be_seen(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, logger=logger.name):
        Lark('start: "a" | start "+" start', parser="lalr", debug=True)
    assert "conflict" in caplog.text
