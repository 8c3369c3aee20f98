"""Found networks: a `network` block to an architecture, and an architecture to text.

`path = [...]` stands for `enter` and the moves, `n1 = sep(3)(prev) + skip(prev_prev)` for a node's
edges and operators. Every choice is looked up by name in the space's decisions; the digest in
`at choices("...")` tells early whether they are the same ones.
"""

import re
from collections.abc import Mapping, Sequence
from typing import TypeGuard, final

from attrs import frozen

from hnas.diag import Sink, Span, did_you_mean
from hnas.ir.decisions import Architecture, Decision, DecisionTable, Pick
from hnas.ir.space import Space
from hnas.ir.types import Stride, spell_stride
from hnas.lang import ast
from hnas.lang.errors import (
    BadCall,
    GivenTwice,
    MissingKey,
    NoSuchPath,
    OtherChoices,
    UnknownBlock,
    UnknownKey,
    UnknownOption,
    WrongCount,
    WrongValue,
)
from hnas.lang.evaluate import Names, constant
from hnas.lang.walk import kind_of, spelled, ungroup


def read_network(block: ast.Block, space: Space, table: DecisionTable, sink: Sink) -> Architecture | None:
    """The architecture a `network` block spells, in a space with the decisions of `table`."""
    reader = _Reader(space, table, sink)
    return reader.read(block)


def write_network(
    name: str, architecture: Architecture, space: Space, table: DecisionTable, use: str, notes: Sequence[str]
) -> str:
    """A file with one network: what `hnas decode` writes and `read_network` reads.

    Args:
        name: Name of the network.
        architecture: Its choices.
        space: The space they were made in.
        table: The decisions of the space.
        use: Path of the space's file, from where the network's will lie.
        notes: Lines of comment for the top.
    """
    lines = ["hnas 1", "", *(f"# {note}" for note in notes), *([""] if notes else []), f'use "{use}"', ""]
    lines.append(f'network {name} of {space.name} at choices("{table.digest}") {{')
    path = architecture.path(table.trellis)
    lines.append(f"  path = [{', '.join(_stride_text(stride) for stride in path)}]")
    for prefix, nodes in _by_cell(table, architecture):
        lines.append(f"  cell {prefix} {{")
        for decision in nodes:
            terms = [f"{option}({source})" for source, option in architecture.picks[decision.id]]
            lines.append(f"    {decision.id.rpartition('.')[2]} = {' + '.join(terms)}")
        lines.append("  }")
    lines.append("}")
    return "\n".join(lines) + "\n"


def _stride_text(stride: Stride) -> str:
    return str(stride) if isinstance(stride, int) else f"({', '.join(map(str, stride))})"


def _by_cell(table: DecisionTable, architecture: Architecture) -> list[tuple[str, list[Decision]]]:
    found: dict[str, list[Decision]] = {}
    for decision in table.decisions:
        if decision.kind == "node" and decision.id in architecture.picks:
            found.setdefault(decision.id.rpartition(".")[0], []).append(decision)
    return [(_cell_header(prefix), nodes) for prefix, nodes in found.items()]


def _cell_header(prefix: str) -> str:
    """`dense`, or where choices are not shared by the whole network `dense at state(3, 8)`."""
    *where, cell = prefix.split(".")
    if not where:
        return cell
    numbers = [re.sub(r"^[a-z]+", "", part) for part in where]
    kind = "state" if len(where) == 2 else re.sub(r"[0-9x]+$", "", where[0])
    spelled_numbers = [f"({n.replace('x', ', ')})" if "x" in n else n for n in numbers]
    return f"{cell} at {kind}({', '.join(spelled_numbers)})"


@final
@frozen
class _Reader:
    space: Space
    table: DecisionTable
    sink: Sink

    def read(self, block: ast.Block) -> Architecture | None:
        before = len(self.sink.errors)
        picks: dict[str, tuple[Pick, ...]] = {}
        path_given = False
        for item in block.items:
            match item:
                case ast.Set(("path",), "="):
                    path_given = True
                    picks.update(self._path(item))
                case ast.Block("cell"):
                    for name, found in self._cell(item).items():
                        if name in picks:
                            self.sink.add(GivenTwice(item.span, what=f"`{name}`"))
                        picks[name] = found
                case ast.Set((key, *_)):
                    advice = did_you_mean(key, ("path", *self.space.cells)) + _HINT
                    self.sink.add(
                        UnknownKey(item.key_span, key=key, place=f"network {block.name}", advice=advice)
                    )
                case ast.Block(kind):
                    self.sink.add(
                        UnknownBlock(item.kind_span, kind=kind, advice=did_you_mean(kind, ("cell",)))
                    )
                case _:
                    kind = type(item).__name__.lower()
                    self.sink.add(UnknownBlock(item.span, kind=kind, advice=_HINT.lstrip("; ")))
        span = block.name_span or block.kind_span
        place = f"network {block.name}"
        if not path_given and self.table.trellis.decisions:
            doc = "path: the stride of each layer"
            self.sink.add(MissingKey(span, place=place, key="path", doc=doc))
        missing = [d.id for d in self.table.decisions if d.kind == "node" and d.id not in picks]
        if missing and len(self.sink.errors) == before:
            doc = f"not chosen: {', '.join(missing[:8])}{', ...' if len(missing) > 8 else ''}"
            self.sink.add(MissingKey(span, place=place, key=missing[0], doc=doc))
        if len(self.sink.errors) > before:
            return None
        self._digest(block)
        return None if len(self.sink.errors) > before else Architecture(picks)

    def _digest(self, block: ast.Block) -> None:
        at = ungroup(block.at) if block.at is not None else None
        if at is None:
            return
        name = at.callee.name if isinstance(at, ast.Call) and isinstance(at.callee, ast.Ref) else ""
        argument = at.args[0].value if isinstance(at, ast.Call) and len(at.args) == 1 else None
        if name != "choices" or not isinstance(argument, ast.String):
            self.sink.add(
                WrongValue(at.span, what="at", needed='choices("...")', found=f"this is {kind_of(at)}")
            )
        elif argument.value != self.table.digest:
            self.sink.add(OtherChoices(argument.span, given=argument.value, have=self.table.digest))

    def _path(self, item: ast.Set) -> Mapping[str, tuple[Pick, ...]]:
        value = ungroup(item.value)
        if not isinstance(value, ast.List):
            found = f"this is {kind_of(value)}"
            self.sink.add(WrongValue(value.span, what="path", needed="a list of strides", found=found))
            return {}
        path: list[Stride] = []
        for element in value.items:
            stride = constant(element, Names(), self.sink)
            if isinstance(stride, int) and not isinstance(stride, bool):
                path.append(stride)
            elif isinstance(stride, tuple):
                path.append(tuple(int(v) for v in stride))
            elif stride is not None:
                found = f"this is {kind_of(element)}"
                self.sink.add(WrongValue(element.span, what="a stride", needed="a whole number", found=found))
        if len(path) < len(value.items):
            return {}
        try:
            return self.table.along(tuple(path))
        except ValueError as error:
            span, advice = value.span, ""
            for layer, element in enumerate(value.items):
                strides = self.table.trellis.layers[layer] if layer < len(self.table.trellis.layers) else ()
                if str(error).startswith(f"layer {layer + 1} "):
                    span = element.span
                    advice = f"layer {layer + 1} can have {', '.join(map(spell_stride, strides))}"
            self.sink.add(NoSuchPath(span, why=str(error), advice=advice))
            return {}

    def _cell(self, block: ast.Block) -> dict[str, tuple[Pick, ...]]:
        prefix = self._prefix(block)
        name = block.name or ""
        if name not in self.space.cells or prefix is None:
            span = block.name_span or block.kind_span
            advice = did_you_mean(name, self.space.cells)
            self.sink.add(UnknownKey(span, key=name, place=f"space {self.space.name}", advice=advice))
            return {}
        found: dict[str, tuple[Pick, ...]] = {}
        for item in block.items:
            key = item.key[0] if isinstance(item, ast.Set) and len(item.key) == 1 else ""
            decision = self.table.by_id.get(f"{prefix}.{key}")
            if not isinstance(item, ast.Set) or decision is None or item.op != "=":
                span = item.key_span if isinstance(item, ast.Set) else item.span
                nodes = self.space.cells[name].node_names()
                advice = f"the nodes are {', '.join(nodes)}"
                self.sink.add(UnknownKey(span, key=key or "this", place=f"cell {name}", advice=advice))
                continue
            if decision.id in found:
                self.sink.add(GivenTwice(item.key_span, what=f"`{key}`"))
            picks = self._node(item, decision, name, key)
            if picks is not None:
                found[decision.id] = picks
        return found

    def _prefix(self, block: ast.Block) -> str | None:
        """The prefix of the decisions a cell block speaks of."""
        if block.at is None:
            return block.name
        at = ungroup(block.at)
        kind = at.callee.name if isinstance(at, ast.Call) and isinstance(at.callee, ast.Ref) else ""
        values = [constant(a.value, Names(), self.sink) for a in at.args] if isinstance(at, ast.Call) else []
        parts = [spell_stride(v) for v in values if isinstance(v, int) or _is_stride(v)]
        words = {"layer": ("layer",), "stride": ("stride",), "state": ("layer", "stride")}.get(kind, ())
        if not words or len(parts) != len(words):
            needed = "at stride(8), at layer(3) or at state(3, 8)"
            self.sink.add(WrongValue(at.span, what="at", needed=needed, found=f"this is {kind_of(at)}"))
            return None
        return ".".join(
            [*(f"{word}{part}" for word, part in zip(words, parts, strict=True)), block.name or ""]
        )

    def _node(self, item: ast.Set, decision: Decision, cell: str, node: str) -> tuple[Pick, ...] | None:
        terms: list[ast.Expr] = []
        value = ungroup(item.value)
        while isinstance(value, ast.Binary) and value.op == "+":
            terms.append(value.right)
            value = ungroup(value.left)
        terms.append(value)
        picks = [self._term(term, decision, cell, node) for term in reversed(terms)]
        found = tuple(pick for pick in picks if pick is not None)
        if len(found) < len(picks):
            return None
        if not self._count_fits(item.value.span, decision, found, f"{node} of cell {cell}"):
            return None
        return found

    def _term(self, term: ast.Expr, decision: Decision, cell: str, node: str) -> Pick | None:
        """`sep(3)(prev)`: an option's label applied to an input."""
        term = ungroup(term)
        if (
            not isinstance(term, ast.Call)
            or len(term.args) != 1
            or not isinstance(term.args[0].value, ast.Ref)
        ):
            why = "needs the input it reads, like sep(3)(prev)"
            self.sink.add(BadCall(term.span, callee=spelled(term), why=why))
            return None
        source, label = term.args[0].value.name, spelled(term.callee)
        group = next((g for g in decision.groups if g.name == source), None)
        if group is None:
            advice = did_you_mean(source, [g.name for g in decision.groups])
            what = f"the input {source}"
            self.sink.add(UnknownOption(term.args[0].span, node=node, cell=cell, what=what, advice=advice))
            return None
        if label not in group.options:
            advice = did_you_mean(label, group.options)
            what = f"the operator {label}"
            self.sink.add(UnknownOption(term.callee.span, node=node, cell=cell, what=what, advice=advice))
            return None
        return source, label

    def _count_fits(self, span: Span, decision: Decision, picks: tuple[Pick, ...], what: str) -> bool:
        take = decision.take
        if take.how == "all":
            needed, fits = "one operator for each input", len(picks) == len(decision.groups)
        else:
            needed, fits = f"{take.count} terms", len(picks) == take.count
        if take.how != "slots" and len({source for source, _ in picks}) < len(picks):
            needed, fits = "distinct inputs", False
        if not fits:
            self.sink.add(WrongCount(span, what=what, needed=needed, found=str(len(picks))))
        return fits


def _is_stride(value: object) -> TypeGuard[tuple[int, ...]]:
    return isinstance(value, tuple)


_HINT = "; a network sets choices only: path, and the nodes of its cells"
