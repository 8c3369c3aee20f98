"""From files to one space: `use`, `extends`, profiles and `--set`, all laid over each other.

Operates on parsed files. Produces a `Spec`: the items of one space, each key once, and the network
that was meant, if one was. Nothing is evaluated here.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import final

from attrs import evolve, field, frozen

from hnas.diag import Diagnostic, HnasError, Note, Sink, Source, did_you_mean
from hnas.diag.source import FLAG
from hnas.lang import ast
from hnas.lang.beside import Beside
from hnas.lang.blocks import parts_of
from hnas.lang.errors import (
    CannotChange,
    MissingFile,
    NoSpace,
    NoSuchProfile,
    NoSuchSpace,
    Outside,
    Recursive,
    UnknownBlock,
    UnknownKey,
    UseCycle,
)
from hnas.lang.headers import check_headers
from hnas.lang.merge import merge, once, whole
from hnas.lang.parser import parse, parse_assignment, read_source
from hnas.lang.syntax_errors import Unreadable
from hnas.lang.unused import never_used
from hnas.schema.blocks import TRAIN

PAPER = "paper"
"""The profile every space has: the spec as it stands."""

_MOVED = ("search", "data", "decode", "train", "profile")
"""Blocks that may stand beside the only space of a file, and then belong to it."""


@final
@frozen
class Spec:
    """One space with everything laid over it, before evaluation.

    Attributes:
        space: The block of the space; its items hold each key once and no profiles.
        profiles: The profiles of the space by name, in order.
        networks: The networks of the file itself.
        profile: The profile that was laid over, `paper` where none was.
        unused: Warnings about what the space defines and never uses, for a space that is right otherwise.
    """

    space: ast.Block
    profiles: Mapping[str, ast.Block]
    networks: tuple[ast.Block, ...]
    profile: str
    file: ast.File
    unused: tuple[Diagnostic, ...] = ()


@final
@frozen
class _Scope:
    """What a file declares and what it can see in the files it uses."""

    file: ast.File
    own: Mapping[str, ast.Block]
    visible: Mapping[str, "tuple[ast.Block, _Scope]"]
    networks: tuple[ast.Block, ...] = field(default=())


@final
@frozen
class Loader:
    """Reads a file and, through `use`, further ones below `root`.

    Attributes:
        root: The folder files may be used from; None allows any.
        read: Gives the source of a path; raises HnasError.
    """

    root: Path | None
    sink: Sink
    read: Callable[[Path, str], Source] = read_source

    def load(self, file: ast.File, folder: Path, way: tuple[Path, ...]) -> _Scope:
        """The scope of a parsed file that lies in `folder`; `way` are the files that led to it."""
        check_headers(file.items, self.sink)
        visible: dict[str, tuple[ast.Block, _Scope]] = {}
        for item in file.items:
            if isinstance(item, ast.Use):
                used = self._use(item, folder, way)
                if used is not None:
                    visible.update(used.visible)
        items = Beside(folder, self.root, self.read, self.sink).filled(self._top_level(file))
        spaces = {b.name: b for b in items if isinstance(b, ast.Block) and b.kind == "space" and b.name}
        networks = tuple(b for b in items if isinstance(b, ast.Block) and b.kind == "network")
        scope = _Scope(file, spaces, visible, networks)
        visible.update({name: (block, scope) for name, block in spaces.items()})
        return scope

    def _use(self, item: ast.Use, folder: Path, way: tuple[Path, ...]) -> _Scope | None:
        target = (folder / item.path.value).resolve()
        if self.root is not None and not target.is_relative_to(self.root):
            self.sink.add(Outside(item.path.span, path=item.path.value, root=str(self.root.name or "/")))
            return None
        if target in way:
            names = " and ".join(path.name for path in way[way.index(target) :])
            self.sink.add(UseCycle(item.path.span, path=item.path.value, way=names))
            return None
        try:
            source = self.read(target, self._shown(item, folder))
        except HnasError as error:
            said = (d.why if isinstance(d, Unreadable) else d.message for d in error.diagnostics)
            why = "; ".join(said)
            self.sink.add(MissingFile(item.path.span, path=item.path.value, why=why))
            return None
        try:
            file = parse(source)
        except HnasError as error:
            self.sink.diagnostics.extend(error.diagnostics)
            return None
        return self.load(file, target.parent, (*way, target))

    def _shown(self, item: ast.Use, folder: Path) -> str:
        """How messages call a used file: from where the first one was named."""
        place = Path(item.span.source.name).parent
        return str(place / item.path.value)

    def _top_level(self, file: ast.File) -> tuple[ast.Item, ...]:
        """The items of a file, blocks beside its only space moved into it."""
        spaces = [i for i in file.items if isinstance(i, ast.Block) and i.kind == "space"]
        moved = tuple(i for i in file.items if isinstance(i, ast.Block) and i.kind in _MOVED)
        if moved and len(spaces) != 1:
            why = f"`{moved[0].kind}` stands outside a space, and the file has {len(spaces) or 'no'} spaces"
            self.sink.add(NoSpace(moved[0].kind_span, why=why, advice="move it into the space it belongs to"))
        kept: list[ast.Item] = []
        for item in file.items:
            match item:
                case ast.Block(kind) if kind in _MOVED:
                    pass
                case ast.Block("space") if len(spaces) == 1:
                    kept.append(evolve(item, items=item.items + moved))
                case ast.Block("network"):
                    kept.append(evolve(item, items=whole(item.items, self.sink)))
                case ast.Block(kind) if kind not in ("space", "network"):
                    known = ("space", "network", *_MOVED)
                    self.sink.add(UnknownBlock(item.kind_span, kind=kind, advice=did_you_mean(kind, known)))
                case ast.Set() | ast.Decl() | ast.Define():
                    span = item.key_span if isinstance(item, ast.Set) else item.name_span
                    advice = "write it inside a space { ... }"
                    key = ".".join(item.key) if isinstance(item, ast.Set) else item.name
                    self.sink.add(UnknownKey(span, key=key, place="a file", advice=advice))
                case ast.Extern(_, name):
                    advice = "write it inside a space { ... }"
                    self.sink.add(UnknownKey(item.span, key=f"extern {name}", place="a file", advice=advice))
                case ast.Limit(word):
                    advice = "write it inside a space { ... }"
                    self.sink.add(UnknownKey(item.span, key=word, place="a file", advice=advice))
                case _:
                    kept.append(item)
        return once(kept, self.sink)


def resolve(
    file: ast.File,
    folder: Path,
    sink: Sink,
    *,
    space: str | None = None,
    profile: str | None = None,
    sets: Sequence[str] = (),
    root: Path | None = None,
    trained: bool = False,
) -> Spec | None:
    """The space a file is about, with profile and overrides laid over it; None after errors without one.

    Args:
        file: The parsed file.
        folder: Where it lies: `use` is relative to it.
        sink: Gets every diagnostic.
        space: The space that is meant, where the file has several.
        profile: Laid over the space; None and `paper` are the spec as it stands.
        sets: `KEY=VALUE` of `--set`, laid over last, in order.
        root: `use` must stay below it; None allows any folder.
        trained: Whether what the block `train` changes is laid over it too, before `sets`.
    """
    loader = Loader(root, sink)
    scope = loader.load(file, folder, ((folder / Path(file.source.name).name).resolve(),))
    found = _pick(scope, space, sink)
    if found is None:
        return None
    items = _flatten(found[0], found[1], sink, ())
    others = [block for block in found[1].own.values() if block is not found[0]]
    unused = never_used(evolve(found[0], items=items), others) if found[0].relation is None else ()
    profiles = {i.name: i for i in items if isinstance(i, ast.Block) and i.kind == "profile" and i.name}
    items = tuple(i for i in items if not (isinstance(i, ast.Block) and i.kind == "profile"))
    if profile is not None and profile not in profiles and profile != PAPER:
        advice = did_you_mean(profile, (*profiles, PAPER))
        sink.add(NoSuchProfile(None, name=profile, space=found[0].name or "", advice=advice))
    if profile is not None and profile in profiles:
        items = merge(items, profiles[profile].items, sink)
    given = Beside(folder, root, loader.read, sink).filled(_parsed(sets, sink))
    if trained:  # what is set in the block train is part of what it changes, all else is set last
        own = [i for i in given if isinstance(i, ast.Set) and i.key[0] == "train"]
        items = _with_training(merge(items, own, sink), sink)
        given = tuple(i for i in given if i not in own)
    items = merge(items, given, sink)
    merged = evolve(found[0], items=items, relation=None)
    return Spec(merged, profiles, scope.networks, profile or PAPER, file, unused)


def _parsed(sets: Sequence[str], sink: Sink) -> list[ast.Set]:
    found: list[ast.Set] = []
    for text in sets:
        try:
            found.append(parse_assignment(Source(FLAG, text)))
        except HnasError as error:
            sink.diagnostics.extend(error.diagnostics)
    return found


def with_profile(spec: Spec, name: str, sink: Sink) -> Spec:
    """The spec with one of its profiles laid over it, to check that profile."""
    items = merge(spec.space.items, spec.profiles[name].items, sink)
    return evolve(spec, space=evolve(spec.space, items=items), profile=name)


def _with_training(items: tuple[ast.Item, ...], sink: Sink) -> tuple[ast.Item, ...]:
    """The items of a space as a found network of it is trained: what its block `train` changes laid over.

    The block keeps the rest, so that the result written out is its own trained form.
    """
    found = next((i for i in items if isinstance(i, ast.Block) and i.kind == "train"), None)
    if found is None:
        return items
    own, over = parts_of(found, TRAIN)
    return merge(tuple(evolve(i, items=own) if i is found else i for i in items), over, sink)


def _pick(scope: _Scope, wanted: str | None, sink: Sink) -> "tuple[ast.Block, _Scope] | None":
    """The space that is meant: by name, the file's only one, or that of its only network."""
    if wanted is not None:
        if wanted in scope.visible:
            return scope.visible[wanted]
        sink.add(NoSuchSpace(None, name=wanted, advice=did_you_mean(wanted, scope.visible)))
        return None
    if len(scope.own) == 1:
        return scope.visible[next(iter(scope.own))]
    for network in scope.networks[:1] if not scope.own else ():
        relation = network.relation
        if relation is not None and relation.word == "of" and relation.name in scope.visible:
            return scope.visible[relation.name]
        name, span = (relation.name, relation.span) if relation else ("", network.kind_span)
        sink.add(NoSuchSpace(span, name=name, advice=did_you_mean(name, scope.visible)))
        return None
    circle = _circle(scope.own)
    if circle is not None:  # whichever is meant, it cannot be had
        return scope.visible[circle]
    if scope.own:
        why = f"the file has {len(scope.own)} spaces"
        sink.add(NoSpace(None, why=why, advice=f"say which one with --space: {', '.join(scope.own)}"))
    elif not sink.errors:
        sink.add(
            NoSpace(
                None, why=f"{scope.file.source.name} has no space", advice="begin with space NAME { ... }"
            )
        )
    return None


def _circle(spaces: Mapping[str, ast.Block]) -> str | None:
    """A space that extends itself, by way of others of its file; None where there is none."""
    done: set[str] = set()
    for name in spaces:
        way: dict[str, None] = {}
        while name in spaces and name not in done and name not in way:
            way[name] = None
            relation = spaces[name].relation
            name = relation.name if relation is not None else ""
        if name in way:
            return name
        done.update(way)
    return None


def _flatten(block: ast.Block, scope: _Scope, sink: Sink, way: tuple[str, ...]) -> tuple[ast.Item, ...]:
    """The items of a space on top of those of the space it extends."""
    name = block.name or ""
    if block.relation is None:
        return whole(block.items, sink)
    if block.relation.word == "of":
        why = f"a space extends another one, `of` is for networks: write extends {block.relation.name}"
        sink.add(CannotChange(block.relation.span, why=why))
    base = scope.visible.get(block.relation.name)
    if base is None:
        span = block.relation.span
        sink.add(
            NoSuchSpace(
                span, name=block.relation.name, advice=did_you_mean(block.relation.name, scope.visible)
            )
        )
        return whole(block.items, Sink())
    if block.relation.name in (*way, name):
        notes = (Note("this space", block.name_span),) if block.name_span else ()
        sink.add(
            Recursive(
                block.relation.span, what="space", name=name, notes=notes, advice="extend another space"
            )
        )
        return whole(block.items, Sink())
    inherited = _flatten(base[0], base[1], sink, (*way, name))
    return merge(inherited, once(block.items, sink), sink)
