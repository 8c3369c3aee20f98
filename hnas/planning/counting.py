"""What runs while a pass runs: calls that compute, multiply-adds, and the bytes that are alive."""

import weakref
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from typing import Any, final

import torch
from attrs import define, frozen
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from hnas.planning.arithmetic import MULTIPLY_ADDS
from hnas.planning.kernels import shaped
from hnas.planning.workspace import WORKSPACE

_NO_WORK = frozenset(
    {"empty", "new_empty", "empty_like", "empty_strided", "new_empty_strided", "_unsafe_view"}
)
"""Calls that make a tensor and put nothing into it."""


@final
@define
class Counts:
    """Of a part of a pass.

    Attributes:
        calls: Of aten that compute: no views, no memory that is left empty.
        multiply_adds: Of convolutions and products of matrices.
        peak: The most bytes alive while it ran.
        made: Bytes it made that are alive still.
    """

    calls: int = 0
    multiply_adds: int = 0
    peak: int = 0
    made: int = 0


@final
class Counting(TorchDispatchMode):
    """Counts the calls of passes on tensors without memory, part by part, forward and backward.

    Attributes:
        forward, backward: By part.
        alive: Bytes of all storages made since it was entered and not given back.
        made: Bytes of these made while this list stood here; whoever wants them told apart puts another.
    """

    def __init__(self) -> None:
        super().__init__()
        self.forward: dict[str, Counts] = {}
        self.backward: dict[str, Counts] = {}
        self.alive = self._most = 0
        self.made = [0]
        self._known: dict[int, weakref.ref[Any]] = {}
        self._starts: list[int] = []
        self._parts: list[str] = []
        self._turned: int | None = None
        self._now = Counts()

    def enter(self, part: str) -> None:
        """What runs from here on is of this part, until the next."""
        self._now = self.forward.setdefault(part, Counts())
        self._now.peak = max(self._now.peak, self.alive)
        self._starts.append(_sequence())
        self._parts.append(part)

    @property
    def part(self) -> str:
        """The part that was entered last."""
        return self._parts[-1] if self._parts else ""

    def add(self, multiply_adds: int) -> None:
        """Count what was computed by no call of aten."""
        if self._turned is not None:
            self._attribute()
        self._now.multiply_adds += multiply_adds

    @property
    def multiply_adds(self) -> int:
        """Of all parts, so far."""
        return sum(c.multiply_adds for c in (*self.forward.values(), *self.backward.values()))

    def most(self) -> int:
        """The most bytes alive since this was asked last."""
        found, self._most = max(self._most, self.alive), self.alive
        return found

    def turn(self) -> None:
        """What runs from here on is the backward pass of what ran before."""
        self._turned = _sequence()
        self._now = self.backward.setdefault(self.part, Counts())

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Nothing is compiled in a plan: the guard around every call would be a third of its time."""
        return False

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        rules = _RULES.get(id(func)) or _rules(func)
        if rules.sort == _VIEW:
            return func(*args, **(kwargs or {}))
        # else every question about a tensor goes by torch.device, which takes ten times as long
        with torch._C.DisableTorchFunction():
            if self._turned is not None:
                self._attribute()
            now = self._now
            if rules.sort == _INTO:
                found = args[0] if not kwargs else kwargs.get("out")
                if found is None:
                    found = func(*args, **(kwargs or {}))
            else:
                found = shaped(func, args, kwargs)
            if rules.sort != _EMPTY:
                now.calls += 1
                if rules.multiply_adds is not None:
                    now.multiply_adds += rules.multiply_adds(args)
            if rules.sort != _INTO:
                for each in found if isinstance(found, tuple | list) else (found,):
                    if isinstance(each, Tensor):
                        self._track(each, now)
                most = self.alive
                if rules.workspace is not None:
                    most += rules.workspace(args)
                if most > now.peak:
                    now.peak = most
                if most > self._most:
                    self._most = most
        return found

    def _attribute(self) -> None:
        """Backward work is of the part whose forward work made the node that runs."""
        node = torch._C._current_autograd_node()
        # a node that backward itself made, running steps again, is of the part whose node did that
        if node is None or self._turned is None or node._sequence_nr() >= self._turned:
            return
        place = bisect_right(self._starts, node._sequence_nr())
        # what adds to a parameter's gradient has a number above all: it is of the part that runs
        if place > 0:
            self._now = self.backward.setdefault(self._parts[place - 1], Counts())
            self._now.peak = max(self._now.peak, self.alive)

    def _track(self, tensor: Tensor, now: Counts) -> None:
        storage = tensor.untyped_storage()
        key = storage._cdata
        if key in self._known:
            return
        size = storage.nbytes()
        known, made = self._known, self.made

        def gone(_: Any) -> None:
            del known[key]
            self.alive -= size
            now.made -= size
            made[0] -= size

        known[key] = weakref.ref(storage, gone)
        self.alive += size
        now.made += size
        made[0] += size


def _sequence() -> int:
    """The number of the node that autograd makes next."""
    return torch._C._autograd._get_sequence_nr()  # pyright: ignore[reportAttributeAccessIssue]


@final
class Shaping(TorchDispatchMode):
    """Answers calls on tensors without memory as `Counting` does, and counts nothing."""

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        with torch._C.DisableTorchFunction():
            return shaped(func, args, kwargs)


_WORK, _VIEW, _EMPTY, _INTO = range(4)


@final
@frozen
class _Rules:
    """What counting has to know of a call, which is kept beside it: as long as it is, it has its id."""

    func: Any
    sort: int
    multiply_adds: Callable[[Sequence[Any]], int] | None
    workspace: Callable[[Sequence[Any]], int] | None


_RULES: dict[int, _Rules] = {}
"""By the identity of the call: to hash one takes as long as all that is done with it."""


def _rules(func: Any) -> _Rules:
    found = _RULES[id(func)] = _Rules(func, _sort(func), MULTIPLY_ADDS.get(func), WORKSPACE.get(func))
    return found


def _sort(func: Any) -> int:
    """What a call is, by its schema: a view, memory left empty, work into what is there, or work."""
    if func._schema.name.removeprefix("aten::") in _NO_WORK:
        return _EMPTY
    aliases = [result.alias_info for result in func._schema.returns]
    if aliases and all(alias is not None for alias in aliases):
        return _INTO if any(alias.is_write for alias in aliases) else _VIEW
    return _WORK
