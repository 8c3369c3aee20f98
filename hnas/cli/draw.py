"""Drawings of a space and of a found network in characters: the trellis, and the cells. Pure text."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from textwrap import fill

from hnas.cli.lattice import draw_states
from hnas.ir.decisions import Architecture, DecisionTable, TrellisChoices
from hnas.ir.space import Cell, Space, unapplied
from hnas.ir.types import spell_stride

_COLUMNS = 80
_MOST_NODES = 10
"""Of a cell's inputs and nodes, how many are drawn; the middle of more is left out."""


def draw_network(space: Space, table: DecisionTable, architecture: Architecture) -> str:
    """What is alive of the trellis, and the cells."""
    trellis, taken = table.trellis, table.trellis.taken(architecture.picks)
    layers = range(1, len(trellis.layers) + 1)
    alive = {0: tuple(state.stride for state in trellis.sources), **{n: taken.layer(n) for n in layers}}
    links = ((state, way.target) for state, ways in taken.ways.items() for way in ways)
    parts = [draw_states(alive, links, dict(enumerate(trellis.layers, 1)), whole=True)]
    parts += [draw_cell(title, nodes) for title, nodes in _cells(table, architecture)]
    return "\n\n".join(parts)


def spell_found(trellis: TrellisChoices, architecture: Architecture) -> str:
    """The path, or the strides alive in each layer: `4 4+8 4+8`."""
    taken = trellis.taken(architecture.picks)
    layers = (taken.layer(number) for number in range(1, len(trellis.layers) + 1))
    return " ".join("+".join(map(spell_stride, strides)) for strides in layers)


def draw_trellis(trellis: TrellisChoices) -> str:
    """Every state and every move of a space; the middle of many layers is left out."""
    first = {trellis.start.stride: None} | {s.stride: None for s in trellis.exits if s.layer == 0}
    alive = {0: tuple(first), **dict(enumerate(trellis.layers, 1))}
    links = ((state, way.target) for state, ways in trellis.exits.items() for way in ways)
    return draw_states(alive, links, whole=False)


def draw_cell(title: str, nodes: Sequence[tuple[str, Sequence[tuple[str, str]]]]) -> str:
    """A node a block: the operators it sums and what each of them reads."""
    lines = [title]
    name_width = max(len(name) for name, _ in nodes)
    width = max(len(operator) for _, picks in nodes for _, operator in picks)
    for name, picks in nodes:
        for position, (source, operator) in enumerate(picks):
            first, last = position == 0, position == len(picks) - 1
            branch = ("─" if last else "┬") if first else ("╰" if last else "├")
            label = name if first else ""
            line = "─" * (width - len(operator) + 1)
            lines.append(f"  {label:<{name_width}} {branch}─ {operator} {line} {source}")
    return "\n".join(lines)


def draw_shape(cell: Cell) -> str:
    """A cell of a space: its options once, and for each node which inputs and nodes it may read."""
    options = ", ".join(option.label for option in cell.options)
    if cell.fixed:
        return f"cell {cell.name}: the operator {options}"
    if cell.equations:
        lines = [f"cell {cell.name}, inputs {', '.join(cell.inputs)}"]
        return "\n".join([*lines, *(f"  node {name}" for name, _ in cell.equations)])
    rows = [
        ("inputs", ", ".join(cell.inputs)),
        ("options", options),
        ("take", f"{cell.take} for each node, joined by {cell.join}"),
        ("output", cell.output),
        ("share", str(cell.share)),
    ]
    width = max(len(name) for name, _ in rows) + 4
    lines = [f"cell {cell.name}"]
    lines += [
        fill(text, _COLUMNS, initial_indent=f"  {name:<{width - 2}}", subsequent_indent=" " * width)
        for name, text in rows
    ]
    reads = {node: cell.sources(number) for number, node in enumerate(cell.node_names())}
    return "\n".join([*lines, "", *_matrix(reads, (*cell.inputs, *cell.node_names()[:-1]))])


def _matrix(reads: Mapping[str, Collection[str]], sources: Sequence[str]) -> Iterator[str]:
    """A row a node, a column a source, a dot where the node may read it."""
    nodes, columns = _ends(tuple(reads)), _ends(sources)
    width = max(len("reads"), *map(len, nodes)) + 2
    yield f"  {'reads':<{width}}{'  '.join(columns)}"
    for node in nodes:
        marks = (_mark(reads, node, source).ljust(len(source)) for source in columns)
        yield f"  {node:<{width}}{'  '.join(marks)}".rstrip()


def _mark(reads: Mapping[str, Collection[str]], node: str, source: str) -> str:
    if "…" in (node, source):
        return "…" if node == source else ""
    return "●" if source in reads[node] else ""


def _ends(names: Sequence[str]) -> tuple[str, ...]:
    """The first and the last of many names."""
    if len(names) <= _MOST_NODES:
        return tuple(names)
    return (*names[: _MOST_NODES - 3], "…", *names[-2:])


def _cells(
    table: DecisionTable, architecture: Architecture
) -> list[tuple[str, list[tuple[str, Sequence[tuple[str, str]]]]]]:
    found: dict[str, list[tuple[str, Sequence[tuple[str, str]]]]] = {}
    for decision in table.decisions:
        if decision.kind == "node" and decision.id in architecture.picks:
            cell, _, node = decision.id.rpartition(".")
            picks = architecture.picks[decision.id]
            if decision.take.how == "pairs":  # `sep(3)(prev)`, of a slot
                picks = tuple((source, op) for op, source in (unapplied(pair) for _, pair in picks))
            found.setdefault(f"cell {cell}", []).append((node, picks))
    return list(found.items())
