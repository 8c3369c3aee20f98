"""What a drawing of a cell shows: its nodes, and the edges between them with operators. No matplotlib."""

from collections.abc import Iterator, Mapping, Sequence
from typing import final

from attrs import evolve, frozen

from hnas.draw.states import Weights
from hnas.ir.decisions import Architecture, Decision, DecisionTable, Group
from hnas.ir.space import Applied, Cell, Joined, MapExpr, OneOfMaps, Read, Space, unapplied
from hnas.ir.spell import Speller, speller_of

_LONGEST = 36
"""Characters of a label."""


@final
@frozen
class Edge:
    """From an input or a node to a later one.

    Attributes:
        source, target: Their names.
        label: The operator; empty where all edges may take the same ones.
        weight: Alpha of the strongest operator that is a connection; None where nothing weighs it.
        taken: Whether the architecture takes it; True too where there is none.
    """

    source: str
    target: str
    label: str
    weight: float | None = None
    taken: bool = True


@final
@frozen
class Graph:
    """A cell as it is drawn.

    Attributes:
        title: What it is called, and where its choices hold.
        inputs, nodes: Names.
        output: What the result is made of, the name of the last place.
        edges: What is between them; those to the output have no label.
        notes: Lines below it.
    """

    title: str
    inputs: tuple[str, ...]
    nodes: tuple[str, ...]
    output: str
    edges: tuple[Edge, ...]
    notes: tuple[str, ...] = ()


def cells_of(
    space: Space,
    table: DecisionTable,
    weights: Weights | None = None,
    architecture: Architecture | None = None,
) -> tuple[Graph, ...]:
    """The cells of a space; with weights or an architecture, of every place that has choices of its own."""
    speller = speller_of(space)
    if weights is None and architecture is None:
        return tuple(_declared(cell, speller) for cell in space.cells.values())
    found: dict[str, list[Decision]] = {}
    for decision in table.decisions:
        of_network = architecture is None or decision.id in architecture.picks
        if decision.kind == "node" and (of_network or weights is not None):
            found.setdefault(decision.id.rpartition(".")[0], []).append(decision)
    drawn = [_decided(space, name, nodes, weights, architecture) for name, nodes in found.items()]
    others = [cell for cell in space.cells.values() if not any(cell is _cell(space, name) for name in found)]
    return (*drawn, *(_noted(_declared(cell, speller), cell, table, architecture) for cell in others))


def _cell(space: Space, name: str) -> Cell | None:
    """The cell that the decisions of a place belong to; None where a group names them otherwise."""
    for part in reversed(name.split(".")):
        if part in space.cells:
            return space.cells[part]
    return next((c for c in space.cells.values() if c.share.scope == "group" and c.share.group == name), None)


# --- as a space has it ----------------------------------------------------------------------------


def _declared(cell: Cell, speller: Speller) -> Graph:
    """Every edge there may be."""
    options = [_short(option.label) for option in cell.options]
    notes: list[str] = []
    edges: list[Edge] = []
    if cell.equations:
        for name, node in cell.equations:
            edges += [Edge(source, name, _short(label)) for source, label in _reads(node, speller)]
    else:
        only = options[0] if len(options) == 1 else ""
        for number, name in enumerate(cell.node_names()):
            edges += [Edge(source, name, only) for source in cell.sources(number)]
        if cell.fixed:
            notes = [f"{only} = {speller.template(cell.options[0].template)}"]
        elif not only:
            notes = [f"operators: {', '.join(options)}", f"take {cell.take} for each node"]
    names = (*cell.inputs, *cell.node_names())
    if cell.result is not None:
        output, parts = _called("output", names), tuple[MapExpr, ...]((cell.result,))
        if isinstance(cell.result, Joined):
            output, parts = _called(cell.result.how, names), cell.result.items
        edges += [Edge(source, output, _short(label)) for p in parts for source, label in _reads(p, speller)]
    else:
        output = _called(cell.output, names)
        edges += _to_output(cell.output, cell.node_names(), edges, output, every=not cell.equations)
    nodes = cell.node_names()
    return Graph(f"cell {cell.name}", cell.inputs, nodes, output, tuple(edges), tuple(notes))


def _called(output: str, names: Sequence[str]) -> str:
    """The last place: how it is made, told apart from a node of that name."""
    found = output.replace("_", " ")
    return found if found not in names else f"{found} (output)"


def _to_output(
    kind: str, nodes: Sequence[str], edges: Sequence[Edge], output: str, *, every: bool
) -> Iterator[Edge]:
    """From the nodes that the result is made of; of loose ends `every` node of a space may be one."""
    read = {edge.source for edge in edges if edge.taken}
    for node in nodes if kind != "last" else nodes[-1:]:
        if kind != "loose_ends" or every or node not in read:
            yield Edge(node, output, "")


def _reads(node: MapExpr, speller: Speller) -> Iterator[tuple[str, str]]:
    """What a node reads, and through what; what is searched is marked with a question mark."""
    match node:
        case Read(name):
            yield name, ""
        case Applied(operator, inner):
            outer = speller.template(operator)
            for source, label in _reads(inner, speller):
                yield source, f"{label} -> {outer}" if label else outer
        case Joined(how, items):
            for item in items:
                for source, label in _reads(item, speller):
                    yield source, label if how == "sum" else f"{label} {how}".strip()
        case OneOfMaps(_, options):
            for option in options:
                for source, label in _reads(option, speller):
                    yield source, f"{label} ?".strip()


def _noted(graph: Graph, cell: Cell, table: DecisionTable, architecture: Architecture | None) -> Graph:
    """With what an architecture picks inside the operators of a cell."""
    if architecture is None:
        return graph
    picks = architecture.picks
    inside = [d.id for d in table.decisions if d.id in picks and cell.name in d.id.split(".")]
    shown = [f"{id} = {', '.join(label for _, label in picks[id])}" for id in inside[:6]]
    more = (f"and {len(inside) - 6} more choices",) if len(inside) > 6 else ()
    return evolve(graph, notes=(*graph.notes, *shown, *more))


# --- as it is weighed and found ------------------------------------------------------------------


def _decided(
    space: Space,
    name: str,
    decisions: Sequence[Decision],
    weights: Weights | None,
    architecture: Architecture | None,
) -> Graph:
    cell, edges = _cell(space, name), list[Edge]()
    nodes = tuple(decision.id.rpartition(".")[2] for decision in decisions)
    for node, decision in zip(nodes, decisions, strict=True):
        picked = _picked(decision, architecture)
        if weights is None:
            edges += [Edge(source, node, _short(operator)) for source, operator in picked]
            continue
        strengths = _strengths(decision, weights)
        chosen: dict[str, list[str]] = {}
        for source, operator in picked:
            chosen.setdefault(source, []).append(operator)
        for source, options in strengths.items():
            best = max(options, key=lambda operator: options[operator])
            if architecture is None:
                edges.append(Edge(source, node, _weighed(best, options[best]), options[best]))
            elif source in chosen:
                shown = chosen[source]
                edges += [Edge(source, node, _weighed(op, options.get(op)), options[best]) for op in shown]
            else:
                edges.append(Edge(source, node, _weighed(best, options[best]), options[best], taken=False))
    read = {edge.source for edge in edges}
    known = cell.inputs if cell is not None else ()
    inputs = tuple(i for i in known if i in read or not edges)
    inputs += tuple(dict.fromkeys(e.source for e in edges if e.source not in (*nodes, *inputs)))
    kind = cell.output if cell is not None else "concat"
    output = _called(kind, (*inputs, *nodes))
    edges += _to_output(kind, nodes, edges, output, every=architecture is None)
    return Graph(f"cell {name}", inputs, nodes, output, tuple(edges))


def _picked(decision: Decision, architecture: Architecture | None) -> list[tuple[str, str]]:
    """What an architecture connects: source and operator, `none` left out."""
    if architecture is None:
        return []
    none = {(g.name, g.options[option]) for g in decision.groups for option in g.none}
    picks = [pick for pick in architecture.picks.get(decision.id, ()) if pick not in none]
    if decision.take.how != "pairs":
        return [(source, operator) for source, operator in picks]
    return [(source, operator) for operator, source in (unapplied(pair) for _, pair in picks)]


def _strengths(decision: Decision, weights: Weights) -> Mapping[str, Mapping[str, float]]:
    """For every source the weights of the operators on it; of several slots the largest."""
    found: dict[str, dict[str, float]] = {}
    for group in decision.groups:
        for source, operator, weight in _weights(decision, group, weights):
            options = found.setdefault(source, {})
            options[operator] = max(weight, options.get(operator, 0.0))
    return found


def _weights(decision: Decision, group: Group, weights: Weights) -> Iterator[tuple[str, str, float]]:
    for option, (label, weight) in enumerate(zip(group.options, weights[group.id], strict=True)):
        if option in group.none:
            continue
        if decision.take.how == "pairs":
            operator, source = unapplied(label)
            yield source, operator, weight
        else:
            yield group.name, label, weight


def _weighed(operator: str, weight: float | None) -> str:
    return _short(operator) if weight is None else f"{_short(operator)}  {weight:.2f}"


def _short(label: str) -> str:
    return label if len(label) <= _LONGEST else f"{label[: _LONGEST - 1]}…"
