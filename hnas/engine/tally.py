"""Mean losses between two rows of metrics."""

from typing import final

from attrs import define, field
from torch import Tensor


@final
@define
class Tally:
    """Sums of losses since the last row; part of a checkpoint, so that resuming changes no row."""

    _sums: dict[str, float] = field(factory=dict[str, float])
    _counts: dict[str, int] = field(factory=dict[str, int])
    shown: dict[str, float] = field(factory=dict[str, float])
    """The last loss of each kind, for the eye."""

    def add(self, name: str, loss: Tensor) -> None:
        """A step was made, with this loss of the kind `name`."""
        value = float(loss)
        self._sums[name] = self._sums.get(name, 0.0) + value
        self._counts[name] = self._counts.get(name, 0) + 1
        before = self.shown.get(name, value)
        self.shown[name] = 0.9 * before + 0.1 * value

    def take(self) -> dict[str, float]:
        """The means, and start anew."""
        means = {name: self._sums[name] / self._counts[name] for name in self._sums}
        self._sums, self._counts = {}, {}
        return means

    def state(self) -> dict[str, dict[str, float] | dict[str, int]]:
        """What a checkpoint keeps."""
        return {"sums": dict(self._sums), "counts": dict(self._counts), "shown": dict(self.shown)}

    def restore(self, state: dict[str, dict[str, float]]) -> None:
        """Take up what `state` gave."""
        self._sums, self.shown = dict(state["sums"]), dict(state["shown"])
        self._counts = {name: int(count) for name, count in state["counts"].items()}
