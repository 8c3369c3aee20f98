"""What mkdocs does besides: the folders of `examples/` become pages, a README followed by its files.

Links to them are written as they hold in the repository, and turned into links to these pages.
"""

# pyright: reportMissingImports=false
import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

EXAMPLES = Path(__file__).parents[2] / "examples"

_LINK = re.compile(r"\]\((?:\.\./)+examples(?:/(\w+)/(?:README\.md|(\w+\.hnas)))?\)")


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """The page about Python has its place behind the commands, once it is there."""
    if config.nav is not None and (Path(config.docs_dir) / "python.md").is_file():
        commands = next(place for place, entry in enumerate(config.nav) if "Commands" in entry)
        config.nav.insert(commands + 1, {"Python": "python.md"})
    return config


def on_files(files: Files, *, config: MkDocsConfig) -> Files:
    """A page for each folder."""
    for readme in sorted(EXAMPLES.glob("*/README.md")):
        parts = [readme.read_text(encoding="utf-8").rstrip()]
        for path in sorted(readme.parent.glob("*.hnas")):
            parts += [f"## {path.name}", f"```hnas\n{path.read_text(encoding='utf-8').rstrip()}\n```"]
        files.append(File.generated(config, f"examples/{readme.parent.name}.md", content="\n\n".join(parts)))
    return files


def on_page_content(html: str, **_: object) -> str:
    """A bar in the code of a table's cell is escaped in Markdown; mkdocs leaves the sign for it there."""
    return re.sub(r"<td[^>]*>.*?</td>", lambda cell: cell[0].replace("\\|", "|"), html, flags=re.DOTALL)


def on_page_markdown(markdown: str, *, page: Any, **_: object) -> str:
    """Links to examples, as they hold in the site."""
    here = posixpath.dirname(page.file.src_uri)

    def link(found: re.Match[str]) -> str:
        folder, file = found[1], found[2]
        anchor = f"#{file.replace('.', '')}" if file else ""
        target = f"examples/{folder}.md{anchor}" if folder else "gallery.md"
        return f"]({posixpath.relpath(target, here or '.')})"

    return _LINK.sub(link, markdown)
