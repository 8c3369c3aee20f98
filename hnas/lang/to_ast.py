"""Parse tree to syntax tree."""

from typing import Any, cast

from lark import Token, Tree
from lark.tree import Meta

from hnas.diag import HnasError, Source, Span
from hnas.lang import ast
from hnas.lang.syntax_errors import TooDeep

DEEPEST = 200
"""Operators within operators of one expression."""


def to_ast(tree: Tree[Token], source: Source) -> ast.File | ast.Set:
    """The syntax tree of a parse tree, by a method of `_ToAst` for each rule.

    Raises:
        HnasError: An expression is nested too deeply for the walks that follow.
    """
    build = _ToAst(source)
    done: dict[int, Any] = {}
    for subtree in tree.iter_subtrees():  # bottom-up, without recursion
        children = [done[id(child)] if isinstance(child, Tree) else child for child in subtree.children]
        done[id(subtree)] = getattr(build, str(subtree.data))(subtree.meta, children)
    return done[id(tree)]


class _ToAst:
    def __init__(self, source: Source) -> None:
        self.source = source
        self.depths: dict[int, int] = {}

    # --- helpers ---------------------------------------------------------------------------------

    def _span(self, meta: Meta) -> Span:
        if meta.empty:
            return Span(self.source, 0, 0)
        return Span(self.source, meta.start_pos, meta.end_pos)

    def _token(self, token: Token) -> Span:
        start = cast(int, token.start_pos)
        return Span(self.source, start, start + len(token))

    def _nested(self, node: Any, *parts: Any) -> Any:
        """`node`, its depth noted: expressions of bounded depth keep every later walk safe."""
        depth = 1 + max((self.depths.get(id(part), 0) for part in parts), default=0)
        if depth > DEEPEST:
            raise HnasError(TooDeep(node.span, what="this expression is", bound=DEEPEST))
        self.depths[id(node)] = depth
        return node

    # --- file and items --------------------------------------------------------------------------

    def start(self, meta: Meta, children: list[Any]) -> ast.File:
        version, *items = children
        return ast.File(version, tuple(items), span=self._span(meta), source=self.source)

    def header(self, _meta: Meta, children: list[Token]) -> int:
        return int(children[0])

    def assignment(self, _meta: Meta, children: list[Any]) -> ast.Set:
        return children[0]

    def use(self, meta: Meta, children: list[Token]) -> ast.Use:
        return ast.Use(self._string(children[0]), span=self._span(meta))

    def assign(self, meta: Meta, children: list[Any]) -> ast.Set:
        (key, key_span), op, value = children
        return ast.Set(key, cast(Any, str(op)), value, key_span=key_span, span=self._span(meta))

    def decl(self, meta: Meta, children: list[Any]) -> ast.Decl:
        kind, (key, key_span), _, value = children
        spans = {"kind_span": self._token(kind), "name_span": key_span}
        return ast.Decl(str(kind), ".".join(key), value, span=self._span(meta), **spans)

    def define(self, meta: Meta, children: list[Any]) -> ast.Define:
        kind, name, params, _, value = children
        spans = {"kind_span": self._token(kind), "name_span": self._token(name)}
        return ast.Define(str(kind), str(name), params, value, span=self._span(meta), **spans)

    def block(self, meta: Meta, children: list[Any]) -> ast.Block:
        kind, name, relation, at, items = children
        return ast.Block(
            str(kind),
            None if name is None else str(name),
            relation,
            at,
            items,
            span=self._span(meta),
            kind_span=self._token(kind),
            name_span=None if name is None else self._token(name),
        )

    def extern(self, meta: Meta, children: list[Any]) -> ast.Extern:
        kind, name, params, items = children
        return ast.Extern(
            str(kind), str(name), params, items, name_span=self._token(name), span=self._span(meta)
        )

    def limit(self, meta: Meta, children: list[Any]) -> ast.Limit:
        return ast.Limit(cast(Any, str(children[0])), children[1], span=self._span(meta))

    def relation(self, meta: Meta, children: list[Token]) -> ast.Relation:
        word, name = children
        return ast.Relation(cast(Any, str(word)), str(name), span=self._token(name))

    def at(self, _meta: Meta, children: list[Any]) -> ast.Expr:
        return children[0]

    def body(self, _meta: Meta, children: list[Any]) -> tuple[ast.Item, ...]:
        return tuple(children)

    def params(self, _meta: Meta, children: list[Any]) -> tuple[ast.Param, ...]:
        return tuple(child for child in children if child is not None)

    def param(self, _meta: Meta, children: list[Any]) -> ast.Param:
        name, *rest = children
        default = rest[-1] if rest else None
        return ast.Param(str(name), default, span=self._token(name))

    def key(self, meta: Meta, children: list[Token]) -> tuple[tuple[str, ...], Span]:
        return tuple(str(child) for child in children), self._span(meta)

    def name(self, _meta: Meta, children: list[Token]) -> Token:
        return children[0]

    # --- expressions -----------------------------------------------------------------------------

    def number(self, meta: Meta, children: list[Token]) -> ast.Number:
        return ast.Number(str(children[0]), span=self._span(meta))

    def _string(self, token: Token) -> ast.String:
        text = token[1:-1].replace('\\"', '"').replace("\\\\", "\\")
        return ast.String(text, span=self._token(token))

    def text(self, _meta: Meta, children: list[Token]) -> ast.String:
        return self._string(children[0])

    def true(self, meta: Meta, _children: list[Any]) -> ast.Bool:
        return ast.Bool(True, span=self._span(meta))

    def false(self, meta: Meta, _children: list[Any]) -> ast.Bool:
        return ast.Bool(False, span=self._span(meta))

    def ref(self, _meta: Meta, children: list[Token]) -> ast.Ref:
        return ast.Ref(str(children[0]), span=self._token(children[0]))

    def group(self, meta: Meta, children: list[Any]) -> ast.Group:
        return self._nested(ast.Group(children[0], span=self._span(meta)), children[0])

    def tuple_of(self, meta: Meta, children: list[Any]) -> ast.Tuple:
        items = _present(children)
        return self._nested(ast.Tuple(items, span=self._span(meta)), *items)

    def list_of(self, meta: Meta, children: list[Any]) -> ast.List:
        items = _present(children)
        return self._nested(ast.List(items, span=self._span(meta)), *items)

    def map_of(self, meta: Meta, children: list[Any]) -> ast.Map:
        entries = _present(children)
        return self._nested(ast.Map(entries, span=self._span(meta)), *entries)

    def entry(self, meta: Meta, children: list[Any]) -> ast.Entry:
        return self._nested(ast.Entry(children[0], children[1], span=self._span(meta)), *children)

    def choice(self, meta: Meta, children: list[Any]) -> ast.Choice:
        word, args, *options = children
        kept = _present(options)
        node = ast.Choice(cast(Any, str(word)), args or (), kept, span=self._span(meta))
        return self._nested(node, *kept, *(args or ()))

    def option(self, meta: Meta, children: list[Any]) -> ast.Option:
        name, value = children
        node = ast.Option(None if name is None else str(name), value, span=self._span(meta))
        return self._nested(node, value)

    def call(self, meta: Meta, children: list[Any]) -> ast.Call:
        callee, args = children
        return self._nested(ast.Call(callee, args, span=self._span(meta)), callee, *args)

    def args(self, _meta: Meta, children: list[Any]) -> tuple[ast.Arg, ...]:
        found: list[ast.Arg] = []
        for child in _present(children):
            if isinstance(child, ast.Arg):
                found.append(child)
            else:
                found.append(self._nested(ast.Arg(None, child, span=child.span), child))
        return tuple(found)

    def named(self, meta: Meta, children: list[Any]) -> ast.Arg:
        name, _, value = children
        return self._nested(ast.Arg(str(name), value, span=self._span(meta)), value)

    def interval(self, meta: Meta, children: list[Any]) -> ast.Range:
        return self._nested(ast.Range(children[0], children[1], span=self._span(meta)), *children)

    def if_else(self, meta: Meta, children: list[Any]) -> ast.IfElse:
        then, test, other = children
        return self._nested(ast.IfElse(then, test, other, span=self._span(meta)), *children)

    def comparison(self, meta: Meta, children: list[Any]) -> ast.Binary:
        left, op, right = children
        return self._nested(ast.Binary(cast(Any, str(op)), left, right, span=self._span(meta)), left, right)

    def neg(self, meta: Meta, children: list[Any]) -> ast.Unary:
        return self._nested(ast.Unary("-", children[0], span=self._span(meta)), children[0])

    def negate(self, meta: Meta, children: list[Any]) -> ast.Unary:
        return self._nested(ast.Unary("not", children[0], span=self._span(meta)), children[0])

    def either(self, meta: Meta, children: list[Any]) -> ast.Binary:
        return self._binary("or", meta, children)

    def both(self, meta: Meta, children: list[Any]) -> ast.Binary:
        return self._binary("and", meta, children)

    def then(self, meta: Meta, children: list[Any]) -> ast.Binary:
        return self._binary("->", meta, children)

    def add(self, meta: Meta, children: list[Any]) -> ast.Binary:
        return self._binary("+", meta, children)

    def sub(self, meta: Meta, children: list[Any]) -> ast.Binary:
        return self._binary("-", meta, children)

    def mul(self, meta: Meta, children: list[Any]) -> ast.Binary:
        return self._binary("*", meta, children)

    def div(self, meta: Meta, children: list[Any]) -> ast.Binary:
        return self._binary("/", meta, children)

    def floordiv(self, meta: Meta, children: list[Any]) -> ast.Binary:
        return self._binary("//", meta, children)

    def _binary(self, op: ast.BinaryOp, meta: Meta, children: list[Any]) -> ast.Binary:
        left, right = children
        return self._nested(ast.Binary(op, left, right, span=self._span(meta)), left, right)


def _present(children: list[Any]) -> tuple[Any, ...]:
    """The children that are there: a trailing comma leaves a placeholder."""
    return tuple(child for child in children if child is not None)
