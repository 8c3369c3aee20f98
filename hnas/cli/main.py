"""The command `hnas`: its group, and the one place where errors become messages and exit codes.

0: done. 1: the input is at fault. 2: wrong usage. 70: hnas is at fault. 128 + n: ended by signal n.
"""

import errno
import gc
import os
import sys
from typing import NoReturn

import click

import hnas
from hnas.cli.asking import locate, mutate, neighbours, rank, unrank
from hnas.cli.checking import check
from hnas.cli.data import data
from hnas.cli.differing import diff
from hnas.cli.drawing import draw
from hnas.cli.explaining import explain
from hnas.cli.formatting import fmt
from hnas.cli.importing import import_
from hnas.cli.inspecting import compile_, show
from hnas.cli.looking import eval_, predict
from hnas.cli.plan import plan
from hnas.cli.sampling import sample
from hnas.cli.search import decode, search
from hnas.cli.starting import new
from hnas.cli.train import train


@click.group(
    name="hnas",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    no_args_is_help=True,
)
@click.version_option(hnas.__version__, prog_name="hnas")
def command() -> None:
    """Hierarchical neural architecture search: a spec in, an architecture out."""


_COMMANDS = (
    *(search, decode, train, eval_, predict, data, check, show, plan, draw, compile_),
    *(explain, new, import_, diff, fmt),
    *(sample, unrank, rank, locate, neighbours, mutate),
)
for each in _COMMANDS:
    command.add_command(each)


def main() -> NoReturn:
    """Run the command line and exit."""
    # a check makes tens of thousands of small objects and hardly a cycle: looking for some took a tenth of it
    gc.set_threshold(50_000)
    sys.exit(run())


def run(args: list[str] | None = None) -> int:
    """Run the command line; the exit code."""
    try:
        code = command.main(args, prog_name="hnas", standalone_mode=False)
        if sys.stdout is not None:
            sys.stdout.flush()
        return int(code or 0)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("stopped", err=True)
        return 130
    except BrokenPipeError:
        # whoever read stdout has left; python would complain again when it flushes at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 141
    except Exception as error:
        return _failed(error)


def _failed(error: Exception) -> int:
    from hnas.cli.terminal import show_diagnostics, tell
    from hnas.diag import HnasError, InternalError

    if isinstance(error, HnasError):
        show_diagnostics(error.diagnostics)
        for note in getattr(error, "__notes__", ()):
            tell(note)
        return 1
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EIO):
        tell(f"cannot write the output: {error.strerror}")
        return 1
    if os.environ.get("HNAS_TRACEBACK"):
        raise error
    notes = "".join(f"\n  {note}" for note in getattr(error, "__notes__", ()))
    if isinstance(error, InternalError) and error.diagnostics:
        show_diagnostics(error.diagnostics)
    else:
        tell(f"internal error: {type(error).__name__}: {error}{notes}")
    tell(
        f"This is a fault of hnas {hnas.__version__}. Please report it with the command and its traceback,\n"
        "which HNAS_TRACEBACK=1 shows. Nothing that was written before is lost."
    )
    return 70
