"""What stands before the `{` of a block: its name, `extends` or `of`, `at`. Most blocks take none of them.

Operates on the items of a file as they are written, before anything is laid over anything.
"""

from collections.abc import Iterable, Mapping
from typing import Literal, final

from attrs import frozen

from hnas.diag import Sink
from hnas.lang import ast
from hnas.lang.block_errors import WrongHeader


@final
@frozen
class _Header:
    """What a block takes: a name, a relation of these words, a place."""

    name: Literal["needed", "may", "none"] = "none"
    relations: tuple[str, ...] = ()
    at: bool = False


_NOTHING = _Header()

_HEADERS: Mapping[tuple[str, str], _Header] = {
    # `of` after a space and `at` after a cell or the trellis have messages of their own
    ("", "space"): _Header("needed", ("extends", "of")),
    ("", "network"): _Header("needed", ("of",), at=True),
    ("network", "cell"): _Header("needed", at=True),
    ("space", "cell"): _Header("needed", ("extends",), at=True),
    ("space", "trellis"): _Header(at=True),
    ("space", "data"): _Header("may"),
    ("space", "profile"): _Header("needed"),
    ("space", "search"): _NOTHING,
    ("space", "decode"): _NOTHING,
    ("space", "train"): _NOTHING,
}
"""By the block around it, `space` also for what is laid over one, and its kind."""

_SPACES = ("space", "profile", "train")


def check_headers(items: Iterable[ast.Item], sink: Sink, around: str = "") -> None:
    """Report parts of headers that mean nothing, and missing names; unknown kinds are passed over."""
    for item in items:
        if not isinstance(item, ast.Block):
            continue
        header = _HEADERS.get((around, item.kind))
        if header is None and not around:
            header = _HEADERS.get(("space", item.kind))  # beside the only space of a file
        if header is None and around not in ("", "network"):
            header = None if around == "space" else _NOTHING
        if header is not None:
            _check(item, header, sink)
        check_headers(item.items, sink, "space" if item.kind in _SPACES else item.kind)


def _check(block: ast.Block, header: _Header, sink: Sink) -> None:
    kind = block.kind
    if header.name == "needed" and block.name is None:
        advice = f"write {kind} NAME {{ ... }}"
        sink.add(WrongHeader(block.kind_span, kind=kind, why="needs a name", advice=advice))
    if header.name == "none" and block.name is not None:
        sink.add(WrongHeader(block.name_span or block.kind_span, kind=kind, why="takes no name"))
    if block.relation is not None and block.relation.word not in header.relations:
        why = f"takes no `{block.relation.word}`"
        advice = f"write {header.relations[0]} {block.relation.name}" if header.relations else ""
        sink.add(WrongHeader(block.relation.span, kind=kind, why=why, advice=advice))
    if block.at is not None and not header.at:
        sink.add(WrongHeader(block.at.span, kind=kind, why="takes no `at`"))
