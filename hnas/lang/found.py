"""An architecture as text: the file `hnas decode` writes and `lang/network.py` reads."""

import re
from collections.abc import Sequence

from hnas.ir.decisions import Architecture, Decision, DecisionTable
from hnas.ir.space import Space, applied
from hnas.ir.types import Stride


def write_network(
    name: str, architecture: Architecture, space: Space, table: DecisionTable, use: str, notes: Sequence[str]
) -> str:
    """A file with one network: what `hnas decode` writes and `read_network` reads.

    Args:
        name: Name of the network.
        architecture: Its choices.
        space: The space they were made in.
        table: The decisions of the space.
        use: Path of the space's file, from where the network's will lie.
        notes: Lines of comment for the top.
    """
    lines = ["hnas 1", "", *(f"# {note}" for note in notes), *([""] if notes else []), f'use "{use}"', ""]
    lines.append(f'network {name} of {space.name} at choices("{table.digest}") {{')
    if table.trellis.single and table.trellis.decisions:  # a path that is given is no choice
        path = architecture.path(table.trellis)
        lines.append(f"  path = [{', '.join(_stride_text(stride) for stride in path)}]")
    for prefix, nodes in _by_cell(space, table, architecture):
        lines.append(f"  cell {prefix} {{")
        for decision in nodes:
            pairs = decision.take.how == "pairs"
            picks = architecture.picks[decision.id]
            terms = [option if pairs else applied(option, source) for source, option in picks]
            lines.append(f"    {decision.id.rpartition('.')[2]} = {' + '.join(terms)}")
        lines.append("  }")
    for decision in table.decisions:
        moves = decision.kind in ("move", "enter") and not table.trellis.single
        if (moves or decision.kind == "choice") and decision.id in architecture.picks:
            labels = [label for _, label in architecture.picks[decision.id]]
            one = decision.take.most in (None, 1)
            lines.append(f"  choose {decision.id} = {labels[0] if one else '[' + ', '.join(labels) + ']'}")
    lines.append("}")
    return "\n".join(lines) + "\n"


def _stride_text(stride: Stride) -> str:
    return str(stride) if isinstance(stride, int) else f"({', '.join(map(str, stride))})"


def _by_cell(
    space: Space, table: DecisionTable, architecture: Architecture
) -> list[tuple[str, list[Decision]]]:
    sharing = [cell for cell in space.cells.values() if cell.share.scope == "group"]
    grouped = {cell.share.group: cell.name for cell in reversed(sharing)}
    found: dict[str, list[Decision]] = {}
    for decision in table.decisions:
        if decision.kind == "node" and decision.id in architecture.picks:
            found.setdefault(decision.id.rpartition(".")[0], []).append(decision)
    return [(grouped.get(prefix) or _cell_header(prefix), nodes) for prefix, nodes in found.items()]


def _cell_header(prefix: str) -> str:
    """`dense`, or where choices are not shared by the whole network `dense at state(3, 8)`."""
    *where, cell = prefix.split(".")
    if not where:
        return cell
    move = where.pop() if len(where) == 3 else ""
    numbers = [re.sub(r"^[a-z]+", "", part) for part in where]
    kind = "state" if len(where) == 2 else re.sub(r"[0-9x]+$", "", where[0])
    spelled_numbers = [f"({n.replace('x', ', ')})" if "x" in n else n for n in numbers]
    if move:
        return f"{cell} at link({', '.join((*spelled_numbers, move))})"
    return f"{cell} at {kind}({', '.join(spelled_numbers)})"
