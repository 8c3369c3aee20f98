"""Types of attributes: what a value must look like, before anything is evaluated.

A closed set of small classes that the checker interprets and the manual prints; no behaviour here.
"""

from collections.abc import Mapping
from typing import final

from attrs import frozen


@final
@frozen
class Whole:
    """A whole number within bounds."""

    least: int = 1
    most: int = 10**9


@final
@frozen
class Real:
    """A number within bounds, exact or decimal."""

    least: float = 0.0
    most: float = float("inf")


@final
@frozen
class Flag:
    """`true` or `false`; `static` ones may depend on facts (`not searching`)."""


@final
@frozen
class Word:
    """One of a few words."""

    words: tuple[str, ...]


@final
@frozen
class Text:
    """A text in quotes."""


@final
@frozen
class Classes:
    """A list of classes, `[road, "traffic light"(250, 170, 30), void]`, or the file that lists them."""


@final
@frozen
class Static:
    """A number that may depend on facts of the place: `F * stride / 4`. `selected`: or a map by place."""

    facts: tuple[str, ...]
    selected: bool = False


@final
@frozen
class Strides:
    """A list of strides, fine to coarse: whole numbers, or tuples with one for each axis."""


@final
@frozen
class Entered:
    """A stride, a list of them, `one_of { ... }` or `some_of { ... }`."""


@final
@frozen
class Moves:
    """`one_of { finer, same, coarser(2) }`, `some_of { ... }`, a list, a move, or a map by place."""


@final
@frozen
class Path:
    """A list with a stride for each layer; lists may be added and repeated: `5 * [4] + [8]`."""


@final
@frozen
class Operator:
    """An operator: a pipeline of layers. `listed`: or a list of them. `words`: or one of these."""

    listed: bool = False
    words: tuple[str, ...] = ()


@final
@frozen
class Options:
    """`one_of { ... }` of operators, or a single one."""


@final
@frozen
class PerInput:
    """An operator, or a map from inputs of a cell to operators."""


@final
@frozen
class PerMove:
    """The name of a cell, an operator, or a map by move, stride and layer."""


@final
@frozen
class Inputs:
    """A list of inputs: prev, prev_prev, back(3), or any names in a cell that stands as an operator."""


@final
@frozen
class Shared:
    """A scope that shares a decision: `layer`, or `group("name")`."""

    scopes: tuple[str, ...]


@final
@frozen
class Maps:
    """One of a few words, or a map made of nodes: `concat(a, b)`."""

    words: tuple[str, ...]


@final
@frozen
class Skips:
    """Links to earlier layers: `mirror`, `back(3, op, join = sum)`, or a list of them."""


@final
@frozen
class Kept:
    """`path`, or `branches(2)`."""


@final
@frozen
class Calls:
    """A call of one of a few forms: `cosine(0.025, 0.001)`. A plain number may stand for `number`."""

    forms: Mapping[str, tuple["Attribute", ...]]
    number: str | None = None
    words: tuple[str, ...] = ()


@final
@frozen
class Listed:
    """A list of a fixed number of values of one type; `single`: a bare value stands for all."""

    of: "Type"
    length: int
    single: bool = False


@final
@frozen
class Many:
    """A list of any length, in an order that means something, of values of one type."""

    of: "Type"


@final
@frozen
class Either:
    """The word `none`, or a value of the type."""

    of: "Type"


@final
@frozen
class Nested:
    """A block within the block."""

    attributes: tuple["Attribute", ...]


Type = (
    Whole
    | Real
    | Flag
    | Word
    | Text
    | Classes
    | Static
    | Strides
    | Entered
    | Moves
    | Path
    | Operator
    | Options
    | PerInput
    | PerMove
    | Inputs
    | Shared
    | Maps
    | Skips
    | Kept
    | Calls
    | Listed
    | Many
    | Either
    | Nested
)


@final
@frozen
class Attribute:
    """An attribute of a block or an argument of a call.

    Attributes:
        default: As a spec would write it, so that `--resolved` can print it; None with `required`
            False means that leaving it out is a value of its own (`aux`, `path`).
        replaces: Attributes of the block that have no say, and no default, where this one is given
            and is not the word `none`.
    """

    name: str
    type: Type
    doc: str
    default: str | None = None
    required: bool = False
    replaces: tuple[str, ...] = ()


@final
@frozen
class Block:
    """A kind of block: where it may stand and what it may say."""

    kind: str
    doc: str
    attributes: tuple[Attribute, ...]

    def attribute(self, name: str) -> Attribute | None:
        """The attribute called `name`, if there is one."""
        return next((a for a in self.attributes if a.name == name), None)
