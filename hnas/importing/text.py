"""Texts to import: from a file or standard input, bounded, as UTF-8."""

import sys
from pathlib import Path

from hnas.diag import Source
from hnas.diag.source import STDIN
from hnas.lang.parser import read_data, read_stream, source_of


def read_text(path: Path, suffix: str) -> Source:
    """The text of a file; `-` is standard input.

    Args:
        path: The file.
        suffix: How names of such files end, for messages.

    Raises:
        HnasError: It is missing, a folder, over 1 MiB, not UTF-8, or no text at all.
    """
    if str(path) == "-":
        return read_stream(sys.stdin.buffer, STDIN)
    return source_of(read_data(path, suffix=suffix), str(path))
