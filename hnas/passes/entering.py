"""How maps enter a cell: resampled to the stride of the state, projected, joined by links."""

from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import final

from attrs import define, field

from hnas.ir import graph as g
from hnas.ir.decisions import State, Taken, TrellisChoices
from hnas.ir.expr import Value
from hnas.ir.space import Skip, Space, steps_back
from hnas.ir.types import MapType, Stride, order, ratio, spell_stride
from hnas.passes.build import Body, Builder, Place
from hnas.passes.decide import strides_of
from hnas.passes.errors import StemStride
from hnas.passes.measure import MOST_NODES


@final
@define
class Entering:
    """Brings maps of the layers below to a state.

    Attributes:
        space: The space.
        builder: Makes functions.
        main: The function they are called in.
        maps: The maps of the layers below that are alive, by layer and stride.
        choices: The trellis.
        taken: What is alive in it; None: everything.
        absent: The type of a map that is not alive.
    """

    space: Space
    builder: Builder
    main: Body
    maps: Mapping[int, Mapping[Stride, str]]
    choices: TrellisChoices
    taken: Taken | None
    absent: Callable[[State], MapType] | None
    _entered: dict[str, str] = field(factory=dict[str, str], init=False)
    """H(l-2) as cells get it, by the name it was given: the moves into a state share it."""
    _links: dict[State, list[tuple[Skip, str]]] = field(
        factory=dict[State, list[tuple[Skip, str]]], init=False
    )

    def prev(self, state: State, source: State, place: Place, name: str) -> tuple[str, Stride]:
        """H(l-1) out of `source` as a cell at `state` gets it, and the stride it has then."""
        carried = self.space.trellis.coarser == "operators" and order(source.stride, state.stride) == "finer"
        target = source.stride if carried else state.stride
        value = self.maps[source.layer][source.stride]
        return self._bring("prev", value, target, place, f"{name}.prev"), target

    def earlier(self, which: str, state: State, target: Stride, place: Place) -> str | None:
        """H(l-2), H(l-3), ... at `target`: one map for all moves that meet the cell at the same stride.

        None where it is absent, or missing and dropped.
        """
        trellis = self.space.trellis
        back = steps_back(which)
        assert back is not None, which
        layer = max(state.layer - back, -1)
        there = strides_of(self.choices, layer)
        on_path = trellis.prev_prev == "on_path"
        if on_path:
            alive = tuple(self.maps.get(layer, {}))
            stride = alive[0]
        elif state.stride in there:
            stride = state.stride
        elif trellis.missing == "drop":
            return None
        else:
            stride = _closest(there, state.stride)
        value = self.maps.get(layer, {}).get(stride)
        if value is None:
            return None
        name = f"{state.id}.{which}"
        if target != state.stride:
            name = f"{name}.stride{spell_stride(target)}"
        if name not in self._entered:
            if stride != target and (on_path or trellis.coarser == "operators"):
                self._entered[name] = self._align(which, value, target, place, name)
            else:
                self._entered[name] = self._bring(which, value, target, place, name)
        return self._entered[name]

    def linked(self, state: State, prev: str, place: Place) -> str:
        """`prev` joined with the maps of earlier layers that `skips` links the state to."""
        value = prev
        for skip, link in self._linked(state, prev, place):
            value = self.builder.join(
                skip.how, (value, link), self.main, f"{state.id}.linked", place, skip.span
            )
        return value

    def _linked(self, state: State, prev: str, place: Place) -> list[tuple[Skip, str]]:
        if state in self._links:
            return self._links[state]
        found = self._links[state] = []
        for skip in self.space.trellis.skips:
            self.builder.within_bound(self.main, skip.span, MOST_NODES)
            for layer in skip.layers(state.layer, self.space.trellis.layers):
                if state.stride not in strides_of(self.choices, layer):
                    continue
                name = f"{state.id}.from.layer{layer}"
                there = place.but(**{"@link": name})
                source = self.maps.get(layer, {}).get(state.stride)
                if source is not None:
                    found.append((skip, self.builder.call(skip.operator, self.main, source, there, name)))
                elif skip.how == "concat" and self.absent is not None:
                    type_ = self.absent(State(layer, state.stride))
                    function = self.builder.function(skip.operator, type_, there)
                    result = function.types[function.result]
                    zeros = self.main.add(f"{name}.absent", g.Op("none"), (prev,), result, skip.span)
                    found.append((skip, zeros))
        return found

    # --- resampling and projecting ---------------------------------------------------------------

    def _align(self, which: str, value: str, target: Stride, place: Place, name: str) -> str:
        """An input of another size than prev: resized and projected, or through an operator instead."""
        align = self.space.trellis.align
        if isinstance(align, str):
            return self._project(which, self._resize(value, target, f"{name}.resize"), place, 1, name)
        stride = self.main.types[value].stride
        step = ratio(target, stride) if stride is not None else None
        stepped = place.but(step=step or 1)
        return self.builder.call(align, self.main, value, stepped, f"{name}.align")

    def _bring(self, which: str, value: str, target: Stride, place: Place, name: str) -> str:
        """A map brought to `target` as the trellis says, and projected."""
        stride = self.main.types[value].stride
        assert stride is not None
        kind = order(stride, target)
        if kind == "same":
            return self._project(which, value, place, 1, name)
        if kind is None:
            span = self.space.trellis.span
            raise self.builder.fail(StemStride(span, fine=spell_stride(stride), coarse=spell_stride(target)))
        way = self.space.trellis.coarser if kind == "finer" else self.space.trellis.finer
        step: Value = _step(target, stride)
        if way == "projection":
            return self._project(which, value, place, step, name)
        if way == "bilinear" or way == "operators":
            return self._project(which, self._resize(value, target, f"{name}.resize"), place, 1, name)
        assert not isinstance(way, str)
        stepped = place.but(step=step)
        resampled = self.builder.call(way, self.main, value, stepped, f"{name}.resample")
        return self._project(which, resampled, place, 1, name)

    def _resize(self, value: str, target: Stride, name: str) -> str:
        kind = g.Op("resize", (("to", target), ("mode", "bilinear")))
        given = self.main.types[value]
        result = MapType(given.channels, target, given.live)
        return self.main.add(name, kind, (value,), result, self.space.trellis.span)

    def _project(self, which: str, value: str, place: Place, step: Value, name: str) -> str:
        project = self.space.trellis.project
        template = project.get(which, project.get("*"))
        if template is None:
            return value
        return self.builder.call(template, self.main, value, place.but(step=step), f"{name}.project")


def _closest(strides: tuple[Stride, ...], stride: Stride) -> Stride:
    """Of the strides there are, the nearest finer one, else the nearest coarser one."""
    finer = [s for s in strides if order(s, stride) == "finer"]
    return max(finer) if finer else min(strides)


def _step(target: Stride, stride: Stride) -> Value:
    """By how much the resolution shrinks; below one where it grows."""
    down = ratio(target, stride)
    if down is not None:
        return down
    up = ratio(stride, target)
    return Fraction(1, up) if isinstance(up, int) else 1
