"""The passes of the compiler, in order, and the levels they belong to."""

from hnas.passes.pipeline import LEVELS, PASSES
from manual.markdown import code, table


def passes() -> str:
    """A row for each pass: what it does, and the levels at which it runs."""
    rows = [
        (
            code(name),
            each.does,
            ", ".join(code(f"-O{level}") for level, names in LEVELS.items() if name in names),
        )
        for name, each in PASSES.items()
    ]
    return table(("pass", "what it does", "runs at"), rows)
