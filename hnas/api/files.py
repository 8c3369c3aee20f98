"""New .hnas files, and that nothing is written over."""

from pathlib import Path

from hnas.api.errors import FileExists, FolderExists
from hnas.diag import HnasError
from hnas.engine.errors import CannotWrite
from hnas.engine.files import empty_folder
from hnas.lang.errors import Outside


def use_of(spec: Path, folder: Path, advice: str) -> str:
    """How a file in `folder` says that it uses `spec`.

    Raises:
        HnasError: The spec is not in the folder or below it; with `advice`.
    """
    root = folder.resolve()
    if not spec.resolve().is_relative_to(root):
        raise HnasError(Outside(None, path=str(spec), root=root.name, advice=advice))
    return spec.resolve().relative_to(root).as_posix()


def refuse_to_overwrite(path: Path) -> None:
    """Before anything else is said.

    Raises:
        HnasError: There is something of that name.
    """
    if path.exists() or path.is_symlink():
        raise HnasError(FileExists(None, path=str(path)))


def write_new(path: Path, content: str | bytes) -> None:
    """Write a file that is not there; text as UTF-8.

    Raises:
        HnasError: It is, or it cannot be written.
    """
    data = content.encode() if isinstance(content, str) else content
    try:
        with path.open("xb") as file:
            file.write(data)
    except FileExistsError:
        raise HnasError(FileExists(None, path=str(path))) from None
    except OSError as error:
        why = error.strerror or "it cannot be opened"
        raise HnasError(CannotWrite(None, path=str(path), why=why)) from None


def new_folder(path: Path) -> None:
    """Make a folder that is not there, or take one that is empty.

    Raises:
        HnasError: There is something in it, or it cannot be made.
    """
    empty_folder(path, FolderExists(None, path=str(path)))


def printable(text: str) -> str:
    """A line of comment: a name of a file may hold anything."""
    return "".join(char if char.isprintable() else "?" for char in text)
