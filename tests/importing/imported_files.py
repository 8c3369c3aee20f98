"""What is imported, and where to."""

from pathlib import Path

from helpers import ROOT

from hnas.cli.importing import imported
from hnas.compiler import Compilation
from hnas.diag import HnasError
from hnas.diag.render import render
from hnas.importing.found import Given
from hnas.ir.decisions import Architecture

EXAMPLES = {
    "darts": ROOT / "examples" / "darts" / "cifar10.hnas",
    "nasbench201": ROOT / "examples" / "nasbench201" / "spec.hnas",
    "autodeeplab": ROOT / "examples" / "autodeeplab" / "spec.hnas",
}
"""The space that each format's networks are of."""

_COMPILED: dict[Path, Compilation] = {}


def compiled(path: Path) -> Compilation:
    """A spec, compiled once."""
    return _COMPILED.setdefault(path, Compilation(path))


def text_of(kind: str, path: Path, cell: Path | None = None, name: str | None = None) -> str:
    """The network file that a file is imported as."""
    return imported(kind, Given(path, cell, name), compiled(EXAMPLES[kind]), None)


def said(kind: str, path: Path, cell: Path | None = None, name: str | None = None) -> str:
    """What is said about a file, each file called by its name alone; empty where it is imported."""
    try:
        text_of(kind, path, cell, name)
    except HnasError as error:
        shown = "\n".join(map(render, error.diagnostics))
        return shown.replace(f"{path}/", "").replace(f"{path.parent}/", "")
    return ""


def read_back(kind: str, text: str, folder: Path) -> Architecture:
    """The network of a text that was imported, read as a file beside its spec."""
    for spec in EXAMPLES[kind].parent.glob("*.hnas"):
        (folder / spec.name).write_bytes(spec.read_bytes())
    written = folder / "imported.hnas"
    written.write_text(text, encoding="utf-8")
    compilation = Compilation(written)
    assert compilation.check() == ()
    (found,) = compilation.networks().values()
    return found
