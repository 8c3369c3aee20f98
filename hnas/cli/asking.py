"""What is asked of a space by number: `hnas unrank`, `rank`, `locate`, `neighbours`, `mutate`. No torch."""

import json
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hnas.cli.options import layout_options, outside_option
from hnas.cli.terminal import say, show_diagnostics
from hnas.cli.values import WholeNumber

if TYPE_CHECKING:
    from hnas.api.space import SearchSpace
    from hnas.ir.decisions import Architecture

_PATH = click.Path(path_type=Path)
_SPEC = click.argument("spec", type=_PATH)
_NETWORK = click.argument("network", type=_PATH)
_NAME = click.option("--name", metavar="NAME", help="Which network of NETWORK, where it has several.")
_SEED = click.option(
    "--seed", type=click.IntRange(0, 2**63 - 1), default=0, show_default=True, help="Of what is drawn."
)


@click.command(
    short_help="The architecture of a space with a number.",
    context_settings={"ignore_unknown_options": True},  # -1 is a number, if none of an architecture
)
@_SPEC
@click.argument("index", type=WholeNumber())
@layout_options
@outside_option
@click.option("--out", type=_PATH, help="The file to write.  [default: standard output]")
def unrank(spec: Path, index: int, out: Path | None, **layout: Any) -> int:
    """Print the architecture of SPEC with the number INDEX, from 0 on, as a network file.

    The numbers are exact, of any length: hnas show SPEC counts how many there are.
    """
    from hnas.api.space import load

    space = load(spec, **layout)
    note = f"architecture {_digits(index)} of {space.name}"
    _write(space, space.unrank(index), note, out)
    return 0


@click.command(short_help="The number of a network in its space.")
@_SPEC
@_NETWORK
@layout_options
@outside_option
@_NAME
def rank(spec: Path, network: Path, name: str | None, **layout: Any) -> int:
    """Print the number of the network in the file NETWORK among the architectures of SPEC.

    Where `take = slots(n)` counts the order of a sum, two orders are two numbers of the same network.
    """
    space, architecture = _given(spec, network, name, layout)
    say(_digits(space.rank(architecture)))
    show_diagnostics(space.warnings)
    return 0


@click.command(short_help="Whether a network is in a space, and where.")
@_SPEC
@_NETWORK
@layout_options
@outside_option
@_NAME
@click.option("--json", "as_json", is_flag=True, help="The answer as JSON.")
def locate(spec: Path, network: Path, name: str | None, as_json: bool, **layout: Any) -> int:
    """Say whether the network in the file NETWORK is in the space of SPEC, and its number there.

    The choices alone decide, whatever space NETWORK was written for: of this one, one it extends, or
    another profile. If a choice is outside, say which, and exit with 1.
    """
    from hnas.api.networks import network_block
    from hnas.api.space import load
    from hnas.diag import HnasError

    space = load(spec, **layout)
    called = network_block(network, name).name
    answer: dict[str, Any] = {"space": space.name, "network": called, "architectures": space.count()}
    try:
        index = space.locate(network, name).index
    except HnasError as error:
        if not as_json:
            raise
        said = [{"code": d.code, "message": d.message} for d in error.diagnostics]
        say(_json({"inside": False, **answer, "outside": said}))
        return 1
    if as_json:
        say(_json({"inside": True, **answer, "index": index}))
    else:
        say(f"{called} is in {space.name}: architecture {_digits(index)} of {_digits(space.count())}")
    show_diagnostics(space.warnings)
    return 0


@click.command(short_help="The networks that differ from one by one choice.")
@_SPEC
@_NETWORK
@layout_options
@outside_option
@_NAME
@click.option("-n", "most", metavar="N", type=click.IntRange(0), help="The first N of them.")
@click.option("--count", is_flag=True, help="How many there are, counted exactly.")
def neighbours(
    spec: Path, network: Path, name: str | None, most: int | None, count: bool, **layout: Any
) -> int:
    """Print the numbers of the architectures of SPEC that differ by one choice from the network in NETWORK.

    One a line, each as soon as it is known. What is another one is an operator or input of an edge, an
    option of another decision, one stride of a path, or one state or move where several are alive. hnas
    unrank shows each.
    """
    if count and most is not None:
        raise click.UsageError("-n does not go with --count")
    space, architecture = _given(spec, network, name, layout)
    if count:
        say(_digits(space.count_neighbours(architecture)))
    else:
        for other in islice(space.neighbours(architecture), most):
            say(_digits(space.rank(other)))
    show_diagnostics(space.warnings)
    return 0


@click.command(short_help="A network changed by one choice, at random.")
@_SPEC
@_NETWORK
@layout_options
@outside_option
@_NAME
@_SEED
@click.option("--out", type=_PATH, help="The file to write.  [default: standard output]")
def mutate(spec: Path, network: Path, name: str | None, seed: int, out: Path | None, **layout: Any) -> int:
    """Change one choice of the network in NETWORK, each change with the same probability.

    What comes to matter only by the change is drawn uniformly.
    """
    space, architecture = _given(spec, network, name, layout)
    found = space.mutate(architecture, seed)
    number = _digits(space.rank(found))
    _write(space, found, f"architecture {number} of {space.name}: {network} mutated, seed {seed}", out)
    show_diagnostics(space.warnings)
    return 0


def _given(
    spec: Path, network: Path, name: str | None, layout: dict[str, Any]
) -> "tuple[SearchSpace, Architecture]":
    """The space, and the network of a file in it: its choices decide, whatever space it was written for."""
    from hnas.api.space import load

    space = load(spec, **layout)
    return space, space.locate(network, name).architecture


def _write(space: "SearchSpace", architecture: "Architecture", note: str, out: Path | None) -> None:
    """A network to a new file, or to standard output."""
    import hnas

    notes = (f"hnas {hnas.__version__}: {note}",)
    if out is None:
        say(space.text(architecture, notes=notes).rstrip("\n"))
        return
    space.write(architecture, out, notes=notes)
    say(f"wrote  {out}")
    say(f"next   hnas show {out}")


def _digits(number: int) -> str:
    from hnas.ir.numbers import exact

    return exact(number)


def _json(found: dict[str, Any]) -> str:
    from hnas.ir.numbers import any_length

    with any_length():
        return json.dumps(found)
