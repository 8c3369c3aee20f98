"""The graph: functions of nodes, the road every network takes from space to module.

A graph is hierarchical. The main function lays out stem, states and head; a cell is a function that
is called wherever it stands, an operator is a function that a cell calls. One body, checked and
optimised once, serves every place with the same types.

Names carry meaning. A parameter's name is the path of names that leads to it: the `weights` of each
call on the way, then the node's own name. Two calls with one `weights` share parameters; running
statistics follow `stats` instead, so they can be kept per move while weights are shared.
"""

from collections.abc import Mapping
from functools import cached_property
from typing import Literal, final

from attrs import define, field, frozen

from hnas.diag import Span
from hnas.ir.decisions import State
from hnas.ir.expr import Value
from hnas.ir.table import Table
from hnas.ir.types import MapType

Attrs = tuple[tuple[str, Value], ...]


@final
@frozen
class Op:
    """A primitive layer on its first operand; a second one is what `resize(like = ...)` refers to.

    `kernel`, where it is searched and shared: the size each option leaves of the middle of the kernel,
    which is the largest. `extern` names the class of a layer that is none of hnas' own.
    """

    primitive: str
    attrs: Attrs = ()
    kernel: Table | None = None
    extern: str | None = None


@final
@frozen
class Call:
    """A function on the operands.

    Attributes:
        function: Its name in the graph.
        weights: Appended to the path under which parameters are named.
        stats: Appended to the path under which running statistics are named.
        choices: Where the groups its mixes name are found: their ids are `choices.GROUP`, where it is
            empty those groups themselves. None keeps those of the caller.
    """

    function: str
    weights: str
    stats: str
    choices: str | None = None


Weight = tuple[tuple[str, int], ...]
"""The product of the weights of options, each of a group."""


@final
@frozen
class Mix:
    """The weighted sum of the operands: `weights[i]` is the weight of operand i.

    With a group's weights all from one decision it is the mixed operator of an edge; with groups of
    several states it is what the moves into a state bring. A group is named as seen from the function,
    see `Call.choices`.
    """

    weights: tuple[Weight, ...]


@final
@frozen
class Mask:
    """The operand with channels scaled by how far the decisions let them live.

    Which ones, the type of the result says (`MapType.live`): a channel counts with the sum of the
    weights of the options that leave it, times one minus those of the options that close its gate.
    """


@final
@frozen
class Join:
    """The operands joined: summed, multiplied, or one after the other along the channels."""

    how: Literal["sum", "product", "concat"]


Kind = Op | Call | Mix | Mask | Join


@final
@frozen
class Node:
    """One value of a function: how it is computed, from which values, and its type."""

    name: str
    kind: Kind
    operands: tuple[str, ...]
    type: MapType
    span: Span = field(kw_only=True, eq=False, repr=False)


@final
@define(frozen=True, slots=False)
class Function:
    """Parameters, nodes in an order in which every operand stands before its use, and the result.

    `aux` is the result of an auxiliary head, of the main function of a network to be trained.
    """

    name: str
    params: tuple[tuple[str, MapType], ...]
    nodes: tuple[Node, ...]
    result: str
    aux: str | None = None

    @property
    def results(self) -> tuple[str, ...]:
        """The result, and the auxiliary one where there is one."""
        return (self.result,) if self.aux is None else (self.result, self.aux)

    @cached_property
    def types(self) -> Mapping[str, MapType]:
        """The type of every parameter and node by name."""
        return dict(self.params) | {node.name: node.type for node in self.nodes}


@final
@define(frozen=True, slots=False)
class Graph:
    """A network, or a super-network while mixes are left in it.

    Attributes:
        functions: By name, callees before callers; the last is the main one. Its first parameter is
            the image, of 3 channels and stride 1.
        states: The value of each state of the trellis in the main function (layer 0 and below:
            the maps of the stem).
        dims: Axes of a map: 2 for images.
    """

    functions: tuple[Function, ...]
    states: Mapping[State, str]
    dims: int = 2

    @property
    def main(self) -> Function:
        """The function that is the network."""
        return self.functions[-1]

    @cached_property
    def by_name(self) -> Mapping[str, Function]:
        """Functions by name."""
        return {function.name: function for function in self.functions}
