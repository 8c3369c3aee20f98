"""What can be wrong with files to be written (E08xx). Each docstring is the page `hnas explain` shows."""

from typing import final

from attrs import frozen

from hnas.diag import Diagnostic


@final
@frozen
class SameName(Diagnostic):
    """A space that extends another one needs a name of its own."""

    code = "E0802"
    title = "{path} has a space {name} already"
    help = "choose another name"
    path: str
    name: str
