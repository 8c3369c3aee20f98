"""Names of what is written. Needs no torch."""

import re

import click


def check_name(name: str, again: str) -> None:
    """Whether `name` is a name of the language.

    Args:
        name: As it was given.
        again: What to write instead, `{name}` where the name stands.

    Raises:
        click.UsageError: It is none.
    """
    from hnas.lang.parser import RESERVED

    stem = name.removesuffix(".hnas")
    if name in RESERVED:
        raise click.UsageError(f"{name} is a word of the language; choose another name")
    if re.fullmatch(r"[A-Za-z_][A-Za-z_0-9]*", name):
        return
    fitting = re.sub(r"\W", "_", stem, flags=re.ASCII)
    fitting = f"_{fitting}" if fitting[:1].isdigit() else fitting
    advice = f": {again.format(name=fitting)}" if fitting.strip("_") else ""
    raise click.UsageError(f"{name!r} is no name of the language: letters, digits and _{advice}")
