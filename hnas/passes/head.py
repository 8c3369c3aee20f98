"""The head: from the maps of the last layer to the result, laid out in the main function."""

from collections.abc import Callable, Mapping, Sequence

from hnas.ir.decisions import DecisionTable, State
from hnas.ir.space import At, Join, Named, OverStates, Pipe, Prim, Repeat, Select, Space, Template
from hnas.ir.types import MapType, spell_stride, whole
from hnas.passes.build import Body, Builder, Place
from hnas.passes.errors import OpenPath, WrongHead, WrongWidth


def head(
    space: Space,
    builder: Builder,
    main: Body,
    states: Mapping[State, str],
    last: Sequence[State],
    table: DecisionTable,
    place_at: Callable[[State], Place],
) -> str:
    """Lay out the head of `space` over the states `last`; the name of the result."""
    layout = _Head(space, builder, main, states, last, table, place_at)
    result = layout.lay(space.head, None, "head", place_at(last[0]))
    given = main.types[result]
    if space.task == "segmentation":
        needed = MapType(space.classes, 1)
        mend = "end the head in conv(1, classes, bias = true) -> resize(1)"
    else:
        needed = MapType(space.classes, None)
        mend = "end the head in global_pool -> linear(classes)"
    if given != needed:
        diagnostic = WrongHead(space.head.span, given=str(given), needed=str(needed), advice=mend)
        raise builder.fail(diagnostic)
    return result


class _Head:
    def __init__(
        self,
        space: Space,
        builder: Builder,
        main: Body,
        states: Mapping[State, str],
        last: Sequence[State],
        table: DecisionTable,
        place_at: Callable[[State], Place],
    ) -> None:
        self.space, self.builder, self.main, self.states = space, builder, main, states
        self.last, self.table, self.place_at = last, table, place_at

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
                if number is None or number > self.space.trellis.layers:
                    where = f"at(...), of {self.space.trellis.layers} layers"
                    shown = str(number) if number is not None else "not whole"
                    raise self.builder.fail(WrongWidth(layer.span, what="layer", value=shown, where=where))
                return self._map_of(number, template)
            case Pipe(items) if _reads_states(template):
                for item in items:
                    value = self.lay(item, value, prefix, place)
                assert value is not None
                return value
            case Join(how, items) if _reads_states(template):
                values = tuple(
                    self.lay(item, value, f"{prefix}.{n}", place) for n, item in enumerate(items, 1)
                )
                return self.builder.join(how, values, self.main, f"{prefix}.{how}", place, template.span)
            case Named(_, body, bindings) if _reads_states(template):
                facts = dict(place.facts)
                for name, expr in bindings:
                    facts[name] = self.builder.value(expr, place, template.label)
                return self.lay(body, value, prefix, Place(facts, place.text))
            case Select(test, then, other) if _reads_states(template):
                chosen = self.builder.value(test, place, "if")
                return self.lay(then if chosen is True else other, value, prefix, place)
            case _:
                source = value if value is not None else self._map_of(self.space.trellis.layers, template)
                name = self.main.free(prefix)
                return self.builder.call(template, self.main, source, place, name)

    def _map_of(self, layer: int, template: Template) -> str:
        stride, *others = self.table.trellis.layers[layer - 1]
        if others:
            what = "at" if isinstance(template, At) else "the head"
            raise self.builder.fail(OpenPath(template.span, what=what, layer=layer, count=len(others) + 1))
        return self.states[State(layer, stride)]


def _reads_states(template: Template) -> bool:
    """Whether the template asks for maps of the trellis itself."""
    match template:
        case OverStates() | At():
            return True
        case Pipe(items) | Join(_, items):
            return any(_reads_states(item) for item in items)
        case Named(_, body) | Repeat(_, body):
            return _reads_states(body)
        case Select(_, then, other):
            return _reads_states(then) or _reads_states(other)
        case Prim():
            return False
