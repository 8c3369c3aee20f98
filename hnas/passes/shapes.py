"""shapes: weights that several calls share have one shape.

With `operators = shared` the moves into a state share the weights of its cell. They can where every move
brings a map of as many channels, as after a `project` of the node's width.

Operates on an expanded graph; changes nothing.
"""

from collections.abc import Callable, Mapping

from hnas.diag import Diagnostic
from hnas.ir import graph as g
from hnas.ir.ops import PRIMITIVES
from hnas.passes.errors import SharedShapes

Shapes = Mapping[str, tuple[int, ...]]


def check_shapes(graph: g.Graph, fail: Callable[[Diagnostic], object]) -> None:
    """Tell `fail` of weights that calls of a cell share though they want them of several shapes."""
    first: dict[str, g.Call] = {}
    known: dict[str, Shapes] = {}
    told: set[str] = set()
    for node in graph.main.nodes:
        call = node.kind
        if not isinstance(call, g.Call):
            continue
        before = first.setdefault(call.weights, call)
        if before.function == call.function or call.weights in told:
            continue
        one, other = (_shapes(graph, name, known) for name in (before.function, call.function))
        apart = next((name for name, shape in other.items() if one.get(name, shape) != shape), None)
        if apart is not None:
            told.add(call.weights)
            shapes = " and ".join(" x ".join(map(str, each[apart])) for each in (one, other))
            fail(SharedShapes(node.span, weights=f"{call.weights}.{apart}", shapes=shapes))


def _shapes(graph: g.Graph, name: str, known: dict[str, Shapes]) -> Shapes:
    """The weights of a function by their path in it."""
    if name not in known:
        function, found = graph.by_name[name], dict[str, tuple[int, ...]]()
        for node in function.nodes:
            if isinstance(node.kind, g.Op):
                given = function.types[node.operands[0]] if node.operands else None
                if given is not None:
                    weights = PRIMITIVES[node.kind.primitive].weights(
                        dict(node.kind.attrs), given, graph.dims
                    )
                    found |= {f"{node.name}.{each}": shape for each, shape in weights}
            elif isinstance(node.kind, g.Call):
                inner = _shapes(graph, node.kind.function, known)
                found |= {f"{node.kind.weights}.{each}": shape for each, shape in inner.items()}
        known[name] = found
    return known[name]
