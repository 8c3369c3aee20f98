"""Cells: their attributes, the options of their edges, and nodes written one by one."""

from collections.abc import Mapping
from typing import Literal, cast, final

from attrs import evolve, frozen

from hnas.diag import Note, Sink, Span, did_you_mean
from hnas.ir import space as s
from hnas.lang import ast
from hnas.lang.blocks import assignments, cells_of, known_items
from hnas.lang.choosing import label_of, told_alike
from hnas.lang.equations import Equations, is_map
from hnas.lang.errors import CannotChange, GivenTwice, NoEffect, RepeatedOption, UnknownName, WrongValue
from hnas.lang.merge import merge
from hnas.lang.operators import Operators
from hnas.lang.values import Converter, Values, default_of
from hnas.lang.walk import ungroup
from hnas.schema import types as t
from hnas.schema.blocks import CELL

_OWN = (t.Options, t.Inputs, t.Maps)
"""Types of attributes that are read here."""

_GENERIC = ("nodes", "edges", "op", "take", "weigh", "join")
"""What says how nodes are made that are not written one by one."""


@final
@frozen
class Cells:
    """Builds the cells of a space."""

    operators: Operators
    constants: Converter
    sink: Sink

    def all(self, block: ast.Block) -> dict[str, s.Cell]:
        """The cells by name; those with errors are left out."""
        written: dict[str, ast.Block] = {}
        cells: dict[str, s.Cell] = {}
        for cell in cells_of(block):
            name = cell.name or ""
            if cell.relation is not None:
                base = written.get(cell.relation.name)
                if base is None:
                    advice = did_you_mean(cell.relation.name, written) or "a cell extends one above it"
                    self.sink.add(UnknownName(cell.relation.span, name=cell.relation.name, advice=advice))
                    continue
                cell = evolve(cell, items=merge(base.items, cell.items, self.sink), relation=None)
            written[name] = cell
            found = self._cell(cell, name)
            if found is not None:
                cells[name] = found
                op = self.operators.ops.get(name)
                if op is not None:
                    notes = (Note("first here", op.span),)
                    self.sink.add(
                        GivenTwice(cell.name_span or cell.kind_span, what=f"the name {name}", notes=notes)
                    )
                self.operators.cells[name] = (
                    found.inputs
                )  # from here on it may stand where an operator stands
        return cells

    def _cell(self, block: ast.Block, name: str) -> s.Cell | None:
        place = f"cell {name}"
        known_items(block, CELL, self.sink, place)
        given = assignments(block)
        nodes = tuple(i for i in block.items if isinstance(i, ast.Decl) and i.kind == "node")
        span = block.name_span or block.kind_span
        inputs = self._inputs(given["inputs"].value if "inputs" in given else _default("inputs"))
        if block.at is not None:
            why = "a cell says who shares its choices with share = ...; `at` stands in networks"
            self.sink.add(CannotChange(block.at.span, why=why))
        if nodes:
            return self._explicit(given, nodes, inputs, name, place, span)
        plain = tuple(a for a in CELL.attributes if not isinstance(a.type, _OWN))
        values = self.constants.attributes({k: i.value for k, i in given.items()}, plain, place, span)
        options = self._options(given.get("op"), place, span)
        if values is None or not options or inputs is None:
            return None
        output = self._output(given.get("output"), inputs, values["nodes"])
        if output is None:
            return None
        word, result = output
        take = self._take(values, inputs)
        return s.Cell(
            name=name,
            inputs=inputs,
            nodes=values["nodes"],
            options=options,
            take=take,
            join=values["join"],
            output=word,
            result=result,
            share=values["share"],
            edges=values["edges"],
            weigh=values["weigh"],
            width=values.get("width"),
            span=span,
        )

    # --- nodes one by one ------------------------------------------------------------------------

    def _explicit(
        self,
        given: Mapping[str, ast.Set],
        nodes: tuple[ast.Decl, ...],
        inputs: tuple[str, ...] | None,
        name: str,
        place: str,
        span: Span,
    ) -> s.Cell | None:
        for key in _GENERIC:
            if key in given:
                why = f"the nodes of {place} are written one by one, {key} has nothing to say"
                self.sink.add(CannotChange(given[key].key_span, why=why))
                return None
        plain = tuple(a for a in CELL.attributes if a.name in ("share", "width"))
        values = self.constants.attributes({k: i.value for k, i in given.items()}, plain, place, span)
        if values is None or inputs is None:
            return None
        equations = Equations(self.operators, self.sink, list(inputs))
        found: list[tuple[str, s.MapExpr]] = []
        for node in nodes:
            if node.name in equations.names:
                self.sink.add(GivenTwice(node.name_span, what=f"the node {node.name}"))
                return None
            equation = equations.map(node.value)
            if equation is None:
                return None
            found.append((node.name, equation))
            equations.names.append(node.name)
        result: s.MapExpr | None = None
        output = ungroup(given["output"].value) if "output" in given else None
        word = output.name if isinstance(output, ast.Ref) else ""
        if output is None or word == "concat":
            reads = tuple(s.Read(node, span=span) for node, _ in found)
            result = s.Joined("concat", reads, span=span)
        elif word == "loose_ends":
            why = "loose_ends is of nodes that choose what they read; say output = concat(...)"
            self.sink.add(CannotChange(output.span, why=why))
            return None
        elif word != "last":
            result = equations.map(output)
            if result is None:
                return None
        return s.Cell(
            name=name,
            inputs=inputs,
            nodes=len(found),
            options=(),
            take=s.Take("all", None),
            join="sum",
            output="last",
            share=values["share"],
            width=values.get("width"),
            equations=tuple(found),
            result=result,
            span=span,
        )

    # --- attributes ------------------------------------------------------------------------------

    def _inputs(self, node: ast.Expr) -> tuple[str, ...] | None:
        value = ungroup(node)
        items = value.items if isinstance(value, ast.List) else ()
        found: list[str] = []
        for item in items:
            name = self._input(item)
            if name is None:
                return None
            if name in found:
                self.sink.add(GivenTwice(item.span, what="a name in inputs"))
                return None
            found.append(name)
        if not found:
            self.constants.wrong(node, "inputs", "a list of maps, like [prev, prev_prev, back(3)]")
            return None
        return tuple(found)

    def _input(self, item: ast.Expr | ast.Range) -> str | None:
        if isinstance(item, ast.Ref):
            return item.name
        call = item if isinstance(item, ast.Call) else None
        if call is not None and isinstance(call.callee, ast.Ref) and call.callee.name == "back":
            argument = call.args[0].value if len(call.args) == 1 and call.args[0].name is None else None
            if argument is not None:
                number = self.constants.convert(argument, t.Whole(3, 64), "back(...)")
                return None if number is None else f"back{number}"
        self.constants.wrong(item, "an input", "prev, prev_prev, back(3), or a name")
        return None

    def _output(
        self, item: ast.Set | None, inputs: tuple[str, ...], nodes: int
    ) -> tuple[Literal["concat", "last", "loose_ends"], s.MapExpr | None] | None:
        """What comes out of nodes that choose what they read: a word, or a map made of them."""
        if item is None:
            return "concat", None
        if is_map(item.value):
            names = [*inputs, *(f"n{number}" for number in range(1, nodes + 1))]
            result = Equations(self.operators, self.sink, names).map(item.value)
            return None if result is None else ("concat", result)
        word = self.constants.word(ungroup(item.value), ("concat", "last", "loose_ends"), "output")
        if word is None:
            return None
        return cast(Literal["concat", "last", "loose_ends"], word), None

    def _take(self, values: Values, given: tuple[str, ...]) -> s.Take:
        call = values["take"]
        if call.form == "all":
            if values["weigh"] == "slots":
                needed = "slots(n) where slots are weighed"
                span = values.spans["take"]
                self.sink.add(WrongValue(span, what="take", needed=needed, found="this is all"))
            return s.Take("all", None)
        count: int = call.args["n"]
        inputs = len(given)
        span = values.spans["take"]
        if call.form == "edges" and values["weigh"] == "slots":
            needed = f"slots({count}) where slots are weighed"
            self.sink.add(WrongValue(span, what="take", needed=needed, found=f"this is edges({count})"))
        if call.form == "edges" and count > (1 if values["edges"] == "previous" else inputs):
            # the first node has only the inputs to choose from
            needed = (
                f"at most edges({inputs}), the first node reads {inputs} input{'s' if inputs > 1 else ''}"
            )
            self.sink.add(WrongValue(span, what="take", needed=needed, found=f"this is edges({count})"))
        return s.Take("slots" if call.form == "slots" else "edges", count)

    def _options(self, item: ast.Set | None, place: str, span: Span) -> tuple[s.CellOption, ...] | None:
        if item is None:
            self.constants.attributes({}, tuple(a for a in CELL.attributes if a.name == "op"), place, span)
            return None
        value = ungroup(item.value)
        if isinstance(value, ast.Ref) and value.name in self.operators.choices:
            value = self.operators.choices[value.name]
        if not isinstance(value, ast.Choice):
            listed = (ast.Option(None, value, span=value.span),)
        else:
            if value.word != "one_of" or value.args:
                needed = "one_of { ... }"
                self.sink.add(
                    WrongValue(value.span, what="op", needed=needed, found="an edge takes one operator")
                )
                return None
            listed = value.options
        if not listed:
            self.sink.add(
                WrongValue(value.span, what="op", needed="at least one operator", found="nothing to choose")
            )
            return None
        options: list[s.CellOption] = []
        labels: dict[str, Span] = {}
        failed = False
        for option in listed:
            template = self.operators.template(option.value)
            label = option.name or label_of(template, option.value)
            if label in labels:
                notes = (Note("first here", labels[label]),)
                self.sink.add(RepeatedOption(option.span, option=label, notes=notes))
                failed = True
                continue
            labels[label] = option.span
            if template is None:
                failed = True
            else:
                options.append(s.CellOption(label, template))
        if not failed and all(option.is_none for option in options):
            needed, found = "an operator besides none", "a node of it would read nothing"
            self.sink.add(WrongValue(value.span, what="op", needed=needed, found=found))
            return None
        if not failed:
            told_alike(listed, self.sink)
        if not failed and len(options) == 1 and isinstance(value, ast.Choice):
            why = "there is a single option, nothing is searched"
            self.sink.add(NoEffect(value.span, what="one_of", why=why))
        return None if failed else tuple(options)


def _default(name: str) -> ast.Expr:
    attribute = CELL.attribute(name)
    return default_of(cast(t.Attribute, attribute))
