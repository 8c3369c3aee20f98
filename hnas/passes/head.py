"""The head: from the maps of the trellis to the result, laid out in the main function."""

from collections.abc import Callable, Mapping
from typing import final

from attrs import define, field

from hnas.ir import graph as g
from hnas.ir import template as t
from hnas.ir.decisions import State, TrellisChoices
from hnas.ir.space import Space
from hnas.ir.types import MapType, Stride, spell_stride, whole
from hnas.passes.build import Body, Builder, Place
from hnas.passes.errors import DoesNotFit, OpenPath, WrongHead
from hnas.passes.layers import plain

_HEADS = {"head": "the head", "aux": "the auxiliary head"}

Maps = Mapping[Stride, str]
"""A map for every stride that is alive."""


@final
@define
class Head:
    """Lays out the heads of a space in the main function.

    Attributes:
        space: The space.
        builder: Makes its functions.
        main: The function it is laid out in.
        maps: The maps that are alive by layer and stride.
        choices: The trellis.
        place_at: The facts of a state.
        absent: The type of a map that is not alive.
    """

    space: Space
    builder: Builder
    main: Body
    maps: Mapping[int, Maps]
    choices: TrellisChoices
    place_at: Callable[[State], Place]
    absent: Callable[[State], MapType] | None
    _reading: dict[int, bool] = field(factory=dict[int, bool], init=False)

    @property
    def _last(self) -> tuple[State, ...]:
        """The states of the last layer, alive or not, fine to coarse."""
        number = len(self.choices.layers)
        return tuple(State(number, stride) for stride in self.choices.layers[-1])

    def run(self, template: t.Template, prefix: str) -> str:
        """The name of the result, a score per class and pixel or per class; ReportedError if it is not."""
        alive = next(s for s in self._last if s.stride in self.maps[s.layer])
        place = self.place_at(alive)
        result = self.lay(template, None, prefix, place)
        if not isinstance(result, str):
            why = "it ends with a map for every stride"
            advice = "join them: -> sum_over(stride, ...) or fold_over(stride, ...)"
            raise self.builder.fail(
                DoesNotFit(template.span, operator=_HEADS[prefix], why=why, where=place.text, advice=advice)
            )
        given = self.main.types[result]
        if self.space.task == "segmentation":
            needed = MapType(self.space.classes, 1)
            mend = "end the head in conv(1, classes, bias = true) -> resize(1)"
        else:
            needed = MapType(self.space.classes, None)
            mend = "end the head in global_pool -> linear(classes)"
        if given != needed:
            what, shown = _HEADS[prefix], str(given)
            raise self.builder.fail(
                WrongHead(template.span, what=what, given=shown, needed=str(needed), advice=mend)
            )
        return result

    def reads(self, template: t.Template) -> bool:
        """Whether the template asks for maps of the trellis itself; asked once of what stands often."""
        found = self._reading.get(id(template))
        if found is None:
            found = self._reading[id(template)] = self._reads(template)
        return found

    def _reads(self, template: t.Template) -> bool:
        match template:
            case t.OverStates() | t.FoldStates() | t.EachState() | t.At():
                return True
            case t.Pipe(items) | t.Join(_, items) | t.Choose(_, _, items):
                return any(self.reads(item) for item in items)
            case t.Named(_, body) | t.Repeat(_, body):
                return self.reads(body)
            case t.Select(_, then, other):
                return self.reads(then) or self.reads(other)
            case t.CellOp(_, inputs):
                return any(self.reads(item) for _, item in inputs)
            case t.Prim() | t.Extern():
                return False

    def lay(self, template: t.Template, value: str | Maps | None, prefix: str, place: Place) -> str | Maps:
        """Append `template` on `value` (None: the map of the last layer) to the main function."""
        match template:
            case t.EachState(body):
                return self._each(body, value, prefix)
            case t.OverStates(how, body):
                return self._over(template, how, self._each(body, value, prefix), body, prefix, place)
            case t.FoldStates():
                return self._fold(template, self._maps(value), prefix, place)
            case t.At():
                return self._at(template, place)
            case t.Pipe(items) if self.reads(template):
                for item in items:
                    value = self.lay(item, value, prefix, place)
                assert value is not None
                return value
            case t.Join(how, items) if self.reads(template):
                values = tuple(
                    self._one(self.lay(item, value, f"{prefix}.{n}", place), item)
                    for n, item in enumerate(items, 1)
                )
                return self.builder.join(how, values, self.main, f"{prefix}.{how}", place, template.span)
            case t.Named(_, body, bindings) if self.reads(template):
                bound = place
                for name, expr in bindings:
                    bound = bound.but(**{name: self.builder.value(expr, place, template.label)})
                return self.lay(body, value, prefix, bound)
            case t.Select(test, then, other) if self.reads(template):
                chosen = self.builder.condition(test, place)
                return self.lay(then if chosen else other, value, prefix, place)
            case t.CellOp(cell, inputs):
                source = self._source(value, template)
                extra = [self._one(self.lay(op, value, f"{prefix}.{n}", place), op) for n, op in inputs]
                stepped = place.of(self.main.types[source])
                name = f"{prefix}.{plain(cell)}"
                return self.builder.cell_call(template, self.main, [source, *extra], stepped, name)
            case _:
                name = self.main.free(f"{prefix}.{_piece(template)}")
                source = self._source(value, template)
                return self.builder.call(template, self.main, source, place, name)

    # --- maps of several strides -----------------------------------------------------------------

    def _maps(self, value: str | Maps | None) -> Maps:
        """What an operator over strides works on: the maps of the last layer, or those made of them."""
        return value if isinstance(value, Mapping) else self.maps[len(self.choices.layers)]

    def _each(self, body: t.Template, value: str | Maps | None, prefix: str) -> Maps:
        found: dict[Stride, str] = {}
        given = self._maps(value)
        for state in self._last:
            if state.stride in given:
                name = f"{prefix}.stride{spell_stride(state.stride)}"
                source = given[state.stride]
                found[state.stride] = self.builder.call(body, self.main, source, self.place_at(state), name)
        return found

    def _over(
        self, template: t.Template, how: str, results: Maps, body: t.Template, prefix: str, place: Place
    ) -> str:
        values: list[str] = []
        for state in self._last:
            if state.stride in results:
                values.append(results[state.stride])
            elif how == "concat" and self.absent is not None:
                # channels of an absent map are kept as zeros, so that the others stay where they are
                given = self.absent(state)
                made = self.builder.function(body, given, self.place_at(state))
                values.append(
                    self._zeros(made.types[made.result], next(iter(results.values())), prefix, template)
                )
        return self.builder.join(how, tuple(values), self.main, f"{prefix}.{how}", place, template.span)

    def _fold(self, fold: t.FoldStates, maps: Maps, prefix: str, place: Place) -> str:
        """From coarse to fine: what there is resized, joined with the map there, passed on."""
        value: str | None = None
        some = next(iter(maps.values()))
        types: MapType | None = None
        """What the value would be, where it is absent."""
        for state in reversed(self._last):
            here = self.place_at(state)
            name = f"{prefix}.stride{spell_stride(state.stride)}"
            mine, own = maps.get(state.stride), None
            if mine is None and self.absent is not None:
                own = self.absent(state)
            if value is not None and self.main.types[value].stride != state.stride:
                given = self.main.types[value]
                kind = g.Op("resize", (("to", state.stride), ("mode", "bilinear")))
                result = MapType(given.channels, state.stride, given.live)
                value = self.main.add(f"{name}.resize", kind, (value,), result, fold.span)
            if types is not None:
                types = MapType(types.channels, state.stride, types.live)
            first = value is None and types is None
            parts = [part for part in (value, mine) if part is not None]
            if fold.how == "concat" and not first and len(parts) == 1:
                missing = types if value is None else own
                if missing is not None:
                    zeros = self._zeros(missing, parts[0], name, fold)
                    parts = [zeros, parts[0]] if value is None else [parts[0], zeros]
            if parts:
                joined = self.builder.join(
                    fold.how, tuple(parts), self.main, f"{name}.{fold.how}", here, fold.span
                )
                value = self.builder.call(fold.body, self.main, joined, here, name)
            elif own is not None:
                wide = (
                    own
                    if types is None or fold.how != "concat"
                    else own.with_channels(own.channels + types.channels)
                )
                made = self.builder.function(fold.body, wide, here)
                types = made.types[made.result]
        assert value is not None, some
        return value

    def _zeros(self, wanted: MapType, like: str, prefix: str, template: t.Template) -> str:
        return self.main.add(f"{prefix}.absent", g.Op("none"), (like,), wanted, template.span)

    # --- single maps -----------------------------------------------------------------------------

    def _at(self, template: t.At, place: Place) -> str:
        number = whole(self.builder.value(template.layer, place, "at"))
        last = self.space.trellis.layers
        if number is None or number > last:
            why = f"the trellis has the layers 1 to {last}"
            raise self.builder.fail(DoesNotFit(template.span, operator="at", why=why, where=place.text))
        if template.stride is None:
            return self._map_of(number, template)
        stride = self.builder.value(template.stride, place, "at")
        found = next((name for s, name in self.maps[number].items() if s == stride), None)
        if found is None:
            there = ", ".join(map(spell_stride, self.choices.layers[number - 1]))
            why = f"layer {number} has a map of stride {there} here"
            raise self.builder.fail(DoesNotFit(template.span, operator="at", why=why, where=place.text))
        return found

    def _source(self, value: str | Maps | None, template: t.Template) -> str:
        if value is None:
            return self._map_of(self.space.trellis.layers, template)
        return self._one(value, template)

    def _one(self, value: str | Maps, template: t.Template) -> str:
        """A single map where one is needed."""
        if isinstance(value, str):
            return value
        why = "it needs one map, and there is one for every stride"
        advice = "join them before: -> sum_over(stride, ...) or fold_over(stride, ...)"
        raise self.builder.fail(
            DoesNotFit(template.span, operator="this", why=why, where="in the head", advice=advice)
        )

    def _map_of(self, layer: int, template: t.Template) -> str:
        alive = self.maps.get(layer, {})
        if len(alive) != 1:
            at = isinstance(template, t.At)
            advice = "take at(layer = ..., stride = ...), or give the trellis a path" if at else ""
            what = "at" if at else "the head"
            raise self.builder.fail(
                OpenPath(template.span, what=what, layer=layer, count=len(alive), advice=advice)
            )
        return next(iter(alive.values()))


def _piece(template: t.Template) -> str:
    """The name of a part of the head: its operator's, or its first layer's."""
    match template:
        case t.Named(label):
            return plain(label)
        case t.Prim(name) | t.Extern(name):
            return name
        case t.Choose(label, factors):
            return plain(label) or factors[0].name
        case t.Pipe((first, *_)) | t.Join(_, (first, *_)) | t.Repeat(_, first) | t.Select(_, first):
            return _piece(first)
        case _:
            return "part"
