"""What a graph costs, exactly: parameters by name, multiply-adds of convolutions and linear layers."""

from collections.abc import Iterator, Mapping, Sequence
from math import prod
from typing import final

from attrs import frozen

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
    return sum(prod(shape) for shape in shapes.values())


def multiply_adds(graph: Graph, image: Sequence[int]) -> int:
    """Multiply-adds of the convolutions and linear layers for one image of the given size."""
    return sum(_by_node(graph, image).values())


@final
@frozen
class Part:
    """A part of a network: the layers together are the cells."""

    parameters: int
    multiply_adds: int | None


@final
@frozen
class Cost:
    """What a network costs.

    Attributes:
        parameters: Numbers in its weights; running statistics are none.
        multiply_adds: Of its convolutions and linear layers, for one image; None where its size is not known.
        image: The size of that image in pixels, an extent for each axis.
        parts: The same by part: stem, cells, head and what else has weights of its own.
    """

    parameters: int
    multiply_adds: int | None
    image: tuple[int, ...] | None
    parts: Mapping[str, Part]


def cost_of(
    graph: Graph, image: tuple[int, ...] | None = None, shapes: Mapping[str, tuple[int, ...]] | None = None
) -> Cost:
    """The cost of a graph, whose parameters are `shapes` where those are known already."""
    shapes = parameters(graph) if shapes is None else shapes
    weights: dict[str, int] = {}
    for name, shape in shapes.items():
        weights[part_of(name)] = weights.get(part_of(name), 0) + prod(shape)
    macs: dict[str, int] = {}
    if image is not None:
        for name, number in _by_node(graph, image).items():
            macs[part_of(name)] = macs.get(part_of(name), 0) + number
    parts = {
        name: Part(weights.get(name, 0), None if image is None else macs.get(name, 0))
        for name in sorted(weights.keys() | {name for name, number in macs.items() if number})
    }
    return Cost(sum(weights.values()), None if image is None else sum(macs.values()), image, parts)


def part_of(path: str) -> str:
    """The part of a network that a layer belongs to, by its path: `stem`, `cells`, `head`, ..."""
    first = path.partition(".")[0]
    return "cells" if first.startswith("layer") and first[5:].isdigit() else first


def _by_node(graph: Graph, image: Sequence[int]) -> Mapping[str, int]:
    """Multiply-adds by the name of the weights of the main function's nodes."""
    weighted = _Weighted(graph)
    found: dict[str, int] = {}
    mine: dict[str, int] = {}
    for function in graph.functions:  # callees come first: each is counted once, wherever it is called
        mine = {}
        for node in function.nodes:
            if isinstance(node.kind, Call):
                name, number = node.kind.weights, found[node.kind.function]
            elif isinstance(node.kind, Op) and weighted.op(node.kind):
                given = function.types[node.operands[0]]
                primitive = PRIMITIVES[node.kind.primitive]
                per_pixel = primitive.macs(dict(node.kind.attrs), given, node.type, graph.dims)
                # a transposed convolution uses each weight once for every pixel that comes in
                counted = given if primitive.name == "transposed" else node.type
                name, number = node.name, per_pixel * prod(size(image, counted.stride))
            else:
                continue
            mine[name] = mine.get(name, 0) + number
        found[function.name] = sum(mine.values())
    assert graph.functions[-1] is graph.main
    return mine


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
