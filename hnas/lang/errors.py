"""What can be wrong with names and values (E02xx). Each docstring is the page `hnas explain` shows."""

from typing import final

from attrs import frozen

from hnas.diag import Diagnostic


@final
@frozen
class UnknownBlock(Diagnostic):
    """A block of this kind does not exist here.

    Blocks of a space are cell, trellis, data, search, decode, train and profile.
    """

    code = "E0201"
    title = "there is no block `{kind}` here"
    kind: str


@final
@frozen
class UnknownKey(Diagnostic):
    """The block has no attribute of this name, and the space no parameter.

    `hnas show SPEC --resolved` prints every attribute with its value.
    """

    code = "E0202"
    title = "`{key}` is not known in {place}"
    key: str
    place: str


@final
@frozen
class UnknownName(Diagnostic):
    """A name that nothing defines here: no parameter, operator, cell, layer or fact of the place.

    A parameter stands above its first use. Facts like `stride` and `width` are known inside operators
    and in some attributes of the trellis only.
    """

    code = "E0203"
    title = "`{name}` is not known here"
    name: str


@final
@frozen
class MissingKey(Diagnostic):
    """An attribute that has no default must be given."""

    code = "E0204"
    title = "{place} needs `{key}`"
    help = "{doc}"
    place: str
    key: str
    doc: str


NEEDED = {
    "search": "search { epochs = ..., batch = ..., weights = sgd(...), arch = adam(...) }",
    "train": "train { epochs = ..., batch = ..., weights = sgd(...) }",
}
"""How the blocks begin that a search and a training need."""


@final
@frozen
class GivenTwice(Diagnostic):
    """The same thing is defined twice in one block; which one would count is unclear."""

    code = "E0205"
    title = "{what} is given twice"
    help = "leave one of the two"
    what: str


@final
@frozen
class WrongValue(Diagnostic):
    """A value is of another kind than the attribute takes, or outside its range.

    `hnas show SPEC --resolved` prints every attribute with a value that it takes.
    """

    code = "E0206"
    title = "{what} must be {needed}"
    label = "{found}"
    what: str
    needed: str
    found: str


@final
@frozen
class NoValue(Diagnostic):
    """An expression cannot be evaluated: a division by zero, a fact not known here, wrong operands.

    Numbers are exact and at most 1e18; conditions are true or false and no numbers. Change the part
    the caret points at.
    """

    code = "E0207"
    title = "{why}"
    why: str


@final
@frozen
class BadCall(Diagnostic):
    """A call does not fit what is called: too many arguments, an unknown one, a missing one.

    Positions come first, names after them: `conv(3, width, stride = 2)`.
    """

    code = "E0208"
    title = "{callee} {why}"
    callee: str
    why: str


@final
@frozen
class Recursive(Diagnostic):
    """An operator that contains itself would never end; the language has no recursion."""

    code = "E0209"
    title = "{what} `{name}` contains itself"
    help = "every {what} must end in primitive layers"
    what: str
    name: str


@final
@frozen
class NotAnOperator(Diagnostic):
    """A pipeline consists of layers and operators; this is something else.

    Numbers go into the parentheses of a layer: `conv(3, F)`, or in front of what is repeated: `2 * (...)`.
    """

    code = "E0210"
    title = "an operator is needed here"
    label = "{found}"
    found: str


@final
@frozen
class HidesName(Diagnostic):
    """A definition takes a name the language gives a meaning: a layer, or a fact like channels."""

    code = "E0211"
    title = "`{name}` already names {what}"
    help = "choose another name"
    name: str
    what: str


@final
@frozen
class RepeatedOption(Diagnostic):
    """A choice with the same option twice would count one architecture twice."""

    code = "E0213"
    title = "the option {option} is there twice"
    help = "leave it out once, or name the two: {{ a: ..., b: ... }}"
    option: str


@final
@frozen
class TooLarge(Diagnostic):
    """What the spec describes is beyond the bound that keeps checking finite: how deep operators nest, how
    many spaces extend each other, how many terms an expression has when its parameters are written out.

    Defaults that use each other multiply. Compute such a value once, as a parameter of the space:
    `param wide = 10 * F`.
    """

    code = "E0214"
    title = "{what} goes beyond {bound}"
    what: str
    bound: str


@final
@frozen
class MissingFile(Diagnostic):
    """A file named by `use`, or by `classes` of a block data, is not there or cannot be read.

    Paths are relative to the folder of the file that names it; of standard input, to the current folder.
    """

    code = "E0215"
    title = "cannot use {path}: {why}"
    path: str
    why: str


@final
@frozen
class UseCycle(Diagnostic):
    """Files that use each other in a circle have no first one to read.

    Move what both need into a third file, and let both use that.
    """

    code = "E0216"
    title = "{path} uses itself, by way of {way}"
    path: str
    way: str


@final
@frozen
class NoSuchSpace(Diagnostic):
    """The space named by `extends`, `of` or `--space` is not declared in the file or in one it uses."""

    code = "E0217"
    title = "there is no space `{name}`"
    name: str


@final
@frozen
class NoSpace(Diagnostic):
    """The file declares no space, or several where one is meant."""

    code = "E0218"
    title = "{why}"
    why: str


@final
@frozen
class NoSuchProfile(Diagnostic):
    """`--profile` names a profile that the space does not have.

    `paper` is the spec as it stands; `hnas show SPEC` lists the others.
    """

    code = "E0219"
    title = "the space {space} has no profile `{name}`"
    name: str
    space: str


@final
@frozen
class Outside(Diagnostic):
    """`use`, or `classes` of a block data, reaches outside the folder of the spec.

    A spec from elsewhere should not.

    Put the file into the spec's folder or below it, or allow it with `--allow-outside`.
    """

    code = "E0220"
    title = "{path} is outside the spec's folder"
    help = "move it below {root}, or allow it with --allow-outside"
    path: str
    root: str


@final
@frozen
class CannotChange(Diagnostic):
    """What is laid over a space does not go with what is there.

    `+=` and `-=` change a list or the options of a choice that is there already; a block merges into a
    block, or into a call of the same name. Anything else is replaced: `width = F * stride`.
    """

    code = "E0221"
    title = "{why}"
    why: str


@final
@frozen
class UnknownOption(Diagnostic):
    """A network's equation takes an operator or an input its cell does not offer."""

    code = "E0222"
    title = "{node} of cell {cell} cannot take {what}"
    node: str
    cell: str
    what: str


@final
@frozen
class UnknownChoice(Diagnostic):
    """`choose ID = option` takes an option the decision does not have.

    `hnas compile --emit decisions SPEC` lists every decision with its options.
    """

    code = "E0226"
    title = "{id} cannot be {option}"
    id: str
    option: str


@final
@frozen
class WrongCount(Diagnostic):
    """A network's choice has more or fewer parts than the space's decision takes.

    `take` of the cell says how many: `slots(2)` and `edges(2)` are two terms, `all` one for each input.
    """

    code = "E0223"
    title = "{what} takes {needed}, this has {found}"
    what: str
    needed: str
    found: str


@final
@frozen
class NoSuchPath(Diagnostic):
    """A network's path is not one of the space's."""

    code = "E0224"
    title = "the space has no such path: {why}"
    why: str


@final
@frozen
class NotYet(Diagnostic):
    """The grammar knows this, the compiler of this version does not: better refused than passed over."""

    code = "E0225"
    title = "this version of hnas does not know `{what}` yet"
    help = "take it away"
    what: str


@final
@frozen
class OtherChoices(Diagnostic):
    """The network was found in a space with other choices than this one.

    `at choices("...")` holds the digest of the space's decisions. Where it differs, every choice
    is looked up by name instead, and this warning says that it was. The form a `train` block gives the
    space is not asked: a digest is that of the choices that were searched. Take `at choices(...)` away,
    or write the digest of `hnas show SPEC` there, and it is gone.
    """

    code = "W0201"
    severity = "warning"
    title = "the network was found among other choices ({given}, these are {have}); every choice of it fits"
    given: str
    have: str


@final
@frozen
class NoEffect(Diagnostic):
    """A setting that changes nothing here: something else makes it idle.

    Take it away, or change what makes it idle.
    """

    code = "W0202"
    severity = "warning"
    title = "{what} has no effect: {why}"
    what: str
    why: str
