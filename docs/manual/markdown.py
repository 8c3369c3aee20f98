"""Markdown as the generated parts need it."""

import re
from collections.abc import Sequence

_SIGNS = re.compile(r"[*<\[\]]|(?<!\w)_|_(?!\w)")
"""What Markdown would take as its own; an underscore within a word is none."""


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table; a bar within a cell is escaped."""
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    return "\n".join([*lines, *(f"| {' | '.join(map(_cell, row))} |" for row in rows)])


def code(text: str) -> str:
    """A word as code."""
    return f"`{text}`"


def fence(text: str, kind: str = "text") -> str:
    """A block of code."""
    return f"```{kind}\n{text}\n```"


def prose(text: str) -> str:
    """Plain text; what Markdown would take as its own signs stays as it stands, code in backticks too."""
    parts = re.split(r"(`[^`\n]*`)", text)
    return "".join(part if part.startswith("`") else _SIGNS.sub(r"\\\g<0>", part) for part in parts)


def slug(heading: str) -> str:
    """The anchor that a heading of plain words gets."""
    return re.sub(r"[\s-]+", "-", re.sub(r"[^\w\s-]", "", heading).strip().lower())


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
