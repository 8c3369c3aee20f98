"""The specs tests compile, by name, and what checking a text says."""

from pathlib import Path

from hnas.compiler import Compilation
from hnas.diag import Diagnostic, HnasError
from hnas.diag.render import render

TESTS = Path(__file__).parent.parent
REFERENCE = TESTS.parent / "examples" / "autodeeplab" / "spec.hnas"
SPECS = TESTS / "specs"
MINI = SPECS / "mini.hnas"
GOOD = (REFERENCE, MINI, SPECS / "darts_like.hnas", SPECS / "all_edges.hnas", SPECS / "variation.hnas")
"""Every good spec: the reference, and those of tests/specs."""


def said(path: Path, data: bytes) -> tuple[Diagnostic, ...]:
    """What checking the text says; anything but a diagnostic comes through."""
    path.write_bytes(data)
    try:
        found = Compilation(path).check()
    except HnasError as error:
        found = error.diagnostics
    for diagnostic in found:
        assert render(diagnostic)
    return found
