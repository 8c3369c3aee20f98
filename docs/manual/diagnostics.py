"""A page for each section of the diagnostics, out of the pages that `hnas explain` prints."""

from collections.abc import Iterator, Mapping
from itertools import groupby

from hnas.cli.catalogue import SECTIONS, catalogue, page, title_of
from manual.markdown import fence, prose, slug

_INDENT = "    "


def pages() -> Mapping[str, str]:
    """File name to text."""
    found: dict[str, str] = {}
    for section, about in SECTIONS.items():
        parts = [f"# {about.capitalize()}", "All codes: [diagnostics](index.md)."]
        for code in _codes(section):
            parts += [f"## {code}", *_explained(code)]
        found[_file(about)] = "\n\n".join(parts) + "\n"
    return found


def listing() -> str:
    """Every code with its headline, a list for each section."""
    parts: list[str] = []
    for section, about in SECTIONS.items():
        file = _file(about)
        lines = (f"* [{c}]({file}#{c.lower()}) {prose(title_of(catalogue()[c]))}" for c in _codes(section))
        parts += [f"## [{about.capitalize()}]({file})", "\n".join(lines)]
    return "\n\n".join(parts)


def _codes(section: str) -> list[str]:
    return [code for code in catalogue() if code[1:3] == section]


def _file(about: str) -> str:
    return f"{slug(about)}.md"


def _explained(code: str) -> Iterator[str]:
    """The page of a code: its text is indented where it is a file, a command, or what is told."""
    headline, _, rest = page(code).partition("\n\n")
    yield f"**{prose(headline.partition(': ')[2])}**"
    before = ""
    for indented, lines in groupby(_with_blanks(rest), key=lambda line: line.startswith(_INDENT)):
        text = "\n".join(line.removeprefix(_INDENT) if indented else line for line in lines).strip("\n")
        if indented:
            # what a file says may be no hnas at all: that is what its page is about
            yield fence(text, "hnas" if "mine.hnas" in before else "text")
        elif text:
            yield prose(text)
        before = text


def _with_blanks(text: str) -> Iterator[str]:
    """The lines; an empty one between two that are indented is indented too."""
    lines = text.split("\n")
    for number, line in enumerate(lines):
        around = lines[number - 1 : number] + lines[number + 1 : number + 2]
        inside = not line and all(each.startswith(_INDENT) for each in around)
        yield _INDENT if inside else line
