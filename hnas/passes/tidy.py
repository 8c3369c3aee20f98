"""tidy: a graph without what nobody reads or calls."""

from attrs import evolve

from hnas.ir import graph as g


def tidy(graph: g.Graph) -> g.Graph:
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


def without_auxiliary(graph: g.Graph) -> g.Graph:
    """`graph` without its auxiliary head, which nothing reads once a network is trained."""
    if graph.main.aux is None:
        return graph
    functions = tuple(evolve(f, aux=None) if f is graph.main else f for f in graph.functions)
    return tidy(evolve(graph, functions=functions))
