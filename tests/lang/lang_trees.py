"""Hypothesis strategies over the syntax tree, and trees without their parentheses."""

from typing import Any, cast

import attrs
from hypothesis import strategies as st

from hnas.diag import Source, Span
from hnas.lang import ast
from hnas.lang.parser import RESERVED

NOWHERE = Span(Source("<tree>", ""), 0, 0)

_NAMES = st.one_of(
    st.sampled_from(("F", "stride", "space", "cell", "op", "sep_3", "_", "layer1", "iffy", "e5", "choices")),
    st.from_regex(r"[A-Za-z_][A-Za-z_0-9]{0,5}", fullmatch=True),
).filter(lambda name: name not in RESERVED)
_NUMBERS = st.one_of(
    st.sampled_from(("0", "1", "007", "3e-4", "1e5", "0.9", "1.50", "2E+3", "12.5e-3", "999999999999999999")),
    st.integers(0, 10**6).map(str),
    st.decimals(0, 1000, allow_nan=False, allow_infinity=False, places=3).map(str),
)
_TEXTS = st.text(st.characters(exclude_characters="\n\0", exclude_categories=("Cs",)), max_size=8)
_OPERATORS = cast(Any, ast.BinaryOp).__args__


def _node(kind: type[Any], *parts: st.SearchStrategy[Any], **spans: Any) -> st.SearchStrategy[Any]:
    return st.builds(lambda *values: kind(*values, span=NOWHERE, **spans), *parts)


def _tuples(of: st.SearchStrategy[Any], least: int = 0) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(of, min_size=least, max_size=3).map(tuple)


def _deeper(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    ranges = _node(ast.Range, inner, inner)
    args = _tuples(_node(ast.Arg, st.none() | _NAMES, inner | ranges).map(_named_values))
    options = _tuples(_node(ast.Option, st.none() | _NAMES, inner))
    return st.one_of(
        _node(ast.Group, inner),
        _node(ast.Tuple, _tuples(inner, 1)),
        _node(ast.List, _tuples(inner | ranges)),
        _node(ast.Map, _tuples(_node(ast.Entry, inner, inner))),
        _node(ast.Call, inner, args),
        _node(ast.Choice, st.sampled_from(("one_of", "some_of")), args, options),
        _node(ast.Unary, st.sampled_from(("-", "not")), inner),
        _node(ast.Binary, st.sampled_from(_OPERATORS), inner, inner),
        _node(ast.IfElse, inner, inner, inner),
    )


def _named_values(arg: ast.Arg) -> ast.Arg:
    """A named argument is no range: the grammar has none there."""
    return attrs.evolve(arg, name=None) if isinstance(arg.value, ast.Range) else arg


_LEAVES = st.one_of(
    _node(ast.Number, _NUMBERS),
    _node(ast.String, _TEXTS),
    _node(ast.Bool, st.booleans()),
    _node(ast.Ref, _NAMES),
)

expressions = st.recursive(_LEAVES, _deeper, max_leaves=12)
"""Expressions of every construct."""

_SHORT = st.recursive(_LEAVES, _deeper, max_leaves=4)
_PARAMS = _tuples(_node(ast.Param, _NAMES, st.none() | _SHORT))
_PLAIN_ITEMS = st.one_of(
    _node(ast.Use, _node(ast.String, _TEXTS)),
    _node(
        ast.Set,
        st.lists(_NAMES, min_size=1, max_size=3).map(tuple),
        st.sampled_from(("=", "+=", "-=")),
        _SHORT,
        key_span=NOWHERE,
    ),
    _node(ast.Decl, _NAMES, _NAMES, _SHORT, kind_span=NOWHERE, name_span=NOWHERE),
    _node(ast.Define, _NAMES, _NAMES, _PARAMS, _SHORT, kind_span=NOWHERE, name_span=NOWHERE),
    _node(ast.Limit, st.sampled_from(("limit", "target")), _SHORT),
)


def _blocks(items: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    body = _tuples(items)
    relation = st.none() | _node(ast.Relation, st.sampled_from(("extends", "of")), _NAMES)
    at = st.none() | _node(ast.Call, _node(ast.Ref, _NAMES), _tuples(_node(ast.Arg, st.none(), _LEAVES)))
    return st.one_of(
        _node(ast.Block, _NAMES, st.none() | _NAMES, relation, at, body, kind_span=NOWHERE, name_span=None),
        _node(ast.Extern, _NAMES, _NAMES, _PARAMS, body, name_span=NOWHERE),
    )


items = st.recursive(_PLAIN_ITEMS, lambda inner: _blocks(inner), max_leaves=6)
"""Items of every kind, blocks within blocks."""

files = _tuples(items).map(
    lambda found: ast.File(1, found, source=NOWHERE.source, span=NOWHERE),
)


def bare(tree: Any) -> Any:
    """The tree without parentheses, which printing may add, as plain tuples."""
    if isinstance(tree, ast.Group):
        return bare(tree.inner)
    if isinstance(tree, tuple):
        return tuple(bare(part) for part in tree)
    if isinstance(tree, ast.Node):
        fields = {a.name: getattr(tree, a.name) for a in attrs.fields(type(tree)) if a.eq}
        return (type(tree).__name__, *(bare(value) for value in fields.values()))
    return tree
