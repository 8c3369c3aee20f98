"""The first architecture of a space: one of the space, whatever its decisions take."""

from pathlib import Path

import pytest
from helpers import ROOT

from hnas.compiler import Compilation
from hnas.ir.first import first_architecture

SPECS = sorted((*(ROOT / "examples").glob("*/spec.hnas"), *(ROOT / "tests" / "specs").glob("*.hnas")))


@pytest.mark.parametrize("spec", SPECS, ids=lambda p: f"{p.parent.name}/{p.stem}")
def test_it_makes_every_decision_that_matters_and_can_be_laid_out(spec: Path) -> None:
    compilation = Compilation(spec)
    table = compilation.decisions
    architecture = first_architecture(table)
    taken = table.trellis.taken(architecture.picks)
    for decision in table.decisions:
        if decision.kind in ("move", "enter"):
            continue
        matters = table.matters(decision, architecture.picks, taken)
        assert (decision.id in architecture.picks) is matters, decision.id
    assert taken.layer(len(table.trellis.layers))
    graph = compilation.specialized(architecture)
    assert not any("mix" in type(node.kind).__name__.lower() for f in graph.functions for node in f.nodes)
