"""Found networks: a `network` block to an architecture, and an architecture to text.

`path = [...]` stands for `enter` and the moves, `n1 = sep(3)(prev) + skip(prev_prev)` for a node's
edges and operators. Every choice is looked up by name in the space's decisions; the digest in
`at choices("...")` tells early whether they are the same ones.
"""

import re
from collections.abc import Mapping
from typing import TypeGuard, final

from attrs import field, frozen

from hnas.diag import Sink, Span, did_you_mean
from hnas.ir.decisions import Architecture, Decision, DecisionTable, Pick, State
from hnas.ir.space import Space, applied
from hnas.ir.template import Choose
from hnas.ir.types import Stride, canonical, spell_stride
from hnas.lang import ast
from hnas.lang.errors import (
    BadCall,
    GivenTwice,
    MissingKey,
    NoEffect,
    NoSuchPath,
    OtherChoices,
    UnknownBlock,
    UnknownChoice,
    UnknownKey,
    UnknownOption,
    WrongCount,
    WrongValue,
)
from hnas.lang.evaluate import Names, constant
from hnas.lang.walk import kind_of, label_text, spelled, ungroup


def read_network(block: ast.Block, space: Space, table: DecisionTable, sink: Sink) -> Architecture | None:
    """The architecture a `network` block spells, in a space with the decisions of `table`."""
    reader = _Reader(space, table, sink)
    return reader.read(block)


def _unnamed(label: str) -> str:
    """A label without the names of arguments: `ir(5, g = 2)` is what the space calls `ir(5, 2)`."""
    return re.sub(r"\b[A-Za-z_]\w* = ", "", label)


@final
@frozen
class _Reader:
    space: Space
    table: DecisionTable
    sink: Sink
    inner: dict[str, tuple[Pick, ...]] = field(factory=dict[str, tuple[Pick, ...]])
    """What equations choose of the arguments of operators."""

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
                case ast.Decl("choose"):
                    found = self._choose(item)
                    if found is not None and item.name in picks:
                        self.sink.add(GivenTwice(item.name_span, what=f"`{item.name}`"))
                    if found is not None:
                        picks[item.name] = found
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
        picks = {**self.inner, **picks}
        span = block.name_span or block.kind_span
        place = f"network {block.name}"
        trellis = self.table.trellis
        moves = [name for name in trellis.decisions.values() if name not in picks]
        if trellis.single and not path_given and len(moves) == len(trellis.decisions) and moves:
            doc = "path: the stride of each layer"
            self.sink.add(MissingKey(span, place=place, key="path", doc=doc))
        if len(self.sink.errors) > before:
            return None
        architecture = self._complete(picks, span, place)
        if len(self.sink.errors) > before or architecture is None:
            return None
        self._digest(block)
        return None if len(self.sink.errors) > before else architecture

    def _complete(self, picks: Mapping[str, tuple[Pick, ...]], span: Span, place: str) -> Architecture | None:
        """The architecture, where every decision that matters in it is made; None after a diagnostic."""
        table = self.table
        try:
            taken = table.trellis.taken(picks)
        except KeyError as error:
            key = str(error.args[0])
            self.sink.add(MissingKey(span, place=place, key=key, doc=f"not chosen: {key}"))
            return None
        missing = [
            d.id
            for d in table.decisions
            if d.id not in picks and d.kind in ("node", "choice") and table.matters(d, picks, taken)
        ]
        if missing:
            doc = f"not chosen: {', '.join(missing[:8])}{', ...' if len(missing) > 8 else ''}"
            self.sink.add(MissingKey(span, place=place, key=missing[0], doc=doc))
            return None
        last, branches = len(table.trellis.layers), table.trellis.branches
        crowded = [n for n in range(1, last + 1) if taken.leaving(n) > branches]
        if branches > 1 and (crowded or len(taken.layer(last)) != branches):
            layer = crowded[0] if crowded else last
            number = taken.leaving(layer) if crowded else len(taken.layer(layer))
            found = f"{number} in layer {layer}"
            what, needed = f"the paths of {place}", f"{branches} branches that end apart"
            self.sink.add(WrongCount(span, what=what, needed=needed, found=found))
            return None
        kept = table.pruned(picks)
        for name in picks:
            if name not in kept.picks and table.by_id[name].kind != "node":
                self.sink.add(
                    NoEffect(span, what=f"choose {name}", why="nothing of this network asks for it")
                )
        return kept

    def _choose(self, item: ast.Decl) -> tuple[Pick, ...] | None:
        """`choose ID = option`, or a list of them."""
        decision = self.table.by_id.get(item.name)
        if decision is None or decision.kind == "node":
            advice = did_you_mean(item.name, [d.id for d in self.table.decisions if d.kind != "node"])
            self.sink.add(
                UnknownKey(item.name_span, key=item.name, place=f"space {self.space.name}", advice=advice)
            )
            return None
        value = ungroup(item.value)
        elements = value.items if isinstance(value, ast.List) else (item.value,)
        (group,) = decision.groups
        picks: list[Pick] = []
        for element in elements:
            label = label_text(element)
            if label not in group.options:
                advice = did_you_mean(label, group.options) or f"there are {', '.join(group.options)}"
                self.sink.add(UnknownChoice(element.span, id=item.name, option=label, advice=advice))
                return None
            picks.append((group.name, label))
        least = decision.take.count or 1
        most = decision.take.most or 1
        if len(set(picks)) < len(picks) or not least <= len(picks) <= most:
            needed = (
                f"{least} option{'s' if least > 1 else ''}" if least == most else f"{least} to {most} options"
            )
            found = str(len(picks)) if len(set(picks)) == len(picks) else "one twice"
            self.sink.add(WrongCount(item.value.span, what=item.name, needed=needed, found=found))
            return None
        return tuple(sorted(picks, key=lambda pick: group.options.index(pick[1])))

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
        elif not re.fullmatch("[0-9a-f]{16}", argument.value):
            needed = f'16 hexadecimal digits, as "{self.table.digest}"'
            found = f'this is "{argument.value}"'
            self.sink.add(WrongValue(argument.span, what="choices", needed=needed, found=found))
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
                path.append(canonical(tuple(int(v) for v in stride)))
            elif stride is not None:
                found = f"this is {kind_of(element)}"
                self.sink.add(WrongValue(element.span, what="a stride", needed="a whole number", found=found))
        if len(path) < len(value.items):
            return {}
        try:
            return self.table.along(tuple(path))
        except ValueError as error:
            span, advice = value.span, ""
            state, exits = self.table.trellis.start, self.table.trellis.exits
            for layer, element in enumerate(value.items, 1):
                if str(error).startswith(f"layer {layer} "):
                    span = element.span
                    ways = ", ".join(spell_stride(way.target.stride) for way in exits[state])
                    advice = f"from stride {spell_stride(state.stride)} layer {layer} can have {ways}"
                    break
                state = State(layer, path[layer - 1])
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
            cell = self.space.cells.get(block.name or "")
            return cell.share.group or block.name if cell is not None else block.name
        at = ungroup(block.at)
        kind = at.callee.name if isinstance(at, ast.Call) and isinstance(at.callee, ast.Ref) else ""
        given = [arg.value for arg in at.args] if isinstance(at, ast.Call) else []
        move = given.pop() if kind == "link" and len(given) == 3 else None
        values = [constant(value, Names(), self.sink) for value in given]
        parts = [spell_stride(v) for v in values if isinstance(v, int) or _is_stride(v)]
        words = {"layer": ("layer",), "stride": ("stride",), "state": ("layer", "stride")}.get(kind, ())
        moves: list[str] = []
        if isinstance(move, ast.Ref):  # the move into a state, by the name its weights have too
            words, moves = ("layer", "stride"), [move.name]
        if not words or len(parts) != len(words):
            needed = "at stride(8), at layer(3), at state(3, 8) or at link(3, 8, coarser)"
            self.sink.add(WrongValue(at.span, what="at", needed=needed, found=f"this is {kind_of(at)}"))
            return None
        return ".".join(
            [*(f"{word}{part}" for word, part in zip(words, parts, strict=True)), *moves, block.name or ""]
        )

    def _node(self, item: ast.Set, decision: Decision, cell: str, node: str) -> tuple[Pick, ...] | None:
        terms: list[ast.Expr] = []
        value = ungroup(item.value)
        while isinstance(value, ast.Binary) and value.op == "+":
            terms.append(value.right)
            value = ungroup(value.left)
        terms.append(value)
        read = self._slot if decision.take.how == "pairs" else self._term
        if decision.take.how == "pairs" and len(terms) != len(decision.groups):
            needed, found_text = f"{len(decision.groups)} terms", str(len(terms))
            what = f"{node} of cell {cell}"
            self.sink.add(WrongCount(item.value.span, what=what, needed=needed, found=found_text))
            return None
        picks = [read(term, decision, cell, node, number) for number, term in enumerate(reversed(terms))]
        found = tuple(pick for pick in picks if pick is not None)
        if len(found) < len(picks):
            return None
        if not self._count_fits(item.value.span, decision, found, f"{node} of cell {cell}"):
            return None
        return found

    def _slot(self, term: ast.Expr, decision: Decision, cell: str, node: str, number: int) -> Pick | None:
        """`sep(3)(prev)` as what slot `number` of a node takes."""
        group = decision.groups[number]
        label = label_text(term)
        if label in group.options:
            return group.name, label
        bare = ungroup(term)
        if isinstance(bare, ast.Call) and len(bare.args) == 1 and isinstance(bare.args[0].value, ast.Ref):
            source = bare.args[0].value.name
            found = self._inside(bare.callee, cell, f"{decision.id}.{source}")
            pair = applied(found or "", source)
            if pair in group.options:
                return group.name, pair
        advice = did_you_mean(label, group.options)
        self.sink.add(UnknownOption(term.span, node=node, cell=cell, what=label, advice=advice))
        return None

    def _inside(self, operator: ast.Expr, cell: str, edge: str) -> str | None:
        """`atrous(1, 6)` where the arguments of atrous are searched: the option, its arguments chosen too."""
        call = ungroup(operator)
        if not isinstance(call, ast.Call) or not isinstance(call.callee, ast.Ref):
            return None
        name = call.callee.name
        option = next((o for o in self.space.cells[cell].options if o.label == name), None)
        if option is None or not isinstance(option.template, Choose):
            return None
        factors = option.template.factors
        for position, arg in enumerate(call.args):
            wanted = [f.name for f in factors]
            key = arg.name or (wanted[position] if position < len(wanted) else "")
            decision = self.table.by_id.get(f"{edge}.{name}.{key}")
            label = label_text(arg.value)
            if decision is None or label not in decision.groups[0].options:
                return None
            self.inner[decision.id] = (("", label),)
        return name

    def _term(self, term: ast.Expr, decision: Decision, cell: str, node: str, _number: int) -> Pick | None:
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
        source, label = term.args[0].value.name, label_text(term.callee)
        label = label if any(label in g.options for g in decision.groups) else _unnamed(label)
        group = next((g for g in decision.groups if g.name == source), None)
        if group is None:
            advice = did_you_mean(source, [g.name for g in decision.groups])
            what = f"the input {source}"
            self.sink.add(UnknownOption(term.args[0].span, node=node, cell=cell, what=what, advice=advice))
            return None
        if label not in group.options:
            label = self._inside(term.callee, cell, f"{decision.id}.{source}") or label
        if label not in group.options:
            advice = did_you_mean(label, group.options)
            what = f"the operator {label}"
            self.sink.add(UnknownOption(term.callee.span, node=node, cell=cell, what=what, advice=advice))
            return None
        return source, label

    def _count_fits(self, span: Span, decision: Decision, picks: tuple[Pick, ...], what: str) -> bool:
        take, found = decision.take, str(len(picks))
        if take.how == "all":
            needed, fits = "one operator for each input", len(picks) == len(decision.groups)
        elif take.how == "pairs":
            needed, fits = f"{take.count} terms", len(picks) == take.count
        else:
            needed, fits = f"{take.count} terms", len(picks) == take.count
        if take.how not in ("slots", "pairs") and len({source for source, _ in picks}) < len(picks):
            needed, found, fits = "distinct inputs", "one twice", False
        nones = {g.name: {g.options[n] for n in g.none} for g in decision.groups}
        if take.how == "edges" and any(label in nones[source] for source, label in picks):
            needed, found, fits = "an operator other than none for each of its edges", "none", False
        if not fits:
            self.sink.add(WrongCount(span, what=what, needed=needed, found=found))
        return fits


def _is_stride(value: object) -> TypeGuard[tuple[int, ...]]:
    return isinstance(value, tuple)


_HINT = "; a network sets choices only: path, the nodes of its cells, choose ID = option"
