"""The head: from the maps of the trellis to the result, laid out in the main function."""

from collections.abc import Callable, Mapping, Sequence
from typing import final

from attrs import define, evolve, field, frozen

from hnas.ir import graph as g
from hnas.ir import template as t
from hnas.ir.decisions import State, TrellisChoices
from hnas.ir.space import Space
from hnas.ir.types import MapType, Stride, concatenated, spell_stride, whole
from hnas.passes.build import Body, Builder, Place, ReportedError
from hnas.passes.errors import AbsentMap, DoesNotFit, OpenPath, WrongHead
from hnas.passes.layers import plain

_HEADS = {"head": "the head", "aux": "the auxiliary head"}

Maps = Mapping[Stride, str]
"""A map for every stride that is alive."""


@final
@frozen
class Absent:
    """What stands where a map would, were the state alive that it is of or made of.

    Attributes:
        state: The state.
        type: What the map would be; None where there is no super-network that knows.
        template: What reads the state.
    """

    state: State
    type: MapType | None
    template: t.Template


Laid = str | Maps | Absent
"""What a part of a head gives: a map by its name, one for every stride that is alive, or none."""


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
        if isinstance(result, Absent):
            raise self._absent(result, _HEADS[prefix])
        if not isinstance(result, str):
            why = "it ends with a map for every stride"
            advice = "join them: -> sum_over(stride, ...) or fold_over(stride, ...)"
            raise self.builder.fail(
                DoesNotFit(template.span, operator=_HEADS[prefix], why=why, where=place.text, advice=advice)
            )
        given = self.main.types[result]
        if self.space.task == "segmentation":
            needed = MapType(self.space.classes, 1)
            mend = "end it in conv(1, classes, bias = true) -> resize(1)"
        else:
            needed = MapType(self.space.classes, None)
            mend = "end it in global_pool -> linear(classes)"
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

    def lay(self, template: t.Template, value: Laid | None, prefix: str, place: Place) -> Laid:
        """Append `template` on `value` (None: the map of the last layer) to the main function."""
        if isinstance(value, Absent) and not isinstance(template, t.CellOp) and not self.reads(template):
            return self._of_absent(template, value, place)
        match template:
            case t.EachState(body):
                return self._each(body, self._maps(value, template), prefix)
            case t.OverStates(how, body):
                results = self._each(body, self._maps(value, template), prefix)
                return self._over(template, how, results, body, prefix, place)
            case t.FoldStates():
                return self._fold(template, self._maps(value, template), prefix, place)
            case t.At():
                return self._at(template, place)
            case t.Pipe(items) if self.reads(template):
                for item in items:
                    value = self.lay(item, value, prefix, place)
                assert value is not None
                return value
            case t.Join(how, items) if self.reads(template):
                parts = [self.lay(item, value, f"{prefix}.{n}", place) for n, item in enumerate(items, 1)]
                return self._joined(template, how, parts, prefix, place)
            case t.Named(_, body, bindings) if self.reads(template):
                bound = place
                for name, expr in bindings:
                    bound = bound.but(**{name: self.builder.value(expr, place, template.label)})
                return self.lay(body, value, prefix, bound)
            case t.Select(test, then, other) if self.reads(template):
                chosen = self.builder.condition(test, place)
                return self.lay(then if chosen else other, value, prefix, place)
            case t.CellOp(_, inputs):
                first = value if isinstance(value, Absent) else self._source(value, template)
                others = [self.lay(op, value, f"{prefix}.{n}", place) for n, op in inputs]
                return self._cell(template, [first, *others], prefix, place)
            case _:
                name = self.main.free(f"{prefix}.{_piece(template)}")
                source = self._source(value, template)
                return self.builder.call(template, self.main, source, place, name)

    # --- maps that are not there -----------------------------------------------------------------

    def _absent(self, absent: Absent, what: str) -> ReportedError:
        shown = spell_stride(absent.state.stride)
        span = absent.template.span
        return self.builder.fail(AbsentMap(span, layer=absent.state.layer, stride=shown, what=what))

    def _of_absent(self, template: t.Template, absent: Absent, place: Place) -> Absent:
        """What an operator makes of a map that is not there: none either."""
        if absent.type is None:
            return absent
        made = self.builder.apart().function(template, absent.type, place)
        return evolve(absent, type=made.types[made.result])

    def _joined(
        self, template: t.Template, how: str, parts: Sequence[Laid], prefix: str, place: Place
    ) -> str | Absent:
        """The maps that are there, joined; of concat, zeros keep the place of the channels of the others."""
        there = [self._one(part, template) for part in parts if not isinstance(part, Absent)]
        if not there:
            first = next(part for part in parts if isinstance(part, Absent))
            types = [part.type for part in parts if isinstance(part, Absent) and part.type is not None]
            whole = len(types) == len(parts)
            joined = concatenated(types) if how == "concat" and whole else types[0] if whole else None
            return evolve(first, type=joined)
        values: list[str] = []
        for part in parts:
            if not isinstance(part, Absent):
                values.append(self._one(part, template))
            elif how == "concat" and part.type is not None:
                values.append(self._zeros(part.type, there[0], prefix, template))
        return self.builder.join(how, tuple(values), self.main, f"{prefix}.{how}", place, template.span)

    def _cell(self, op: t.CellOp, given: Sequence[Laid], prefix: str, place: Place) -> str | Absent:
        """A cell on the maps that are there; where none is, nothing."""
        values = [None if isinstance(part, Absent) else self._one(part, op) for part in given]
        absent = next((part for part in given if isinstance(part, Absent)), None)
        name = f"{prefix}.{plain(op.cell)}"
        first = given[0]
        there = next((value for value in values if value is not None), None)
        if there is not None or absent is None:
            known = first.type if isinstance(first, Absent) else None
            stepped = place.of(known or self.main.types[values[0] or there or ""])
            return self.builder.cell_call(op, self.main, values, stepped, name)
        types = {f"x{n}": p.type for n, p in enumerate(given) if isinstance(p, Absent) and p.type is not None}
        if len(types) < len(given):
            return evolve(absent, type=None)
        body = Body(tuple(types.items()))
        made = self.builder.apart().cell_call(op, body, tuple(types), place.of(types["x0"]), name)
        return evolve(absent, type=body.types[made])

    # --- maps of several strides -----------------------------------------------------------------

    def _maps(self, value: Laid | None, template: t.Template) -> Maps:
        """What an operator over strides works on: the maps of the last layer, or those made of them."""
        if value is None:
            return self.maps[len(self.choices.layers)]
        if isinstance(value, Mapping):
            return value
        why = "it reads a map for every stride, and a single one comes before it"
        advice = "put it first, or pass maps through each(stride, ...) before it"
        raise self.builder.fail(
            DoesNotFit(template.span, operator="this", why=why, where="in the head", advice=advice)
        )

    def _each(self, body: t.Template, given: Maps, prefix: str) -> Maps:
        found: dict[Stride, str] = {}
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

    def _at(self, template: t.At, place: Place) -> str | Absent:
        number = whole(self.builder.value(template.layer, place, "at"))
        last = self.space.trellis.layers
        if number is None or number > last:
            why = f"the trellis has the layers 1 to {last}"
            raise self.builder.fail(DoesNotFit(template.span, operator="at", why=why, where=place.text))
        if template.stride is None:
            return self._map_of(number, template)
        stride = self.builder.value(template.stride, place, "at")
        found = next((name for s, name in self.maps.get(number, {}).items() if s == stride), None)
        if found is not None:
            return found
        state = next((State(number, s) for s in self.choices.layers[number - 1] if s == stride), None)
        if state is None:
            there = ", ".join(map(spell_stride, self.choices.layers[number - 1]))
            why = f"layer {number} has a map of stride {there} here"
            raise self.builder.fail(DoesNotFit(template.span, operator="at", why=why, where=place.text))
        return Absent(state, None if self.absent is None else self.absent(state), template)

    def _source(self, value: Laid | None, template: t.Template) -> str:
        if value is None:
            return self._map_of(self.space.trellis.layers, template)
        return self._one(value, template)

    def _one(self, value: Laid, template: t.Template) -> str:
        """A single map where one is needed."""
        if isinstance(value, str):
            return value
        if isinstance(value, Absent):
            raise self._absent(value, "this")
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
