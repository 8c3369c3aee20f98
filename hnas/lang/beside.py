"""What a block data reads beside the spec: the list of its classes, and the folder its root means.

Operates on the items of a parsed file. Afterwards `classes` is a list and `root` an absolute path, so that
nothing that follows, and no spec written out whole, depends on where the file lay.
"""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import final

from attrs import evolve, frozen

from hnas.diag import HnasError, Sink, Source, Span
from hnas.lang import ast
from hnas.lang.errors import MissingFile, Outside, WrongValue
from hnas.lang.syntax_errors import Unreadable
from hnas.lang.walk import ungroup
from hnas.schema.classes import MOST_CLASSES, ClassName, parse_class

_HOLDING = ("space", "profile", "train", "data")


@final
@frozen
class Beside:
    """Reads what lies beside a file.

    Attributes:
        folder: Where the file lies.
        root: The folder that must not be left; None allows any.
        read: Gives the source of a path, called as its second argument says; raises HnasError.
    """

    folder: Path
    root: Path | None
    read: Callable[[Path, str], Source]
    sink: Sink

    def filled(self, items: Iterable[ast.Item], inside: bool = False) -> tuple[ast.Item, ...]:
        """The items with what blocks data in them read; `inside`: they are those of such a block."""
        return tuple(self._item(item, inside) for item in items)

    def _item(self, item: ast.Item, inside: bool) -> ast.Item:
        match item:
            case ast.Block(kind) if kind in _HOLDING:
                return evolve(item, items=self.filled(item.items, kind == "data"))
            case ast.Set(("data", key)) | ast.Set((key,)) if inside or len(item.key) == 2:
                value = ungroup(item.value)
                if isinstance(value, ast.String) and key == "classes":
                    return evolve(item, value=self._classes(value))
                if isinstance(value, ast.String) and key == "root":
                    whole = (self.folder / Path(value.value).expanduser()).resolve()
                    return evolve(item, value=evolve(value, value=str(whole)))
                return item
            case _:
                return item

    def _classes(self, named: ast.String) -> ast.Expr:
        path = (self.folder / named.value).resolve()
        nothing = ast.List((), span=named.span)
        if self.root is not None and not path.is_relative_to(self.root):
            self.sink.add(Outside(named.span, path=named.value, root=str(self.root.name or "/")))
            return nothing
        place = Path(named.span.source.name).parent if named.span.source.is_file else Path()
        try:
            source = self.read(path, str(place / named.value))
        except HnasError as error:
            why = "; ".join(d.why if isinstance(d, Unreadable) else d.message for d in error.diagnostics)
            self.sink.add(MissingFile(named.span, path=named.value, why=why))
            return nothing
        return ast.List(tuple(self._lines(source)), span=named.span)

    def _lines(self, source: Source) -> Iterable[ast.Expr]:
        at, wrong = 0, 0
        for line in source.text.splitlines(keepends=True):
            start = at + len(line) - len(line.lstrip())
            span, at = Span(source, start, max(start, at + len(line.rstrip()))), at + len(line)
            if not line.strip() or line.lstrip().startswith("#"):
                continue
            found = parse_class(line)
            if isinstance(found, ClassName):
                yield _written(found, span)
                continue
            self.sink.add(
                WrongValue(span, what="a line of classes", needed="`name` or `name R G B`", found=found)
            )
            wrong += 1
            if wrong > MOST_CLASSES:
                return


def _written(each: ClassName, span: Span) -> ast.Expr:
    """A class as a spec lists it: `"road"(128, 64, 128)`."""
    name = ast.String(each.name, span=span)
    if each.colour is None:
        return name
    numbers = (ast.Arg(None, ast.Number(str(value), span=span), span=span) for value in each.colour)
    return ast.Call(name, tuple(numbers), span=span)
