"""Functions of the graph from operator templates.

Operates on templates and the type of the map they get. Produces functions, each once for every
operator, type and facts it asks for; channels and strides are inferred on the way, and what does
not fit is a diagnostic at its place in the spec.
"""

import re
from typing import final

from attrs import define, field, frozen

from hnas.diag import Diagnostic, Sink, Span
from hnas.ir import graph as g
from hnas.ir.expr import EvaluationError, Expr, Facts, Value, evaluate, facts_of
from hnas.ir.layer import TypeRuleError, check_value
from hnas.ir.ops import PRIMITIVES
from hnas.ir.space import At, Join, Named, OverStates, Pipe, Prim, Repeat, Select, Template
from hnas.ir.types import MapType
from hnas.passes.errors import BeyondBound, DoesNotFit, Unequal

LARGEST = 200_000
"""Primitive layers an operator, and a space, may have; the reference has 62,130 when written out."""


class ReportedError(Exception):
    """A diagnostic was recorded; what was being built cannot be finished."""


def plain(label: str) -> str:
    """A label as a name: `sep(3)` is `sep_3`."""
    return re.sub(r"[^A-Za-z0-9]+", "_", label).strip("_")


@final
@define
class Body:
    """A function in the making: nodes with names that are unique in it."""

    params: tuple[tuple[str, MapType], ...]
    nodes: list[g.Node] = field(factory=list[g.Node])
    types: dict[str, MapType] = field(factory=dict[str, MapType])

    def __attrs_post_init__(self) -> None:
        self.types.update(self.params)

    def free(self, name: str) -> str:
        """`name`, or `name_2`, ... where it is taken."""
        if name not in self.types:
            return name
        number = 2
        while f"{name}_{number}" in self.types:
            number += 1
        return f"{name}_{number}"

    def add(self, name: str, kind: g.Kind, operands: tuple[str, ...], result: MapType, span: Span) -> str:
        """A new node; returns its name."""
        name = self.free(name)
        self.nodes.append(g.Node(name, kind, operands, result, span=span))
        self.types[name] = result
        return name


@final
@frozen
class Place:
    """Where an operator is built: the facts that hold, and how messages call the place."""

    facts: Facts
    text: str


@final
@define
class Builder:
    """Builds functions and keeps them by what they depend on.

    Attributes:
        dims: Axes of a map.
        sink: Gets diagnostics; the same one at the same place is said once.
        functions: Finished functions by name, callees first.
        cells: Functions of cells by what they depend on.
    """

    dims: int
    sink: Sink
    functions: dict[str, g.Function] = field(factory=dict[str, g.Function])
    cells: dict[tuple[object, ...], g.Function] = field(factory=dict[tuple[object, ...], g.Function])
    _memo: dict[tuple[object, ...], g.Function] = field(factory=dict[tuple[object, ...], g.Function])
    _facts: dict[int, frozenset[str]] = field(factory=dict[int, frozenset[str]])
    _sizes: dict[int, int] = field(factory=dict[int, int])
    _built: int = 0
    _said: set[tuple[object, ...]] = field(factory=set[tuple[object, ...]])

    # --- diagnostics -----------------------------------------------------------------------------

    def fail(self, diagnostic: Diagnostic) -> ReportedError:
        """Record `diagnostic`, once for its place, and give what to raise."""
        span = diagnostic.span
        key = (
            (diagnostic.code, id(span.source), span.start, span.end)
            if span is not None
            else (diagnostic.code,)
        )
        if key not in self._said:
            self._said.add(key)
            self.sink.add(diagnostic)
        return ReportedError()

    def value(self, expr: Expr, place: Place, what: str) -> Value:
        """The value of `expr` at a place; ReportedError after a diagnostic."""
        try:
            return evaluate(expr, place.facts)
        except EvaluationError as error:
            where = f"in {what}, {place.text}"
            raise self.fail(DoesNotFit(error.span, operator=what, why=str(error), where=where)) from None

    def condition(self, expr: Expr, place: Place) -> bool:
        """The value of a condition at a place; ReportedError after a diagnostic."""
        chosen = self.value(expr, place, "if")
        if not isinstance(chosen, bool):
            why = "if needs a condition"
            raise self.fail(DoesNotFit(expr.span, operator="if", why=why, where=place.text))
        return chosen

    # --- functions -------------------------------------------------------------------------------

    def function(self, template: Template, source: MapType, place: Place) -> g.Function:
        """The function that applies `template` to a map of type `source`."""
        facts = {**place.facts, "channels": source.channels}
        needed = tuple((name, facts[name]) for name in sorted(self.facts_in(template)) if name in facts)
        key = (id(template), source, needed)
        if key not in self._memo:
            if self.size(template) > LARGEST:
                what = template.label if isinstance(template, Named) else "this"
                raise self.fail(BeyondBound(template.span, what=what, bound=LARGEST))
            body = Body((("x", source),))
            inner = Place(facts, place.text)
            result = self._inside(template, body, "x", inner)
            label = plain(template.label) if isinstance(template, Named) else "op"
            self._memo[key] = self.add(label, source, body, result)
        return self._memo[key]

    def add(self, label: str, source: MapType, body: Body, result: str) -> g.Function:
        """Keep a finished body as a function; the name tells its label and first parameter."""
        stride = "1px" if source.stride is None else f"s{plain(str(source.stride))}"
        base = name = f"{label}.c{source.channels}.{stride}"
        number = 2
        while name in self.functions:
            name = f"{base}.{number}"
            number += 1
        function = g.Function(name, body.params, tuple(body.nodes), result)
        self.functions[name] = function
        self._built += len(body.nodes)
        if self._built > LARGEST and body.nodes:
            raise self.fail(BeyondBound(body.nodes[0].span, what="the space", bound=LARGEST))
        return function

    def _inside(self, template: Template, body: Body, source: str, place: Place) -> str:
        """The body of the function of `template`: a Named one binds its parameters first."""
        if not isinstance(template, Named):
            return self.emit(template, body, source, place, "")
        facts = dict(place.facts)
        for name, expr in template.bindings:
            facts[name] = self.value(expr, place, template.label)
        return self.emit(template.body, body, source, Place(facts, place.text), "")

    # --- bodies ----------------------------------------------------------------------------------

    def emit(self, template: Template, body: Body, source: str, place: Place, prefix: str) -> str:
        """Append `template` on the value `source`; returns the name of the result.

        `prefix` tells repeated and parallel parts apart in names.
        """
        match template:
            case Prim():
                return self._prim(template, body, source, place, prefix)
            case Pipe(items):
                value = source
                for item in items:
                    value = self.emit(item, body, value, place, prefix)
                return value
            case Named(label):
                return self.call(template, body, source, place, prefix + plain(label))
            case Repeat(count, inner):
                times = self.value(count, place, "a repetition")
                if not isinstance(times, int) or isinstance(times, bool) or not 1 <= times <= 10_000:
                    why = "a repetition needs a whole number from 1 to 10000"
                    raise self.fail(DoesNotFit(count.span, operator="*", why=why, where=place.text))
                value = source
                for number in range(1, times + 1):
                    value = self.emit(inner, body, value, place, f"{prefix}{number}.")
                return value
            case Select(test, then, other):
                chosen = self.condition(test, place)
                return self.emit(then if chosen else other, body, source, place, prefix)
            case Join(how, items):
                return self._join(how, items, body, source, place, prefix, template.span)
            case OverStates() | At():
                why = "it reads maps of the trellis and stands in a head only"
                raise self.fail(DoesNotFit(template.span, operator="this", why=why, where=place.text))

    def call(self, template: Template, body: Body, source: str, place: Place, name: str) -> str:
        """A call of the function of `template` on `source`, its parameters named by `name`."""
        function = self.function(template, body.types[source], place)
        name = body.free(name)
        result = function.types[function.result]
        return body.add(name, g.Call(function.name, name, name), (source,), result, template.span)

    def _prim(self, prim: Prim, body: Body, source: str, place: Place, prefix: str) -> str:
        primitive = PRIMITIVES[prim.name]
        given = body.types[source]
        attrs: dict[str, Value] = {}
        try:
            for name, expr in prim.attrs:
                attribute = primitive.attribute(name)
                assert attribute is not None, name
                value = self.value(expr, place, prim.name)
                attrs[name] = check_value(attribute, value)
            operands = (source,)
            if prim.like is not None:
                operands = (source, body.params[0][0])
                result = MapType(given.channels, body.params[0][1].stride)
            else:
                result = primitive.result(attrs, given, self.dims)
        except TypeRuleError as error:
            where = f"it gets a map of {given}, {place.text}"
            diagnostic = DoesNotFit(
                prim.span, operator=prim.name, why=str(error), where=where, advice=error.mend
            )
            raise self.fail(diagnostic) from None
        return body.add(
            prefix + prim.name, g.Op(prim.name, tuple(attrs.items())), operands, result, prim.span
        )

    def _join(
        self,
        how: str,
        items: tuple[Template, ...],
        body: Body,
        source: str,
        place: Place,
        prefix: str,
        span: Span,
    ) -> str:
        values = tuple(
            self.emit(item, body, source, place, f"{prefix}{how}.{number}." if _bare(item) else prefix)
            for number, item in enumerate(items, 1)
        )
        return self.join(how, values, body, prefix + how, place, span)

    def join(self, how: str, values: tuple[str, ...], body: Body, name: str, place: Place, span: Span) -> str:
        """A node that joins `values`, whose types are checked against each other."""
        types = [body.types[value] for value in values]
        for other in types[1:]:
            if other.stride != types[0].stride or (how != "concat" and other.channels != types[0].channels):
                diagnostic = Unequal(span, what=how, first=str(types[0]), second=str(other), where=place.text)
                raise self.fail(diagnostic)
        channels = sum(t.channels for t in types) if how == "concat" else types[0].channels
        if len(values) == 1:
            return values[0]
        kind = g.Join("concat" if how == "concat" else "product" if how == "product" else "sum")
        return body.add(name, kind, values, MapType(channels, types[0].stride), span)

    # --- facts and sizes of templates, each computed once ----------------------------------------

    def facts_in(self, template: Template) -> frozenset[str]:
        """The facts of the place that decide what `template` becomes."""
        found = self._facts.get(id(template))
        if found is None:
            found = self._facts[id(template)] = self._gather(template)
        return found

    def _gather(self, template: Template) -> frozenset[str]:
        match template:
            case Prim(_, attrs):
                return frozenset[str]().union(*(facts_of(expr) for _, expr in attrs))
            case Pipe(items) | Join(_, items):
                return frozenset[str]().union(*(self.facts_in(item) for item in items))
            case Repeat(count, body):
                return facts_of(count) | self.facts_in(body)
            case Select(test, then, other):
                return facts_of(test) | self.facts_in(then) | self.facts_in(other)
            case Named(_, body, bindings):
                bound = frozenset(name for name, _ in bindings)
                outer = frozenset[str]().union(*(facts_of(expr) for _, expr in bindings))
                return (self.facts_in(body) - bound) | outer
            case OverStates(_, body):
                return self.facts_in(body)
            case At(layer):
                return facts_of(layer)

    def size(self, template: Template) -> int:
        """Primitive layers of `template` written out, at most, saturating above LARGEST."""
        found = self._sizes.get(id(template))
        if found is None:
            found = self._sizes[id(template)] = min(self._count(template), LARGEST + 1)
        return found

    def _count(self, template: Template) -> int:
        match template:
            case Prim() | At():
                return 1
            case Pipe(items) | Join(_, items):
                return sum(self.size(item) for item in items)
            case Repeat(count, body):
                try:
                    times = evaluate(count, {})
                except EvaluationError:
                    times = 10_000
                return int(times) * self.size(body) if isinstance(times, int) else self.size(body)
            case Select(_, then, other):
                return max(self.size(then), self.size(other))
            case Named(_, body) | OverStates(_, body):
                return self.size(body)


def _bare(template: Template) -> bool:
    """Whether a part of a join needs its number to be told apart: a named operator has its name."""
    return not isinstance(template, Named)
