"""Drawings of a found network in characters: its path through the trellis, and its cells. Pure text."""

from collections.abc import Sequence

from hnas.ir.decisions import Architecture, DecisionTable, State, TrellisChoices
from hnas.ir.space import Space
from hnas.ir.types import Stride, spell_stride

_STEP = 4
"""Columns from one layer to the next."""


def draw_network(space: Space, table: DecisionTable, architecture: Architecture) -> str:
    """Path and cells."""
    path = architecture.path(table.trellis)
    parts = [draw_path(table.trellis, path)]
    parts += [draw_cell(title, nodes) for title, nodes in _cells(table, architecture)]
    return "\n\n".join(parts)


def spell_path(path: Sequence[Stride]) -> str:
    """`4 4 8 16`."""
    return " ".join(map(spell_stride, path))


def draw_path(trellis: TrellisChoices, path: Sequence[Stride]) -> str:
    """The trellis with a row a stride and a column a layer; states off the path are dots."""
    strides = list(dict.fromkeys(stride for layer in trellis.layers for stride in layer))
    if trellis.start.stride not in strides:
        strides.append(trellis.start.stride)
    strides.sort(key=_pixels)
    row = {stride: 2 * position for position, stride in enumerate(strides)}
    width = _STEP * len(trellis.layers) + 1
    grid = [[" "] * width for _ in range(2 * len(strides) - 1)]
    for layer, there in enumerate(trellis.layers, 1):
        for stride in there:
            grid[row[stride]][_STEP * layer] = "·"
    previous = trellis.start
    grid[row[previous.stride]][0] = "●"
    for layer, stride in enumerate(path, 1):
        here = State(layer, stride)
        _link(grid, row[previous.stride], row[stride], _STEP * (layer - 1))
        grid[row[stride]][_STEP * layer] = "●"
        previous = here
    margin = max(len(spell_stride(stride)) for stride in strides)
    numbers = "".join(f"{number:<{_STEP}}" for number in range(len(trellis.layers) + 1)).rstrip()
    lines = [f"{'layer':<{len('stride') + 1 + margin}}  {numbers}"]
    for number, cells in enumerate(grid):
        word = "stride" if number == 0 else ""
        label = spell_stride(strides[number // 2]) if number % 2 == 0 else ""
        lines.append(f"{word:<{len('stride')}} {label:>{margin}}  {''.join(cells)}".rstrip())
    return "\n".join(lines)


def _pixels(stride: Stride) -> tuple[int, ...]:
    return (stride,) if isinstance(stride, int) else stride


def _link(grid: list[list[str]], start: int, end: int, column: int) -> None:
    """A line from a state in `column` to one a layer on."""
    if start == end:
        for x in range(column + 1, column + _STEP):
            grid[start][x] = "─"
        return
    sign, down = ("╲", 1) if end > start else ("╱", -1)
    for y in range(start + down, end, down):
        grid[y][column + _STEP // 2] = sign


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


def _cells(
    table: DecisionTable, architecture: Architecture
) -> list[tuple[str, list[tuple[str, Sequence[tuple[str, str]]]]]]:
    found: dict[str, list[tuple[str, Sequence[tuple[str, str]]]]] = {}
    for decision in table.decisions:
        if decision.kind == "node" and decision.id in architecture.picks:
            cell, _, node = decision.id.rpartition(".")
            found.setdefault(f"cell {cell}", []).append((node, architecture.picks[decision.id]))
    return list(found.items())
