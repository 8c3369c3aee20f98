"""Options that several commands share."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from hnas.cli.values import Bytes, Factors, Passes, Pixels, Seconds, Threads

F = TypeVar("F", bound=Callable[..., Any])


def layout_options(function: F) -> F:
    """--profile, --space and --set: how a spec is laid out before it is looked at."""
    for option in (
        click.option("--space", metavar="NAME", help="The space, where the file has several."),
        click.option(
            "--set",
            "sets",
            metavar="KEY=VALUE",
            multiple=True,
            help="Override a value, like --set L=8 or --set trellis.strides=[4,8,16].",
        ),
        click.option("--profile", metavar="NAME", help="A profile of the spec; without, its own values."),
    ):
        function = option(function)
    return function


def pass_options(function: F) -> F:
    """-O and --passes: what a network goes through before it is built. `passes_of` reads them."""
    for option in (
        click.option(
            "--passes",
            type=Passes(),
            metavar="PASS,...",
            help="Only these passes of the compiler, like share,batch; see the manual.",
        ),
        click.option(
            "-O",
            "level",
            type=Passes(level=True),
            metavar="0|1|2",
            help="Passes by level: 0 none, 1 what costs nothing to start, 2 all.  [default: 2, or the run's]",
        ),
    ):
        function = option(function)
    return function


def passes_of(given: dict[str, Any]) -> tuple[str, ...] | None:
    """Take what `pass_options` were given out of `given`: the passes, None where none were asked for.

    Raises:
        click.UsageError: Both are given.
    """
    level, passes = given.pop("level"), given.pop("passes")
    if level is not None and passes is not None:
        raise click.UsageError("give either -O or --passes")
    return passes if level is None else level


memory_option = click.option(
    "--memory",
    type=Bytes(),
    metavar="6GiB",
    help="What training may hold at once: weights, running statistics, the optimiser's state, a pass with "
    "its gradients. What backward computes again for that is chosen, at the least extra work.  "
    "[default: no bound]",
)


def kernels_option(default: str = "auto", of: str = "") -> Callable[[F], F]:
    """--kernels: what computes; `of` begins its help."""
    what = f"{of}kernels in C where a C compiler is found, or torch's own alone.  [default: {default}]"
    return click.option("--kernels", type=click.Choice(["auto", "off"]), help=what[0].upper() + what[1:])


def run_options(block: str, spec: str) -> Callable[[F], F]:
    """What a run is told, of the block `block` of a spec; `spec` stands in the name of its folder."""

    def decorate(function: F) -> F:
        for option in (
            click.option(
                "--checkpoint-every",
                type=Seconds(),
                default="5m",
                show_default=True,
                metavar="TIME",
                help="A checkpoint at least so often, and after every epoch.",
            ),
            click.option(
                "--threads",
                type=Threads(),
                metavar="auto|N",
                help="Of torch on the processor; auto measures.",
            ),
            click.option(
                "--workers", type=click.IntRange(0, 256), help="Processes that read images.  [default: 0]"
            ),
            click.option(
                "--compile",
                type=click.Choice(["auto", "on", "off"]),
                help="Passes of training by torch.compile, which takes minutes to start; auto: never on a "
                "processor, on a GPU in long runs.  [default: auto, or the run's]",
            ),
            kernels_option(),
            device_option,
            memory_option,
            pass_options,
            click.option(
                "--max-steps",
                type=click.IntRange(1),
                help="Stop after so many weight steps; learning rates as planned.",
            ),
            click.option(
                "--epochs",
                type=click.IntRange(1),
                help=f"Overrides {block}.epochs; learning rates follow it.",
            ),
            click.option("--batch", type=click.IntRange(1), help=f"Images a batch; overrides {block}.batch."),
            click.option(
                "--seed", type=click.IntRange(0, 2**63 - 1), help="Of everything random.  [default: 0]"
            ),
            click.option(
                "--resume", metavar="RUN", type=click.Path(path_type=Path), help="Go on with an earlier run."
            ),
            click.option(
                "--out",
                type=click.Path(path_type=Path),
                help=f"The run's folder.  [default: runs/{spec}-DATE-TIME]",
            ),
            data_option,
        ):
            function = option(function)
        return function

    return decorate


def run_flags(ctx: click.Context, spec: Path | None, what: str, given: dict[str, Any]) -> dict[str, Any]:
    """The arguments of `Flags`, out of what `layout_options` and `run_options` were given.

    Args:
        ctx: For messages.
        spec: The file, called `what` in messages.
        given: What else was given, by name; a run keeps for good what is None or empty with --resume.

    Raises:
        click.UsageError: What does not go together is given.
    """
    passes, resume = passes_of(given), given["resume"]
    if (spec is None) == (resume is None):
        raise click.UsageError(f"give either {what}, or --resume RUN", ctx)
    kept = [name for name in given if name not in _RESUMED]
    wrong = [name for name in kept if given[name] is not None and given[name] != ()]
    if resume is not None and wrong:
        flag = _FLAGS.get(wrong[0], f"--{wrong[0]}")
        raise click.UsageError(f"{flag} does not go with --resume: a run keeps what it began with", ctx)
    names = ("out", "resume", "profile", "space", "sets", "data", "seed", "max_steps", "device", "workers")
    names += ("threads", "kernels", "compile", "allow_extern", "memory")
    return {
        "spec": spec,
        "passes": passes,
        "checkpoint_seconds": given["checkpoint_every"],
        **{name: given[name] for name in names},
    }


_FLAGS = {"sets": "--set", "form": "--as"}
_RESUMED = ("resume", "data", "max_steps", "device", "workers", "checkpoint_every", "allow_extern")
_RESUMED += ("compile", "memory")
"""What may be given together with --resume."""

data_option = click.option(
    "--data", metavar="NAME=PATH", multiple=True, help="Where a data set lies; or put it in $HNAS_DATA/NAME."
)

device_option = click.option(
    "--device", metavar="auto|cpu|cuda|cuda:N|mps", help="Where to compute.  [default: auto]"
)


def looking_options(function: F) -> F:
    """How a trained network looks at images, with which weights, and what computes."""
    for option in (
        kernels_option("as in the run"),
        click.option(
            "--threads", type=click.IntRange(1, 1024), help="Of torch on the processor.  [default: torch's]"
        ),
        click.option(
            "--checkpoint",
            type=click.Choice(["best", "last"]),
            help="Whose weights.  [default: best, or last where there is none yet]",
        ),
        click.option(
            "--stride", type=Pixels(), metavar="HxW", help="From window to window.  [default: 2/3 of it]"
        ),
        click.option(
            "--window", type=Pixels(), metavar="HxW", help="In sliding windows.  [default: the whole image]"
        ),
        click.option(
            "--scales",
            type=Factors(),
            metavar="S,S,...",
            help="At these sizes, averaged, like 0.75,1,1.25.  [default: 1]",
        ),
        click.option("--flip", is_flag=True, help="Also mirrored, averaged."),
    ):
        function = option(function)
    return function


extern_option = click.option(
    "--allow-extern", is_flag=True, help="Import the Python classes that extern operators name."
)

outside_option = click.option(
    "--allow-outside", is_flag=True, help="Let `use` read files outside the folder of SPEC."
)
