"""States and the links between them in characters: a row a stride, a column a layer. Pure text.

What is drawn is any set of states and links: all moves of a space, the path of a network, networks
with several states alive in a layer and links within one.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import final

from attrs import define, field, frozen

from hnas.ir.decisions import State
from hnas.ir.types import Stride, fine_to_coarse, spell_stride

_WIDTH = 64
"""Characters from the first layer to the last that stand side by side: with labels, less than 80."""
_TAIL = 4
"""Of many layers, how many stand behind an ellipsis."""
_MOST_LISTED = 12

Layers = Mapping[int, Collection[Stride]]
"""Strides by layer; layer 0 is the stem's last map."""
Link = tuple[State, State]

_LEFT, _RIGHT, _UP, _DOWN = 1, 2, 4, 8
_LINES = " ╴╶─╵╯╰┴╷╮╭┬│┤├┼"
"""The character of lines that leave a place to these sides, by the sum of the sides."""


def draw_states(alive: Layers, links: Iterable[Link], dead: Layers | None = None, *, whole: bool) -> str:
    """The states as dots, the links between them as lines.

    Args:
        alive: The states that are there; every layer from the first to the last has an entry.
        links: What leads from where to where: to the next layer, or within one. Others are listed below.
        dead: Further states, drawn faintly: those a network leaves out.
        whole: Draw every layer, in several parts if need be; else the middle of many is left out.
    """
    dead = dead or {}
    there = (stride for layers in (alive, dead) for strides in layers.values() for stride in strides)
    drawing = _Drawing(alive, dead, fine_to_coarse(there))
    near, far = drawing.sorted(dict.fromkeys(links))
    layers = range(min(alive), max(alive) + 1)
    most = _WIDTH // drawing.step  # layers behind the first
    if len(layers) <= most + 1:
        parts = [drawing.part([layers], near)]
    elif whole:
        parts = [drawing.part([layers[i : i + most + 1]], near) for i in range(0, len(layers) - 1, most)]
    else:
        parts = [drawing.part([layers[: most - _TAIL], layers[-_TAIL:]], near)]
    if far:
        parts.append("\n".join(_listed(far)))
    return "\n\n".join(parts)


def _listed(links: Sequence[Link]) -> Iterator[str]:
    for source, target in links[:_MOST_LISTED]:
        ends = (f"layer {s.layer}, stride {spell_stride(s.stride)}" for s in (source, target))
        yield f"also  {' to '.join(ends)}"
    if len(links) > _MOST_LISTED:
        yield f"and {len(links) - _MOST_LISTED} more such links"


@final
@frozen
class _Drawing:
    alive: Layers
    dead: Layers
    rows: tuple[Stride, ...]

    @property
    def step(self) -> int:
        """Columns from one layer to the next: room for the number of a layer."""
        return 4 if max(self.alive) < 1000 else 6

    def sorted(self, links: Iterable[Link]) -> tuple[dict[int, list[Link]], list[Link]]:
        """The links that are drawn, by the layer they leave, and those there is no room for."""
        near: dict[int, list[Link]] = {}
        far: list[Link] = []
        beside: dict[int, set[int]] = {}  # for each layer, the rows that a line beside its states passes
        for source, target in links:
            rows = [self.rows.index(state.stride) for state in (source, target)]
            passed = set(range(min(rows), max(rows) + 1))
            fits = target.layer - source.layer in (0, 1)
            if source.layer == target.layer and len(passed) > 2:
                taken = beside.setdefault(source.layer, set())
                fits = not taken & passed
                taken |= passed if fits else set()
            if fits:
                near.setdefault(source.layer, []).append((source, target))
            else:
                far.append((source, target))
        return near, far

    def part(self, ranges: Sequence[range], links: Mapping[int, Sequence[Link]]) -> str:
        """Ranges of layers side by side, an ellipsis between them."""
        canvas, numbers, left = _Canvas(), "", 0
        for position, layers in enumerate(ranges):
            if position > 0:
                numbers += f"{'…':<{self.step}}"
                for row, stride in enumerate(self.rows):
                    if stride in self.alive[layers[0]] or stride in self.alive[ranges[position - 1][-1]]:
                        canvas.marks[2 * row, left] = "…"
                left += self.step
            for layer in layers:
                numbers += f"{layer:<{self.step}}"
                self._layer(canvas, layer, left)
                for source, target in links.get(layer, ()):
                    if target.layer in layers:
                        self._link(canvas, source, target, left)
                left += self.step
        return self._labelled(numbers.rstrip(), canvas)

    def _layer(self, canvas: "_Canvas", layer: int, left: int) -> None:
        for row, stride in enumerate(self.rows):
            if stride in self.alive[layer]:
                canvas.marks[2 * row, left] = "●"
            elif stride in self.dead.get(layer, ()):
                canvas.marks[2 * row, left] = "·"

    def _link(self, canvas: "_Canvas", source: State, target: State, left: int) -> None:
        start, end = (2 * self.rows.index(state.stride) for state in (source, target))
        if source.layer == target.layer:
            canvas.upright(start, end, left)
        else:
            canvas.across(start, end, left, self.step)

    def _labelled(self, numbers: str, canvas: "_Canvas") -> str:
        margin = max(len(spell_stride(stride)) for stride in self.rows)
        lines = [f"{'layer':<{len('stride') + 1 + margin}}  {numbers}"]
        for y, text in enumerate(canvas.lines(2 * len(self.rows) - 1)):
            word = "stride" if y == 0 else ""
            label = spell_stride(self.rows[y // 2]) if y % 2 == 0 else ""
            lines.append(f"{word:<{len('stride')}} {label:>{margin}}  {text}".rstrip())
        return "\n".join(lines)


_Place = tuple[int, int]


@final
@define
class _Canvas:
    """Places (y, x) with what is drawn there: signs over slanted lines over straight ones."""

    marks: dict[_Place, str] = field(factory=dict[_Place, str])
    slanted: dict[_Place, str] = field(factory=dict[_Place, str])
    straight: dict[_Place, int] = field(factory=dict[_Place, int])

    def across(self, start: int, end: int, left: int, step: int) -> None:
        """A line to the next layer, from the right of one state to the left of another."""
        if start == end:
            for x in range(left + 1, left + step):
                self._straight(start, x, _LEFT | _RIGHT)
            return
        sign, down = ("╲", 1) if end > start else ("╱", -1)
        places = range(start + down, end, down)
        for number, y in enumerate(places):
            x = left + step // 2
            if len(places) > 1:
                x = left + 1 + round(number * (step - 2) / (len(places) - 1))
            self.slanted[y, x] = "╳" if self.slanted.get((y, x), sign) != sign else sign

    def upright(self, start: int, end: int, left: int) -> None:
        """A line within a layer, with an arrow: between neighbours, else beside the states it passes."""
        down = 1 if end > start else -1
        x = left
        if abs(end - start) > 2:
            x = left + 1
            away, back = (_DOWN, _UP) if down == 1 else (_UP, _DOWN)
            self._straight(start, x, _LEFT | away)
            self._straight(end, x, _LEFT | back)
            for y in range(start + down, end, down):
                self._straight(y, x, _UP | _DOWN)
        arrow = "↓" if down == 1 else "↑"
        place = (end - down, x)
        self.marks[place] = "↕" if self.marks.get(place, arrow) != arrow else arrow

    def _straight(self, y: int, x: int, sides: int) -> None:
        self.straight[y, x] = self.straight.get((y, x), 0) | sides

    def lines(self, height: int) -> Iterator[str]:
        """The drawing, line by line."""
        width = max(x for _, x in (*self.marks, *self.slanted, *self.straight)) + 1
        for y in range(height):
            yield "".join(self._at((y, x)) for x in range(width))

    def _at(self, place: _Place) -> str:
        return self.marks.get(place) or self.slanted.get(place) or _LINES[self.straight.get(place, 0)]
