"""Every text of the manual that is generated: whole pages, and the parts between marks in written ones."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path

from manual import attributes, commands, datasets, diagnostics, gallery, layers, passes

DOCS = Path(__file__).parents[1]

PARTS: Mapping[str, Callable[[], str]] = {
    "blocks": attributes.blocks,
    "figures": attributes.figures,
    "layers": layers.layers,
    "attributes of layers": layers.attributes,
    "data sets": datasets.datasets,
    "commands": commands.commands,
    "passes": passes.passes,
    "diagnostics": diagnostics.listing,
    "gallery": gallery.gallery,
}
"""What may stand between marks."""

_MARKED = re.compile(r"(<!-- generated: (?P<name>[^>]*?) -->\n).*?(<!-- end -->)", re.DOTALL)


def generated() -> Mapping[Path, str]:
    """Every page with a generated part, whole, as the tables of hnas have it now.

    Raises:
        KeyError: A mark names a part there is not.
    """
    folder = DOCS / "diagnostics"
    found = {folder / name: text for name, text in diagnostics.pages().items()}
    for path in sorted(DOCS.rglob("*.md")):
        text = path.read_text(encoding="utf-8")
        if path not in found and _MARKED.search(text):
            found[path] = _MARKED.sub(lambda mark: f"{mark[1]}\n{PARTS[mark['name']]()}\n\n{mark[3]}", text)
    return found


def marks() -> list[str]:
    """The names of all marks in the pages."""
    texts = (path.read_text(encoding="utf-8") for path in sorted(DOCS.rglob("*.md")))
    return [mark["name"] for text in texts for mark in _MARKED.finditer(text)]


def stale() -> list[Path]:
    """Pages of diagnostics that no section has any more."""
    folder = DOCS / "diagnostics"
    return sorted(set(folder.glob("*.md")) - {folder / "index.md"} - set(generated()))
