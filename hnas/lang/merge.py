"""Laying one list of items over another: what `extends`, profiles and `--set` have in common.

Operates on / produces: items of a block, each key once. A later value replaces an earlier one of the
same key, a block merges into the block or the call of its name, `+=` and `-=` change lists and options.
"""

from collections.abc import Iterable, Sequence
from typing import assert_never

from attrs import evolve

from hnas.diag import Note, Sink, Span
from hnas.lang import ast
from hnas.lang.errors import CannotChange, GivenTwice
from hnas.lang.walk import same, ungroup

Items = tuple[ast.Item, ...]


def merge(base: Sequence[ast.Item], over: Iterable[ast.Item], sink: Sink) -> Items:
    """`base` with every item of `over` laid over it, in order."""
    items = list(base)
    for item in over:
        _lay(items, item, sink)
    return tuple(items)


def once(items: Sequence[ast.Item], sink: Sink) -> Items:
    """The items of one body, merged among themselves; the same key given twice is reported.

    A block after an assignment of the same name is no repetition: `data = shapes  data { crop = 65 }`.
    """
    seen: dict[tuple[str, ...], tuple[ast.Item, Span]] = {}
    kept: list[ast.Item] = []
    for item in items:
        key, span = _key(item)
        first = seen.get(key)
        if first is not None and not (isinstance(first[0], ast.Set) and isinstance(item, ast.Block)):
            what = (
                f"`{'.'.join(key[1:])}`"
                if key[0] == "set"
                else f"{key[0]} `{' '.join(key[1:])}`".replace(" ``", "")
            )
            sink.add(GivenTwice(span, what=what, notes=(Note("first here", first[1]),)))
            continue
        if key[0] != "change":
            seen[key] = (item, span)
        kept.append(item)
    return merge((), kept, sink)


def _key(item: ast.Item) -> tuple[tuple[str, ...], Span]:
    """What makes an item the same as another one, and the place to point at."""
    match item:
        case ast.Set(key, "="):
            return ("set", *key), item.key_span
        case ast.Set(key, op):
            return ("change", *key, op), item.key_span
        case ast.Decl(kind, name) | ast.Define(kind, name):
            return (kind, name), item.name_span
        case ast.Block(kind, name):
            if kind in _LONE:
                return ("set", kind), item.kind_span
            return (kind, name or ""), item.name_span or item.kind_span
        case ast.Extern(_, name):
            return ("op", name), item.name_span
        case ast.Use(path):
            return ("use", path.value), item.span
        case ast.Limit():
            return ("change", "limit"), item.span
        case _:
            assert_never(item)


_LONE = frozenset(("trellis", "data", "search", "decode", "train", "validate"))
"""Kinds of block of which a space has one; the name of a data block is its set."""


def _lay(items: list[ast.Item], item: ast.Item, sink: Sink) -> None:
    match item:
        case ast.Set():
            _lay_set(items, item, sink)
        case ast.Block():
            _lay_block(items, item, sink)
        case ast.Decl(kind, name) | ast.Define(kind, name):
            for i, old in enumerate(items):
                if isinstance(old, ast.Decl | ast.Define) and (old.kind, old.name) == (kind, name):
                    items[i] = item
                    return
            items.append(item)
        case ast.Extern() | ast.Use() | ast.Limit():
            items.append(item)
        case _:
            assert_never(item)


def _lay_set(items: list[ast.Item], item: ast.Set, sink: Sink) -> None:
    head, *rest = item.key
    if rest:
        inner = ast.Set(tuple(rest), item.op, item.value, key_span=item.key_span, span=item.span)
        for i, old in enumerate(items):
            if isinstance(old, ast.Block) and head in (old.kind, old.name):
                items[i] = evolve(old, items=merge(old.items, (inner,), sink))
                return
        block = ast.Block(
            head, None, None, None, (inner,), kind_span=item.key_span, name_span=None, span=item.span
        )
        _lay_block(items, block, sink)
        return
    for i, old in enumerate(items):
        match old:
            case ast.Set((name,)) if name == head:
                items[i] = _changed(old, item, sink)
                return
            case ast.Decl("param", name) if name == head:
                items[i] = evolve(old, value=_changed(old, item, sink).value, span=item.span)
                return
            case ast.Block(kind) if kind == head and kind in _LONE:
                # `data = shapes`: another set starts from the defaults again
                if isinstance(item.value, ast.Ref):
                    items[i] = evolve(
                        old, name=item.value.name, items=(), name_span=item.value.span, span=item.span
                    )
                else:
                    why = f"{head} is a block; write {head} {{ ... }}"
                    sink.add(CannotChange(item.key_span, why=why))
                return
            case _:
                pass
    if item.op != "=":
        sink.add(CannotChange(item.key_span, why=f"there is no {head} to change with {item.op}"))
        return
    items.append(item)


def _changed(old: ast.Set | ast.Decl, change: ast.Set, sink: Sink) -> ast.Set:
    """`old` after `change`: replaced, or with options or list elements added or taken away."""
    if change.op == "=":
        return change
    key_span = old.key_span if isinstance(old, ast.Set) else old.name_span
    key = old.key if isinstance(old, ast.Set) else (old.name,)

    def with_value(value: ast.Expr) -> ast.Set:
        return ast.Set(key, "=", value, key_span=key_span, span=old.span)

    value, given = ungroup(old.value), ungroup(change.value)
    match value:
        case ast.Choice():
            options = list(value.options)
            for option in _as_options(given):
                there = [
                    o for o in options if same(o.value, option.value) or (o.name and o.name == option.name)
                ]
                if change.op == "+=" and not there:
                    options.append(option)
                elif change.op == "-=" and there:
                    options.remove(there[0])
                elif change.op == "+=":
                    sink.add(CannotChange(option.span, why="this option is there already"))
                else:
                    sink.add(CannotChange(option.span, why="there is no such option to take away"))
            return with_value(evolve(value, options=tuple(options)))
        case ast.List():
            elements = list(value.items)
            for element in given.items if isinstance(given, ast.List) else (given,):
                there = [e for e in elements if same(e, element)]
                if change.op == "+=":
                    elements.append(element)
                elif there:
                    elements.remove(there[0])
                else:
                    sink.add(CannotChange(element.span, why="there is no such element to take away"))
            return with_value(evolve(value, items=tuple(elements)))
        case _:
            why = f"{'.'.join(key)} is neither a list nor a choice, {change.op} cannot change it"
            sink.add(CannotChange(change.key_span, why=why))
            return with_value(old.value)


def _as_options(value: ast.Expr) -> tuple[ast.Option, ...]:
    if isinstance(value, ast.Choice):
        return value.options
    if isinstance(value, ast.List):
        return tuple(ast.Option(None, e, span=e.span) for e in value.items if not isinstance(e, ast.Range))
    return (ast.Option(None, value, span=value.span),)


def _lay_block(items: list[ast.Item], block: ast.Block, sink: Sink) -> None:
    own = once(block.items, sink)
    for i, old in enumerate(items):
        match old:
            case ast.Block(kind, name) if kind == block.kind and (kind in _LONE or name == block.name):
                if kind == "data" and block.name is not None and block.name != name:
                    items[i] = evolve(block, items=own)
                else:
                    items[i] = evolve(old, items=merge(old.items, own, sink))
                return
            case ast.Set((name,), "=", value) if name == block.kind and block.name is None:
                call = ungroup(value)
                if isinstance(call, ast.Call):
                    items[i] = evolve(old, value=_into_call(call, own, sink))
                elif isinstance(call, ast.Ref) and block.kind == "data":
                    items[i] = evolve(block, name=call.name, name_span=call.span, items=own)
                else:
                    why = f"{name} is a value here, not a call a block could merge into"
                    sink.add(CannotChange(block.kind_span, why=why))
                return
            case _:
                pass
    items.append(evolve(block, items=own))


def _into_call(call: ast.Call, items: Items, sink: Sink) -> ast.Call:
    """`arch { from_epoch = 2 }` laid over `arch = adam(...)`: its settings become named arguments."""
    args = list(call.args)
    for item in items:
        if isinstance(item, ast.Set) and item.op == "=":
            name = item.key[0]
            inner = next((a for a in args if a.name == name), None)
            if len(item.key) > 1:
                value = (
                    ungroup(inner.value)
                    if inner is not None and not isinstance(inner.value, ast.Range)
                    else None
                )
                if isinstance(value, ast.Call):
                    rest = ast.Set(item.key[1:], "=", item.value, key_span=item.key_span, span=item.span)
                    args[args.index(inner)] = evolve(inner, value=_into_call(value, (rest,), sink))  # type: ignore[arg-type]
                    continue
                sink.add(CannotChange(item.key_span, why=f"{name} is no call a setting could merge into"))
                continue
            new = ast.Arg(name, item.value, span=item.span)
            if inner is not None:
                args[args.index(inner)] = new
            else:
                args.append(new)
        elif isinstance(item, ast.Block):
            inner = next((a for a in args if a.name == item.kind), None)
            value = inner.value if inner is not None else None
            if inner is not None and isinstance(value, ast.Call):
                args[args.index(inner)] = evolve(inner, value=_into_call(value, item.items, sink))
            else:
                sink.add(CannotChange(item.kind_span, why=f"{item.kind} is no call a block could merge into"))
        else:
            sink.add(CannotChange(item.span, why="a block that merges into a call holds settings only"))
    return evolve(call, args=tuple(args))
