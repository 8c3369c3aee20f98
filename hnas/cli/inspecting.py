"""`hnas show` and `hnas compile`: what needs no torch, but for `--emit module`."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hnas.cli.options import extern_option, layout_options, outside_option
from hnas.cli.terminal import say, show_diagnostics, tell

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from hnas.compiler import Compilation

_SPEC = click.argument("spec", type=click.Path(path_type=Path))


@click.command(short_help="What a spec or a found network is: sizes, counts, drawings.")
@_SPEC
@layout_options
@outside_option
@click.option("--resolved", is_flag=True, help="The whole spec as one file, every default written out.")
@click.option("--json", "as_json", is_flag=True, help="Figures as JSON.")
@click.option(
    "--size", metavar="HxW", help="Count multiply-adds for images of this size; by default the crop."
)
def show(
    spec: Path,
    profile: str | None,
    sets: tuple[str, ...],
    space: str | None,
    allow_outside: bool,
    resolved: bool,
    as_json: bool,
    size: str | None,
) -> int:
    """Show the space of SPEC with its counts, or draw the networks a found file holds."""
    from hnas.cli.summary import figures, networks_text, space_text
    from hnas.compiler import Compilation

    compilation = Compilation(spec, profile, sets, space, allow_outside)
    _ = compilation.expanded if compilation.has_supernet else compilation.networks()
    image = compilation.image if size is None else _extents(size, compilation.space.dims)
    if resolved:
        say(compilation.resolved_text.rstrip("\n"))
    elif as_json:
        say(_as_json(figures(compilation, image)))
    elif compilation.networks():
        say(networks_text(compilation, image))
    else:
        say(space_text(compilation, image))
    show_diagnostics(compilation.warnings)
    return 0


def _extents(size: str, dims: int) -> tuple[int, ...]:
    """`1024x2048` as pixels, an extent for each axis."""
    parts = size.split("x")
    if len(parts) != dims or not all(part.isascii() and part.isdigit() and int(part) > 0 for part in parts):
        wanted = "x".join(("L",) if dims == 1 else ("D", "H", "W")[-dims:])
        raise click.BadParameter(
            f"{size} is not {wanted} in pixels, like {'x'.join(['321'] * dims)}", param_hint="--size"
        )
    return tuple(int(part) for part in parts)


def _as_json(found: "Mapping[str, Any]") -> str:
    """As text; counts are exact, however many digits Python would give up at."""
    from hnas.ir.numbers import any_length

    with any_length():
        return json.dumps(found, indent=2)


@click.command("compile", short_help="Print a stage of the compiler.")
@_SPEC
@layout_options
@outside_option
@extern_option
@click.option(
    "--emit",
    type=click.Choice(["ast", "space", "graph", "decisions", "module"]),
    required=True,
    help="Which stage.",
)
def compile_(
    spec: Path,
    profile: str | None,
    sets: tuple[str, ...],
    space: str | None,
    allow_outside: bool,
    allow_extern: bool,
    emit: str,
) -> int:
    """Print what SPEC is at a stage of the compiler: ast, space, graph, decisions or torch module.

    A file with a network prints the specialised graph and module.
    """
    from hnas.compiler import Compilation

    compilation = Compilation(spec, profile, sets, space, allow_outside, allow_extern=allow_extern)
    say(_emitted(compilation, emit).rstrip("\n"))
    if compilation.warnings:
        tell("")
        show_diagnostics(compilation.warnings)
    return 0


def _emitted(compilation: "Compilation", emit: str) -> str:
    from hnas.ir.text import print_decisions, print_graph, print_tree

    match emit:
        case "ast":
            return print_tree(compilation.file)
        case "space":
            return print_tree(compilation.space)
        case "decisions":
            return print_decisions(compilation.decisions)
        case _:
            pass
    networks = compilation.networks()
    if emit == "graph":
        if not networks:
            return print_graph(compilation.graph)
        parts = [f"# network {n}\n{print_graph(compilation.specialized(a))}" for n, a in networks.items()]
        return "\n".join(parts)
    from hnas.runtime.text import print_module

    if not networks:
        return print_module(compilation.supernet(0))
    return "\n".join(f"# network {n}\n{print_module(compilation.network(a))}" for n, a in networks.items())
