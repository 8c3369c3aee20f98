"""What a graph costs, exactly: parameters by name, multiply-adds of convolutions and linear layers."""

from collections.abc import Iterator, Mapping, Sequence

from hnas.ir.graph import Call, Function, Graph, Node, Op
from hnas.ir.ops import PRIMITIVES
from hnas.ir.types import MapType, size


def parameters(graph: Graph) -> Mapping[str, tuple[int, ...]]:
    """Shapes of all weights by name; what calls share stands once. Running statistics do not count."""
    found: dict[str, tuple[int, ...]] = {}
    for path, node, given in _walk(graph):
        assert isinstance(node.kind, Op)
        primitive = PRIMITIVES[node.kind.primitive]
        for name, shape in primitive.weights(dict(node.kind.attrs), given, graph.dims):
            found[f"{path}.{name}"] = shape
    return found


def total(shapes: Mapping[str, Sequence[int]]) -> int:
    """How many numbers tensors of these shapes hold."""
    return sum(_product(shape) for shape in shapes.values())


def multiply_adds(graph: Graph, image: Sequence[int]) -> int:
    """Multiply-adds of the convolutions and linear layers for one image of the given size."""
    weighted = _Weighted(graph)
    found: dict[str, int] = {}
    for function in graph.functions:  # callees come first: each is counted once, wherever it is called
        mine = 0
        for node in function.nodes:
            if isinstance(node.kind, Call):
                mine += found[node.kind.function]
            elif isinstance(node.kind, Op) and weighted.op(node.kind):
                given = function.types[node.operands[0]]
                primitive = PRIMITIVES[node.kind.primitive]
                per_pixel = primitive.macs(dict(node.kind.attrs), given, node.type, graph.dims)
                # a transposed convolution uses each weight once for every pixel that comes in
                counted = given if primitive.name == "transposed" else node.type
                mine += per_pixel * _product(size(image, counted.stride))
        found[function.name] = mine
    return found[graph.main.name]


def _walk(graph: Graph) -> Iterator[tuple[str, Node, MapType]]:
    """Every layer with weights: its path of names, the node, the type it gets; shared ones once."""
    weighted = _Weighted(graph)
    seen: set[str] = set()
    stack: list[tuple[Function, str]] = [(graph.main, "")]
    while stack:
        function, prefix = stack.pop()
        for node in function.nodes:
            path = f"{prefix}{node.name}"
            if isinstance(node.kind, Op):
                if weighted.op(node.kind) and path not in seen:
                    seen.add(path)
                    yield path, node, function.types[node.operands[0]]
            elif isinstance(node.kind, Call):
                inner = f"{prefix}{node.kind.weights}."
                if weighted.function(node.kind.function) and inner not in seen:
                    seen.add(inner)
                    stack.append((graph.by_name[node.kind.function], inner))


class _Weighted:
    """Which functions hold weights at all."""

    def __init__(self, graph: Graph) -> None:
        self.holds: dict[str, bool] = {}
        for function in graph.functions:  # callees come first
            self.holds[function.name] = any(
                self.op(n.kind)
                if isinstance(n.kind, Op)
                else isinstance(n.kind, Call) and self.holds[n.kind.function]
                for n in function.nodes
            )

    def op(self, op: Op) -> bool:
        if op.extern is not None:
            return False  # what a Python class holds is known when it is built
        primitive = PRIMITIVES[op.primitive]
        if primitive.name == "norm":
            return bool(dict(op.attrs)["affine"])
        return bool(primitive.attribute("c")) or primitive.name == "depthwise"

    def function(self, name: str) -> bool:
        return self.holds[name]


def _product(extents: Sequence[int]) -> int:
    result = 1
    for extent in extents:
        result *= extent
    return result
