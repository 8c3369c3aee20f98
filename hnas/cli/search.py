"""`hnas search` and `hnas decode`. What needs torch is imported when they run."""

from pathlib import Path
from typing import Any

import click

from hnas.cli.options import extern_option, layout_options
from hnas.cli.terminal import Seconds, Threads, say, show_diagnostics, tell

_KEPT = ("profile", "space", "sets", "seed", "batch", "epochs", "out", "threads")
"""What a run keeps for good: none of these goes together with --resume."""


@click.command(short_help="Search a space: weights and architecture in alternation.")
@click.argument("spec", type=click.Path(path_type=Path), required=False)
@layout_options
@click.option(
    "--data", metavar="NAME=PATH", multiple=True, help="Where a data set lies; or put it in $HNAS_DATA/NAME."
)
@click.option(
    "--out", type=click.Path(path_type=Path), help="The run's folder.  [default: runs/SPEC-DATE-TIME]"
)
@click.option("--resume", metavar="RUN", type=click.Path(path_type=Path), help="Go on with an earlier run.")
@click.option("--seed", type=click.IntRange(0, 2**63 - 1), help="Of everything random.  [default: 0]")
@click.option("--batch", type=click.IntRange(1), help="Images in a batch; overrides search.batch.")
@click.option("--epochs", type=click.IntRange(1), help="Overrides search.epochs; learning rates follow it.")
@click.option(
    "--max-steps", type=click.IntRange(1), help="Stop after so many weight steps; learning rates as planned."
)
@click.option("--device", metavar="auto|cpu|cuda|cuda:N|mps", help="Where to compute.  [default: auto]")
@click.option("--workers", type=click.IntRange(0, 256), help="Processes that read images.  [default: 0]")
@click.option("--threads", type=Threads(), metavar="auto|N", help="Of torch on the processor; auto measures.")
@click.option(
    "--checkpoint-every",
    type=Seconds(),
    default="5m",
    show_default=True,
    metavar="TIME",
    help="A checkpoint at least so often, and after every epoch.",
)
@extern_option
@click.pass_context
def search(ctx: click.Context, spec: Path | None, resume: Path | None, **given: Any) -> int:
    """Search the space of SPEC: train weights and architecture in alternation, decode, draw what was found.

    The run's folder holds everything: the whole spec, metrics, checkpoints and found.hnas. Ctrl-C
    stops after the step; --resume goes on exactly there.

    \b
    hnas search examples/autodeeplab/spec.hnas
    hnas search spec.hnas --profile camvid --data camvid=/data/camvid
    hnas search --resume runs/spec-20260101-120000
    """
    if (spec is None) == (resume is None):
        raise click.UsageError("give either SPEC, or --resume RUN", ctx)
    if resume is not None:
        wrong = [name for name in _KEPT if given[name] not in (None, ())]
        if wrong:
            flag = {"sets": "--set"}.get(wrong[0], f"--{wrong[0]}")
            raise click.UsageError(f"{flag} does not go with --resume: a run keeps what it began with", ctx)
    from hnas.cli import searching
    from hnas.cli.reporters import reporter
    from hnas.cli.running import Flags
    from hnas.engine.metrics import Headline

    sets = given["sets"]
    sets += () if given["epochs"] is None else (f"search.epochs={given['epochs']}",)
    sets += () if given["batch"] is None else (f"search.batch={given['batch']}",)
    flags = Flags(
        spec=spec,
        out=given["out"],
        resume=resume,
        profile=given["profile"],
        space=given["space"],
        sets=sets,
        data=given["data"],
        seed=given["seed"],
        max_steps=given["max_steps"],
        device=given["device"],
        workers=given["workers"],
        threads=given["threads"],
        checkpoint_seconds=given["checkpoint_every"],
        allow_extern=given["allow_extern"],
    )
    begin = searching.start if resume is None else searching.resume
    ending = begin(flags, reporter())
    outcome, run = ending.outcome, ending.run
    if outcome.signal is not None:
        tell(f"stopped after step {outcome.step} of {outcome.steps}; go on with: hnas search --resume {run}")
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
    if outcome.step < outcome.steps:
        made = f"{outcome.step} of {outcome.steps} steps made"
        say(f"go on    hnas search --resume {run} --max-steps {outcome.steps}    ({made})")
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
