"""Why a figure is not drawn (E06xx, E08xx). Each docstring is the page `hnas explain` shows."""

from typing import final

from attrs import frozen

from hnas.diag import Diagnostic


@final
@frozen
class NothingMeasured(Diagnostic):
    """A run has no rows of metrics that could be drawn.

    Losses and entropies are written every ten steps and after every epoch, the figure a network is judged
    by after a validation.
    """

    code = "E0611"
    title = "{path} has no {what} yet"
    help = "wait for its first rows of metrics, or go on with it: --resume {path}"
    path: str
    what: str


@final
@frozen
class TooMuchToDraw(Diagnostic):
    """A figure nobody could read: too many layers, lines or edges."""

    code = "E0804"
    title = "{what} has {number:,} {things}, more than the {most:,} a figure shows"
    what: str
    number: int
    things: str
    most: int
