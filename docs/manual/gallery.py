"""The spaces of `examples/`, as their READMEs introduce them and as hnas counts them."""

import re
from pathlib import Path

from hnas.compiler import Compilation
from hnas.ir.numbers import spell_count
from manual.markdown import code, table

EXAMPLES = Path(__file__).parents[2] / "examples"

_CITATION = re.compile(r".*arXiv:\d+\.\d+(\]\([^)]*\))?( \([^)]*\))?", re.DOTALL)
"""The first paragraph of a README up to the last arXiv number."""


def gallery() -> str:
    """A row for each folder."""
    rows: list[tuple[str, ...]] = []
    for readme in sorted(EXAMPLES.glob("*/README.md")):
        title, paragraph, *_ = readme.read_text(encoding="utf-8").split("\n\n")
        citation = _CITATION.match(paragraph)
        assert citation is not None, f"{readme} names no paper in its first paragraph"
        folder = readme.parent
        link = f"[{title.removeprefix('# ')}](../examples/{folder.name}/README.md)"
        files = ", ".join(code(p.name) for p in sorted(folder.glob("*.hnas")) if p.name != "spec.hnas")
        networks = Compilation(folder / "spec.hnas").counts.architectures
        rows.append((link, citation[0].replace("\n", " "), spell_count(networks), files))
    return table(("space", "paper", "networks in it", "beside `spec.hnas`"), rows)
