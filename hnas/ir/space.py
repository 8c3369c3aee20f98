"""A search space with every name resolved, before anything is laid out.

Operators are templates: trees of primitives whose attributes are expressions over the facts of the
place they will be built at (`ir/expr.py`). The space does not know the language it was written in.
"""

from collections.abc import Mapping
from typing import Literal, final

from attrs import field, frozen

from hnas.diag import Span
from hnas.ir.expr import Expr, Value
from hnas.ir.types import Stride

# --- operator templates --------------------------------------------------------------------------


@frozen
class _Template:
    span: Span = field(kw_only=True, eq=False, repr=False)


@final
@frozen
class Prim(_Template):
    """A primitive layer; `like` names the map whose size a resize takes (`input`)."""

    name: str
    attrs: tuple[tuple[str, Expr], ...]
    like: str | None = None


@final
@frozen
class Pipe(_Template):
    """One after the other."""

    items: tuple["Template", ...]


@final
@frozen
class Join(_Template):
    """The same map through each, joined by sum, product, or along the channels."""

    how: Literal["sum", "concat", "product"]
    items: tuple["Template", ...]


@final
@frozen
class Repeat(_Template):
    """`count` times one after the other, each with weights of its own."""

    count: Expr
    body: "Template"


@final
@frozen
class Select(_Template):
    """`then if test else other`."""

    test: Expr
    then: "Template"
    other: "Template"


@final
@frozen
class Named(_Template):
    """An operator of the spec, applied: a function in the graph.

    `label` is how a spec writes it, `sep(3)`. Parameters with a constant value are already put in;
    `bindings` are the others, as facts `@NAME` of the body, to be evaluated where the operator stands.
    """

    label: str
    body: "Template"
    bindings: tuple[tuple[str, Expr], ...] = ()


@final
@frozen
class OverStates(_Template):
    """`sum_over(stride, body)`: body on the map of every stride of the last layer, joined."""

    how: Literal["sum", "concat"]
    body: "Template"


@final
@frozen
class At(_Template):
    """`at(layer = 3)`: the map of a layer, as the first step of a head."""

    layer: Expr


Template = Prim | Pipe | Join | Repeat | Select | Named | OverStates | At


# --- the space -----------------------------------------------------------------------------------


@final
@frozen
class Take:
    """What a node of a found cell keeps, and so what is counted.

    `slots(n)`: n times an input and its operator, ordered, repetition allowed; `edges(n)`: n
    distinct inputs; `all`: every edge (count is None).
    """

    how: Literal["slots", "edges", "all"]
    count: int | None


@final
@frozen
class CellOption:
    """One operator an edge may take: its name in found networks and its template."""

    label: str
    template: Template

    @property
    def is_none(self) -> bool:
        """Whether it is `none`, which no decoded cell keeps."""
        return isinstance(self.template, Prim) and self.template.name == "none"


Share = Literal["network", "stride", "layer", "state"]


@final
@frozen
class Cell:
    """A cell: nodes that read the inputs and the nodes before them.

    `inputs` are `prev`, H(l-1), and `prev_prev`, H(l-2). Every edge takes one of `options`.
    """

    name: str
    inputs: tuple[str, ...]
    nodes: int
    options: tuple[CellOption, ...]
    take: Take
    join: Literal["sum", "product"]
    output: Literal["concat", "last"]
    share: Share
    fixed: bool = False
    """Whether it is an operator that stands where a cell may stand: its only option, nothing is decided."""
    span: Span = field(kw_only=True, eq=False, repr=False)

    def node_names(self) -> tuple[str, ...]:
        """n1 .. nB."""
        return tuple(f"n{i}" for i in range(1, self.nodes + 1))

    def sources(self, node: int) -> tuple[str, ...]:
        """What node `node` (from 0) reads: the inputs, then every earlier node."""
        return self.inputs + self.node_names()[:node]


@final
@frozen
class Move:
    """A move between layers: `coarser(2)` goes two entries of `strides` at once."""

    name: Literal["finer", "same", "coarser"]
    by: int = 1

    @property
    def label(self) -> str:
        """As the language writes it."""
        return self.name if self.by == 1 else f"{self.name}({self.by})"

    @property
    def offset(self) -> int:
        """How far it goes along `strides`."""
        return {"finer": -self.by, "same": 0, "coarser": self.by}[self.name]


@final
@frozen
class Trellis:
    """The layers and strides, and how a map gets from one state to the next.

    `enter` are the strides layer 1 may have: several are a decision. `path`, where given, is one
    stride for each layer: nothing about the way is searched then.
    """

    layers: int
    strides: tuple[Stride, ...]
    enter: tuple[Stride, ...]
    moves: tuple[Move, ...]
    path: tuple[Stride, ...] | None
    width: Expr
    cells: Mapping[str, str]
    """Name of the cell for each move: `*` where no move has an entry of its own."""
    project: Mapping[str, Template]
    """The projection of each input of a cell, by its name; `*` for the others."""
    finer: "Resampling"
    coarser: "Resampling"
    align: "Resampling"
    weigh: Literal["outgoing", "incoming", "independent"]
    missing: Literal["closest", "drop"]
    prev_prev: Literal["same_stride", "on_path"]
    mix: Literal["after_cell", "before_cell"]
    operators: Literal["shared", "per_move"]
    span: Span = field(kw_only=True, eq=False, repr=False)
    strides_spans: tuple[Span, ...] = field(kw_only=True, eq=False, repr=False)
    moves_span: Span = field(kw_only=True, eq=False, repr=False)


Resampling = Literal["projection", "operators", "bilinear"] | Template
"""How a map changes its stride on the way into a cell: in the projection, in the operators that
read it, by bilinear interpolation before the projection, or by an operator."""


@final
@frozen
class Space:
    """Everything that defines what is searched. The settings of data, search and decode are beside it."""

    name: str
    params: Mapping[str, Value]
    dims: int
    classes: int
    task: Literal["segmentation", "classification"]
    stem: tuple[Template, ...]
    cells: Mapping[str, Cell]
    trellis: Trellis
    head: Template
    aux: Template | None
    """An auxiliary head, of the network while it is trained."""
    arch_step_updates_stats: bool
    """Whether the architecture step moves the running statistics of norms."""
    span: Span = field(kw_only=True, eq=False, repr=False)
