"""Functions of the graph from operator templates.

Operates on templates and the type of the map they get. Produces functions, each once for every
operator, type and facts it asks for; channels and strides are inferred on the way, and what does
not fit is a diagnostic at its place in the spec.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import final

from attrs import define, field, frozen

from hnas.diag import Diagnostic, Sink, Span
from hnas.ir import graph as g
from hnas.ir import template as t
from hnas.ir.decisions import Decision
from hnas.ir.expr import COMPARE, EvaluationError, Expr, Value, spell
from hnas.ir.space import Cell, Space
from hnas.ir.table import Known, Table, evaluate_with
from hnas.ir.types import MapType, concatenated, searched_apart
from hnas.passes.choices import Choices, Recorded
from hnas.passes.errors import BeyondBound, DoesNotFit, NotChosen, Unequal
from hnas.passes.layers import channel_count, extern_layer, layer, plain
from hnas.passes.measure import LARGEST, MOST_BUILT, Measure
from hnas.passes.searched import choose, repeated


class ReportedError(Exception):
    """A diagnostic was recorded; what was being built cannot be finished."""


@final
@define
class Body:
    """A function in the making: nodes with names that are unique in it, and the decisions made there."""

    params: tuple[tuple[str, MapType], ...]
    nodes: list[g.Node] = field(factory=list[g.Node])
    types: dict[str, MapType] = field(factory=dict[str, MapType])
    recorded: Recorded = field(factory=Recorded)
    reserved: set[str] = field(factory=set[str])
    _used: dict[str, int] = field(factory=dict[str, int])
    """Up to which number a name is taken."""

    def __attrs_post_init__(self) -> None:
        self.types.update(self.params)

    def free(self, name: str) -> str:
        """`name`, or `name_2`, ... where it is taken."""
        found, number = name, self._used.get(name, 1)
        while found in self.types or found in self.reserved:
            number += 1
            found = f"{name}_{number}"
        if found != name:
            self._used[name] = number
        return found

    def reserve(self, name: str) -> str:
        """A free name that stays taken, whether or not a node gets it."""
        name = self.free(name)
        self.reserved.add(name)
        return name

    def add(self, name: str, kind: g.Kind, operands: tuple[str, ...], result: MapType, span: Span) -> str:
        """A new node; returns its name."""
        return self.put(self.free(name), kind, operands, result, span)

    def put(self, name: str, kind: g.Kind, operands: tuple[str, ...], result: MapType, span: Span) -> str:
        """A new node under a name that is known to be free, or was reserved for it."""
        self.nodes.append(g.Node(name, kind, operands, result, span=span))
        self.types[name] = result
        return name


@final
@frozen
class Place:
    """Where an operator is built: the facts that hold, and how messages call the place.

    Facts that begin with `@` are parameters of operators, and `@path`, `@cell`, `@edge`, `@link`: what
    ids of decisions begin with.
    """

    facts: Known
    text: str

    def but(self, **facts: Value | Table) -> "Place":
        """The place with other facts."""
        return Place({**self.facts, **facts}, self.text)

    def of(self, source: MapType) -> "Place":
        """The place for an operator that gets a map of type `source`."""
        if self.facts.get("channels") == source.channels and not source.live:
            return self
        others = {name: value for name, value in self.facts.items() if name != "channels"}
        return Place(others | channel_count(source), self.text)

    def path(self, path: str) -> "Place":
        """The place with another beginning of ids."""
        return Place({**self.facts, "@path": path}, self.text)

    def inner(self, name: str) -> "Place":
        """The place inside a call of that name."""
        above = self.facts.get("@path", "")
        return self.path(f"{above}.{name}" if above else name)


@final
@frozen
class MadeCell:
    """A cell as a function: where the groups its mixes name are found, and the decisions of its nodes."""

    function: g.Function
    prefix: str
    decisions: tuple[Decision, ...]


CellMaker = Callable[["Builder", Cell, Mapping[str, MapType], Place], MadeCell]
"""Makes the function of a cell for inputs of given types."""


@final
@define
class Builder:
    """Builds functions and keeps them by what they depend on.

    Attributes:
        space: The space.
        choices: Its decisions, and what is taken of them.
        sink: Gets diagnostics; the same one at the same place is said once.
        functions: Finished functions by name, callees first.
        cells: Functions of cells by what they depend on.
        cell: Makes the function of a cell that stands where an operator stands.
    """

    space: Space
    choices: Choices = field(init=False)
    sink: Sink
    functions: dict[str, g.Function] = field(factory=dict[str, g.Function])
    decided: dict[str, Recorded] = field(factory=dict[str, Recorded])
    cells: dict[tuple[object, ...], g.Function] = field(factory=dict[tuple[object, ...], g.Function])
    cell: CellMaker | None = None
    fixed: dict[int, dict[str, Value]] = field(factory=dict[int, dict[str, Value]])
    """For each primitive layer of the spec the attributes that are the same at every place."""
    measure: Measure = field(init=False)
    _memo: dict[tuple[object, ...], g.Function] = field(factory=dict[tuple[object, ...], g.Function])
    _built: int = 0
    _said: set[tuple[object, ...]] = field(factory=set[tuple[object, ...]])

    def __attrs_post_init__(self) -> None:
        self.measure = Measure(self.space)
        self.choices = Choices(None, self.fail)

    @property
    def dims(self) -> int:
        """Axes of a map."""
        return self.space.dims

    # --- diagnostics and values ------------------------------------------------------------------

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
        """The value of `expr` at a place; ReportedError after a diagnostic, also where it is searched."""
        value = self.searched(expr, place, what, Recorded(), what)
        if isinstance(value, Table):
            why = "it depends on what is searched, and a fixed value is needed here"
            raise self.fail(DoesNotFit(expr.span, operator=what, why=why, where=place.text))
        return value

    def searched(self, expr: Expr, place: Place, what: str, recorded: Recorded, at: str) -> Value | Table:
        """The value of `expr` at a place, or its values where it depends on decisions; `at` names them."""
        try:
            value = evaluate_with(
                expr, place.facts, lambda s: self.choices.axis(s, place.facts, at, recorded)
            )
        except EvaluationError as error:
            where = f"in {what}, {place.text}"
            raise self.fail(
                DoesNotFit(error.span, operator=what, why=str(error), where=where, advice=error.mend)
            ) from None
        if isinstance(value, Table) and self.choices.picked is not None:
            try:
                return value.at(self.choices.picked)
            except KeyError as error:
                raise self.fail(NotChosen(expr.span, id=str(error.args[0]))) from None
        return value

    def condition(self, expr: Expr, place: Place) -> bool:
        """The value of a condition at a place; ReportedError after a diagnostic."""
        chosen = self.value(expr, place, "if")
        if not isinstance(chosen, bool):
            why = f"it needs a condition, this is {spell(chosen)}"
            raise self.fail(DoesNotFit(expr.span, operator="if", why=why, where=place.text, advice=COMPARE))
        return chosen

    # --- functions -------------------------------------------------------------------------------

    def function(self, template: t.Template, source: MapType, place: Place) -> g.Function:
        """The function that applies `template` to a map of type `source`."""
        place = place.of(source)
        wanted = self.measure.facts(template)
        needed = tuple((name, place.facts[name]) for name in sorted(wanted) if name in place.facts)
        key = (id(template), source, needed)
        if key not in self._memo:
            if self.measure.size(template) > LARGEST:
                what = template.label if isinstance(template, t.Named) else "this"
                raise self.fail(BeyondBound(template.span, what=what, bound=LARGEST))
            body = Body((("x", source),))
            result = self._inside(template, body, "x", place)
            label = plain(template.label) if isinstance(template, t.Named) else "op"
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
        if body.recorded.decisions:
            self.decided[name] = body.recorded
        if body.nodes:
            self.within_bound(body, body.nodes[0].span)
        self._built += len(body.nodes)
        return function

    def within_bound(self, body: Body, span: Span, bound: int = MOST_BUILT) -> None:
        """ReportedError after a diagnostic, where a body makes the space larger than it may be."""
        if self._built + len(body.nodes) > bound:
            raise self.fail(BeyondBound(span, what="the space", bound=bound))

    def _inside(self, template: t.Template, body: Body, source: str, place: Place) -> str:
        """The body of the function of `template`: a Named one binds its parameters first."""
        if isinstance(template, t.Choose):
            return choose(self, template, body, source, place, "", root=True)
        if not isinstance(template, t.Named):
            return self.emit(template, body, source, place, "")
        bound = place
        for name, expr in template.bindings:
            value = self.searched(expr, place, template.label, body.recorded, "")
            bound = bound.but(**{name: value})
        return self.emit(template.body, body, source, bound, "")

    # --- bodies ----------------------------------------------------------------------------------

    def emit(self, template: t.Template, body: Body, source: str, place: Place, prefix: str) -> str:
        """Append `template` on the value `source`; returns the name of the result.

        `prefix` tells repeated and parallel parts apart in names.
        """
        place = place.of(body.types[source])
        match template:
            case t.Prim():
                return layer(self, template, body, source, place, prefix)
            case t.Extern():
                return extern_layer(self, template, body, source, place, prefix)
            case t.Pipe(items):
                value = source
                for item in items:
                    value = self.emit(item, body, value, place, prefix)
                return value
            case t.Named(label):
                return self.call(template, body, source, place, prefix + plain(label))
            case t.Repeat():
                return repeated(self, template, body, source, place, prefix)
            case t.Select(test, then, other):
                chosen = self.condition(test, place)
                return self.emit(then if chosen else other, body, source, place, prefix)
            case t.Join(how, items):
                values = tuple(
                    self.emit(item, body, source, place, _part(item, prefix, how, number))
                    for number, item in enumerate(items, 1)
                )
                return self.join(how, values, body, prefix + how, place, template.span)
            case t.Choose():
                return choose(self, template, body, source, place, prefix)
            case t.CellOp(name, inputs):
                values = [source, *(self.emit(inner, body, source, place, prefix) for _, inner in inputs)]
                return self.cell_call(template, body, values, place, prefix + plain(name))
            case t.OverStates() | t.FoldStates() | t.EachState() | t.At():
                why = "it reads maps of the trellis and stands in a head only"
                raise self.fail(DoesNotFit(template.span, operator="this", why=why, where=place.text))

    def call(self, template: t.Template, body: Body, source: str, place: Place, name: str) -> str:
        """A call of the function of `template` on `source`, its parameters named by `name`."""
        name = body.free(name)
        function = self.function(template, body.types[source], place.inner(name))
        return self.called(function, body, (source,), name, template.span, "")

    def called(
        self, function: g.Function, body: Body, operands: tuple[str, ...], name: str, span: Span, choices: str
    ) -> str:
        """A call of a finished function; `choices` is where its groups are found, if it has any."""
        result = function.types[function.result]
        decides = self.bring(function, body)
        kind = g.Call(function.name, name, name, choices if choices or decides else None)
        return body.put(name, kind, operands, result, span)

    def bring(self, function: g.Function, body: Body) -> bool:
        """Record the decisions of a function where it is called; whether it has any."""
        inner = self.decided.get(function.name)
        for decision in inner.decisions.values() if inner is not None else ():
            self.choices.note(body.recorded, decision)
        return inner is not None

    def apart(self) -> "Builder":
        """A builder that makes no choice, and leaves nothing behind here: to ask for a type."""
        other = Builder(self.space, self.sink)
        other.cell = self.cell
        return other

    def cell_call(
        self, op: t.CellOp, body: Body, values: Sequence[str | None], place: Place, name: str
    ) -> str:
        """A call of a cell that stands where an operator stands; of its inputs `values` None is absent."""
        cell = self.space.cells[op.cell]
        given = dict(zip((cell.inputs[0], *(n for n, _ in op.inputs)), values, strict=True))
        ordered = {n: value for n in cell.inputs if (value := given.get(n)) is not None}
        types = {n: body.types[value] for n, value in ordered.items()}
        name = body.free(name)
        assert self.cell is not None, "a space with cells has a maker of them"
        made = self.cell(self, cell, types, place.inner(name))
        for decision in made.decisions:
            self.choices.note(body.recorded, decision)
        return self.called(made.function, body, tuple(ordered.values()), name, op.span, made.prefix)

    def join(self, how: str, values: tuple[str, ...], body: Body, name: str, place: Place, span: Span) -> str:
        """A node that joins `values`, whose types are checked against each other."""
        types = [body.types[value] for value in values]
        for other in types[1:]:
            apart = how != "concat" and (other.channels, other.live) != (types[0].channels, types[0].live)
            if other.stride != types[0].stride or apart:
                first, second, advice = str(types[0]), str(other), searched_apart(types[0], other)
                raise self.fail(
                    Unequal(span, what=how, first=first, second=second, where=place.text, advice=advice)
                )
        if len(values) == 1:
            return values[0]
        kind = g.Join("concat" if how == "concat" else "product" if how == "product" else "sum")
        return body.add(name, kind, values, concatenated(types) if how == "concat" else types[0], span)


def _part(template: t.Template, prefix: str, how: str, number: int) -> str:
    """What names in a part of a join begin with: its number, but for a named operator, which has its name."""
    return prefix if isinstance(template, t.Named) else f"{prefix}{how}.{number}."
