"""What cannot be counted (E0321)."""

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
