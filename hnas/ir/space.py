"""A search space with every name resolved, before anything is laid out: cells, moves, the trellis.

The space does not know the language it was written in.
"""

import re
from collections.abc import Mapping
from typing import Literal, final

from attrs import field, frozen

from hnas.diag import Span
from hnas.ir.expr import Expr, Sharing, Value
from hnas.ir.select import Selected
from hnas.ir.template import Factor, Prim, Template
from hnas.ir.types import Stride


@final
@frozen
class Take:
    """What is taken of a decision, and so what is counted.

    Of a cell's node: `slots(n)`: n times an input and its operator, ordered, repetition allowed;
    `edges(n)`: n distinct inputs; `all`: every edge (count is None). `pairs(n)`: as slots, where each
    slot weighs input and operator jointly. Of other decisions: `some`: from `count` to `most` distinct
    options of one group.
    """

    how: Literal["slots", "edges", "all", "pairs", "some"]
    count: int | None
    most: int | None = None

    def __str__(self) -> str:
        if self.how == "some":
            return f"{self.count}" if self.count == self.most else f"{self.count}..{self.most}"
        return self.how if self.count is None else f"{self.how}({self.count})"


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


def applied(label: str, source: str) -> str:
    """An option on what it reads, `sep(3)(prev)`; more than a name or a call is put in parentheses."""
    outside, depth = "", 0
    for character in label:
        depth -= character in ")]}"
        outside += character if depth == 0 else ""
        depth += character in "([{"
    plain = re.fullmatch(r"\w+[ (){}]*", outside)
    return f"{label}({source})" if plain else f"({label})({source})"


def unapplied(text: str) -> tuple[str, str]:
    """The operator and what it reads, of what `applied` spells."""
    operator, _, source = text[:-1].rpartition("(")
    return operator, source


# --- maps of explicit nodes ----------------------------------------------------------------------


@frozen
class _MapExpr:
    span: Span = field(kw_only=True, eq=False, repr=False)


@final
@frozen
class Read(_MapExpr):
    """An input, or a node above, by its name."""

    name: str


@final
@frozen
class Applied(_MapExpr):
    """`sep(3)(prev)`: an operator on a map."""

    operator: Template
    map: "MapExpr"


@final
@frozen
class Joined(_MapExpr):
    """Maps joined: `a + b`, `sum(a, b)`, `concat(a, b)`, `product(a, b)`."""

    how: Literal["sum", "concat", "product"]
    items: tuple["MapExpr", ...]


@final
@frozen
class OneOfMaps(_MapExpr):
    """A searched input: one of the maps, or the sum of some of them."""

    factor: Factor
    options: tuple["MapExpr", ...]
    least: int = 1
    most: int | None = 1


MapExpr = Read | Applied | Joined | OneOfMaps


# --- cells and trellis ---------------------------------------------------------------------------


@final
@frozen
class Cell:
    """A cell: nodes that read the inputs and the nodes before them.

    `inputs` are `prev`, H(l-1), `prev_prev`, H(l-2), `back3`, H(l-3), ...; of a cell that stands where
    an operator stands, any names. Every edge takes one of `options`; a cell with `equations` has none,
    its nodes say themselves what they read, and `result` what comes out.
    """

    name: str
    inputs: tuple[str, ...]
    nodes: int
    options: tuple[CellOption, ...]
    take: Take
    join: Literal["sum", "product"]
    output: Literal["concat", "last", "loose_ends"]
    share: Sharing
    edges: Literal["all_earlier", "inputs", "previous"] = "all_earlier"
    weigh: Literal["edges", "slots"] = "edges"
    width: Expr | None = None
    """Channels of a node, where they are not those of the place."""
    equations: tuple[tuple[str, MapExpr], ...] = ()
    result: MapExpr | None = None
    fixed: bool = False
    """Whether it is an operator that stands where a cell may stand: its only option, no edge is decided."""
    span: Span = field(kw_only=True, eq=False, repr=False)

    def node_names(self) -> tuple[str, ...]:
        """n1 .. nB, or the names the nodes were given."""
        if self.equations:
            return tuple(name for name, _ in self.equations)
        return tuple(f"n{i}" for i in range(1, self.nodes + 1))

    def sources(self, node: int) -> tuple[str, ...]:
        """What node `node` (from 0) reads of the inputs and the earlier nodes."""
        earlier = self.node_names()[:node]
        match self.edges:
            case "all_earlier":
                return self.inputs + earlier
            case "inputs":
                return self.inputs
            case "previous":
                return earlier[-1:] or self.inputs


def steps_back(name: str) -> int | None:
    """How many layers back an input of a cell is: 1 for prev, 2 for prev_prev, 3 for back3."""
    if name in ("prev", "prev_prev"):
        return 1 if name == "prev" else 2
    return int(name[4:]) if name.startswith("back") and name[4:].isdigit() else None


@final
@frozen
class Move:
    """A move between layers: `coarser(2)` goes two entries of `strides` at once.

    `within(coarser)` stays in the layer: it links two of its states.
    """

    name: Literal["finer", "same", "coarser"]
    by: int = 1
    within: bool = False

    @property
    def label(self) -> str:
        """As the language writes it."""
        plain = self.name if self.by == 1 else f"{self.name}({self.by})"
        return f"within({plain})" if self.within else plain

    @property
    def offset(self) -> int:
        """How far it goes along `strides`."""
        return {"finer": -self.by, "same": 0, "coarser": self.by}[self.name]


@final
@frozen
class Moves:
    """The moves out of a state: one of them is taken, some, or all."""

    moves: tuple[Move, ...]
    how: Literal["one", "some", "all"]
    least: int = 1
    most: int | None = None
    """Of some: how many at most; None: all."""
    span: Span = field(kw_only=True, eq=False, repr=False)


@final
@frozen
class Enter:
    """The strides of layer 1: one of them, some, or all; none given: that of the stem."""

    strides: tuple[Stride, ...] = ()
    how: Literal["one", "some", "all"] = "all"


@final
@frozen
class Skip:
    """Links from earlier layers, at the same stride, joined to the map that enters a cell."""

    kind: Literal["earlier", "back", "mirror"]
    back: int
    operator: Template
    how: Literal["sum", "concat", "product"]
    span: Span = field(kw_only=True, eq=False, repr=False)

    def layers(self, layer: int, last: int) -> tuple[int, ...]:
        """The layers a state of `layer` is linked to, of `last` in all; 0 is the stem's last map."""
        match self.kind:
            case "earlier":
                return tuple(range(layer - 1))
            case "back":
                return (layer - self.back,) if layer - self.back >= 0 else ()
            case "mirror":
                other = last + 1 - layer
                return (other,) if other < layer - 1 else ()


@final
@frozen
class Trellis:
    """The layers and strides, and how a map gets from one state to the next.

    `path`, where given, is one stride for each layer: nothing about the way is searched then.
    """

    layers: int
    strides: tuple[Stride, ...]
    enter: Enter
    moves: Selected[Moves]
    branches: int
    """How many states of a layer a found network keeps of moves of which one is taken: 1 is a path."""
    path: tuple[Stride, ...] | None
    width: Selected[Expr]
    cells: Selected[str]
    """Names of cells."""
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
    skips: tuple[Skip, ...] = ()
    span: Span = field(kw_only=True, eq=False, repr=False)
    strides_spans: tuple[Span, ...] = field(kw_only=True, eq=False, repr=False)
    moves_span: Span = field(kw_only=True, eq=False, repr=False)


Resampling = Literal["projection", "operators", "bilinear"] | Template
"""How a map changes its stride on the way into a cell: in the projection, in the operators that
read it, by bilinear interpolation before the projection, or by an operator."""


@final
@frozen
class Limit:
    """The most a network of the space may cost: `parameters`, or `multiply_adds` for one image."""

    figure: str
    most: int
    span: Span = field(kw_only=True, eq=False, repr=False)


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
    limits: tuple[Limit, ...] = ()
    span: Span = field(kw_only=True, eq=False, repr=False)
