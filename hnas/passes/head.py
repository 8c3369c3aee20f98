"""The head: from the maps of the last layer to the result, laid out in the main function."""

from collections.abc import Callable, Mapping, Sequence
from typing import final

from attrs import define, field

from hnas.ir.decisions import DecisionTable, State
from hnas.ir.space import At, Join, Named, OverStates, Pipe, Prim, Repeat, Select, Space, Template
from hnas.ir.types import MapType, spell_stride, whole
from hnas.passes.build import Body, Builder, Place, plain
from hnas.passes.errors import DoesNotFit, OpenPath, WrongHead

_HEADS = {"head": "the head", "aux": "the auxiliary head"}


@final
@define
class Head:
    """Lays out the heads of a space in the main function.

    Attributes:
        space: The space.
        builder: Makes its functions.
        main: The function it is laid out in.
        states: The name of every state's map there.
        last: The states of the last layer.
        table: The decisions, for the strides of a layer.
        place_at: The facts of a state.
    """

    space: Space
    builder: Builder
    main: Body
    states: Mapping[State, str]
    last: Sequence[State]
    table: DecisionTable
    place_at: Callable[[State], Place]
    _reading: dict[int, bool] = field(factory=dict[int, bool], init=False)

    def run(self, template: Template, prefix: str) -> str:
        """The name of the result, a score per class and pixel or per class; ReportedError if it is not."""
        result = self.lay(template, None, prefix, self.place_at(self.last[0]))
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

    def reads(self, template: Template) -> bool:
        """Whether the template asks for maps of the trellis itself; asked once of what stands often."""
        found = self._reading.get(id(template))
        if found is None:
            found = self._reading[id(template)] = self._reads(template)
        return found

    def _reads(self, template: Template) -> bool:
        match template:
            case OverStates() | At():
                return True
            case Pipe(items) | Join(_, items):
                return any(self.reads(item) for item in items)
            case Named(_, body) | Repeat(_, body):
                return self.reads(body)
            case Select(_, then, other):
                return self.reads(then) or self.reads(other)
            case Prim():
                return False

    def lay(self, template: Template, value: str | None, prefix: str, place: Place) -> str:
        """Append `template` on `value` (None: the map of the last layer) to the main function."""
        match template:
            case OverStates(how, body):
                results: list[str] = []
                for state in self.last:
                    name = f"{prefix}.stride{spell_stride(state.stride)}"
                    source = self.states[state]
                    results.append(self.builder.call(body, self.main, source, self.place_at(state), name))
                return self.builder.join(
                    how, tuple(results), self.main, f"{prefix}.{how}", place, template.span
                )
            case At(layer):
                number = whole(self.builder.value(layer, place, "at"))
                last = self.space.trellis.layers
                if number is None or number > last:
                    why = f"the trellis has the layers 1 to {last}"
                    raise self.builder.fail(
                        DoesNotFit(template.span, operator="at", why=why, where=place.text)
                    )
                return self._map_of(number, template)
            case Pipe(items) if self.reads(template):
                for item in items:
                    value = self.lay(item, value, prefix, place)
                assert value is not None
                return value
            case Join(how, items) if self.reads(template):
                values = tuple(
                    self.lay(item, value, f"{prefix}.{n}", place) for n, item in enumerate(items, 1)
                )
                return self.builder.join(how, values, self.main, f"{prefix}.{how}", place, template.span)
            case Named(_, body, bindings) if self.reads(template):
                facts = dict(place.facts)
                for name, expr in bindings:
                    facts[name] = self.builder.value(expr, place, template.label)
                return self.lay(body, value, prefix, Place(facts, place.text))
            case Select(test, then, other) if self.reads(template):
                chosen = self.builder.condition(test, place)
                return self.lay(then if chosen else other, value, prefix, place)
            case _:
                source = value if value is not None else self._map_of(self.space.trellis.layers, template)
                name = self.main.free(f"{prefix}.{_piece(template)}")
                return self.builder.call(template, self.main, source, place, name)

    def _map_of(self, layer: int, template: Template) -> str:
        stride, *others = self.table.trellis.layers[layer - 1]
        if others:
            at = isinstance(template, At)
            advice = "take a layer with one stride, or give the trellis a path" if at else ""
            what, count = "at" if at else "the head", len(others) + 1
            raise self.builder.fail(
                OpenPath(template.span, what=what, layer=layer, count=count, advice=advice)
            )
        return self.states[State(layer, stride)]


def _piece(template: Template) -> str:
    """The name of a part of the head: its operator's, or its first layer's."""
    match template:
        case Named(label):
            return plain(label)
        case Prim(name):
            return name
        case Pipe((first, *_)) | Join(_, (first, *_)) | Repeat(_, first) | Select(_, first):
            return _piece(first)
        case _:
            return "part"
