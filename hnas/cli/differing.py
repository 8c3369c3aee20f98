"""`hnas diff`: what two specs, or two found networks, do not have in common. Needs no torch."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hnas.cli.options import layout_options, outside_option
from hnas.cli.terminal import say, show_diagnostics
from hnas.ir.numbers import spell_count

if TYPE_CHECKING:
    from hnas.compiler import Compilation
    from hnas.ir.diff import Change, Entry, Facts

_WIDEST = 100
"""Longer pairs of values stand on two lines."""

_SIZES = {
    "paths": "paths",
    "cells": "cells",
    "architectures": "architectures",
    "parameters": "weights",
    "multiply_adds": "multiply-adds",
}


@click.command(short_help="What tells two specs or found networks apart.")
@click.argument("before", metavar="A", type=click.Path(path_type=Path))
@click.argument("after", metavar="B", type=click.Path(path_type=Path))
@layout_options
@outside_option
@click.option("--exit-code", is_flag=True, help="Exit with 1 if A and B differ.")
def diff(
    before: Path,
    after: Path,
    profile: str | None,
    sets: tuple[str, ...],
    space: str | None,
    allow_outside: bool,
    exit_code: bool,
) -> int:
    """Say what B has otherwise than A, by meaning: text, order and names of spaces do not count.

    Parameters, operators, cells, trellis, settings and sizes of two specs; path and nodes of two
    found networks. What follows from a parameter is left out. Options apply to A and to B.
    """
    from hnas.compiler import Compilation

    a, b = (Compilation(path, profile, sets, space, allow_outside) for path in (before, after))
    text = difference(a, b)
    show_diagnostics((*a.warnings, *b.warnings))
    if not text:
        say(f"{before} and {after} mean the same")
        return 0
    say(text)
    return 1 if exit_code else 0


def difference(a: "Compilation", b: "Compilation") -> str:
    """What differs, as text; empty where nothing does."""
    from hnas.cli.summary import figures, space_figures
    from hnas.ir.diff import changes

    found = changes(_facts(a), _facts(b), _rebased(a, b))
    networks = [part for part in _networks(a, b) if part[1]]
    if not found and not networks:
        return ""
    parts = [f"{a.space.name} of {a.path} -> {b.space.name} of {b.path}"]
    if found:
        parts += [
            "\n".join(_rows(found)),
            "\n".join(_sizes(space_figures(a, a.image), space_figures(b, b.image))),
        ]
    for title, listed, (name_a, name_b) in networks:
        parts.append("\n".join([title, *_rows(listed)]))
        if name_a and name_b:
            sizes = figures(a, a.image)["networks"][name_a], figures(b, b.image)["networks"][name_b]
            parts.append("\n".join(_sizes(*sizes)))
    return "\n\n".join(parts)


def _facts(compilation: "Compilation") -> "Facts":
    from hnas.ir.diff import facts_of

    program = compilation.program
    return facts_of(program.space, program.data, program.search, program.decode)


def _rebased(a: "Compilation", b: "Compilation") -> "Facts | None":
    """The facts of A with the parameters B has; None where A cannot have them."""
    from hnas.compiler import with_overrides
    from hnas.diag import HnasError
    from hnas.ir.expr import spell

    theirs = b.space.params
    sets = [
        f"{name}={spell(theirs[name])}"
        for name, value in a.space.params.items()
        if name in theirs and theirs[name] != value
    ]
    try:
        return _facts(with_overrides(a, *sets)) if sets else None
    except HnasError:
        return None


_Part = tuple[str, "Sequence[Change]", tuple[str, str]]


def _networks(a: "Compilation", b: "Compilation") -> Iterator[_Part]:
    """A part for each pair of networks: its title, what differs, the names in A and in B."""
    from hnas.ir.diff import Change, network_changes

    of_a, of_b = a.networks(), b.networks()
    if len(of_a) == len(of_b) == 1:  # they are meant, whatever they are called
        pairs = [(next(iter(of_a)), next(iter(of_b)))]
    else:
        pairs = [(n if n in of_a else "", n if n in of_b else "") for n in dict.fromkeys((*of_a, *of_b))]
    for name_a, name_b in pairs:
        title = f"network {' -> '.join(dict.fromkeys(filter(None, (name_a, name_b))))}"
        if name_a and name_b:
            listed = network_changes((a.decisions, of_a[name_a]), (b.decisions, of_b[name_b]))
        else:
            listed = (Change("only in", str(a.path) if name_a else None, str(b.path) if name_b else None),)
        yield title, listed, (name_a, name_b)


# --- text ----------------------------------------------------------------------------------------


def _rows(listed: "Sequence[Change]") -> Iterator[str]:
    names = [change.name.removeprefix("param ") for change in listed]
    width = max(map(len, names))
    for name, change in zip(names, listed, strict=True):
        text = _spelled(change.before, change.after)
        if text is None:
            yield f"  {name}"
            yield f"    - {change.before}"
            yield f"    + {change.after}"
        else:
            yield f"  {name:<{width}}  {text}"


def _spelled(before: "Entry | None", after: "Entry | None") -> str | None:
    """A change on one line; None where it needs two."""
    if isinstance(before, tuple) and isinstance(after, tuple):
        gone, come = Counter(before) - Counter(after), Counter(after) - Counter(before)
        if not gone and not come:
            return f"in another order: {', '.join(after)}"
        return "  ".join([*(f"+ {one}" for one in come.elements()), *(f"- {one}" for one in gone.elements())])
    if before is None or after is None:
        sign, there = ("+", after) if before is None else ("-", before)
        return f"{sign} {there if isinstance(there, str) else ', '.join(there or ())}"
    text = f"{before} -> {after}"
    return None if text.count("->") > 1 or len(text) > _WIDEST else text


def _sizes(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    """A table of how large the two are, and the ratio."""
    rows = [
        (title, spell_count(before[key]), spell_count(after[key]), _ratio(before[key], after[key]))
        for key, title in _SIZES.items()
        if key in before and key in after
    ]
    rows.insert(0, ("", "before", "after", "ratio"))
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    for row in rows:
        cells = [f"{row[0]:<{widths[0]}}", *(f"{row[i]:>{widths[i]}}" for i in (1, 2, 3))]
        yield "  " + "  ".join(cells)
    if before.get("image") != after.get("image") and "image" in before and "image" in after:
        yield f"  multiply-adds: for images of {_pixels(before)} and of {_pixels(after)}"


def _ratio(before: int, after: int) -> str:
    """`2.5`; as a decimal, since counts of cells go beyond what a float holds."""
    return f"{Decimal(after) / Decimal(before):.3g}" if before else "-"


def _pixels(sizes: Mapping[str, Any]) -> str:
    return " x ".join(map(str, sizes["image"]))
