"""auxiliary: the auxiliary head of a space, checked where nothing but the super-network is laid out.

Operates on a space and its super-network, of which such a head is no part: some network is laid out.
"""

from hnas.diag import Diagnostic, Sink
from hnas.ir.first import first_architecture
from hnas.ir.space import Space
from hnas.passes.errors import AbsentMap
from hnas.passes.expand import Expanded, Made, expand


def auxiliary_errors(space: Space, expanded: Expanded) -> tuple[Diagnostic, ...]:
    """What is wrong with the auxiliary head of a space, if it has one."""
    if space.aux is None:
        return ()
    sink, graph, table = Sink(), expanded.graph, expanded.decisions
    made = Made(table, first_architecture(table), lambda state: graph.main.types[graph.states[state]])
    expand(space, sink, searching=False, made=made)
    # another network may have the map that this one lacks
    return tuple(d for d in sink.errors if not isinstance(d, AbsentMap))
