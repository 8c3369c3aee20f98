"""The block trellis: its states, the cells that build them, and how maps travel between them."""

import re
from collections.abc import Callable, Mapping
from typing import TypeVar, cast, final

from attrs import field, frozen

from hnas.diag import Sink, did_you_mean
from hnas.ir import expr as ir
from hnas.ir import space as s
from hnas.ir import template as tm
from hnas.ir.ops import PRIMITIVES
from hnas.ir.select import Selected
from hnas.lang import ast
from hnas.lang.block_errors import NotTogether
from hnas.lang.blocks import assignments, known_items
from hnas.lang.choosing import label_of
from hnas.lang.errors import (
    CannotChange,
    MissingKey,
    NoEffect,
    NotAnOperator,
    UnknownName,
    WrongValue,
)
from hnas.lang.evaluate import Names, to_expr
from hnas.lang.operators import Operators
from hnas.lang.selectors import selected
from hnas.lang.values import Converter, default_of, replaced_by
from hnas.lang.walk import ungroup
from hnas.lang.ways import Strides, Ways
from hnas.schema import types as t
from hnas.schema.blocks import TRELLIS

T = TypeVar("T")

_PLAIN = (t.Whole, t.Word)
_RESAMPLINGS = ("projection", "operators", "bilinear")


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
    if block.at is not None:
        why = "there is one trellis; what differs by layer is a map: width = { layer(1..3): 16, other: 32 }"
        sink.add(CannotChange(block.at.span, why=why))
    builder = _Builder(operators, constants, cells, sink, Ways(operators, constants, sink))
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
    ways: Ways
    operator_cells: dict[str, s.Cell] = field(factory=dict[str, s.Cell])

    def build(self, block: ast.Block) -> s.Trellis | None:
        before = len(self.sink.errors)
        known_items(block, TRELLIS, self.sink, "trellis")
        given = assignments(block)
        nodes = {key: item.value for key, item in given.items()}
        for name, other in replaced_by(nodes, TRELLIS.attributes).items():
            if name in given:
                span, advice = given[name].key_span, "leave one of the two"
                self.sink.add(NotTogether(span, key=name, place="trellis", other=other, advice=advice))
        plain = tuple(a for a in TRELLIS.attributes if isinstance(a.type, _PLAIN))
        values = self.constants.attributes(nodes, plain, "trellis", block.kind_span)
        for a in TRELLIS.attributes:
            if a.required and a not in plain and a.name not in nodes:
                self.sink.add(
                    MissingKey(block.kind_span, place="trellis", key=a.name, doc=f"{a.name}: {a.doc}")
                )
        layers: int = values["layers"] if values is not None else 1
        ways = self.ways
        strides = ways.strides(nodes.get("strides"))
        moves_node = nodes.get("moves") or _default("moves")
        moves = self._selected(moves_node, ways.moves, "moves", strides, layers)
        path = ways.path(nodes.get("path"), strides)
        enter = ways.enter(nodes.get("enter"), strides)
        branches = ways.branches(nodes.get("keep") or _default("keep"))
        cells = self._cells(nodes.get("cell"), moves if path is None else None, strides, layers)
        width = self._width(nodes.get("width"), strides, layers)
        project = self._project(nodes.get("project") or _default("project"))
        finer = self._resampling(nodes.get("finer") or _default("finer"), _RESAMPLINGS)
        coarser = self._resampling(nodes.get("coarser") or _default("coarser"), _RESAMPLINGS)
        align = self._resampling(nodes.get("align") or _default("align"), ("bilinear",))
        skips = ways.skips(nodes.get("skips") or _default("skips"))
        if len(self.sink.errors) > before or values is None or cells is None or not strides or moves is None:
            return None
        if finer is None or coarser is None or align is None or project is None or skips is None:
            return None
        if width is None or enter is None or branches is None:
            return None
        if not self._fits(nodes, path, moves, branches, layers, len(strides)):
            return None
        for skip in skips:
            if not any(skip.layers(layer, layers) for layer in range(1, layers + 1)):
                what = f"back({skip.back})" if skip.kind == "back" else skip.kind
                why = f"the trellis has {layers} layer{'s' if layers > 1 else ''}, and no link is so long"
                self.sink.add(NoEffect(skip.span, what=what, why=why))
        return s.Trellis(
            layers=layers,
            strides=tuple(stride for stride, _ in strides),
            enter=enter,
            moves=moves,
            branches=branches,
            path=path,
            width=width,
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
            skips=skips,
            span=block.kind_span,
            strides_spans=tuple(span for _, span in strides),
            moves_span=moves_node.span,
        )

    def _fits(
        self,
        nodes: Mapping[str, ast.Expr],
        path: tuple[object, ...] | None,
        moves: Selected[s.Moves],
        branches: int,
        layers: int,
        strides: int,
    ) -> bool:
        """Whether path, layers, moves and branches go together; reported if not."""
        if path is not None and len(path) != layers:
            needed = f"a list of {layers} strides, one for each layer"
            span = nodes["path"].span
            self.sink.add(WrongValue(span, what="path", needed=needed, found=f"these are {len(path)}"))
            return False
        if branches > 1:
            span = nodes["keep"].span
            if path is not None or any(m.how != "one" for m in moves.values()):
                needed, found = "path", "branches are kept of moves of which one is taken: one_of { ... }"
                self.sink.add(WrongValue(span, what="keep", needed=needed, found=found))
                return False
            if branches > strides:
                needed = f"at most branches({strides})"
                found = f"the trellis has {strides} strides"
                self.sink.add(WrongValue(span, what="keep", needed=needed, found=found))
                return False
        return True

    def _selected(
        self, node: ast.Expr, read: Callable[[ast.Expr], T | None], what: str, strides: Strides, layers: int
    ) -> Selected[T] | None:
        """A value that may depend on where one stands."""
        return selected(
            node,
            read,
            what=what,
            moves=what == "cell",
            layers=layers,
            strides=[stride for stride, _ in strides],
            stride=self.ways.stride,
            names=self.constants.names,
            sink=self.sink,
        )

    def _width(self, node: ast.Expr | None, strides: Strides, layers: int) -> Selected[ir.Expr] | None:
        """Channels of a node; what is searched is nested: several states read it."""
        if node is None:
            return None
        names = Names(self.constants.names.values, frozenset(("stride", "layer")), "width")
        names = names.but(self.operators.values)

        def read(value: ast.Expr) -> ir.Expr | None:
            width = to_expr(value, names, self.sink)
            for searched in ir.searched_in(width) if width is not None else ():
                if searched.nested is False:
                    needed, found = "nested: several states read one map", "weights = separate"
                    self.sink.add(WrongValue(searched.span, what="width", needed=needed, found=found))
                    return None
            return width

        return self._selected(node, read, "width", strides, layers)

    # --- cells and what maps pass on the way -----------------------------------------------------

    def _cells(
        self, node: ast.Expr | None, moves: Selected[s.Moves] | None, strides: Strides, layers: int
    ) -> Selected[str] | None:
        """The cell of every state; with only moves as selectors, all of `moves` must be among them."""
        if node is None:
            return None
        found = self._selected(node, self._cell_name, "cell", strides, layers)
        if found is None:
            return None
        by_move = {entry.when.move for entry in found.entries}
        if all(entry.when.kind == "move" for entry in found.entries) and moves is not None:
            wanted = dict.fromkeys(
                f"within({move.name})" if move.within else move.name
                for entry in moves.values()
                for move in entry.moves
            )
            for name in wanted:
                if name not in by_move:
                    doc = f"{name}: a cell for this move"
                    self.sink.add(MissingKey(node.span, place="cell", key=name, doc=doc))
                    return None
        return found

    def _cell_name(self, node: ast.Expr) -> str | None:
        """The name of a cell; an operator in its place becomes one."""
        item = ungroup(node)
        name = item.name if isinstance(item, ast.Ref) else ""
        if name in self.cells:
            odd = [i for i in self.cells[name].inputs if s.steps_back(i) is None]
            if odd:
                needed = "prev, prev_prev or back(3) in a cell of the trellis"
                found = f"{name} reads {odd[0]}"
                self.sink.add(WrongValue(item.span, what="inputs", needed=needed, found=found))
                return None
            return name
        known = (*self.operators.ops, *self.operators.choices, *PRIMITIVES)
        if isinstance(item, ast.Call | ast.Choice | ast.Binary | ast.IfElse) or name in known:
            return self._operator_cell(item)
        if not isinstance(item, ast.Ref):
            self.constants.wrong(item, "cell", "the name of a cell, or an operator")
        elif self.cells or not self.sink.errors:  # a cell with errors of its own is no second one
            advice = did_you_mean(name, (*self.cells, *known))
            self.sink.add(UnknownName(item.span, name=name, advice=advice))
        return None

    def _operator_cell(self, node: ast.Expr) -> str | None:
        """An operator where a cell may stand: a cell with one input and no edge to decide."""
        template = self.operators.template(node)
        if template is None:
            return None
        bare = isinstance(template, tm.Choose) and not template.label
        label = "cell" if bare else label_of(template, node)
        name = re.sub(r"[^A-Za-z0-9]+", "_", label).strip("_")  # names of weights are made of it
        known = self.operator_cells.get(name)
        number = 2
        while known is not None and known.options[0].template != template:
            name = f"{name}_{number}"
            known, number = self.operator_cells.get(name), number + 1
        self.operator_cells[name] = s.Cell(
            name=name,
            inputs=("prev",),
            nodes=1,
            options=(s.CellOption(label, template),),
            take=s.Take("all", None),
            join="sum",
            output="last",
            share=ir.Sharing("network"),
            fixed=True,
            span=node.span,
        )
        return name

    def _project(self, node: ast.Expr) -> Mapping[str, tm.Template] | None:
        value = ungroup(node)
        if not isinstance(value, ast.Map):
            template = self.operators.template(node)
            return None if template is None else {"*": template}
        inputs = dict.fromkeys(name for cell in self.cells.values() for name in cell.inputs)
        found: dict[str, tm.Template] = {}
        for entry in value.entries:
            key = self._project_key(entry.key, tuple(inputs))
            template = self.operators.template(entry.value)
            if key is None or template is None:
                return None
            found[key] = template
        return found

    def _project_key(self, node: ast.Expr, inputs: tuple[str, ...]) -> str | None:
        match node:
            case ast.Ref("other"):
                return "*"
            case ast.Call(ast.Ref("back"), (ast.Arg(None, ast.Number(text)),)) if f"back{text}" in inputs:
                return f"back{text}"
            case _:
                words = tuple(dict.fromkeys(("prev", "prev_prev", *inputs)))
                return self.constants.word(node, words, "a key of project")

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
