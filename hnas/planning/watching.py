"""What segments make and hold in a planned pass in which backward runs them again."""

from collections.abc import Callable
from typing import final

from attrs import define, field

from hnas.planning.counting import Counting
from hnas.runtime.segments import Stage


@final
@define(eq=False)
class Held:
    """Of a segment, bytes and multiply-adds; bytes are of all that is alive where nothing else is said.

    Attributes:
        name: The segment's.
        multiply_adds: Of one run.
        before, forward: As it begins forward, and the most since the segment before it, while it runs too.
        kept: What its run made that is alive when backward begins: what others read of it.
        start, again: As its backward begins, and the most while it runs again.
        noted: What that run made for its gradients: what would be kept if it did not run again.
        backward: The most while its gradients are computed.
        after: The most from there to the next segment's backward.
    """

    name: str
    multiply_adds: int = 0
    before: int = 0
    forward: int = 0
    kept: int = 0
    start: int = 0
    again: int = 0
    noted: int = 0
    backward: int = 0
    after: int = 0
    made: list[int] = field(factory=lambda: [0])


@final
@define
class Watch:
    """Segments in the order in which they run forward.

    Attributes:
        held: By segment.
        turning: The most between the last segment's forward run and its backward.
    """

    held: list[Held] = field(factory=list[Held])
    turning: int = 0
    _open: list[Held] = field(factory=list[Held])
    _last: Held | None = None
    _outside: list[int] = field(factory=lambda: [0])

    def observer(self, counting: Counting) -> Callable[[str, Stage], None]:
        """What segments are to tell how far they are."""
        return lambda name, stage: self._told(counting, name, stage)

    def turn(self, counting: Counting) -> None:
        """Forward is over."""
        for each in self.held:
            each.kept = each.made[0]
        self._open = list(self.held)

    def end(self, counting: Counting) -> None:
        """Backward is over."""
        self._between(counting)

    def _between(self, counting: Counting) -> None:
        """Note the most of what ran backward since the last segment did."""
        most = counting.most()
        if self._last is None:
            self.turning = most
        else:
            self._last.after = most

    def _told(self, counting: Counting, name: str, stage: Stage) -> None:
        match stage:
            case "forward":
                each = Held(name, counting.multiply_adds, counting.alive, counting.most())
                self.held.append(each)
                self._outside, counting.made = counting.made, each.made
            case "forward ended":
                each = self.held[-1]
                each.multiply_adds = counting.multiply_adds - each.multiply_adds
                each.forward = max(each.forward, counting.most())
                counting.made = self._outside
            case "backward":
                self._between(counting)
                each = next(e for e in reversed(self._open) if e.name == name)
                self._open.remove(each)
                self._last = each
                each.start, counting.made = counting.alive, [0]
            case "made again":
                assert self._last is not None
                self._last.again, self._last.noted = counting.most(), counting.made[0]
                counting.made = self._outside
            case "backward ended":
                assert self._last is not None
                self._last.backward = counting.most()
