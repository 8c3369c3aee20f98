"""Spaces laid out as graphs: golden texts of the IR, and a cost that grows with layers times states."""

from pathlib import Path

import pytest
from helpers import ROOT, small

from hnas.compiler import Compilation
from hnas.ir.text import print_decisions, print_graph, print_tree

GOLDEN = ROOT / "tests" / "golden"
MINI = ROOT / "tests" / "specs" / "mini.hnas"


def _texts() -> dict[str, str]:
    compilation = Compilation(MINI, sets=("L=2", "B=1"))
    return {
        "mini.space": print_tree(compilation.space),
        "mini.graph": print_graph(compilation.graph),
        "mini.decisions": print_decisions(compilation.decisions),
        "mini.resolved": compilation.resolved_text,
    }


@pytest.mark.parametrize("name", ["mini.space", "mini.graph", "mini.decisions", "mini.resolved"])
def test_the_stages_as_text(name: str, update_golden: bool) -> None:
    path: Path = GOLDEN / f"{name}.txt"
    text = _texts()[name]
    if update_golden:
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


def _sizes(layers: int) -> tuple[int, int]:
    """Functions of the graph, and nodes of its main function."""
    graph = small(f"L={layers}").graph
    return len(graph.functions), len(graph.main.nodes)


def test_cells_are_laid_out_once_and_the_rest_grows_with_the_layers() -> None:
    (functions, nodes), (more_functions, more_nodes) = _sizes(12), _sizes(120)
    assert more_functions == functions, "what a layer needs is there already"
    per_layer = (more_nodes - nodes) / 108
    assert per_layer == (_sizes(228)[1] - more_nodes) / 108
    assert per_layer < 60


def test_every_call_fits_the_function_it_calls() -> None:
    graph = small().graph
    for function in graph.functions:
        for node in function.nodes:
            callee = getattr(node.kind, "function", None)
            if callee is None:
                continue
            called = graph.by_name[callee]
            given = [function.types[operand] for operand in node.operands]
            assert given == [kind for _, kind in called.params], node.name
            assert node.type == called.types[called.result], node.name


def test_operands_stand_before_their_use_and_names_are_unique() -> None:
    for function in small().graph.functions:
        seen = {name for name, _ in function.params}
        for node in function.nodes:
            assert set(node.operands) <= seen, node.name
            assert node.name not in seen
            seen.add(node.name)
        assert function.result in seen
