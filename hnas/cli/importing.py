"""`hnas import`: architectures that other people's code found, as network files. Needs no torch."""

import re
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hnas.cli.terminal import say, show_diagnostics
from hnas.cli.writing import check_name
from hnas.importing import FORMATS

if TYPE_CHECKING:
    from hnas.compiler import Compilation
    from hnas.importing.found import Given

_SPEC = "spec.hnas"


@click.command("import", short_help="A network that other code found, as a .hnas file.")
@click.argument("format_", metavar="FORMAT", type=click.Choice(FORMATS))
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--space",
    "spec",
    metavar="SPEC",
    type=click.Path(path_type=Path),
    help="The spec of its space.  [default: spec.hnas beside OUT, else here]",
)
@click.option("--out", type=click.Path(path_type=Path), help="The file to write.  [default: standard output]")
@click.option("--name", metavar="NAME", help="Which genotype of FILE, or what to call the network.")
@click.option(
    "--cell", metavar="FILE", type=click.Path(path_type=Path), help="autodeeplab: the file of the cell."
)
def import_(
    format_: str, file: Path, spec: Path | None, out: Path | None, name: str | None, cell: Path | None
) -> int:
    """Write the network of FILE, which other code found, as a network of a space; every choice is checked.

    \b
    darts          Python with Genotype(normal=[...], ...), as in genotypes.py of DARTS
    nasbench201    a text |OP~0|+|OP~0|OP~1|+|OP~0|OP~1|OP~2|
    autodeeplab    a folder with network_path.npy and genotype.npy, or the file of the path and --cell

    FILE may be - for standard input where it is a text. What is printed names SPEC as a file beside it does.

    \b
    hnas import darts genotypes.py --name DARTS_V2 --space examples/darts/cifar10.hnas
    """
    from hnas.api.files import refuse_to_overwrite, write_new
    from hnas.compiler import Compilation
    from hnas.importing.found import Given

    if cell is not None and format_ != "autodeeplab":
        raise click.UsageError(f"--cell goes with autodeeplab; {format_} has its cells in FILE")
    if name is not None and format_ != "darts":
        check_name(name, "--name {name}")
    if out is not None:
        refuse_to_overwrite(out)
    beside = _beside(out)
    if spec is None and not beside.is_file():
        raise click.UsageError(f"say which space it is of: --space SPEC; there is no {beside}")
    compilation = Compilation(spec if spec is not None else beside)
    text = imported(format_, Given(file, cell, name), compilation, out)
    if out is None:
        say(text.rstrip("\n"))
    else:
        write_new(out, text)
        say(f"wrote  {out}")
        say(f"next   hnas show {out}")
    show_diagnostics(compilation.warnings)
    return 0


def _beside(out: Path | None) -> Path:
    """The spec where none is named."""
    beside = out.parent / _SPEC if out is not None else Path(_SPEC)
    return beside if beside.is_file() else Path(_SPEC)


def imported(format_: str, given: "Given", compilation: "Compilation", out: Path | None) -> str:
    """The file of the network that `given` is in the space of `compilation`.

    Raises:
        HnasError: It cannot be read, or is not of the space.
    """
    import hnas
    from hnas.api.files import printable, use_of
    from hnas.diag import Sink
    from hnas.importing.formats import READERS
    from hnas.importing.place import network_block

    sink = Sink()
    found = READERS[format_](given, sink)
    sink.raise_errors()
    assert found is not None
    _ = compilation.file  # first of all whether it is there
    spec = compilation.path
    advice = f"write the network beside {spec.name} or above it: it uses files of its own folder and below"
    use = use_of(spec, out.parent, advice) if out is not None else spec.name
    name = _network_name(found.name, given.name)
    block = network_block(found, name, compilation.space, sink)
    sink.raise_errors()
    architecture = compilation.place(block)
    called = f"{found.name} of {given.path}" if found.name else str(given.path)
    note = f"hnas {hnas.__version__}: {called}, read as {format_}"
    return compilation.found_text(architecture, (printable(note),), use, name)


def _network_name(found: str | None, given: str | None) -> str:
    """What the network is called: as it was where it was found, if that is a name of the language."""
    from hnas.lang.parser import RESERVED

    if found is None and given is not None:
        check_name(given, "--name {name}")
        return given
    fits = found is not None and re.fullmatch(r"[A-Za-z_][A-Za-z_0-9]*", found) and found not in RESERVED
    return found if found is not None and fits else "found"
