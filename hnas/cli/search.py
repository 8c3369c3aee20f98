"""`hnas search` and `hnas decode`. What needs torch is imported when they run."""

from pathlib import Path
from typing import Any

import click

from hnas.cli.options import extern_option, layout_options, run_flags, run_options
from hnas.cli.terminal import say, show_diagnostics, tell


@click.command(short_help="Search a space: weights and architecture in alternation.")
@click.argument("spec", type=click.Path(path_type=Path), required=False)
@layout_options
@run_options("search", "SPEC")
@extern_option
@click.pass_context
def search(ctx: click.Context, spec: Path | None, **given: Any) -> int:
    """Search the space of SPEC: train weights and architecture in alternation, decode, draw what was found.

    The run's folder holds everything: the whole spec, metrics, checkpoints and found.hnas. Ctrl-C
    stops after the step; --resume goes on exactly there.

    \b
    hnas search examples/autodeeplab/spec.hnas
    hnas search spec.hnas --profile camvid --data camvid=/data/camvid
    hnas search --resume runs/spec-20260101-120000
    """
    common = run_flags(ctx, spec, "SPEC", given)
    from hnas.cli import searching
    from hnas.cli.reporters import reporter
    from hnas.cli.running import Flags, again
    from hnas.engine.metrics import Headline

    sets = given["sets"]
    sets += () if given["epochs"] is None else (f"search.epochs={given['epochs']}",)
    sets += () if given["batch"] is None else (f"search.batch={given['batch']}",)
    flags = Flags(**{**common, "sets": sets})
    begin = searching.start if spec is not None else searching.resume
    ending = begin(flags, reporter())
    outcome, run = ending.outcome, ending.run
    go_on = again(run, flags, "search")
    if outcome.signal is not None:
        tell(f"stopped after step {outcome.step} of {outcome.steps}; go on with: {go_on}")
        return ending.exit_code
    say(ending.drawing)
    reached = Headline.of(outcome.validation)
    if reached is not None:
        say()
        say(
            f"{reached.name} of the super-network {reached.value:.4f}, "
            f"of always predicting the most frequent class {reached.baseline:.4f}"
        )
    say()
    say(f"found    {run / 'found.hnas'}")
    say(f"again    hnas show {run / 'found.hnas'}")
    if ending.trainable:
        say(f"train    hnas train {run / 'found.hnas'}")
    if outcome.step < outcome.steps:
        made = f"{outcome.step} of {outcome.steps} steps made"
        say(f"go on    {go_on} --max-steps {outcome.steps}    ({made})")
    return 0


@click.command(short_help="Decode a run's newest checkpoint again.")
@click.argument("run", type=click.Path(path_type=Path))
@click.option(
    "--set", "sets", metavar="KEY=VALUE", multiple=True, help="Decode otherwise: --set decode.path=greedy."
)
def decode(run: Path, sets: tuple[str, ...]) -> int:
    """Decode the newest checkpoint of RUN into RUN/found.hnas, also while the search goes on."""
    from hnas.cli import searching

    for assignment in sets:
        if not assignment.strip().startswith("decode"):
            raise click.UsageError(f"--set {assignment}: only the block decode can be set here")
    folder, drawing, warnings = searching.decode_run(run, sets)
    show_diagnostics(warnings)
    say(drawing)
    say()
    say(f"found    {folder.found}")
    return 0
