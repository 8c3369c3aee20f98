"""The architectures of a space, numbered: by counting, never by enumeration."""

from functools import cached_property
from random import Random
from typing import final

from attrs import define

from hnas.ir.decisions import Architecture, DecisionTable
from hnas.ir.tree import architectures
from hnas.ir.ways import Ways


@final
@define(slots=False)
class Ranking:
    """A bijection between the architectures of a space and 0 .. count - 1.

    An architecture is what matters of it: the choices of states that are not alive, or of operators that
    are not taken, are none. Where `take` counts an order, as of slots, two orders are two architectures.
    """

    table: DecisionTable

    @cached_property
    def _every(self) -> Ways:
        return architectures(self.table)

    @property
    def count(self) -> int:
        """How many architectures.

        Raises:
            HnasError: Counting would need more than 10^7 states.
        """
        return self._every.number

    def unrank(self, index: int) -> Architecture:
        """The architecture with a number.

        Raises:
            IndexError: There is none: it is below 0 or not below `count`.
        """
        if not 0 <= index < self.count:
            raise IndexError(index)
        return Architecture(self._every.picks(index))

    def rank(self, architecture: Architecture) -> int:
        """The number of an architecture.

        Raises:
            OutsideError: It is not one of the space; the error names the decision.
        """
        return self._every.index(architecture.picks)

    def sample(self, random: Random) -> Architecture:
        """An architecture, each with the same probability."""
        return self.unrank(random.randrange(self.count))
