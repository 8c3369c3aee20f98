"""`hnas plan`. What needs torch is imported when it runs."""

import json
from pathlib import Path

import click

from hnas.cli.options import extern_option, layout_options, memory_option, pass_options, passes_of
from hnas.cli.terminal import say, show_diagnostics


@click.command(short_help="What a pass will take: calls, multiply-adds and bytes, before any is allocated.")
@click.argument("spec", type=click.Path(path_type=Path))
@layout_options
@click.option(
    "--as",
    "form",
    metavar="SPACE|SPEC",
    help="Of a network: the space it is trained in, as of hnas train.  [default: its own]",
)
@click.option("--name", metavar="NAME", help="Which network, where the file has several.")
@click.option("--size", metavar="HxW", help="Pixels of an image.  [default: the crop]")
@click.option("--batch", type=click.IntRange(1), help="Images in a pass.  [default: that of the block]")
@click.option(
    "--precision",
    type=click.Choice(["float32", "float64", "bfloat16"]),
    help="What is computed with; bfloat16 by autocast.  [default: float32, or the block's]",
)
@memory_option
@pass_options
@extern_option
@click.option("--json", "as_json", is_flag=True, help="Figures as JSON.")
def plan(
    spec: Path,
    profile: str | None,
    sets: tuple[str, ...],
    space: str | None,
    form: str | None,
    name: str | None,
    size: str | None,
    batch: int | None,
    precision: str | None,
    allow_extern: bool,
    as_json: bool,
    level: tuple[str, ...] | None,
    passes: tuple[str, ...] | None,
    memory: int | None,
) -> int:
    """Predict what a pass of SPEC takes: the super-network of a space, or a network as it is trained.

    A pass is forward and backward, with the loss and the gradients of all parameters. The network runs
    on tensors without memory: nothing is allocated, and no GPU is asked.

    --memory chooses the parts of the network that backward computes again, so that training holds no more
    at once: weights, running statistics, the optimiser's state, and a pass with its gradients. A whole
    image that is validated on, and the interpreter itself, are not among that.
    """
    from hnas.cli.planning import Asked, plan_text, planned

    asked = Asked(
        spec,
        profile,
        sets,
        space,
        form,
        name,
        size,
        batch,
        precision,
        passes_of({"level": level, "passes": passes}),
        allow_extern,
        memory,
    )
    what, found, warnings = planned(asked)
    say(json.dumps(found.data(), indent=2) if as_json else plan_text(what, found, kept_to=memory is not None))
    show_diagnostics(warnings)
    return 0
