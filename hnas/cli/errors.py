"""What can be wrong with files to be written (E08xx). Each docstring is the page `hnas explain` shows."""

from typing import final

from attrs import frozen

from hnas.diag import Diagnostic


@final
@frozen
class FileExists(Diagnostic):
    """A command that writes a new file never overwrites one."""

    code = "E0801"
    title = "{path} is there already"
    help = "choose another name, or move the file away"
    path: str


@final
@frozen
class SameName(Diagnostic):
    """A space that extends another one needs a name of its own."""

    code = "E0802"
    title = "{path} has a space {name} already"
    help = "choose another name"
    path: str
    name: str
