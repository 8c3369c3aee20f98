"""Options that several commands share."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

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


extern_option = click.option(
    "--allow-extern", is_flag=True, help="Import the Python classes that extern operators name."
)

outside_option = click.option(
    "--allow-outside", is_flag=True, help="Let `use` read files outside the folder of SPEC."
)
