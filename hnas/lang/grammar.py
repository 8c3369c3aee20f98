"""The parser of the language, out of tables that were computed ahead.

Computing LALR tables takes longer than all of `hnas check`; `tables.py` holds them as plain data.
They are used only if they were made from this grammar text by this version of Lark, else the
grammar is built anew. `python -m hnas.lang.grammar` writes them again after a change.
"""

import hashlib
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, cast

import lark
from lark import Lark

STARTS = ("start", "assignment")


def grammar_text() -> str:
    """The grammar, as the file grammars/hnas.lark has it."""
    return (files("hnas") / "grammars" / "hnas.lark").read_text(encoding="utf-8")


def digest() -> str:
    """What tables must have been made from to be used: the grammar and the version of Lark."""
    return hashlib.sha256(f"{lark.__version__}\n{grammar_text()}".encode()).hexdigest()


def build() -> Lark:
    """The parser from the grammar itself."""
    return Lark(
        grammar_text(), parser="lalr", start=list(STARTS), propagate_positions=True, maybe_placeholders=True
    )


@cache
def parser() -> Lark:
    """The parser, from the tables if they are current."""
    from hnas.lang import tables as made

    tables = cast(Any, made)
    if digest() != tables.DIGEST:
        return build()
    load = cast(Any, Lark)._load_from_dict  # what Lark's standalone parsers load their tables with
    return cast(Lark, load(tables.DATA, tables.MEMO))


def tables_text() -> str:
    """The text of tables.py for the grammar as it is."""
    from lark.grammar import Rule
    from lark.lexer import TerminalDef

    data, memo = cast(Any, build()).memo_serialize([TerminalDef, Rule])
    head = '"""LALR tables of the grammar, made by `python -m hnas.lang.grammar`."""\n\n'
    return f"{head}DIGEST = {digest()!r}\nDATA = {data!r}\nMEMO = {memo!r}\n"


if __name__ == "__main__":
    (Path(__file__).parent / "tables.py").write_text(tables_text(), encoding="utf-8")
