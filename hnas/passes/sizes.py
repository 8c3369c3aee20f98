"""sizes: a map whose size a pad has changed stays apart from the maps of the trellis.

The type of a map says its stride, and with it its size: ceil(image / stride) pixels. A layer padded by
a number may give another one. Such a map may go on through layers of its own, as in an auxiliary head
that ends in `global_pool`; it may not be joined with others, be a state's map, or be a result.

Operates on an expanded graph; changes nothing.
"""

from collections.abc import Callable, Mapping
from typing import final

from attrs import define, field

from hnas.diag import Diagnostic, Note, Span
from hnas.ir import graph as g
from hnas.ir.expr import Value, spell
from hnas.ir.types import per_axis
from hnas.passes.errors import SizeChanged

_SIZED_AGAIN = ("resize", "global_pool", "none")
"""Layers whose result has the size its type says, whatever the map's was."""

_NEEDS_SIZE = {
    "transposed": "transposed makes it as large as its stride says",
    "linear": "linear takes a map of one pixel",
}
"""Layers that count on the size of what they get, and why."""

_Faults = Mapping[str, g.Node]
"""Values whose size is not that of their type, each with the layer that changed it."""


def check_sizes(graph: g.Graph, fail: Callable[[Diagnostic], object]) -> None:
    """Tell `fail` of every layer whose pad gives a map of the trellis another size than its type says."""
    if not any(_padded(node.kind) for function in graph.functions for node in function.nodes):
        return
    checker = _Checker(graph, fail)
    main = graph.main
    faults = checker.values(main, {})
    states = dict.fromkeys(graph.states.values(), "it is the map of a state")
    for name in (*states, *main.results):
        if name in faults:
            checker.report(faults[name], states.get(name, "it is the result"), None)


@final
@define
class _Checker:
    graph: g.Graph
    fail: Callable[[Diagnostic], object]
    _results: dict[tuple[str, tuple[tuple[str, int], ...]], g.Node | None] = field(
        factory=dict[tuple[str, tuple[tuple[str, int], ...]], g.Node | None]
    )

    def values(self, function: g.Function, given: _Faults) -> _Faults:
        """The values of a function that have another size than their type says, as those of `given` do."""
        faults = dict(given)
        for node in function.nodes:
            found = self._of(node, faults)
            if found is not None:
                faults[node.name] = found
        return faults

    def _of(self, node: g.Node, faults: _Faults) -> g.Node | None:
        got = [faults.get(operand) for operand in node.operands]
        fault = next((each for each in got if each is not None), None)
        match node.kind:
            case g.Call():
                return self._call(node.kind, got)
            case g.Op("resize") if len(got) == 2:
                return got[1]
            case g.Op(name) if name in _SIZED_AGAIN:
                return None
            case g.Op(name) if fault is not None and name in _NEEDS_SIZE:
                self.report(fault, _NEEDS_SIZE[name], node.span)
                return None
            case g.Op():
                return fault or (node if _changes(node.kind, self.graph.dims) else None)
            case g.Mask():
                return fault
            case g.Join() | g.Mix():
                if len(got) < 2:
                    return fault
                for each in got:
                    if each is not None:
                        self.report(each, "it is joined with others", node.span)
                return None

    def _call(self, call: g.Call, got: list[g.Node | None]) -> g.Node | None:
        function = self.graph.by_name[call.function]
        given = {p: f for (p, _), f in zip(function.params, got, strict=True) if f is not None}
        key = (function.name, tuple((p, id(f)) for p, f in given.items()))
        if key not in self._results:
            self._results[key] = self.values(function, given).get(function.result)
        return self._results[key]

    def report(self, node: g.Node, why: str, place: Span | None) -> None:
        """Say that the size `node` gives its map matters."""
        assert isinstance(node.kind, g.Op)
        attrs = dict(node.kind.attrs)
        keeps = _keeping(node.kind, self.graph.dims)
        advice = "leave pad out: same is right for every kernel"
        if keeps is not None:
            advice = f"leave pad out, or write pad = {keeps}"
        notes = (Note(why, place),) if place is not None and place != node.span else ()
        layer, pad = node.kind.primitive, spell(attrs["pad"])
        label = why if not notes else ""
        self.fail(SizeChanged(node.span, layer=layer, pad=pad, why=label, notes=notes, advice=advice))


def _padded(kind: g.Kind) -> bool:
    """Whether it is a layer padded by a number."""
    return isinstance(kind, g.Op) and any(key == "pad" and value != "same" for key, value in kind.attrs)


def _changes(op: g.Op, dims: int) -> bool:
    """Whether the pad of a layer gives its map another size than ceil(size / stride), of some size."""
    return _padded(op) and dict(op.attrs)["pad"] != _keeping(op, dims)


def _keeping(op: g.Op, dims: int) -> int | None:
    """The zeros on each side that give ceil(size / stride) pixels whatever the size; None: no number does.

    A kernel over `reach` + 1 pixels gives (size + 2 * pad - reach - 1) // stride + 1 of them, and ceil(size /
    stride) is (size - 1) // stride + 1: equal for every size only where 2 * pad = reach, on every axis.
    """
    attrs = dict(op.attrs)
    kernels = [attrs["k"]] if op.kernel is None else list(op.kernel.values)
    reaches = {
        (k - 1) * d
        for kernel in kernels
        for k, d in zip(_axes(kernel, dims), _axes(attrs.get("dilation", 1), dims), strict=True)
    }
    reach = reaches.pop()
    return reach // 2 if not reaches and reach % 2 == 0 else None


def _axes(value: Value, dims: int) -> tuple[int, ...]:
    assert isinstance(value, int | tuple)
    return tuple(int(v) for v in value) if isinstance(value, tuple) else per_axis(value, dims)
