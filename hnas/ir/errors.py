"""What cannot be counted (E0321), and what no architecture of a space is (E10xx)."""

from typing import final

from attrs import frozen

from hnas.diag import Diagnostic

MOST_STATES = 10**7
"""States that counting may remember at once."""


@final
@frozen
class TooManyStates(Diagnostic):
    """Counting goes through the trellis with what it must remember; that must fit into memory.

    A path remembers where it is. Several states alive remember each of them, and decisions shared by
    several places remember whether one of these was met.
    """

    code = "E0321"
    title = "counting {what} would need more than {most:,} states"
    help = "take fewer strides, or moves of which one is taken, or share decisions more widely"
    what: str
    most: int


@final
@frozen
class NoSuchNumber(Diagnostic):
    """The architectures of a space have numbers from 0 on, as many as `hnas show` counts."""

    code = "E1001"
    title = "there is no architecture {index}"
    help = "they have the numbers 0 to {last}"
    index: str
    last: str


@final
@frozen
class NotOfSpace(Diagnostic):
    """An architecture makes every decision that matters in it, in a way the space allows.

    One of another space may be of this one too, where its choices are.
    """

    code = "E1002"
    title = "this is no architecture of {space}: {id}: {why}"
    help = "hnas compile SPEC --emit decisions lists what can be chosen"
    space: str
    id: str
    why: str


@final
@frozen
class NoNeighbour(Diagnostic):
    """No choice of the architecture can be another one while the others stay: often it is the only one."""

    code = "E1003"
    title = "no choice of this architecture of {space} can be changed alone"
    help = "hnas show SPEC counts the architectures there are, hnas sample SPEC draws one"
    space: str
