"""Laying one list of items over another: what `extends`, profiles and `--set` have in common.

Operates on / produces: items of a block, each key once. A later value replaces an earlier one of the
same key, a block merges into the block or the call of its name, `+=` and `-=` change lists and options.
"""

from collections.abc import Iterable, Sequence
from typing import assert_never, final

from attrs import define, evolve, field

from hnas.diag import Note, Sink, Span
from hnas.lang import ast
from hnas.lang.errors import CannotChange, GivenTwice
from hnas.lang.walk import figure_of, same, spelled, ungroup

Items = tuple[ast.Item, ...]


def merge(base: Sequence[ast.Item], over: Iterable[ast.Item], sink: Sink) -> Items:
    """`base` with every item of `over` laid over it, in order."""
    laid = _Laid(sink)
    for item in base:
        laid.append(item)
    for item in over:
        laid.lay(item)
    return tuple(laid.items)


def once(items: Sequence[ast.Item], sink: Sink) -> Items:
    """The items of one body, the same key given twice reported and left out.

    Changes (`+=`, `-=`) stay changes: what they apply to is known when the body is laid over another.
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
    return tuple(kept)


def whole(items: Sequence[ast.Item], sink: Sink) -> Items:
    """The items of a body that nothing lies under, merged among themselves."""
    return merge((), once(items, sink), sink)


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
            at = (spelled(item.at),) if item.at is not None else ()
            return (kind, name or "", *at), item.name_span or item.kind_span
        case ast.Extern(_, name):
            return ("op", name), item.name_span
        case ast.Use(path):
            return ("use", path.value), item.span
        case ast.Limit():
            return ("set", f"{item.word} {figure_of(item)}"), item.span
        case _:
            assert_never(item)


_LONE = frozenset(("trellis", "data", "search", "decode", "train", "validate"))
"""Kinds of block of which a space has one; the name of a data block is its set."""


@final
@define
class _Laid:
    """Items that others are laid over, found by the names they go by."""

    sink: Sink
    items: list[ast.Item] = field(factory=list[ast.Item])
    _places: dict[str, list[int]] = field(factory=dict[str, list[int]])

    def append(self, item: ast.Item) -> None:
        """A further item."""
        for name in _names(item):
            self._places.setdefault(name, []).append(len(self.items))
        self.items.append(item)

    def lay(self, item: ast.Item) -> None:
        """`item` over what is there."""
        match item:
            case ast.Set():
                self._set(item)
            case ast.Block():
                self._block(item)
            case ast.Decl(kind, name) | ast.Define(kind, name):
                for i, old in self._named(name):
                    if isinstance(old, ast.Decl | ast.Define) and (old.kind, old.name) == (kind, name):
                        self.items[i] = item
                        return
                self.append(item)
            case ast.Limit():
                for i, old in self._named(_names(item)[0]):
                    if isinstance(old, ast.Limit):
                        self.items[i] = item
                        return
                self.append(item)
            case ast.Extern() | ast.Use():
                self.append(item)
            case _:
                assert_never(item)

    def _named(self, name: str) -> Iterable[tuple[int, ast.Item]]:
        return [(i, self.items[i]) for i in self._places.get(name, ())]

    def _replace(self, i: int, item: ast.Item) -> None:
        """Another item in the place of an old one, found by its own names too."""
        for name in _names(item):
            places = self._places.setdefault(name, [])
            if i not in places:
                places.append(i)
                places.sort()
        self.items[i] = item

    def _set(self, item: ast.Set) -> None:
        head, *rest = item.key
        if len(rest) > 1 and any(
            isinstance(old, ast.Block) and old.name == rest[0] for _, old in self._named(head)
        ):
            head, *rest = rest  # cell.normal.nodes is normal.nodes
        if rest:
            inner = ast.Set(tuple(rest), item.op, item.value, key_span=item.key_span, span=item.span)
            for i, old in self._named(head):
                if isinstance(old, ast.Block) and head in (old.kind, old.name):
                    self.items[i] = _merged(old, (inner,), self.sink)
                    return
            self._block(
                ast.Block(
                    head, None, None, None, (inner,), kind_span=item.key_span, name_span=None, span=item.span
                )
            )
            return
        for i, old in self._named(head):
            match old:
                case ast.Set((name,)) if name == head:
                    self.items[i] = _changed(old, item, self.sink)
                    return
                case ast.Decl("param" | "choice" | "op", name) if name == head:
                    value = _changed(old, item, self.sink).value
                    self.items[i] = evolve(old, value=value, span=item.span)
                    return
                case ast.Block(kind) if kind == head and kind in _LONE:
                    # `data = shapes`: another set starts from the defaults again
                    if isinstance(item.value, ast.Ref):
                        name, span = item.value.name, item.value.span
                        new = evolve(old, name=name, items=(), name_span=span, span=item.span)
                        self._replace(i, new)
                    else:
                        why = f"{head} is a block; write {head} {{ ... }}"
                        self.sink.add(CannotChange(item.key_span, why=why))
                    return
                case _:
                    pass
        if item.op != "=":
            why = f"there is no {head} to change with {item.op}"
            self.sink.add(CannotChange(item.key_span, why=why))
            return
        self.append(item)

    def _block(self, block: ast.Block) -> None:
        own = once(block.items, self.sink)
        for i, old in self._named(block.kind):
            match old:
                case ast.Block(kind, name) if kind == block.kind and (kind in _LONE or _alike(old, block)):
                    if kind == "data" and block.name is not None and block.name != name:
                        self._replace(i, evolve(block, items=merge((), own, self.sink)))
                    elif _waits(old):
                        self.items[i] = evolve(old, items=old.items + own)
                    else:
                        self.items[i] = _merged(old, own, self.sink)
                    return
                case ast.Set((name,), "=", value) if name == block.kind and block.name is None:
                    self._call(i, old, ungroup(value), block, own)
                    return
                case _:
                    pass
        self.append(evolve(block, items=own if _waits(block) else merge((), own, self.sink)))

    def _call(self, i: int, old: ast.Set, call: ast.Expr, block: ast.Block, own: Items) -> None:
        """A block over the call of its name."""
        if isinstance(call, ast.Call):
            self.items[i] = evolve(old, value=_into_call(call, own, self.sink))
        elif isinstance(call, ast.Ref) and block.kind == "data":
            items = merge((), own, self.sink)
            self._replace(i, evolve(block, name=call.name, name_span=call.span, items=items))
        else:
            why = f"{block.kind} is a value here, not a call a block could merge into"
            self.sink.add(CannotChange(block.kind_span, why=why))


_INSTEAD = {("trellis", "path"): "moves", ("trellis", "moves"): "path"}
"""Attributes of a block that say one thing in two ways: what is laid over it goes back to the other."""


def _merged(block: ast.Block, over: Items, sink: Sink) -> ast.Block:
    """A block with items laid over it; what one of them takes the place of is left out."""
    given = {item.key[0] for item in over if isinstance(item, ast.Set) and item.op == "="}
    gone = {_INSTEAD.get((block.kind, key)) for key in given} - given
    kept = [item for item in block.items if not (isinstance(item, ast.Set) and item.key[0] in gone)]
    return evolve(block, items=merge(kept, over, sink))


def _names(item: ast.Item) -> tuple[str, ...]:
    """What later items may find an item by."""
    match item:
        case ast.Set(key):
            return (key[0],)
        case ast.Decl(_, name) | ast.Define(_, name):
            return (name,)
        case ast.Block(kind, name):
            return (kind,) if name is None or name == kind else (kind, name)
        case ast.Limit(word):
            return (f"{word} {figure_of(item)}",)
        case _:
            return ()


def _alike(a: ast.Block, b: ast.Block) -> bool:
    """Whether two blocks of a kind are about the same: by name, and by the place they are at."""
    if a.at is None or b.at is None:
        return a.name == b.name and a.at is b.at
    return a.name == b.name and same(a.at, b.at)


def _waits(block: ast.Block) -> bool:
    """Whether what a block lies over is only known later: a profile, or a block that extends another."""
    return block.kind == "profile" or block.relation is not None


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
