"""An imported architecture as a network block, every part with its place in what was imported.

So it is read as a network in a file is, and what does not fit the space is said of the place it
came from.
"""

from hnas.diag import Sink, Span
from hnas.importing.errors import OtherOutput
from hnas.importing.found import Found, FoundCell, Node, Term
from hnas.ir.space import Cell, Space
from hnas.lang import ast


def network_block(found: Found, name: str, space: Space, sink: Sink) -> ast.Block:
    """The block of `found` as a network `name` of a space.

    Args:
        found: The choices.
        name: What the network is called.
        space: The space it is to be one of.
        sink: Is told of cells that put out other nodes than those of the space.
    """
    items: list[ast.Item] = []
    if found.path:
        span = found.path[0][1].to(found.path[-1][1])
        strides = tuple(ast.Number(str(stride), span=at) for stride, at in found.path)
        items.append(ast.Set(("path",), "=", ast.List(strides, span=span), span=span, key_span=span))
    for cell in found.cells:
        items.append(_cell(cell))
        if cell.name in space.cells:
            _check_outputs(cell, space.cells[cell.name], sink)
    relation = ast.Relation("of", space.name, span=found.span)
    return _block("network", name, tuple(items), found.span, relation)


def _cell(cell: FoundCell) -> ast.Block:
    return _block("cell", cell.name, tuple(_equation(node) for node in cell.nodes), cell.span)


def _block(
    kind: str, name: str, items: tuple[ast.Item, ...], span: Span, relation: ast.Relation | None = None
) -> ast.Block:
    return ast.Block(kind, name, relation, None, items, span=span, kind_span=span, name_span=span)


def _equation(node: Node) -> ast.Set:
    """`n1 = sep(3)(prev) + skip(prev_prev)`."""
    first, *rest = map(_applied, node.terms)
    value: ast.Expr = first
    for term in rest:
        value = ast.Binary("+", value, term, span=first.span.to(term.span))
    return ast.Set((node.name,), "=", value, span=node.span, key_span=node.span)


def _applied(term: Term) -> ast.Expr:
    source = ast.Arg(None, ast.Ref(term.source, span=term.source_span), span=term.source_span)
    return ast.Call(_operator(term.label, term.label_span), (source,), span=term.span)


def _operator(label: str, span: Span) -> ast.Expr:
    """`skip`, `sep(3)`: a name, or one with numbers behind it."""
    name, _, numbers = label.removesuffix(")").partition("(")
    operator = ast.Ref(name, span=span)
    if not numbers:
        return operator
    args = (ast.Arg(None, ast.Number(n.strip(), span=span), span=span) for n in numbers.split(","))
    return ast.Call(operator, tuple(args), span=span)


def _check_outputs(found: FoundCell, cell: Cell, sink: Sink) -> None:
    """Whether a cell puts out the nodes that the space's does."""
    if found.outputs is None or cell.equations or len(found.nodes) != cell.nodes:
        return  # what has other nodes is refused as a network
    names = cell.node_names()
    match cell.output:
        case "concat":
            expected = names
        case "last":
            expected = names[-1:]
        case "loose_ends":
            read = {term.source for node in found.nodes for term in node.terms}
            expected = tuple(name for name in names if name not in read)
    given = found.outputs.nodes
    if given != expected:
        have = ", ".join(expected)
        shown = ", ".join(given[:_MOST]) + (", ..." if len(given) > _MOST else "") or "nothing"
        sink.add(OtherOutput(found.outputs.span, cell=found.name, given=shown, have=have))


_MOST = 12
"""Nodes that a message lists."""
