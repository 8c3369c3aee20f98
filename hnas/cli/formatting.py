"""`hnas fmt`: specs in canonical form."""

import difflib
import io
import stat
import sys
from pathlib import Path

import click

from hnas.cli.terminal import show_diagnostics, tell


@click.command("fmt", short_help="Bring specs into canonical form, comments kept.")
@click.argument(
    "files", nargs=-1, required=True, type=click.Path(path_type=Path, allow_dash=True), metavar="FILE..."
)
@click.option("--check", is_flag=True, help="Write nothing; name what would change, and exit 1 if any does.")
@click.option("--diff", is_flag=True, help="Write nothing; print what would change as a unified diff.")
def fmt(files: tuple[Path, ...], check: bool, diff: bool) -> int:
    """Rewrite each FILE in the one canonical form, and say which changed.

    FILE may be - to read standard input and print the result. A file with syntax errors stays as it is.
    """
    from hnas.diag import HnasError

    failed = False
    for path in files:
        try:
            changed = _format(path, check=check, diff=diff)
        except HnasError as error:
            show_diagnostics(error.diagnostics)
            failed = True
        else:
            failed |= changed and check
    return 1 if failed else 0


def _format(path: Path, *, check: bool, diff: bool) -> bool:
    """Format one file; whether that changes it, or would.

    Raises:
        HnasError: It cannot be read, has syntax errors, or cannot be written.
    """
    from hnas.diag.source import STDIN
    from hnas.lang.format import format_text
    from hnas.lang.parser import LARGEST_FILE, read_data, source_of

    piped = str(path) == "-"
    name = STDIN if piped else str(path)
    data = sys.stdin.buffer.read(LARGEST_FILE + 1) if piped else read_data(path)
    formatted = format_text(source_of(data, name)).encode()
    changed = formatted != data
    if diff:
        click.echo(_diff(name, data, formatted), nl=False)
    if changed and check:
        tell(f"{name}: would be formatted")
    if not check and not diff:
        if piped:
            click.echo(formatted, nl=False)
        elif changed:
            _rewrite(path, formatted)
            tell(f"{name}: formatted")
    return changed


def _rewrite(path: Path, data: bytes) -> None:
    """Replace the content of a file, or of what a link names, and nothing else of it."""
    from hnas.diag import HnasError
    from hnas.engine.errors import CannotWrite
    from hnas.engine.files import write_atomically

    target = path.resolve()
    mode = stat.S_IMODE(target.stat().st_mode)
    if not mode & stat.S_IWUSR:
        # moving another file into its place would go past that
        raise HnasError(CannotWrite(None, path=str(path), why="it is read-only", advice="make it writable"))
    write_atomically(target, data, mode)


def _diff(name: str, before: bytes, after: bytes) -> bytes:
    lines = difflib.unified_diff(_lines(before), _lines(after), name, name)
    ended = (line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)
    return "".join(ended).encode()


def _lines(data: bytes) -> list[str]:
    """Its lines as an editor counts them: a line break is a line feed and nothing else."""
    return list(io.StringIO(data.decode(), newline="\n"))
