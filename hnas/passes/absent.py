"""drop_absent: a super-network without the states an architecture leaves out.

Such a map is absent: it feeds no sum and no head, and edges that read it are dropped. The theorem
behind it: the super-network after `drop_absent`, under one-hot weights, computes what the network that
`expand` lays out for the same architecture computes with the same parameters.

Operates on an expanded graph and the architecture of its decisions; leaves the names of what remains
as they were, so that weights find their places.
"""

from typing import final

from attrs import define, evolve, field

from hnas.ir import graph as g
from hnas.ir.decisions import Architecture, DecisionTable
from hnas.passes.tidy import tidy


def drop_absent(graph: g.Graph, table: DecisionTable, architecture: Architecture) -> g.Graph:
    """`graph` without the states the architecture leaves out, and without what reads them."""
    taken = table.trellis.taken(architecture.picks)
    absent = {n for state, n in graph.states.items() if state.layer > 0 and state not in taken.states}
    dropper = _Dropper(graph)
    main = dropper.function(graph.main, frozenset(absent), graph.main.name)
    assert main is not None, "the last layer has a state in every architecture"
    functions = (*dropper.made.values(), main)
    states = {s: n for s, n in graph.states.items() if s.layer <= 0 or s in taken.states}
    return tidy(evolve(graph, functions=functions, states=states))


@final
@define
class _Dropper:
    """Rewrites functions for calls in which some operands are absent."""

    graph: g.Graph
    made: dict[str, g.Function] = field(factory=dict[str, g.Function])

    def function(self, function: g.Function, absent: frozenset[str], name: str) -> g.Function | None:
        """`function` where the values `absent` are not there; None if then nothing is left of it."""
        gone = set(absent)
        nodes: list[g.Node] = []
        for node in function.nodes:
            if node.name in gone:
                continue
            if not node.operands or not gone.intersection(node.operands):
                nodes.append(self._kept(node))
                continue
            new = self._without(node, gone, function)
            if not new:
                gone.add(node.name)
            nodes += new
        if function.result in gone:
            return None
        params = tuple((p, t) for p, t in function.params if p not in absent)
        aux = None if function.aux in gone else function.aux
        return g.Function(name, params, tuple(nodes), function.result, aux)

    def _kept(self, node: g.Node) -> g.Node:
        """A node all of whose operands are there; the function it calls is kept as it is."""
        if isinstance(node.kind, g.Call):
            self._keep(node.kind.function)
        return node

    def _keep(self, name: str) -> None:
        if name in self.made:
            return
        function = self.graph.by_name[name]
        for node in function.nodes:
            if isinstance(node.kind, g.Call):
                self._keep(node.kind.function)
        self.made[name] = function

    def _without(self, node: g.Node, gone: set[str], function: g.Function) -> list[g.Node]:
        """`node` without its absent operands; nothing if it is absent itself."""
        left = tuple(i for i, operand in enumerate(node.operands) if operand not in gone)
        operands = tuple(node.operands[i] for i in left)
        if not left:
            return []
        match node.kind:
            case g.Mix(weights):
                return [evolve(node, kind=g.Mix(tuple(weights[i] for i in left)), operands=operands)]
            case g.Join("concat"):
                return self._concat(node, gone, function, operands[0])
            case g.Join():
                return [evolve(node, operands=operands)]
            case g.Call(name):
                called = self._call(node, name, left, operands)
                return [called] if called is not None else []
            case g.Op() | g.Mask():
                return []  # a layer on an absent map; resize(like = absent) has lost its size as well

    def _concat(self, node: g.Node, gone: set[str], function: g.Function, live: str) -> list[g.Node]:
        """Channels of an absent map are kept as zeros, so that the others stay where they are."""
        zeros = {
            operand: g.Node(
                f"{operand}.absent", g.Op("none"), (live,), function.types[operand], span=node.span
            )
            for operand in node.operands
            if operand in gone
        }
        operands = tuple(zeros[o].name if o in zeros else o for o in node.operands)
        return [*zeros.values(), evolve(node, operands=operands)]

    def _call(
        self, node: g.Node, name: str, left: tuple[int, ...], operands: tuple[str, ...]
    ) -> g.Node | None:
        callee = self.graph.by_name[name]
        absent = frozenset(p for i, (p, _) in enumerate(callee.params) if i not in left)
        if "prev" in absent:
            return None  # the move that would bring H(l-1) is not taken
        new_name = f"{name}.without.{'.'.join(sorted(absent))}"
        if new_name not in self.made:
            new = self.function(callee, absent, new_name)
            if new is None:
                return None
            self.made[new_name] = new
        assert isinstance(node.kind, g.Call)
        return evolve(node, kind=evolve(node.kind, function=new_name), operands=operands)
