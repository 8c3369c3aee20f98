"""New .hnas files: their names, and that nothing is written over. Needs no torch."""

import re
from pathlib import Path

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


def use_of(spec: Path, folder: Path, advice: str) -> str:
    """How a file in `folder` says that it uses `spec`.

    Raises:
        HnasError: The spec is not in the folder or below it; with `advice`.
    """
    from hnas.diag import HnasError
    from hnas.lang.errors import Outside

    root = folder.resolve()
    if not spec.resolve().is_relative_to(root):
        raise HnasError(Outside(None, path=str(spec), root=root.name, advice=advice))
    return spec.resolve().relative_to(root).as_posix()


def refuse_to_overwrite(path: Path) -> None:
    """Before anything else is said.

    Raises:
        HnasError: There is something of that name.
    """
    from hnas.cli.errors import FileExists
    from hnas.diag import HnasError

    if path.exists() or path.is_symlink():
        raise HnasError(FileExists(None, path=str(path)))


def write_new(path: Path, text: str) -> None:
    """Write a file that is not there.

    Raises:
        HnasError: It is, or it cannot be written.
    """
    from hnas.cli.errors import FileExists
    from hnas.diag import HnasError
    from hnas.engine.errors import CannotWrite

    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise HnasError(FileExists(None, path=str(path))) from None
    except OSError as error:
        why = error.strerror or "it cannot be opened"
        raise HnasError(CannotWrite(None, path=str(path), why=why)) from None
