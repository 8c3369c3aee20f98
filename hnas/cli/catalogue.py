"""Every diagnostic of hnas by its code, and the page that explains one. Needs no torch.

An example is a file of `examples/`, named after the code it raises, as `mine.hnas` in a folder with
the `base.hnas` that `hnas new base` writes. What no file alone raises has a command in `occasions.py`.
"""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from inspect import cleandoc, isclass
from pathlib import Path
from types import ModuleType

import hnas.api.errors
import hnas.cli.errors
import hnas.data.errors
import hnas.draw.errors
import hnas.engine.errors
import hnas.importing.errors
import hnas.ir.errors
import hnas.lang.block_errors
import hnas.lang.errors
import hnas.lang.syntax_errors
import hnas.passes.errors
import hnas.passes.pass_errors
import hnas.runtime.errors
import hnas.search.errors
from hnas.cli.occasions import OCCASIONS, Occasion
from hnas.diag import Diagnostic

MODULES: tuple[ModuleType, ...] = (
    hnas.lang.syntax_errors,
    hnas.lang.errors,
    hnas.lang.block_errors,
    hnas.ir.errors,
    hnas.passes.errors,
    hnas.passes.pass_errors,
    hnas.search.errors,
    hnas.data.errors,
    hnas.engine.errors,
    hnas.runtime.errors,
    hnas.api.errors,
    hnas.cli.errors,
    hnas.draw.errors,
    hnas.importing.errors,
)
"""Where diagnostics are declared."""

SECTIONS: Mapping[str, str] = {
    "01": "the text itself",
    "02": "names and values",
    "03": "shapes and trellises",
    "04": "searching",
    "05": "data sets",
    "06": "run folders and files",
    "07": "devices and running",
    "08": "files a command is to write",
    "09": "architectures of other code",
    "10": "architectures of a space",
}
"""What the first two figures of a code say."""

EXAMPLES = Path(__file__).parent / "examples"


@cache
def catalogue() -> Mapping[str, type[Diagnostic]]:
    """Every diagnostic class by its code, sorted: errors of a section before its warnings."""
    found = {
        value.code: value
        for module in MODULES
        for value in vars(module).values()
        if isclass(value) and issubclass(value, Diagnostic) and value.__module__ == module.__name__
    }
    return {code: found[code] for code in sorted(found, key=lambda code: (code[1:3], code))}


def title_of(kind: type[Diagnostic]) -> str:
    """Its headline with the fields as words in capitals: `stride STRIDE can never be reached`.

    Where the headline is hardly more than its fields, the name of the class says it: `no value`.
    """
    if len(re.findall(r"[a-z]+", re.sub(r"\{[^{}]*\}", "", kind.title))) >= 2:
        return _open(kind.title)
    return re.sub(r"(?<!^)(?=[A-Z])", " ", kind.__name__).lower()


def listing() -> str:
    """Every code with its title, a section a paragraph; a title of several lines' length is cut."""
    parts: list[str] = []
    for section, about in SECTIONS.items():
        kinds = [(code, kind) for code, kind in catalogue().items() if code[1:3] == section]
        rows = [f"  {code}  {_short(title_of(kind))}" for code, kind in kinds]
        parts.append("\n".join([f"{about}:", *rows]))
    return "\n\n".join(parts)


def _short(title: str) -> str:
    return title if len(title) <= 80 else title.partition(": ")[0].partition("; ")[0]


def example_of(code: str) -> str | None:
    """The text of a file that raises the diagnostic, and no other one; None where no file does."""
    path = EXAMPLES / f"{code}.hnas"
    return path.read_text(encoding="utf-8") if path.is_file() else None


def raised_by(example: str) -> tuple[Diagnostic, ...]:
    """What `hnas check` says about an example."""
    from hnas.compiler import Compilation
    from hnas.diag import HnasError, Source

    name = "mine.hnas"
    try:
        return Compilation(EXAMPLES / name, source=Source(name, example)).check()
    except HnasError as error:
        return error.diagnostics


def lacking(code: str) -> Iterator[str]:
    """What a page has not got, a sentence each: for whoever adds a diagnostic."""
    kind = catalogue()[code]
    if code[1:3] not in SECTIONS:
        yield f"its section {code[1:3]} is not in SECTIONS of hnas/cli/catalogue.py"
    if code[0] != {"error": "E", "warning": "W"}[kind.severity]:
        yield f"it is of severity {kind.severity}"
    # attrs does not make up docstrings, but a class without one has its base's
    if not (vars(kind).get("__doc__") or "").strip():
        yield f"the class {kind.__name__} of {kind.__module__} has no docstring: what it means"
    if example_of(code) is None and code not in OCCASIONS:
        yield f"there is neither hnas/cli/examples/{code}.hnas nor an entry in hnas/cli/occasions.py"
    elif not any(sign in page(code) for sign in ("= help: ", "What to do: ")) and not _says_mend(kind):
        yield f"no mend: a help of {kind.__name__}, an advice, or a second paragraph of its docstring"


def _says_mend(kind: type[Diagnostic]) -> bool:
    return "\n\n" in (kind.__doc__ or "")


def page(code: str) -> str:
    """The page of a code: its title, what it means, what raises it with what is said, and the mend."""
    kind = catalogue()[code]
    parts = [f"{kind.severity}[{code}]: {title_of(kind)}", cleandoc(kind.__doc__ or "")]
    example, occasion = example_of(code), OCCASIONS.get(code)
    if example is not None:
        parts += _shown(example)
    elif occasion is not None:
        parts += _told(occasion)
    elif kind.help:
        parts.append(f"What to do: {_open(kind.help)}.")
    return "\n\n".join(parts)


def _shown(example: str) -> list[str]:
    from hnas.diag.render import render

    said = "\n\n".join(map(render, raised_by(example)))
    if not example:
        return ["For example, of an empty file mine.hnas:", _indented(said)]
    base = " (base.hnas: hnas new base)" if '"base.hnas"' in example else ""
    return [f"For example, mine.hnas{base}", _indented(example), "is told", _indented(said)]


def _told(occasion: Occasion) -> list[str]:
    from hnas.diag.render import render

    when = f", where {occasion.when}," if occasion.when else ""
    base = " (base.hnas: hnas new base)" if "base.hnas" in occasion.command else ""
    return [
        f"For example{base}",
        _indented(occasion.command),
        f"is told{when}".rstrip(","),
        _indented(render(occasion.told)),
    ]


def _indented(text: str) -> str:
    return "\n".join(f"    {line}".rstrip() for line in text.rstrip("\n").split("\n"))


def _open(template: str) -> str:
    """A template with its fields as words in capitals: `--data NAME=PATH`."""
    fields = re.sub(r"(?<!\{)\{(\w+)[^{}]*\}(?!\})", lambda field: field.group(1).upper(), template)
    return fields.replace("{{", "{").replace("}}", "}")
