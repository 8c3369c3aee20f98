"""The generated parts of the manual are what the tables of hnas give."""

from pathlib import Path

import pytest
from manual.pages import DOCS, PARTS, generated, marks, stale

from hnas.cli.catalogue import catalogue
from hnas.cli.main import command
from hnas.ir.ops import PRIMITIVES
from hnas.schema.blocks import BLOCKS
from hnas.schema.datasets import CARDS

GENERATED = generated()


@pytest.mark.parametrize("path", GENERATED, ids=lambda path: str(path.relative_to(DOCS)))
def test_a_page_is_as_the_tables_have_it(path: Path) -> None:
    assert path.is_file(), "python docs/generate.py writes it"
    text = path.read_text(encoding="utf-8")
    assert text == GENERATED[path], "python docs/generate.py writes it anew; read the diff"


def test_every_part_stands_in_a_page_and_no_page_is_left_over() -> None:
    assert sorted(marks()) == sorted(PARTS)
    assert stale() == []


def test_nothing_that_a_spec_or_a_user_can_name_is_missing() -> None:
    def page(name: str) -> str:
        return (DOCS / name).read_text(encoding="utf-8")

    for block in BLOCKS.values():
        assert f"\n## {block.kind}\n" in page("attributes.md")
        assert [a.name for a in block.attributes if f"| `{a.name}` |" not in page("attributes.md")] == []
    assert [name for name in PRIMITIVES if f"| `{name}` |" not in page("layers.md")] == []
    assert [name for name in CARDS if f"\n## {name}\n" not in page("data.md")] == []
    assert [name for name in command.commands if f"\n## hnas {name}\n" not in page("commands.md")] == []
    explained = "".join(path.read_text(encoding="utf-8") for path in (DOCS / "diagnostics").glob("*.md"))
    assert [code for code in catalogue() if f"\n## {code}\n" not in explained] == []


def test_the_navigation_has_every_page() -> None:
    # mkdocs --strict says so too; this needs no mkdocs. docs/manual/hook.py adds python.md
    named = (DOCS.parent / "mkdocs.yml").read_text(encoding="utf-8")
    pages = (path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md"))
    assert [page for page in pages if f": {page}\n" not in named and page != "python.md"] == []
