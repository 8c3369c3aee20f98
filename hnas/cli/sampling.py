"""`hnas sample`: architectures drawn uniformly from a space. Needs no torch."""

import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hnas.cli.options import layout_options, outside_option
from hnas.cli.terminal import say

if TYPE_CHECKING:
    from hnas.api.space import Location, SearchSpace

_SPEC = "spec.hnas"


@click.command(short_help="Architectures drawn uniformly from a space.")
@click.argument("spec", type=click.Path(path_type=Path))
@layout_options
@outside_option
@click.option("-n", "number", metavar="N", type=click.IntRange(1), default=1, help="How many.  [default: 1]")
@click.option(
    "--seed", type=click.IntRange(0, 2**63 - 1), default=0, show_default=True, help="Of what is drawn."
)
@click.option("--out", metavar="FOLDER", type=click.Path(path_type=Path), help="A new folder, a file each.")
@click.option("--json", "as_json", is_flag=True, help="A JSON object a line: index and picks.")
def sample(spec: Path, number: int, seed: int, out: Path | None, as_json: bool, **layout: Any) -> int:
    """Draw N architectures of SPEC, each with the same probability as every other one, with replacement.

    One is printed as a network file. Several go to FOLDER as 0001.hnas and so on, beside the whole spec as
    spec.hnas: hnas show FOLDER/0001.hnas. The same seed draws the same on every machine.
    """
    from hnas.api.space import load

    if out is not None and as_json:
        raise click.UsageError("--out does not go with --json")
    if number > 1 and out is None and not as_json:
        raise click.UsageError(f"say where the {number} files go with --out FOLDER, or take --json")
    space = load(spec, **layout)
    drawn = islice(space.samples(seed), number)
    if as_json:
        for found in drawn:
            say(_json(space, found))
    elif out is None:
        (only,) = drawn
        say(space.text(only.architecture, notes=(_note(space, only, seed),)).rstrip("\n"))
    else:
        _write(space, drawn, number, seed, out)
        say(f"wrote  {out}: {_SPEC} and {number} network{'s' if number > 1 else ''}")
        say(f"next   hnas show {_file(out, 1, number)}")
    return 0


def _json(space: "SearchSpace", found: "Location") -> str:
    from hnas.ir.numbers import any_length

    picks = found.architecture.picks
    ordered = {d.id: picks[d.id] for d in space.decisions if d.id in picks}
    with any_length():
        return json.dumps({"index": found.index, "picks": ordered})


def _note(space: "SearchSpace", found: "Location", seed: int) -> str:
    import hnas
    from hnas.ir.numbers import exact

    return (
        f"hnas {hnas.__version__}: architecture {exact(found.index)} of {space.name}, drawn with seed {seed}"
    )


def _write(space: "SearchSpace", drawn: "Iterator[Location]", number: int, seed: int, out: Path) -> None:
    """The resolved spec and a file for each architecture."""
    from hnas.api.files import new_folder, write_new

    new_folder(out)
    write_new(out / _SPEC, space.compilation.resolved_text)
    for position, found in enumerate(drawn, 1):
        text = space.compilation.found_text(found.architecture, (_note(space, found, seed),), _SPEC)
        write_new(_file(out, position, number), text)


def _file(out: Path, position: int, number: int) -> Path:
    return out / f"{position:0{max(4, len(str(number)))}}.hnas"
