"""What a template depends on and how large it is, each computed once: templates share their parts."""

from collections.abc import Iterator, Mapping
from typing import Protocol, final

from attrs import define, field

from hnas.ir import template as t
from hnas.ir.expr import EvaluationError, Expr, evaluate, facts_of, scope_facts, searched_in
from hnas.ir.space import Cell, OneOfMaps
from hnas.ir.spell import maps_in, templates_of

LARGEST = 200_000
"""Primitive layers an operator may have when written out; the reference as a whole has 62,130."""

MOST_BUILT = 50_000
"""Layers of the operators of a space, each counted once for every type of map; the reference has 2,500."""


MOST_NODES = 500_000
"""Nodes of the main function that links between layers may bring it to: they grow with the layers' square."""


class _Spaced(Protocol):
    @property
    def cells(self) -> Mapping[str, Cell]: ...


@final
@define
class Measure:
    """Facts and sizes of the templates of a space."""

    space: _Spaced
    _facts: dict[int, frozenset[str]] = field(factory=dict[int, frozenset[str]])
    _sizes: dict[int, int] = field(factory=dict[int, int])

    def facts(self, template: t.Template) -> frozenset[str]:
        """The facts of the place that decide what `template` becomes."""
        found = self._facts.get(id(template))
        if found is None:
            found = self._facts[id(template)] = self._gather(template)
        return found

    def chooses(self, template: t.Template) -> bool:
        """Whether anything in `template` is searched."""
        return "?" in self.facts(template)

    def cell_facts(self, cell: Cell) -> frozenset[str]:
        """The facts of the place that decide what a cell becomes, beside its width and stride."""
        parts = [self.facts(template) for template in templates_of(cell)]
        parts += [_factor(factor) for factor in _input_factors(cell)]
        parts += [facts_of(cell.width)] if cell.width is not None else []
        return frozenset[str]().union(*parts)

    def _gather(self, template: t.Template) -> frozenset[str]:
        match template:
            case t.Prim(_, attrs) | t.Extern(_, _, attrs):
                found = frozenset[str]().union(*(_expr(expr) for _, expr in attrs))
                if isinstance(template, t.Extern):
                    found |= _expr(template.channels) | _expr(template.stride)
                return found
            case t.Pipe(items) | t.Join(_, items):
                return frozenset[str]().union(*(self.facts(item) for item in items))
            case t.Repeat(count, body):
                return _expr(count) | self.facts(body)
            case t.Select(test, then, other):
                return _expr(test) | self.facts(then) | self.facts(other)
            case t.Named(_, body, bindings):
                bound = frozenset(name for name, _ in bindings)
                outer = frozenset[str]().union(*(_expr(expr) for _, expr in bindings))
                return (self.facts(body) - bound) | outer
            case t.OverStates(_, body) | t.FoldStates(body) | t.EachState(body):
                return self.facts(body)
            case t.At(layer, stride):
                return _expr(layer) | (_expr(stride) if stride is not None else frozenset[str]())
            case t.Choose(_, factors, options):
                parts = [*map(_factor, factors), *(self.facts(option) for option in options)]
                return frozenset[str]().union(*parts)
            case t.CellOp(name, inputs):
                # a cell may be written above the one it stands in only: this ends
                own = self.cell_facts(self.space.cells[name]) | {"?", "@path", "width", "stride", "layer"}
                return own.union(*(self.facts(inner) for _, inner in inputs))

    def size(self, template: t.Template) -> int:
        """Primitive layers of `template` written out, at most, saturating above LARGEST."""
        found = self._sizes.get(id(template))
        if found is None:
            found = self._sizes[id(template)] = min(self._count(template), LARGEST + 1)
        return found

    def _count(self, template: t.Template) -> int:
        match template:
            case t.Prim() | t.At() | t.Extern():
                return 1
            case t.Pipe(items) | t.Join(_, items) | t.Choose(_, _, items):
                return sum(self.size(item) for item in items)
            case t.Repeat(count, body):
                # what depends on the place or is searched is bounded while it is built
                try:
                    times = evaluate(count, {})
                except EvaluationError:
                    times = 1
                return int(times) * self.size(body) if isinstance(times, int) else self.size(body)
            case t.Select(_, then, other):
                return max(self.size(then), self.size(other))
            case t.Named(_, body) | t.OverStates(_, body) | t.FoldStates(body) | t.EachState(body):
                return self.size(body)
            case t.CellOp(name, inputs):
                cell = self.space.cells[name]
                options = sum(self.size(option) for option in templates_of(cell))
                return options * max(1, cell.nodes) + sum(self.size(inner) for _, inner in inputs)


def _expr(expr: Expr) -> frozenset[str]:
    found = facts_of(expr)
    return found | {"?"} if searched_in(expr) else found


def _factor(factor: t.Factor) -> frozenset[str]:
    return frozenset(("?", *scope_facts(factor.share, factor.named)))


def _input_factors(cell: Cell) -> Iterator[t.Factor]:
    """The searched inputs of a cell's explicit nodes."""
    nodes = [node for _, node in cell.equations] + ([cell.result] if cell.result is not None else [])
    for node in nodes:
        for inner in maps_in(node):
            if isinstance(inner, OneOfMaps):
                yield inner.factor
