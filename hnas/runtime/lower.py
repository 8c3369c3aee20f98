"""lower: a graph as a torch module, the plain way (-O0): node by node, edge by edge.

Operates on a verified graph. Produces a Network whose parameters are named by their path in the
spec. The graph's functions are unrolled once, into a flat list of steps over numbered slots; a
forward pass runs down the list. It stays the reference every optimised lowering is measured against.
"""

import time
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any, final

import torch
from torch import Tensor, nn

from hnas.diag import Diagnostic, HnasError
from hnas.ir.expr import Value
from hnas.ir.graph import Call, Function, Graph, Join, Mask, Mix, Node, Op
from hnas.ir.types import MapType
from hnas.runtime.errors import BatchTooSmall
from hnas.runtime.extern import build_extern
from hnas.runtime.primitives import Affine, Statistics, Weighted, convolution, plain, shapes_of
from hnas.runtime.steps import (
    DROPPED,
    Concat,
    Edge,
    Extern,
    Layer,
    Masked,
    Mixed,
    Nested,
    Norm,
    Plain,
    Product,
    Step,
    Sum,
)
from hnas.runtime.tree import ModuleTree


def lower(
    graph: Graph, *, allow_extern: bool = False, droppable: Mapping[str, frozenset[str]] | None = None
) -> "Network":
    """The module that computes `graph`.

    Args:
        allow_extern: Whether it may import the classes of extern operators.
        droppable: Values, by function, that `Network.drop_path` leaves out.
    """
    return Network(graph, allow_extern=allow_extern, droppable=droppable)


@final
class Network(nn.Module):
    """A lowered graph: images (N, 3, H, W) to the result of its main function, (N, classes, H, W).

    `weights` maps the id of every group a mix names to its (O,) tensor of weights; a network with
    its choices made needs none. `deciding` are the groups that have a say in the result: what stands
    behind `none` has not.

    Attributes:
        drop_path: The probability that an edge is left out while training, for each image by itself;
            the others are scaled by 1 / (1 - drop_path), which keeps their expectation.
    """

    def __init__(
        self,
        graph: Graph,
        *,
        allow_extern: bool = False,
        droppable: Mapping[str, frozenset[str]] | None = None,
    ) -> None:
        super().__init__()
        lowering = _Lowering(graph, self, allow_extern, droppable or {})
        self.result, self.aux_result = lowering.run()
        self.edges, self.drop_path = lowering.edges, 0.0
        self.steps = lowering.steps
        self.groups = tuple(dict.fromkeys(group for step in self.steps for group in step.groups()))
        alive = [step for step in self.steps if step.out not in lowering.zeros]
        self.deciding = frozenset(g for step in _needed(alive, self.result) for g in step.groups())
        kept = {self.result} if self.aux_result is None else {self.result, self.aux_result}
        _free_early(self.steps, kept)
        self.main_steps = self.steps if self.aux_result is None else _needed(self.steps, self.result)

    def forward(
        self, images: Tensor, weights: Mapping[str, Tensor] | None = None, deadline: float | None = None
    ) -> Tensor:
        """The result; an auxiliary head's is computed by `with_aux` alone.

        Raises:
            TimeoutError: `deadline`, by time.monotonic, has passed.
        """
        return self._run(self.main_steps, images, weights, deadline)[self.result]

    def watched(
        self,
        images: Tensor,
        after: Callable[[Step, list[Any]], None],
        weights: Mapping[str, Tensor] | None = None,
    ) -> Tensor:
        """The result; `after` is called when a step is done, before the maps it used last are let go.

        It gets the step and the values of all slots, None where there is none.
        """
        return self._run(self.main_steps, images, weights, None, after)[self.result]

    def with_aux(self, images: Tensor) -> tuple[Tensor, Tensor | None]:
        """The result and that of the auxiliary head, None where the network has none."""
        values = self._run(self.steps, images, None, None)
        return values[self.result], values[self.aux_result] if self.aux_result is not None else None

    def _run(
        self,
        steps: list[Step],
        images: Tensor,
        weights: Mapping[str, Tensor] | None,
        deadline: float | None,
        after: Callable[[Step, list[Any]], None] | None = None,
    ) -> list[Any]:
        """Run steps in order; a map is let go after its last use."""
        scalars = {group: (weights or {})[group].unbind(0) for group in self.groups}
        values: list[Any] = [None] * (len(self.steps) + 1)
        values[0] = images
        training = self.training
        if training and self.drop_path > 0 and self.edges:
            scalars[DROPPED] = self._dropped(images)
        step: Step | None = None
        try:
            for step in steps:
                values[step.out] = step.run(values, scalars, training)
                if deadline is not None and time.monotonic() > deadline:
                    raise TimeoutError
                if after is not None:
                    after(step, values)
                for slot in step.dead:
                    values[slot] = None
        except Exception as error:
            if step is not None:
                _note(error, step, values)
            raise
        return values

    def _dropped(self, images: Tensor) -> tuple[Tensor, ...]:
        """The factor of each edge and image; drawn on the processor, the same on every device."""
        keep = 1 - self.drop_path
        kept = torch.empty(self.edges, len(images)).bernoulli_(keep).div_(keep)
        return kept.to(images.device, non_blocking=True).unbind(0)

    def update_statistics(self, updates: bool) -> None:
        """Whether a pass in training mode moves the running statistics of norms."""
        for module in self.modules():
            if isinstance(module, Statistics):
                module.updates = updates

    def __repr__(self) -> str:
        parameters = sum(p.numel() for p in self.parameters())
        return f"Network({len(self.steps)} steps, {parameters:,} parameters)"


def _note(error: Exception, step: Step, values: list[Any]) -> None:
    shapes = ", ".join(str(tuple(values[slot].shape)) for slot in step.operands if values[slot] is not None)
    if isinstance(error, ValueError) and "more than 1 value per channel" in str(error):
        diagnostic: Diagnostic = BatchTooSmall(step.span, place=step.path)
        raise HnasError(diagnostic) from None
    error.add_note(f"in {step.path} ({step.span}), input {shapes}")


def _needed(steps: list[Step], result: int) -> list[Step]:
    """The steps that `result` depends on."""
    slots, kept = {result}, list[Step]()
    for step in reversed(steps):
        if step.out in slots:
            slots.update(step.operands)
            kept.append(step)
    return kept[::-1]


def _free_early(steps: list[Step], kept: set[int]) -> None:
    """Note for each step the slots nobody reads after it."""
    last: dict[int, int] = {}
    for number, step in enumerate(steps):
        for slot in step.operands:
            last[slot] = number
    for slot, number in last.items():
        if slot not in kept:
            steps[number].dead = (*steps[number].dead, slot)


def _whole(prefix: str, group: str) -> str:
    """The id of a group that a function names: after the prefix of its call, or as it is after a /."""
    return group[1:] if group.startswith("/") else f"{prefix}{group}"


class _Lowering:
    """Unrolls functions into steps. Slot 0 is the image, slot i + 1 the result of step i."""

    def __init__(
        self, graph: Graph, root: nn.Module, allow_extern: bool, droppable: Mapping[str, frozenset[str]]
    ) -> None:
        self.graph, self.allow_extern, self.droppable = graph, allow_extern, droppable
        self.edges = 0
        self.tree = ModuleTree(root)
        self.steps: list[Step] = []
        self.zeros: set[int] = set()
        self.layers: dict[str, Weighted] = {}
        self.affines: dict[str, Affine] = {}
        self.statistics: dict[str, Statistics] = {}
        self.functions: dict[tuple[Any, ...], Callable[..., Tensor]] = {}
        self.externs: dict[str, nn.Module] = {}

    def run(self) -> tuple[int, int | None]:
        """Lay out the main function; the slots of its result and of the auxiliary one."""
        main = self.graph.main
        slots = self._function(main, (0,), "", "", "")
        return slots[main.result], slots[main.aux] if main.aux is not None else None

    def _function(
        self, function: Function, arguments: tuple[int, ...], weights: str, stats: str, choices: str
    ) -> dict[str, int]:
        """Unroll a function; the slot of each of its values."""
        slots = dict(zip((name for name, _ in function.params), arguments, strict=True))
        for node in function.nodes:
            operands = tuple(slots[name] for name in node.operands)
            match node.kind:
                case Op():
                    slot = self._op(node, node.kind, function, operands, weights, stats)
                case Call(callee, weight_path, stat_path, prefix):
                    inner = self.graph.by_name[callee]
                    own = choices if prefix is None else prefix
                    paths = f"{weights}{weight_path}.", f"{stats}{stat_path}."
                    slot = self._function(inner, operands, *paths, own)[inner.result]
                case Mix():
                    slot = self._mix(node, node.kind, operands, stats, choices)
                case Mask():
                    slot = self._append(Masked(node.type.segments()), node, operands, stats)
                    if operands[0] in self.zeros:
                        self.zeros.add(slot)
                case Join(how):
                    kind = {"sum": Sum, "product": Product, "concat": Concat}[how]
                    dropped = self.droppable.get(function.name, frozenset())
                    operands = tuple(
                        self._edge(node, slot, stats) if name in dropped and how != "concat" else slot
                        for name, slot in zip(node.operands, operands, strict=True)
                    )
                    slot = operands[0] if len(operands) == 1 else self._append(kind(), node, operands, stats)
            slots[node.name] = slot
        return slots

    def _append(self, step: Step, node: Node, operands: tuple[int, ...], stats: str) -> int:
        step.place(len(self.steps) + 1, operands, f"{stats}{node.name}", node.span)
        self.steps.append(step)
        return step.out

    def _edge(self, node: Node, slot: int, stats: str) -> int:
        """The slot of an edge that may be left out where it is joined."""
        self.edges += 1
        return self._append(Edge(self.edges - 1), node, (slot,), stats)

    def _mix(self, node: Node, mix: Mix, operands: tuple[int, ...], stats: str, choices: str) -> int:
        prefix = f"{choices}." if choices else ""
        terms = [
            (slot, tuple((_whole(prefix, group), option) for group, option in weight))
            for slot, weight in zip(operands, mix.weights, strict=True)
            if slot not in self.zeros
        ]
        if not terms:
            return operands[0]
        step = Mixed(tuple(weight for _, weight in terms))
        return self._append(step, node, tuple(slot for slot, _ in terms), stats)

    def _op(
        self, node: Node, op: Op, function: Function, operands: tuple[int, ...], weights: str, stats: str
    ) -> int:
        attrs: dict[str, Value] = dict(op.attrs)
        given = function.types[node.operands[0]]
        path = f"{weights}{node.name}"
        dims = self.graph.dims
        if op.extern is not None:
            return self._extern(node, op, operands, given, path, stats)
        if op.primitive == "norm":
            return self._norm(node, attrs, given.channels, operands, path, stats)
        shapes = shapes_of(op.primitive, attrs, given, dims)
        key = (op.primitive, op.attrs, given, node.type)
        if shapes:
            if path not in self.layers:
                self.layers[path] = self.tree.place(path, Weighted(shapes))
            if key not in self.functions:
                self.functions[key] = convolution(op.primitive, attrs, given, node.type, dims)
            if op.primitive == "transposed":
                operands = (*operands, 0)
            if op.kernel is not None:
                nested = Nested(self.functions[key], self.layers[path], op.kernel)
                return self._append(nested, node, operands, stats)
            return self._append(Layer(self.functions[key], self.layers[path]), node, operands, stats)
        if op.primitive == "dropout":
            dropped = attrs["p"]
            assert isinstance(dropped, int | Fraction)
            return self._append(Plain(nn.functional.dropout, float(dropped)), node, operands, stats)
        if key not in self.functions:
            self.functions[key] = plain(op.primitive, attrs, node.type, dims)
        # what refers to the size of the image gets it as a second operand
        needs_image = len(operands) == 1 and op.primitive in ("none", "resize")
        slot = self._append(
            Plain(self.functions[key]), node, (*operands, 0) if needs_image else operands, stats
        )
        if op.primitive == "none":
            self.zeros.add(slot)
        return slot

    def _extern(
        self, node: Node, op: Op, operands: tuple[int, ...], given: MapType, path: str, stats: str
    ) -> int:
        assert op.extern is not None
        if path not in self.externs:
            name = node.name.rpartition(".")[2]
            module = build_extern(
                name, op.extern, given.channels, dict(op.attrs), node.span, allowed=self.allow_extern
            )
            self.externs[path] = self.tree.place(path, module)
        step = Extern(path, self.externs[path], node.type.channels, node.type.stride)
        return self._append(step, node, (*operands, 0), stats)

    def _norm(
        self,
        node: Node,
        attrs: Mapping[str, Value],
        channels: int,
        operands: tuple[int, ...],
        path: str,
        stats: str,
    ) -> int:
        affine = None
        if attrs["affine"]:
            if path not in self.affines:
                self.affines[path] = self.tree.place(path, Affine(channels))
            affine = self.affines[path]
        own = path if attrs["stats"] == "shared" else f"{stats}{node.name}"
        if own not in self.statistics:
            # beside the scale and shift where both have one name, as in torch's BatchNorm
            name = f"{own}.stats" if own in self.affines else own
            self.statistics[own] = self.tree.place(name, Statistics(channels))
        momentum, eps = attrs["momentum"], attrs["eps"]
        assert isinstance(momentum, int | Fraction)
        assert isinstance(eps, int | Fraction)
        step = Norm(self.statistics[own], affine, float(momentum), float(eps))
        return self._append(step, node, operands, stats)
