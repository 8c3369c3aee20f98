"""The syntax tree: what a `.hnas` text says, before anything in it means something.

One class a construct, frozen; spans take no part in equality, so trees compare by structure. The
tree keeps what printing needs to give the same source back: parentheses and the spelling of numbers.
"""

from fractions import Fraction
from typing import Literal, final

from attrs import field, frozen

from hnas.diag import Source, Span


@frozen
class Node:
    """Base of all: the characters it was read from."""

    span: Span = field(kw_only=True, eq=False, repr=False)


# --- expressions ---------------------------------------------------------------------------------


@final
@frozen
class Number(Node):
    """`321`, `0.9`, `3e-4`; exact."""

    text: str

    @property
    def value(self) -> int | Fraction:
        """An int where the spelling has neither point nor exponent, else an exact fraction."""
        return int(self.text) if self.text.isdigit() else Fraction(self.text)


@final
@frozen
class String(Node):
    """`"a text"`; `value` is without quotes and escapes."""

    value: str


@final
@frozen
class Bool(Node):
    """`true` or `false`."""

    value: bool


@final
@frozen
class Ref(Node):
    """A name."""

    name: str


@final
@frozen
class Group(Node):
    """`(inner)`."""

    inner: "Expr"


@final
@frozen
class Tuple(Node):
    """`(1, 2, 2)`: one value with a number per axis."""

    items: tuple["Expr", ...]


@final
@frozen
class Range(Node):
    """`low..high`, both included; only in arguments and lists."""

    low: "Expr"
    high: "Expr"


@final
@frozen
class List(Node):
    """`[4, 8, 16]`."""

    items: tuple["Expr | Range", ...]


@final
@frozen
class Entry(Node):
    """`key: value` of a map."""

    key: "Expr"
    value: "Expr"


@final
@frozen
class Map(Node):
    """`{ coarser: reduction, same: normal }`."""

    entries: tuple[Entry, ...]


@final
@frozen
class Arg(Node):
    """One argument; `name` is None for a positional one."""

    name: str | None
    value: "Expr | Range"


@final
@frozen
class Call(Node):
    """`callee(args)`; curried, so `sep(3)(prev)` is a call of a call."""

    callee: "Expr"
    args: tuple[Arg, ...]


@final
@frozen
class Option(Node):
    """One option of a choice, with the name it is given, if any."""

    name: str | None
    value: "Expr"


@final
@frozen
class Choice(Node):
    """`one_of { ... }` or `some_of(args) { ... }`: what is searched."""

    word: Literal["one_of", "some_of"]
    args: tuple[Arg, ...]
    options: tuple[Option, ...]


@final
@frozen
class Unary(Node):
    """`-x` or `not x`."""

    op: Literal["-", "not"]
    operand: "Expr"


BinaryOp = Literal["->", "+", "-", "*", "/", "//", "==", "!=", "<", "<=", ">", ">=", "and", "or"]


@final
@frozen
class Binary(Node):
    """Two operands and what joins them; `->` is a pipeline."""

    op: BinaryOp
    left: "Expr"
    right: "Expr"


@final
@frozen
class IfElse(Node):
    """`then if test else other`."""

    then: "Expr"
    test: "Expr"
    other: "Expr"


Expr = Number | String | Bool | Ref | Group | Tuple | List | Map | Call | Choice | Unary | Binary | IfElse

# --- items ---------------------------------------------------------------------------------------


@final
@frozen
class Use(Node):
    """`use "other.hnas"`."""

    path: String


@final
@frozen
class Set(Node):
    """`key = value`, `op += option`, `search.epochs = 6`. `key_span` covers the key alone."""

    key: tuple[str, ...]
    op: Literal["=", "+=", "-="]
    value: Expr
    key_span: Span = field(kw_only=True, eq=False, repr=False)


@final
@frozen
class Decl(Node):
    """`param F = 8`, `choice w = one_of { ... }`, `choose a.b = 5`: a word, a name, a value.

    Only what a network chooses has dots in its name: the id of a decision.
    """

    kind: str
    name: str
    value: Expr
    kind_span: Span = field(kw_only=True, eq=False, repr=False)
    name_span: Span = field(kw_only=True, eq=False, repr=False)


@final
@frozen
class Param(Node):
    """A parameter of a definition, with its default if it has one."""

    name: str
    default: Expr | None


@final
@frozen
class Define(Node):
    """`op sep(k, step = 1) = body`; `op fit = body` is a `Decl`."""

    kind: str
    name: str
    params: tuple[Param, ...]
    value: Expr
    kind_span: Span = field(kw_only=True, eq=False, repr=False)
    name_span: Span = field(kw_only=True, eq=False, repr=False)


@final
@frozen
class Relation(Node):
    """`extends base` or `of base`."""

    word: Literal["extends", "of"]
    name: str


@final
@frozen
class Block(Node):
    """`kind name relation at ... { items }`; all but the kind and the items may be missing."""

    kind: str
    name: str | None
    relation: Relation | None
    at: Expr | None
    items: tuple["Item", ...]
    kind_span: Span = field(kw_only=True, eq=False, repr=False)
    name_span: Span | None = field(kw_only=True, eq=False, repr=False)


@final
@frozen
class Extern(Node):
    """`extern op deform(k, c) { class = "module:Class" ... }`."""

    kind: str
    name: str
    params: tuple[Param, ...]
    items: tuple["Item", ...]
    name_span: Span = field(kw_only=True, eq=False, repr=False)


@final
@frozen
class Limit(Node):
    """`limit multiply_adds < 300e9`, or `target`, which no version reads yet."""

    word: Literal["limit", "target"]
    value: Expr


Item = Use | Set | Decl | Define | Block | Extern | Limit


@final
@frozen
class Comment(Node):
    """`# text` up to the end of its line; `text` includes the `#`."""

    text: str


@final
@frozen
class File(Node):
    """A whole text: the language version it names and its items in order."""

    version: int
    items: tuple[Item, ...]
    source: Source = field(kw_only=True, eq=False, repr=False)
    comments: tuple[Comment, ...] = field(kw_only=True, eq=False, repr=False, default=())
