"""What a space defines and never uses: parameters, named choices, cells.

Operates on a space as it is written, with its profiles and what its block train changes, so that what
only one of them uses is used. Spaces that extend another one may override what it uses: they are not asked.
"""

from collections.abc import Iterable, Iterator

from attrs import fields

from hnas.diag import Diagnostic
from hnas.lang import ast
from hnas.lang.block_errors import NeverUsed

_KINDS = {"param": "the parameter", "choice": "the choice"}


def never_used(space: ast.Block, others: Iterable[ast.Block]) -> tuple[Diagnostic, ...]:
    """A warning for each parameter, choice and cell of `space` that neither it nor `others` name."""
    used = set(_names(space.items))
    for other in others:
        used.update(_names((other,)))
    found: list[Diagnostic] = []
    for item in space.items:
        match item:
            case ast.Decl(kind, name) if kind in _KINDS and name not in used:
                found.append(NeverUsed(item.name_span, what=_KINDS[kind], name=name))
            case ast.Block("cell", str(name)) if name not in used:
                found.append(NeverUsed(item.name_span, what="the cell", name=name))
            case _:
                pass
    return tuple(found)


def _names(nodes: Iterable[object]) -> Iterator[str]:
    """The names that syntax trees refer to; those of an operator's own parameters are not."""
    for node in nodes:
        match node:
            case ast.Ref(name):
                yield name
            case ast.Relation(_, name):
                yield name
            case ast.Define() | ast.Extern():
                own = {param.name for param in node.params}
                yield from (name for name in _names(_parts(node)) if name not in own)
            case ast.Node():
                yield from _names(_parts(node))
            case _:
                pass


def _parts(node: ast.Node) -> Iterator[object]:
    for attribute in fields(type(node)):
        value = getattr(node, attribute.name)
        if isinstance(value, tuple):
            yield from value
        else:
            yield value
