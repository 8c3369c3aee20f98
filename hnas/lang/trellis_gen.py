"""The block trellis: strides, moves, entry, fixed paths, and how maps travel between states."""

import re
from collections.abc import Mapping
from typing import cast, final

from attrs import field, frozen

from hnas.diag import Sink, Span, did_you_mean
from hnas.ir import expr as ir
from hnas.ir import space as s
from hnas.ir.types import Stride, order, ratio, spell_stride, whole
from hnas.lang import ast
from hnas.lang.blocks import assignments, known_items
from hnas.lang.errors import GivenTwice, MissingKey, NotAnOperator, RepeatedOption, UnknownName, WrongValue
from hnas.lang.evaluate import constant
from hnas.lang.operators import Operators
from hnas.lang.values import Converter, default_of
from hnas.lang.walk import spelled, ungroup
from hnas.schema import types as t
from hnas.schema.blocks import MOST_LAYERS, TRELLIS

_PLAIN = (t.Whole, t.Word, t.Static)
_MOVES = ("finer", "same", "coarser")


def trellis(
    block: ast.Block | None,
    operators: Operators,
    constants: Converter,
    cells: dict[str, s.Cell],
    space: ast.Block,
    sink: Sink,
) -> s.Trellis | None:
    """The trellis of a space, or None after diagnostics. Operators that stand for cells join `cells`."""
    if block is None:
        span = space.name_span or space.kind_span
        sink.add(MissingKey(span, place=f"space {space.name}", key="trellis", doc=TRELLIS.doc))
        return None
    builder = _Builder(operators, constants, cells, sink)
    built = builder.build(block)
    cells.update(builder.operator_cells)
    return built


@final
@frozen
class _Builder:
    operators: Operators
    constants: Converter
    cells: Mapping[str, s.Cell]
    sink: Sink
    operator_cells: dict[str, s.Cell] = field(factory=dict[str, s.Cell])

    def build(self, block: ast.Block) -> s.Trellis | None:
        before = len(self.sink.errors)
        known_items(block, TRELLIS, self.sink, "trellis")
        given = assignments(block)
        nodes = {key: item.value for key, item in given.items()}
        plain = tuple(a for a in TRELLIS.attributes if isinstance(a.type, _PLAIN))
        values = self.constants.attributes(nodes, plain, "trellis", block.kind_span)
        for a in TRELLIS.attributes:
            if a.required and a not in plain and a.name not in nodes:
                self.sink.add(
                    MissingKey(block.kind_span, place="trellis", key=a.name, doc=f"{a.name}: {a.doc}")
                )
        strides = self._strides(nodes.get("strides"))
        moves_node = nodes.get("moves") or _default("moves")
        moves = self._moves(moves_node)
        path = self._path(nodes.get("path"), strides)
        enter = self._enter(nodes.get("enter"), strides)
        cells = self._cell_names(nodes.get("cell"), moves if path is None else ())
        project = self._project(nodes.get("project") or _default("project"))
        finer = self._resampling(
            nodes.get("finer") or _default("finer"), ("projection", "operators", "bilinear")
        )
        coarser = self._resampling(
            nodes.get("coarser") or _default("coarser"), ("projection", "operators", "bilinear")
        )
        align = self._resampling(nodes.get("align") or _default("align"), ("bilinear",))
        if len(self.sink.errors) > before or values is None or cells is None or not strides or not moves:
            return None
        if finer is None or coarser is None or align is None or project is None:
            return None
        if path is not None and len(path) != values["layers"]:
            needed = f"a list of {values['layers']} strides, one for each layer"
            self.sink.add(
                WrongValue(nodes["path"].span, what="path", needed=needed, found=f"these are {len(path)}")
            )
            return None
        return s.Trellis(
            layers=values["layers"],
            strides=tuple(stride for stride, _ in strides),
            enter=enter,
            moves=moves,
            path=path,
            width=values["width"],
            cells=cells,
            project=project,
            finer=finer,
            coarser=coarser,
            align=align,
            weigh=values["weigh"],
            missing=values["missing"],
            prev_prev=values["prev_prev"],
            mix=values["mix"],
            operators=values["operators"],
            span=block.kind_span,
            strides_spans=tuple(span for _, span in strides),
            moves_span=moves_node.span,
        )

    # --- strides, moves, ways --------------------------------------------------------------------

    def _stride(self, node: ast.Expr | ast.Range, what: str) -> Stride | None:
        value = constant(node, self.constants.names, self.sink)
        if value is None:
            return None
        if isinstance(value, tuple) and all(whole(v) for v in value):
            return tuple(int(v) for v in value)
        number = whole(value)
        if number is None or number > 2**20:
            needed = "a whole number of pixels, or a tuple with one for each axis"
            self.sink.add(WrongValue(node.span, what=what, needed=needed, found=f"this is {ir.spell(value)}"))
            return None
        return number

    def _strides(self, node: ast.Expr | None) -> list[tuple[Stride, Span]]:
        if node is None:
            return []
        value = ungroup(node)
        if not isinstance(value, ast.List) or not value.items:
            self.constants.wrong(node, "strides", "a list of strides, fine to coarse, like [4, 8, 16, 32]")
            return []
        found: list[tuple[Stride, Span]] = []
        for item in value.items:
            stride = self._stride(item, "a stride")
            if stride is None:
                return []
            if found:
                last = found[-1][0]
                if order(last, stride) != "finer" or ratio(stride, last) is None:
                    needed = f"a multiple of the one before, {spell_stride(last)}"
                    shown = f"this is {spell_stride(stride)}"
                    self.sink.add(WrongValue(item.span, what="a stride", needed=needed, found=shown))
                    return []
            found.append((stride, item.span))
        return found

    def _moves(self, node: ast.Expr) -> tuple[s.Move, ...]:
        value = ungroup(node)
        listed = [o.value for o in value.options] if isinstance(value, ast.Choice) else [node]
        if isinstance(value, ast.Choice) and (value.word != "one_of" or value.args or not listed):
            self.constants.wrong(node, "moves", "one_of { finer, same, coarser }")
            return ()
        moves: list[s.Move] = []
        for item in listed:
            bare = ungroup(item)
            by = 1
            name = bare.name if isinstance(bare, ast.Ref) else ""
            if isinstance(bare, ast.Call) and isinstance(bare.callee, ast.Ref) and len(bare.args) == 1:
                name = bare.callee.name
                by = self.constants.convert(bare.args[0].value, t.Whole(1, 64), f"{name}(...)")
            if name not in _MOVES or (name == "same" and by != 1):
                advice = did_you_mean(name, _MOVES) if name else ""
                self.constants.wrong(
                    item, "a move", "finer, same or coarser, or coarser(2) for two strides", advice
                )
                return ()
            if by is None:
                return ()
            move = s.Move(name, by)
            if move in moves:
                self.sink.add(RepeatedOption(item.span, option=move.label))
                return ()
            moves.append(move)
        return tuple(moves)

    def _enter(self, node: ast.Expr | None, strides: list[tuple[Stride, Span]]) -> tuple[Stride, ...]:
        if node is None:
            return ()
        value = ungroup(node)
        if isinstance(value, ast.Choice) and (value.word != "one_of" or value.args):
            self.constants.wrong(node, "enter", "a stride, or one_of { 4, 8 }")
            return ()
        listed = [o.value for o in value.options] if isinstance(value, ast.Choice) else [node]
        found: list[Stride] = []
        for item in listed:
            stride = self._stride(item, "enter")
            if stride is None:
                return ()
            known = [known for known, _ in strides]
            if known and stride not in known:
                needed = f"one of the strides {', '.join(map(spell_stride, known))}"
                shown = f"this is {spell_stride(stride)}"
                self.sink.add(WrongValue(item.span, what="enter", needed=needed, found=shown))
                return ()
            if stride in found:
                self.sink.add(RepeatedOption(item.span, option=spell_stride(stride)))
                return ()
            found.append(stride)
        if not found:
            self.constants.wrong(node, "enter", "a stride, or one_of { 4, 8 }")
        return tuple(found)

    def _path(self, node: ast.Expr | None, strides: list[tuple[Stride, Span]]) -> tuple[Stride, ...] | None:
        if node is None:
            return None
        elements = self.path_elements(node)
        if elements is None:
            return None
        known = [stride for stride, _ in strides]
        path: list[Stride] = []
        for item in elements:
            stride = self._stride(item, "a stride of the path")
            if stride is None:
                return None
            if known and stride not in known:
                needed = f"one of {', '.join(map(spell_stride, known))}"
                shown = f"this is {spell_stride(stride)}"
                self.sink.add(WrongValue(item.span, what="a stride of the path", needed=needed, found=shown))
                return None
            path.append(stride)
        return tuple(path)

    def path_elements(self, node: ast.Expr) -> list[ast.Expr] | None:
        """A list, lists added up, lists repeated."""
        match ungroup(node):
            case ast.List(items):
                for item in items:
                    if isinstance(item, ast.Range):
                        self.constants.wrong(item, "a stride of the path", "a stride, one for each layer")
                        return None
                return [i for i in items if not isinstance(i, ast.Range)]
            case ast.Binary("+", left, right):
                a, b = self.path_elements(left), self.path_elements(right)
                return None if a is None or b is None else a + b
            case ast.Binary("*", left, right):
                times_node, list_node = (
                    (left, right) if isinstance(ungroup(right), ast.List) else (right, left)
                )
                times = self.constants.convert(times_node, t.Whole(0, MOST_LAYERS), "a repetition")
                elements = self.path_elements(list_node)
                if times is None or elements is None:
                    return None
                if times * len(elements) > MOST_LAYERS:
                    needed = f"at most {MOST_LAYERS} layers"
                    self.sink.add(WrongValue(node.span, what="path", needed=needed, found="these are more"))
                    return None
                return elements * times
            case other:
                self.constants.wrong(other, "path", "a list of strides, one for each layer")
                return None

    # --- cells and what maps pass on the way -----------------------------------------------------

    def _cell_names(self, node: ast.Expr | None, moves: tuple[s.Move, ...]) -> Mapping[str, str] | None:
        if node is None:
            return None
        value = ungroup(node)
        entries = (
            [(None, value)] if not isinstance(value, ast.Map) else [(e.key, e.value) for e in value.entries]
        )
        found: dict[str, str] = {}
        for key, item in entries:
            move = "*" if key is None else self.constants.word(key, _MOVES, "a key of cell")
            if isinstance(item, ast.Call) or (isinstance(item, ast.Ref) and item.name in self.operators.ops):
                name = self._operator_cell(item)
                if name is None or move is None:
                    return None
                found[move] = name
                continue
            if not isinstance(item, ast.Ref):
                self.constants.wrong(item, "cell", "the name of a cell, or an operator")
                return None
            if item.name not in self.cells:
                if self.cells or not self.sink.errors:  # a cell with errors of its own is no second one
                    advice = did_you_mean(item.name, (*self.cells, *self.operators.ops))
                    self.sink.add(UnknownName(item.span, name=item.name, advice=advice))
                return None
            if move is None:
                return None
            if move in found:
                self.sink.add(GivenTwice(item.span, what=f"the cell of {move}"))
                return None
            found[move] = item.name
        for name in dict.fromkeys(move.name for move in moves):
            if "*" not in found and name not in found:
                self.sink.add(
                    MissingKey(node.span, place="cell", key=name, doc=f"{name}: a cell for this move")
                )
                return None
        return found

    def _operator_cell(self, node: ast.Expr) -> str | None:
        """An operator where a cell may stand: a cell with one input and nothing to decide."""
        template = self.operators.template(node)
        if template is None:
            return None
        label = template.label if isinstance(template, s.Named) else spelled(node)
        name = re.sub(r"[^A-Za-z0-9]+", "_", label).strip("_")  # names of weights are made of it
        self.operator_cells[name] = s.Cell(
            name=name,
            inputs=("prev",),
            nodes=1,
            options=(s.CellOption(label, template),),
            take=s.Take("all", None),
            join="sum",
            output="last",
            share="network",
            fixed=True,
            span=node.span,
        )
        return name

    def _project(self, node: ast.Expr) -> Mapping[str, s.Template] | None:
        value = ungroup(node)
        if not isinstance(value, ast.Map):
            template = self.operators.template(node)
            return None if template is None else {"*": template}
        found: dict[str, s.Template] = {}
        for entry in value.entries:
            key = self.constants.word(entry.key, ("prev", "prev_prev"), "a key of project")
            template = self.operators.template(entry.value)
            if key is None or template is None:
                return None
            found[key] = template
        return found

    def _resampling(self, node: ast.Expr, words: tuple[str, ...]) -> s.Resampling | None:
        if isinstance(node, ast.Ref) and node.name in words:
            return cast(s.Resampling, node.name)
        if isinstance(node, ast.Ref) and node.name not in self.operators.ops:
            near = did_you_mean(node.name, (*words, *self.operators.ops))
            self.sink.add(
                NotAnOperator(node.span, found=f"{' or '.join(words)}, or an operator", advice=near)
            )
            return None
        return self.operators.template(node)


def _default(name: str) -> ast.Expr:
    attribute = TRELLIS.attribute(name)
    assert attribute is not None
    return default_of(attribute)
