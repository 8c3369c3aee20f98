"""Values that depend on decisions: a table with an entry for every way the decisions can be made.

A searched width is not a number but a decision and what each of its options is worth. Expressions
over such values are evaluated once for each option; where all agree the result is a plain value again.
"""

from collections.abc import Callable, Iterator, Mapping
from itertools import product
from math import prod
from typing import final

from attrs import frozen

from hnas.ir.expr import (
    Const,
    EvaluationError,
    Expr,
    Searched,
    Value,
    evaluate,
    facts_of,
    searched_fact,
    searched_in,
)

MOST_ENTRIES = 4_096
"""Entries of a table: decisions that one number depends on, multiplied out."""


@final
@frozen
class Axis:
    """A decision a value depends on: the id of its group, how many options it has."""

    group: str
    count: int


@final
@frozen
class Table:
    """A value for every combination of options, the last axis running fastest."""

    axes: tuple[Axis, ...]
    values: tuple[Value, ...]

    def entries(self) -> Iterator[tuple[tuple[int, ...], Value]]:
        """Every combination of options with its value."""
        yield from zip(product(*(range(axis.count) for axis in self.axes)), self.values, strict=True)

    def largest(self) -> int:
        """The largest of its values, which are whole numbers."""
        return max(value for value in self.values if isinstance(value, int))

    def at(self, picked: Mapping[str, Mapping[int, int]]) -> Value:
        """The value where `picked` tells, for each group, the options taken.

        Raises:
            KeyError: A decision it depends on is not made.
        """
        position = 0
        for axis in self.axes:
            taken = picked.get(axis.group) or {}
            if not taken:
                raise KeyError(axis.group)
            position = position * axis.count + next(iter(taken))
        return self.values[position]


Known = Mapping[str, Value | Table]
"""Facts of a place; some of them depend on decisions."""


def evaluate_with(expr: Expr, facts: Known, axis_of: Callable[[Searched], Axis]) -> Value | Table:
    """The value of `expr`, or the table of its values where it depends on decisions.

    Raises:
        EvaluationError: It has no value under some option, or depends on too many decisions.
    """
    if isinstance(expr, Const):
        return expr.value
    searched = {searched_fact(s.name): axis_of(s) for s in searched_in(expr)}
    wanted = {n: facts[n] for n in sorted(facts_of(expr)) if n in facts}
    tables = {name: value for name, value in wanted.items() if isinstance(value, Table)}
    axes = tuple(
        dict.fromkeys((*searched.values(), *(axis for table in tables.values() for axis in table.axes)))
    )
    plain = {name: value for name, value in wanted.items() if not isinstance(value, Table)}
    if not axes:
        return evaluate(expr, plain)
    if prod(axis.count for axis in axes) > MOST_ENTRIES:
        raise EvaluationError(
            f"it depends on {len(axes)} decisions with too many options together", expr.span
        )
    values: list[Value] = []
    for combination in product(*(range(axis.count) for axis in axes)):
        chosen = dict(zip((axis.group for axis in axes), combination, strict=True))
        here = dict(plain)
        here.update({name: chosen[axis.group] for name, axis in searched.items()})
        picked = {group: {option: 1} for group, option in chosen.items()}
        here.update({name: table.at(picked) for name, table in tables.items()})
        values.append(evaluate(expr, here))
    if all(value == values[0] and type(value) is type(values[0]) for value in values):
        return values[0]
    return Table(axes, tuple(values))
