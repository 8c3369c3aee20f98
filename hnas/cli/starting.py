"""`hnas new`: a first spec that explains itself, or a variation of one that is there. Needs no torch."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hnas.cli.terminal import say
from hnas.cli.writing import check_name

if TYPE_CHECKING:
    from hnas.compiler import Compilation

_STARTER = Path(__file__).parent / "examples" / "base.hnas"


@click.command(short_help="Write a first spec, or a variation of one.")
@click.argument("name")
@click.option("--from", "base", metavar="SPEC", type=click.Path(path_type=Path), help="What it is to vary.")
@click.option("--space", metavar="SPACE", help="The space of SPEC, where it has several.")
def new(name: str, base: Path | None, space: str | None) -> int:
    """Write NAME.hnas, a small spec with comments that says how specs are written.

    With --from SPEC, a space NAME that extends the one of SPEC, and what can be changed in it.
    """
    from hnas.api.files import refuse_to_overwrite, write_new

    check_name(name, "hnas new {name}")
    if base is None and space is not None:
        raise click.UsageError("--space goes with --from")
    path = Path(f"{name}.hnas")
    refuse_to_overwrite(path)  # before anything is said about SPEC
    write_new(path, starter(name) if base is None else variation(name, base, space))
    say(f"wrote  {path}")
    say(f"next   hnas show {path}" if base is None else f"next   hnas diff {base} {path}")
    return 0


def starter(name: str) -> str:
    """The starter spec with its space called `name`."""
    text = _STARTER.read_text(encoding="utf-8")
    return text.replace("space base {", f"space {name} {{").replace("base.hnas", f"{name}.hnas")


def variation(name: str, base: Path, space: str | None) -> str:
    """The text of a file beside or above `base`, with a space `name` that extends the one of `base`.

    Raises:
        HnasError: `base` has mistakes, lies outside the current folder, or has a space of that name.
    """
    from hnas.api.files import use_of
    from hnas.cli.errors import SameName
    from hnas.compiler import Compilation
    from hnas.diag import HnasError, Source

    compilation = Compilation(base, space_name=space)
    _ = compilation.file  # first of all whether it is there
    advice = (
        f"call hnas new in the folder of {base.name} or in one above it, or copy {base.name} here: "
        "a spec uses files of its own folder and below"
    )
    use = use_of(base, Path.cwd(), advice)
    extended = compilation.space.name
    if name == extended:
        raise HnasError(SameName(None, path=str(base), name=name))
    lines = [
        "hnas 1",
        "",
        f"# A variation of {extended}: all is as {use} has it, but for what is written here.",
        "# Take a # away and change the value. What differs:",
        f"#   hnas diff {use} {name}.hnas",
        "",
        f'use "{use}"',
        "",
        f"space {name} extends {extended} {{",
        *(f"  # {hint}" if hint else "" for hint in _hints(compilation)),
        "}",
    ]
    text = "\n".join(lines) + "\n"
    found = Compilation(Path(f"{name}.hnas"), source=Source(f"{name}.hnas", text)).check()
    if any(d.severity == "error" for d in found):
        raise HnasError(*found)
    return text


def _hints(compilation: "Compilation") -> Iterator[str]:
    """What can be written into the variation: parameters and attributes, as they are now."""
    from hnas.ir.expr import spell

    space, trellis = compilation.space, compilation.space.trellis
    for name, value in space.params.items():
        yield f"{name} = {spell(value)}"
    if space.params:
        yield ""
    for cell in space.cells.values():
        labels = [option.label for option in cell.options]
        changes = [f"op += {label}" for label in _further(labels)]
        changes += [f"op -= {labels[-1]}"] if len(labels) > 2 else []
        if changes:
            yield f"cell {cell.name} {{ {'  '.join(changes)} }}"
    yield "trellis {"
    yield f"  strides = [{', '.join(spell(stride) for stride in trellis.strides)}]"
    yield f"  missing = {trellis.missing}"
    yield f"  weigh   = {trellis.weigh}"
    yield "}"
    yield f"data = {compilation.data.name}"
    if compilation.program.search is not None:
        search = compilation.search
        yield f"search {{ epochs = {search.epochs}  batch = {search.batch} }}"


def _further(labels: list[str]) -> list[str]:
    """One more option of the kind there are: `sep(7)` after `sep(3)` and `sep(5)`."""
    numbered = [match for label in labels if (match := re.fullmatch(r"(\w+)\((\d+)\)", label))]
    if not numbered:
        return []
    name = numbered[0].group(1)
    return [f"{name}({max(int(m.group(2)) for m in numbered if m.group(1) == name) + 2})"]
