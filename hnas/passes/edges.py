"""edges: which values of a network are edges of a cell that may be left out while it is trained.

Operates on the specialised graph of a space. An edge is what an operator makes of an input of a node:
an operand of the join that is the node. Those that only pass a map on stay (Liu et al., ICLR 2019; they
leave out all but the identity, for each image by itself).
"""

from collections.abc import Mapping

from hnas.ir import graph as g
from hnas.ir.space import Space
from hnas.passes.layers import plain


def droppable_edges(space: Space, graph: g.Graph) -> Mapping[str, frozenset[str]]:
    """The edges of each function that is a cell, by the names of function and value."""
    cells = {plain(cell.name) for cell in space.cells.values() if not cell.fixed}
    found: dict[str, frozenset[str]] = {}
    for function in graph.functions:
        if function.name.partition(".")[0] not in cells or function is graph.main:
            continue
        nodes = {node.name: node for node in function.nodes}
        joined = {
            name
            for node in function.nodes
            if isinstance(node.kind, g.Join) and node.kind.how != "concat"
            for name in node.operands
            if name in nodes
        }
        edges = frozenset(name for name in joined if _computes(graph, nodes[name]))
        if edges:
            found[function.name] = edges
    return found


def _computes(graph: g.Graph, node: g.Node) -> bool:
    """Whether a value is more than one of its operands passed on."""
    match node.kind:
        case g.Call(callee):
            return any(_computes(graph, inner) for inner in graph.by_name[callee].nodes)
        case g.Op(primitive):
            return primitive not in ("skip", "none")
        case _:
            return False
