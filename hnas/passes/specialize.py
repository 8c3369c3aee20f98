"""specialize: a super-network with its choices made. A decoded network is this and nothing else.

Two steps, each a pass of its own. `drop_absent` takes away what reads a state that the path does
not enter: such a map is absent, it feeds no sum and no head. `choose` puts the picked options in
the place of mixes. The theorem behind both: the super-network after `drop_absent`, under one-hot
weights, computes what the network after `choose` computes with the same parameters.

Operates on an expanded graph and the architecture of its decisions. Produces a graph without mixes,
and leaves the names of what remains as they were, so that weights find their places.
"""

from typing import final

from attrs import define, evolve, field

from hnas.ir import graph as g
from hnas.ir.decisions import Architecture, DecisionTable, Picked, State


def specialize(graph: g.Graph, table: DecisionTable, architecture: Architecture) -> g.Graph:
    """The network that `architecture` is, out of the super-network `graph`."""
    return choose(drop_absent(graph, table, architecture), table.picked(architecture))


def drop_absent(graph: g.Graph, table: DecisionTable, architecture: Architecture) -> g.Graph:
    """`graph` without the states the architecture's path leaves out, and without what reads them."""
    path = architecture.path(table.trellis)
    present = {State(layer, stride) for layer, stride in enumerate(path, 1)}
    absent = {name for state, name in graph.states.items() if state.layer > 0 and state not in present}
    dropper = _Dropper(graph)
    main = dropper.function(graph.main, frozenset(absent), graph.main.name)
    assert main is not None, "the last layer has a state on every path"
    functions = (*dropper.made.values(), main)
    states = {s: n for s, n in graph.states.items() if s.layer <= 0 or s in present}
    return _tidy(evolve(graph, functions=functions, states=states))


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
            case g.Op():
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


def choose(graph: g.Graph, picks: Picked) -> g.Graph:
    """`graph` with every mix replaced by the sum of what `picks` takes of it."""
    chooser = _Chooser(graph, picks)
    main = chooser.function(graph.main, "", graph.main.name)
    return _tidy(evolve(graph, functions=(*chooser.made.values(), main)))


@final
@define
class _Chooser:
    graph: g.Graph
    picks: Picked
    made: dict[str, g.Function] = field(factory=dict[str, g.Function])

    def function(self, function: g.Function, choices: str, name: str) -> g.Function:
        """`function` where its groups are found under the prefix `choices`."""
        alias: dict[str, str] = {}
        zero: set[str] = set()
        nodes: list[g.Node] = []
        for node in function.nodes:
            operands = tuple(alias.get(operand, operand) for operand in node.operands)
            match node.kind:
                case g.Mix(weights):
                    taken = self._taken(weights, operands, choices)
                    if not taken:
                        nodes.append(evolve(node, kind=g.Op("none"), operands=operands[:1]))
                        zero.add(node.name)
                    elif len(taken) == 1:
                        alias[node.name] = taken[0]
                    else:
                        nodes.append(evolve(node, kind=g.Join("sum"), operands=taken))
                case g.Join("sum"):
                    summed = tuple(o for o in operands if o not in zero)
                    if not summed:
                        zero.add(node.name)
                        nodes.append(evolve(node, kind=g.Op("none"), operands=operands[:1]))
                    else:
                        nodes.append(evolve(node, operands=summed))
                case g.Call(callee):
                    nodes.append(
                        evolve(node, kind=self._called(node.kind, callee, choices), operands=operands)
                    )
                case _:
                    nodes.append(evolve(node, operands=operands))
        results = [alias.get(result, result) for result in function.results]
        return g.Function(name, function.params, tuple(nodes), *results)

    def _taken(
        self, weights: tuple[tuple[str, int], ...], operands: tuple[str, ...], choices: str
    ) -> tuple[str, ...]:
        """The operands that are picked, as often as they are."""
        taken: list[str] = []
        for (group, option), operand in zip(weights, operands, strict=True):
            name = f"{choices}.{group}" if choices else group
            taken += [operand] * self.picks.get(name, {}).get(option, 0)
        return tuple(taken)

    def _called(self, call: g.Call, callee: str, choices: str) -> g.Call:
        prefix = call.choices if call.choices is not None else choices
        name = f"{callee}.for.{prefix}" if prefix else callee
        if name not in self.made:
            self.made[name] = self.function(self.graph.by_name[callee], prefix, name)
        return evolve(call, function=name)


def _tidy(graph: g.Graph) -> g.Graph:
    """`graph` without nodes nobody reads and functions nobody calls."""
    tidied: dict[str, g.Function] = {}
    called: set[str] = {graph.main.name}
    for function in reversed(graph.functions):
        if function.name not in called:
            continue
        needed = set(function.results)
        nodes: list[g.Node] = []
        for node in reversed(function.nodes):
            if node.name in needed:
                needed.update(node.operands)
                nodes.append(node)
                if isinstance(node.kind, g.Call):
                    called.add(node.kind.function)
        tidied[function.name] = evolve(function, nodes=tuple(reversed(nodes)))
    return evolve(graph, functions=tuple(reversed(tidied.values())))
