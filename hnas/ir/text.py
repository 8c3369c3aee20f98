"""The graph as text: what `--emit graph` prints and what tests of passes compare."""

from collections.abc import Iterator

from hnas.ir.decisions import DecisionTable
from hnas.ir.expr import spell
from hnas.ir.graph import Call, Function, Graph, Join, Kind, Mix, Node, Op
from hnas.ir.types import MapType, spell_stride


def print_graph(graph: Graph) -> str:
    """Every function, callees first."""
    return "\n\n".join(print_function(function) for function in graph.functions) + "\n"


def print_function(function: Function) -> str:
    """One function: a line a node, `NAME = KIND operands : channels x stride`."""
    params = ", ".join(f"{name}: {_type(t)}" for name, t in function.params)
    lines = [f"function {function.name}({params}) -> {_type(function.types[function.result])} {{"]
    lines += [f"  {_node(node)}" for node in function.nodes]
    lines += [f"  return {function.result}", "}"]
    return "\n".join(lines)


def print_decisions(table: DecisionTable) -> str:
    """Every decision with its groups and options, then the ways out of every state."""
    return "\n".join(_decisions(table)) + "\n"


def _decisions(table: DecisionTable) -> Iterator[str]:
    yield f'choices "{table.digest}"'
    for decision in table.decisions:
        take = (
            decision.take.how
            if decision.take.count is None
            else f"{decision.take.how}({decision.take.count})"
        )
        yield f"{decision.kind} {decision.id}: take {take}, share {decision.share}"
        for group in decision.groups:
            name = f"{group.name}: " if group.name else ""
            yield f"  {name}{', '.join(group.options)}"
    for state, ways in table.trellis.exits.items():
        yield f"{state.id} -> {', '.join(f'{way.label} {way.target.id}' for way in ways)}"


def _type(t: MapType) -> str:
    return f"{t.channels}@{'1px' if t.stride is None else spell_stride(t.stride)}"


def _node(node: Node) -> str:
    return f"{node.name} = {_kind(node.kind)} {', '.join(node.operands)} : {_type(node.type)}"


def _kind(kind: Kind) -> str:
    match kind:
        case Op(primitive, attrs):
            shown = ", ".join(f"{name} = {spell(value)}" for name, value in attrs)
            return f"{primitive}({shown})" if shown else primitive
        case Call(function, weights, stats, choices):
            scopes = f"weights {weights}" if weights == stats else f"weights {weights}, stats {stats}"
            return f"call {function} [{scopes}{f', choices {choices}' if choices is not None else ''}]"
        case Mix(weights):
            return f"mix [{', '.join(f'{group}#{option}' for group, option in weights)}]"
        case Join(how):
            return how
