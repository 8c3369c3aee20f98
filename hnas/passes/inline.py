"""inline: a graph of functions as a program, one list of steps with a single member each.

Operates on a verified graph. What it makes is the network at -O0, node by node and edge by edge: the
reference that every pass is measured against.
"""

from collections.abc import Mapping
from typing import final

from hnas.ir import graph as g
from hnas.ir.program import IMAGE, WEIGHTED, Holder, Member, Program, Ref, Step, groups_of
from hnas.ir.types import MapType


def inline(graph: g.Graph, droppable: Mapping[str, frozenset[str]] | None = None) -> Program:
    """The program of a graph.

    Args:
        graph: Of a network or a super-network.
        droppable: Values, by function, that drop path leaves out.
    """
    return _Inlining(graph, droppable or {}).run()


@final
class _Inlining:
    def __init__(self, graph: g.Graph, droppable: Mapping[str, frozenset[str]]) -> None:
        self.graph, self.droppable = graph, droppable
        image = MapType(3, 1)
        main = graph.main
        if main.params:
            image = main.params[0][1]
        self.steps = [Step("image", (), image, image, [Member((), "image", main.nodes[0].span)])]
        self.region = ""
        self.zeros: set[Ref] = set()
        self.holders: dict[tuple[str, str], Holder] = {}
        self.edges = 0
        self.states = frozenset(graph.states.values())

    def run(self) -> Program:
        main = self.graph.main
        refs = self._function(main, (IMAGE,), "", "", "")
        result, aux = refs[main.result], refs[main.aux] if main.aux is not None else None
        groups = tuple(dict.fromkeys(group for step in self.steps for group in groups_of(step)))
        deciding = frozenset(self._deciding(result))
        return Program(
            self.steps,
            result,
            aux,
            tuple(self.holders.values()),
            self.edges,
            self.graph.dims,
            deciding,
            groups,
        )

    def _deciding(self, result: Ref) -> set[str]:
        """The groups that have a say: what stands behind `none` has not."""
        needed, groups = {result[0]}, set[str]()
        for number in range(len(self.steps) - 1, 0, -1):
            if number in needed and (number, 0) not in self.zeros:
                step = self.steps[number]
                needed.update([ref[0] for ref in step.members[0].operands])
                groups.update(groups_of(step))
        return groups

    def _region_of(self, name: str) -> str:
        """The state a value of the main function belongs to, else the first part of its name."""
        state = name
        while state and state not in self.states:
            state = state.rpartition(".")[0]
        return state or name.partition(".")[0]

    def _function(
        self, function: g.Function, arguments: tuple[Ref, ...], weights: str, stats: str, choices: str
    ) -> dict[str, Ref]:
        """Unroll a function; where each of its values is."""
        refs = dict(zip((name for name, _ in function.params), arguments, strict=True))
        types = function.types
        main, dropped = function is self.graph.main, self.droppable.get(function.name, frozenset())
        for node in function.nodes:
            if main:
                self.region = self._region_of(node.name)
            operands = tuple(refs[name] for name in node.operands)
            given = types[node.operands[0]]
            match node.kind:
                case g.Op():
                    ref = self._op(node, node.kind, given, operands, weights, stats)
                case g.Call(callee, weight_path, stat_path, prefix):
                    inner = self.graph.by_name[callee]
                    own = choices if prefix is None else prefix
                    paths = f"{weights}{weight_path}.", f"{stats}{stat_path}."
                    ref = self._function(inner, operands, *paths, own)[inner.result]
                case g.Mix():
                    ref = self._mix(node, node.kind, given, operands, stats, choices)
                case g.Mask():
                    ref = self._append("mask", node, given, operands, stats)
                    if operands[0] in self.zeros:
                        self.zeros.add(ref)
                case g.Join(how):
                    operands = tuple(
                        self._edge(node, types[name], ref, stats)
                        if name in dropped and how != "concat"
                        else ref
                        for name, ref in zip(node.operands, operands, strict=True)
                    )
                    ref = (
                        operands[0] if len(operands) == 1 else self._append(how, node, given, operands, stats)
                    )
            refs[node.name] = ref
        return refs

    def _append(
        self,
        op: str,
        node: g.Node,
        given: MapType,
        operands: tuple[Ref, ...],
        stats: str,
        layer: g.Op | None = None,
        weights: str = "",
        moved: tuple[str, ...] = (),
    ) -> Ref:
        member = Member(operands, f"{stats}{node.name}", node.span, weights, moved)
        attrs = layer.attrs if layer is not None else ()
        step = Step(op, attrs, given, node.type, [member], self.region)
        if layer is not None:
            step.kernel, step.extern = layer.kernel, layer.extern
        self.steps.append(step)
        return len(self.steps) - 1, 0

    def _edge(self, node: g.Node, given: MapType, ref: Ref, stats: str) -> Ref:
        """An edge that may be left out where it is joined."""
        found = self._append("drop", node, given, (ref,), stats)
        step = self.steps[-1]
        step.type, step.members[0].number = given, self.edges
        self.edges += 1
        return found

    def _mix(
        self, node: g.Node, mix: g.Mix, given: MapType, operands: tuple[Ref, ...], stats: str, choices: str
    ) -> Ref:
        prefix = f"{choices}." if choices else ""
        kept = [
            (ref, tuple((_whole(prefix, group), option) for group, option in weight))
            for ref, weight in zip(operands, mix.weights, strict=True)
            if ref not in self.zeros
        ]
        if not kept:
            return operands[0]
        found = self._append("mix", node, given, tuple(ref for ref, _ in kept), stats)
        self.steps[-1].members[0].terms = tuple(weight for _, weight in kept)
        return found

    def _op(
        self, node: g.Node, op: g.Op, given: MapType, operands: tuple[Ref, ...], weights: str, stats: str
    ) -> Ref:
        path = f"{weights}{node.name}"
        if op.extern is not None:
            self._hold("extern", path, node.name.rpartition(".")[2], op, given, node)
            return self._append("extern", node, given, (*operands, IMAGE), stats, op, path)
        if op.primitive == "norm":
            return self._norm(node, op, given, operands, path, stats)
        if op.primitive in WEIGHTED:
            self._hold("layer", path, path, op, given, node)
            if op.primitive == "transposed":
                operands = (*operands, IMAGE)
            return self._append(op.primitive, node, given, operands, stats, op, path)
        # what refers to the size of the image gets it as a second operand
        if len(operands) == 1 and op.primitive in ("none", "resize"):
            operands = (*operands, IMAGE)
        ref = self._append(op.primitive, node, given, operands, stats, op)
        if op.primitive == "none":
            self.zeros.add(ref)
        return ref

    def _norm(
        self, node: g.Node, op: g.Op, given: MapType, operands: tuple[Ref, ...], path: str, stats: str
    ) -> Ref:
        attrs = dict(op.attrs)
        affine = bool(attrs["affine"])
        if affine:
            self._hold("affine", path, path, op, given, node)
        own = path if attrs["stats"] == "shared" else f"{stats}{node.name}"
        # beside the scale and shift where both have one name, as in torch's BatchNorm
        name = f"{own}.stats" if ("affine", own) in self.holders else own
        self._hold("stats", own, name, op, given, node)
        return self._append("norm", node, given, operands, stats, op, path if affine else "", (own,))

    def _hold(self, kind: str, path: str, name: str, op: g.Op, given: MapType, node: g.Node) -> None:
        if (kind, path) not in self.holders:
            holder = Holder(kind, path, name, op.primitive, op.attrs, given, node.span, op.extern)  # type: ignore[arg-type]
            self.holders[kind, path] = holder


def _whole(prefix: str, group: str) -> str:
    """The id of a group that a function names: after the prefix of its call, or as it is after a /."""
    return group[1:] if group.startswith("/") else f"{prefix}{group}"
