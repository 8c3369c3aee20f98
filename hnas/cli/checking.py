"""`hnas check`: every mistake of a spec, as text or for an editor. Needs no torch."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hnas.cli.options import layout_options, outside_option
from hnas.cli.terminal import say, show_diagnostics

if TYPE_CHECKING:
    from hnas.diag import Diagnostic, Source


@click.command(short_help="Check a spec or a found network; every mistake at once.")
@click.argument("specs", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="SPEC...")
@layout_options
@outside_option
@click.option(
    "--json", "as_json", is_flag=True, help="Diagnostics as JSON, in the shape language servers give them."
)
def check(
    specs: tuple[Path, ...],
    profile: str | None,
    sets: tuple[str, ...],
    space: str | None,
    allow_outside: bool,
    as_json: bool,
) -> int:
    """Check each SPEC with its profiles and networks, and report every mistake with its place and mend.

    SPEC may be -, standard input; what it uses is then looked for from the current folder.
    """
    failed = False
    files: list[dict[str, Any]] = []
    for spec in specs:
        name, found = _checked(spec, profile, sets, space, allow_outside)
        wrong = any(d.severity == "error" for d in found)
        failed = failed or wrong
        if as_json:
            files += _by_file(name, found)
            continue
        if found:
            show_diagnostics(found)
        if not wrong:
            say(f"{name}: ok")
    if as_json:
        say(json.dumps(files, indent=2))
    return 1 if failed else 0


def _checked(
    spec: Path, profile: str | None, sets: tuple[str, ...], space: str | None, allow_outside: bool
) -> "tuple[str, tuple[Diagnostic, ...]]":
    """How messages call SPEC, and everything there is to say about it."""
    from hnas.compiler import Compilation
    from hnas.diag import HnasError
    from hnas.diag.source import STDIN
    from hnas.lang.parser import read_stream

    name = STDIN if str(spec) == "-" else str(spec)
    try:
        source = read_stream(sys.stdin.buffer, name) if name == STDIN else None
        return name, Compilation(Path(name), profile, sets, space, allow_outside, source=source).check()
    except HnasError as error:
        return name, error.diagnostics


def _by_file(name: str, found: "Sequence[Diagnostic]") -> list[dict[str, Any]]:
    """An object a file, the spec itself first; what is about no text, as a flag, is with the spec."""
    from hnas.diag.lsp import diagnostic_data

    files: dict[str, list[dict[str, Any]]] = {name: []}
    for diagnostic in found:
        span = diagnostic.span
        place = span.source.name if span is not None and span.source.is_file else name
        files.setdefault(place, []).append(diagnostic_data(diagnostic, _uri))
    return [{"file": file, "uri": _uri_of(file), "diagnostics": listed} for file, listed in files.items()]


def _uri(source: "Source") -> str:
    return _uri_of(source.name)


def _uri_of(name: str) -> str:
    from hnas.diag.source import STDIN

    # what editors call a text that is in no file yet
    return "untitled:stdin" if name == STDIN else Path(name).resolve().as_uri()
