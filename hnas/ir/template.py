"""Operators as templates: trees of layers whose attributes wait for the place they are built at.

Attributes are expressions over the facts of the place (`ir/expr.py`). A template does not know the
language it was written in, nor where it will stand.
"""

from typing import Literal, final

from attrs import field, frozen

from hnas.diag import Span
from hnas.ir.expr import Expr, Sharing


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
class FoldStates(_Template):
    """`fold_over(stride, body, join = concat)`: from the coarsest stride to the finest one.

    What there is so far is resized to the stride, joined with the map there, and passes `body`.
    """

    body: "Template"
    how: Literal["sum", "concat", "product"]


@final
@frozen
class EachState(_Template):
    """`each(stride, body)`: body on the map of every stride; in a stem, the map every stride starts with."""

    body: "Template"


@final
@frozen
class At(_Template):
    """`at(layer = 3)`: the map of a layer, as the first step of a head; of one stride where it has more."""

    layer: Expr
    stride: Expr | None = None


@final
@frozen
class Factor:
    """One decision of a choice of operators: its name and the labels of its options.

    Attributes:
        name: What names the decision at its place: a parameter, `op`, or the choice's own name.
        labels: Of its options, as found networks spell them.
        share: Who shares it; None: each use has its own.
        named: Whether a spec gave it the name: then it is the same decision wherever it is used.
    """

    name: str
    labels: tuple[str, ...]
    share: Sharing | None = None
    named: bool = False


@final
@frozen
class Choose(_Template):
    """A searched operator: one of the options, or the sum of some of them.

    Attributes:
        label: How a spec calls it: the operator whose arguments are searched; empty for a bare choice.
        factors: The decisions; with several, every combination of their options is an option.
        options: The last factor running fastest.
        least: How many options are taken at least; more than one only of a single factor.
        most: How many at most; None: all.
    """

    label: str
    factors: tuple[Factor, ...]
    options: tuple["Template", ...]
    least: int = 1
    most: int | None = 1

    @property
    def one(self) -> bool:
        """Whether a single option is taken."""
        return self.least == self.most == 1


@final
@frozen
class CellOp(_Template):
    """A cell where an operator stands: its first input is the map it gets, others are given by name."""

    cell: str
    inputs: tuple[tuple[str, "Template"], ...] = ()


@final
@frozen
class Extern(_Template):
    """`extern op`: a Python class, built with the parameters it was given and the channels it gets.

    Attributes:
        name: As the spec calls it.
        target: `module:Class`.
        args: The parameters by name.
        channels: Of the result.
        stride: By how much it reduces the resolution.
    """

    name: str
    target: str
    args: tuple[tuple[str, Expr], ...]
    channels: Expr
    stride: Expr


Template = (
    Prim
    | Pipe
    | Join
    | Repeat
    | Select
    | Named
    | OverStates
    | FoldStates
    | EachState
    | At
    | Choose
    | CellOp
    | Extern
)

TEMPLATES = (
    Prim,
    Pipe,
    Join,
    Repeat,
    Select,
    Named,
    OverStates,
    FoldStates,
    EachState,
    At,
    Choose,
    CellOp,
    Extern,
)
"""The classes of templates."""
