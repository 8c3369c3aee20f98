"""When something is told that no spec alone can raise."""

from typing import final

from attrs import frozen

from hnas.diag import Diagnostic


@final
@frozen
class Occasion:
    """A command, where base.hnas is what `hnas new base` writes, and what it is told.

    `when` says what must be so besides, in a line; empty where the command alone is enough.
    """

    command: str
    told: Diagnostic
    when: str = ""
