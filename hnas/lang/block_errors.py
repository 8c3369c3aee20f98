"""What can be wrong with blocks as a whole (E0231 on). Each docstring is the page `hnas explain` shows."""

from typing import final

from attrs import frozen

from hnas.diag import Diagnostic


@final
@frozen
class NotTogether(Diagnostic):
    """Two attributes say the same thing in two ways, and one of them takes the place of the other.

    `augment` is the whole list of what is done to images; `crop`, `scale` and `flip` are its short form,
    in a fixed order. A profile that goes back to the short form writes `augment = none`. A trellis has
    either `path`, a stride for each layer, or `moves`; a space or profile laid over it that gives one
    takes the other away.
    """

    code = "E0231"
    title = "{key} of {place} has no say where {other} is given"
    help = "put it into {other}, or leave one of the two; {other} = none gives {key} back its say"
    key: str
    place: str
    other: str


@final
@frozen
class WrongHeader(Diagnostic):
    """Before its `{` a block says something that means nothing there, or lacks its name.

    Only `space`, `network`, `cell`, `profile` and `data` have names; `extends` stands after a space or a
    cell, `of` after a network, `at` after a network or one of its cells.
    """

    code = "E0232"
    title = "a block `{kind}` {why}"
    help = "take it away"
    kind: str
    why: str


@final
@frozen
class NeverUsed(Diagnostic):
    """Something is defined and never named again: nothing would change without it.

    Often another name is meant where it should be used. Take it away, or use it.
    """

    code = "W0203"
    severity = "warning"
    title = "{what} `{name}` is never used"
    what: str
    name: str
