"""`hnas train`. What needs torch is imported when it runs."""

from pathlib import Path
from typing import Any

import click

from hnas.cli.options import extern_option, layout_options, run_flags, run_options
from hnas.cli.terminal import say, tell


@click.command(short_help="Train a network that was found or written down.")
@click.argument("network", type=click.Path(path_type=Path), required=False)
@click.option(
    "--as",
    "form",
    metavar="SPACE|SPEC",
    help="The space it is trained in: one that NETWORK or what it uses has, or that of a spec.  "
    "[default: its own]",
)
@click.option("--name", "name", metavar="NAME", help="Which network, where the file has several.")
@click.option(
    "--inherit",
    metavar="RUN",
    type=click.Path(path_type=Path),
    help="Begin with the weights of this run, as far as names and shapes agree.",
)
@layout_options
@run_options("train", "NETWORK")
@extern_option
@click.pass_context
def train(ctx: click.Context, network: Path | None, **given: Any) -> int:
    """Train NETWORK, a file that hnas search found or anybody wrote, as the block train of its space says.

    The run's folder holds everything: the whole spec, the network, metrics, checkpoints. Ctrl-C stops
    after the step; --resume goes on exactly there. Measure it with hnas eval, use it with hnas predict.

    \b
    hnas train runs/spec-20260101-120000/found.hnas
    hnas train found.hnas --as published --data cityscapes=/data/cityscapes
    hnas train --resume runs/found-20260102-120000
    """
    common = run_flags(ctx, network, "NETWORK", given)
    from hnas.cli import training
    from hnas.cli.reporters import reporter
    from hnas.cli.running import Flags, again
    from hnas.engine.metrics import Headline

    sets = given["sets"]
    if given["epochs"] is not None:
        sets += (f"train.epochs={given['epochs']}", "train.iterations=none")
    sets += () if given["batch"] is None else (f"train.batch={given['batch']}",)
    flags = Flags(**{**common, "sets": sets})
    if network is None:
        ending = training.resume(flags, reporter())
    else:
        more = training.TrainFlags(form=given["form"], network=given["name"], inherit=given["inherit"])
        ending = training.start(flags, more, reporter())
    trained, run = ending.trained, ending.run
    step, steps = trained.step, trained.steps
    go_on = again(run, flags, "train")
    if trained.signal is not None:
        tell(f"stopped after step {step} of {steps}; go on with: {go_on}")
        return ending.exit_code
    reached, best = Headline.of(trained.validation), Headline.of(trained.best)
    if reached is not None and best is not None:
        say(
            f"{reached.name} {reached.value:.4f} after step {step}, at best {best.value:.4f} after step "
            f"{trained.best_step}; of always predicting the most frequent class {reached.baseline:.4f}"
        )
        say()
    say(f"measure  hnas eval {run}")
    say(f"use      hnas predict {run} IMAGE --out FOLDER")
    if step < steps:
        say(f"go on    {go_on} --max-steps {steps}    ({step} of {steps} steps made)")
    return 0
