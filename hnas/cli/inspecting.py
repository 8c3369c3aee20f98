"""`hnas show` and `hnas compile`: what needs no torch, but for `--latency` and `--emit module`."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from hnas.cli.options import (
    extern_option,
    kernels_option,
    layout_options,
    outside_option,
    pass_options,
    passes_of,
)
from hnas.cli.terminal import say, show_diagnostics, tell

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from hnas.compiler import Compilation
    from hnas.engine.latency import Latency

T = TypeVar("T")

_FLAGS = {"level": "-O"}
_SPEC = click.argument("spec", type=click.Path(path_type=Path))


@click.command(short_help="What a spec or a found network is: sizes, counts, drawings.")
@_SPEC
@layout_options
@outside_option
@click.option(
    "--as",
    "form",
    metavar="SPACE|SPEC",
    help="Show a network of SPEC in the space it is to be trained in, as hnas train --as trains it.",
)
@click.option("--name", metavar="NAME", help="With --as: which network, where the file has several.")
@click.option("--resolved", is_flag=True, help="The whole spec as one file, every default written out.")
@click.option("--json", "as_json", is_flag=True, help="Figures as JSON.")
@click.option(
    "--size",
    metavar="HxW",
    help="Count multiply-adds, and measure, for images of this size; by default the crop.",
)
@click.option(
    "--latency", is_flag=True, help="Measure how long the networks take here, and what their maps hold."
)
@click.option("--device", metavar="auto|cpu|cuda|cuda:N|mps", help="With --latency: where.  [default: auto]")
@click.option("--threads", type=click.IntRange(1, 1024), help="With --latency: of torch on the processor.")
@kernels_option(of="With --latency: ")
@click.option("--batch", type=click.IntRange(1), help="With --latency: images in a pass.  [default: 1]")
@click.option("--repeats", type=click.IntRange(1), help="With --latency: passes that count.  [default: 30]")
@pass_options
@extern_option
def show(
    spec: Path,
    profile: str | None,
    sets: tuple[str, ...],
    space: str | None,
    allow_outside: bool,
    form: str | None,
    name: str | None,
    resolved: bool,
    as_json: bool,
    size: str | None,
    latency: bool,
    allow_extern: bool,
    **measuring: "Any",
) -> int:
    """Show the space of SPEC with its counts, or draw the networks a found file holds.

    SPEC may be the folder of a run: then it is the network that was trained or found, or the space.

    With --latency the networks are also built, with new weights, and timed: forward passes without
    gradients after a few that do not count, whole and by part, median and middle half.
    """
    from hnas.cli.placing import as_file, placed
    from hnas.cli.summary import figures, networks_text, space_text
    from hnas.compiler import Compilation

    given = [_FLAGS.get(name, f"--{name}") for name, value in measuring.items() if value is not None]
    given += ["--allow-extern"] if allow_extern else []
    passes = passes_of(measuring)
    if given and not latency:
        raise click.UsageError(f"{given[0]} goes with --latency")
    if latency and resolved:
        raise click.UsageError("--latency does not go with --resolved")
    if name is not None and form is None:
        raise click.UsageError("--name goes with --as")
    spec, trained = _of_run(spec)
    if form is None:
        compilation = Compilation(
            spec, profile, sets, space, allow_outside, trained, allow_extern=allow_extern, passes=passes
        )
    else:
        laid_out = {"profile": profile, "sets": sets, "space": space, "allow_outside": allow_outside}
        compilation = as_file(*placed(spec, form, name, **laid_out, allow_extern=allow_extern, passes=passes))
    _ = compilation.expanded if compilation.has_supernet else compilation.networks()
    image = compilation.image if size is None else extents(size, compilation.space.dims)
    measured: Mapping[str, Latency] = {}
    if latency:
        from hnas.cli.timing import latencies

        measured = latencies(compilation, image, **measuring)
    if resolved:
        say(compilation.resolved_text.rstrip("\n"))
    elif as_json:
        say(_as_json(_with_latencies(figures(compilation, image), measured)))
    elif compilation.networks():
        say(networks_text(compilation, image))
        _say_latencies(measured)
    else:
        say(space_text(compilation, image))
        _say_latencies(measured)
    show_diagnostics(compilation.warnings)
    return 0


def _of_run(spec: Path) -> tuple[Path, bool]:
    """Of the folder of a run the file to show, and whether in trained form; else `spec` itself."""
    if not (spec / "run.json").is_file():
        return spec, False
    found = next((n for n in ("network.hnas", "found.hnas") if (spec / n).is_file()), "spec.hnas")
    return spec / found, found == "network.hnas"


def _say_latencies(measured: "Mapping[str, Latency]") -> None:
    if measured:
        from hnas.cli.timing import latency_text

        for name, found in measured.items():
            say("\n" + latency_text(name, found))


def _with_latencies(found: "dict[str, Any]", measured: "Mapping[str, Latency]") -> "dict[str, Any]":
    """`latency` of each network; of an only one at the top too, as its other figures."""
    for name, each in measured.items():
        found.get("networks", {}).get(name, {})["latency"] = each.data()
        found |= {"latency": each.data()} if len(measured) == 1 else {}
    return found


def extents(size: str, dims: int) -> tuple[int, ...]:
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
@pass_options
@click.option(
    "--emit",
    type=click.Choice(["ast", "space", "graph", "decisions", "program", "module"]),
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
    **optimising: "Any",
) -> int:
    """Print what SPEC is at a stage of the compiler: ast, space, graph, decisions, program or torch module.

    The program is the graph as one list of steps, after the passes. A file with a network prints the
    specialised graph, program and module.
    """
    from hnas.compiler import Compilation

    passes = passes_of(optimising)
    compilation = Compilation(
        spec, profile, sets, space, allow_outside, allow_extern=allow_extern, passes=passes
    )
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
        graphs = {name: compilation.specialized(each) for name, each in networks.items()}
        return _each(graphs, print_graph) if networks else print_graph(compilation.graph)
    if emit == "program":
        from hnas.ir.program_text import print_program

        programs = {name: compilation.steps(each) for name, each in networks.items()}
        return _each(programs, print_program) if networks else print_program(compilation.steps())
    from hnas.runtime.text import print_module

    modules = {name: compilation.network(each) for name, each in networks.items()}
    return _each(modules, print_module) if networks else print_module(compilation.supernet(0))


def _each(networks: "Mapping[str, T]", spell: "Callable[[T], str]") -> str:
    """Each network of a file below its name."""
    return "\n".join(f"# network {name}\n{spell(network)}" for name, network in networks.items())
