"""Writing files so that nobody ever sees half of one."""

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path

from hnas.diag import Diagnostic, HnasError
from hnas.engine.errors import CannotWrite


def write_atomically(path: Path, data: bytes, mode: int | None = None) -> None:
    """Write `data` to `path`: under another name first, then moved into place, both made durable.

    Args:
        mode: The permissions to give it; without, those of a new file.

    Raises:
        HnasError: The disk is full or the folder cannot be written to; what was there is untouched.
    """
    temporary = path.with_name(f".{path.name}.part")
    with no_room(path):
        try:
            with temporary.open("wb") as file:
                if mode is not None:
                    os.fchmod(file.fileno(), mode)
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        except OSError:
            with contextlib.suppress(OSError):
                temporary.unlink()
            raise
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


@contextlib.contextmanager
def no_room(path: Path) -> Iterator[None]:
    """Turn a failed write into a diagnostic that names the file."""
    try:
        yield
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        why = "the disk is full" if full else (error.strerror or "it failed")
        raise HnasError(CannotWrite(None, path=str(path), why=why)) from None


def empty_folder(path: Path, taken: Diagnostic) -> None:
    """Make a folder and those above it, or take an empty one.

    Raises:
        HnasError: It is a file or has files, which `taken` says; or it cannot be made.
    """
    with no_room(path):
        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            raise HnasError(taken)
        path.mkdir(parents=True, exist_ok=True)
