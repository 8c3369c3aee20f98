"""`hnas data`: what a data set holds, and what of it is broken."""

from pathlib import Path

import click

from hnas.cli.options import layout_options, outside_option
from hnas.cli.terminal import say, show_diagnostics


@click.command(short_help="Look through a data set: counts, classes, broken files.")
@click.argument("spec", type=click.Path(path_type=Path))
@layout_options
@outside_option
@click.option(
    "--data", metavar="NAME=PATH", multiple=True, help="Where a data set lies; or put it in $HNAS_DATA/NAME."
)
@click.option("--json", "as_json", is_flag=True, help="Figures as JSON.")
@click.option(
    "--sheet",
    metavar="OUT.png",
    type=click.Path(path_type=Path),
    help="Draw samples with their labels laid over.",
)
@click.option(
    "--samples", type=click.IntRange(1, 200), default=12, show_default=True, help="Images on the sheet."
)
def data(
    spec: Path,
    profile: str | None,
    sets: tuple[str, ...],
    space: str | None,
    allow_outside: bool,
    data: tuple[str, ...],
    as_json: bool,
    sheet: Path | None,
    samples: int,
) -> int:
    """Read every image of the data set SPEC names, and print what it holds.

    Counts and sizes by split, how often each class occurs, weights against rare classes, mean and
    deviation. Every file that is missing or broken is told; then the exit code is 1.

    \b
    hnas data spec.hnas --data folder=pictures --sheet sheet.png
    """
    import json

    from hnas.cli import surveying
    from hnas.compiler import Compilation

    compilation = Compilation(spec, profile, sets, space, allow_outside)
    survey = surveying.look_through(compilation, data)
    if sheet is not None:
        surveying.write_sheet(sheet, survey, samples)
    show_diagnostics(survey.faults)
    if as_json:
        say(json.dumps(surveying.figures(survey), indent=2))
    else:
        say(surveying.report(survey))
        if sheet is not None:
            say(f"\nsheet    {sheet}")
    return 1 if survey.faults else 0
