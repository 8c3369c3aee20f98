"""What can be wrong with files to be written (E08xx) or asked for. Docstrings are pages of `hnas explain`."""

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
class FolderExists(Diagnostic):
    """A command that writes a folder of files never mixes them with others."""

    code = "E0803"
    title = "{path} is there already and not empty"
    help = "choose another folder"
    path: str


@final
@frozen
class WhichNetwork(Diagnostic):
    """A file has no network, or several where one is meant.

    `hnas search` writes a file of one network, `found.hnas`; a file that is written by hand may have more.
    """

    code = "E1004"
    title = "{path} has {what}"
    path: str
    what: str
