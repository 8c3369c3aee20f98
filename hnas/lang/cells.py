"""Cells: their attributes, and the options of their edges."""

from typing import final

from attrs import evolve, frozen

from hnas.diag import Note, Sink, Span, did_you_mean
from hnas.ir import space as s
from hnas.lang import ast
from hnas.lang.blocks import assignments, cells_of, known_items
from hnas.lang.errors import NoEffect, RepeatedOption, UnknownName, WrongValue
from hnas.lang.merge import merge
from hnas.lang.operators import Operators
from hnas.lang.values import Converter, Values
from hnas.lang.walk import spelled, ungroup
from hnas.schema import types as t
from hnas.schema.blocks import CELL


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
        return cells

    def _cell(self, block: ast.Block, name: str) -> s.Cell | None:
        place = f"cell {name}"
        known_items(block, CELL, self.sink, place)
        given = assignments(block)
        plain = tuple(a for a in CELL.attributes if not isinstance(a.type, t.Options))
        span = block.name_span or block.kind_span
        values = self.constants.attributes({k: i.value for k, i in given.items()}, plain, place, span)
        options = self._options(given.get("op"), place, span)
        if values is None or not options:
            return None
        take = self._take(values)
        return s.Cell(
            name=name,
            inputs=values["inputs"],
            nodes=values["nodes"],
            options=options,
            take=take,
            join=values["join"],
            output=values["output"],
            share=values["share"],
            span=span,
        )

    def _take(self, values: Values) -> s.Take:
        call = values["take"]
        if call.form == "all":
            return s.Take("all", None)
        count: int = call.args["n"]
        inputs = len(values["inputs"])
        if call.form == "edges" and count > inputs:
            # the first node has only the inputs to choose from
            span = values.spans["take"]
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
            label = option.name or (
                template.label if isinstance(template, s.Named) else spelled(option.value)
            )
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
        if not failed and len(options) == 1 and isinstance(value, ast.Choice):
            why = "there is a single option, nothing is searched"
            self.sink.add(NoEffect(value.span, what="one_of", why=why))
        return None if failed else tuple(options)
