"""Numbers for values that are costly to hash: equal ones get the same, and one object is hashed once."""

from typing import final

from attrs import define, field


@final
@define(eq=False)
class Numbering:
    """Gives every value a small number, equal values the same.

    A graph writes an operator's attributes and types down once, and a program refers to them from
    thousands of steps: an object is known again by its identity, and only a new one is hashed.
    """

    _by_id: dict[int, int] = field(factory=dict[int, int], init=False)
    _by_value: dict[object, int] = field(factory=dict[object, int], init=False)
    _kept: list[object] = field(factory=list[object], init=False)

    def __call__(self, value: object) -> int:
        """The number of a value, which is hashable."""
        number = self._by_id.get(id(value))
        if number is None:
            number = self._by_value.setdefault(value, len(self._by_value))
            self._by_id[id(value)] = number
            self._kept.append(value)  # an object that is gone would leave its id to another one
        return number
