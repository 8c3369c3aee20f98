"""Segments: steps of a network that backward runs again, so that of them only what goes in is kept.

Chen, Xu, Zhang, Guestrin, 2016 (sublinear memory cost). A segment is all the records of one region, a
state of the trellis say, as one record. Forward it runs without noting anything for backward. Backward
it runs once more, now with gradients, and these go at once through what was noted: at any time one
segment alone is held whole. What runs again is elementwise the same, and norms move no statistics and
dropout draws no new numbers in it. Recipes work in it as they do elsewhere.
"""

import copy
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from typing import Any, Literal, final

import torch
from torch import Tensor, nn
from torch.autograd import Function
from torch.autograd.function import once_differentiable
from torch.utils.checkpoint import get_device_states, set_device_states

from hnas.runtime import wide
from hnas.runtime.primitives import Statistics
from hnas.runtime.recipes import Recording
from hnas.runtime.running import free_early, run_steps
from hnas.runtime.steps import DROPPED, Plain, Scalars, Step, Values

Stage = Literal["forward", "forward ended", "backward", "made again", "backward ended"]

OBSERVERS: list[Callable[[str, Stage], None]] = []
"""Told of every segment, by its name, how far it is."""

_MADE_ANYWHERE = (wide.Split, wide.Part, wide.Cat, wide.Repeated, wide.Packed)
"""Records that only arrange what others made: one that is read after a segment is made again behind it."""


@final
class Segment(Step):
    """Steps that run again in backward. Fills its slot with a tuple, of what is read after it."""

    __slots__ = (
        *("draws", "given", "groups_read", "made", "modules", "name", "recomputes"),
        *("statistics", "steps"),
    )
    of_steps = True

    def __init__(self, name: str, steps: list[Step], made: Sequence[int], recomputes: bool) -> None:
        self.name, self.steps, self.made, self.recomputes = name, steps, tuple(made), recomputes
        free_early(steps, made)
        self.given = _given(steps)
        self.groups_read = tuple(dict.fromkeys(group for step in steps for group in step.groups()))
        modules = {id(m): m for step in steps for m in _modules(step)}.values()
        self.statistics = [m for m in modules if isinstance(m, Statistics)]
        self.modules = [m for m in modules if not isinstance(m, Statistics)]
        self.draws = any(
            isinstance(s, wide.Dropout) or (isinstance(s, Plain) and s.dropped is not None) for s in steps
        )

    def run(self, values: Values, scalars: Scalars, training: bool) -> Any:
        """The values of `made`."""
        work = _Work(self, values, scalars)
        if not (training and torch.is_grad_enabled()):
            return work.run(work.given, training)
        parameters = [p for m in self.modules for p in m.parameters()]
        return _Again.apply(work, *work.given, *parameters)

    def groups(self) -> Iterator[str]:
        """Those of its steps."""
        return iter(self.groups_read)


@final
class _Work:
    """One run of a segment: what it is given as a row of tensors, and the state it runs in."""

    def __init__(self, segment: Segment, values: Values, scalars: Scalars) -> None:
        self.segment = segment
        self.given: list[Tensor] = []
        self._keys: list[tuple[int, Sequence[int] | None]] = []
        for slot, places in segment.given:
            value = values[slot]
            if isinstance(value, Tensor):
                self._keys.append((slot, None))
                self.given.append(value)
            else:
                taken = range(len(value)) if places is None else places
                self._keys.append((slot, taken))
                self.given += [value[place] for place in taken]
        self._options = [(group, len(scalars[group])) for group in segment.groups_read]
        for group in segment.groups_read:
            self.given += scalars[group]
        self._dropped = {DROPPED: scalars[DROPPED]} if DROPPED in scalars else {}
        kind = "cpu" if self.given[0].is_meta else self.given[0].device.type
        self._cast = (kind, torch.get_autocast_dtype(kind)) if torch.is_autocast_enabled(kind) else None
        self._drawn: Any = None

    def run(self, tensors: Sequence[Tensor], training: bool, again: bool = False) -> tuple[Tensor, ...]:
        """What the steps make of `tensors`, which stand for `given`."""
        values, scalars = self._placed(tensors)
        segment, recording = self.segment, None
        with ExitStack() as state:
            state.enter_context(self._autocast())
            if again:
                state.enter_context(_unmoved(segment.statistics))
                state.enter_context(self._drawing_again())
                recording = Recording(dict(values)) if segment.recomputes else None
            elif segment.draws and training:
                self._drawn = torch.get_rng_state(), get_device_states(*tensors)
            run_steps(segment.steps, values, scalars, training, recording=recording)
        return tuple(values[slot] for slot in segment.made)

    def _placed(self, tensors: Sequence[Tensor]) -> tuple[dict[int, Any], Scalars]:
        """Tensors by slot, and the weights of options by group."""
        following = iter(tensors)
        values: dict[int, Any] = {}
        for slot, places in self._keys:
            values[slot] = next(following) if places is None else {p: next(following) for p in places}
        options = {group: tuple(next(following) for _ in range(n)) for group, n in self._options}
        return values, {**options, **self._dropped}

    def _autocast(self) -> AbstractContextManager[Any]:
        """That of the forward pass; a cast made without gradients must not serve where there are some."""
        if self._cast is None:
            return nullcontext()
        return torch.autocast(self._cast[0], self._cast[1], cache_enabled=False)

    @contextmanager
    def _drawing_again(self) -> Iterator[None]:
        """Random numbers are those of the forward pass, and nobody else's change."""
        if self._drawn is None:
            yield
            return
        processor, (devices, states) = self._drawn
        with torch.random.fork_rng(devices):
            torch.set_rng_state(processor)
            set_device_states(devices, states)
            yield


@contextmanager
def _unmoved(statistics: Sequence[Statistics]) -> Iterator[None]:
    """Norms move nothing: they did forward."""
    before = [each.updates for each in statistics]
    for each in statistics:
        each.updates = False
    try:
        yield
    finally:
        for each, updates in zip(statistics, before, strict=True):
            each.updates = updates


@final
class _Again(Function):
    """A segment, of what it is given and its parameters: what autograd sees of it."""

    @staticmethod
    def forward(ctx: Any, work: _Work, *tensors: Tensor) -> tuple[Tensor, ...]:
        given = tensors[: len(work.given)]
        work.given = []  # autograd keeps them from here on
        ctx.work, ctx.parameters = work, tensors[len(given) :]
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(*given)
        _tell(work.segment, "forward")
        made = work.run(given, True)
        _tell(work.segment, "forward ended")
        return made

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor | None) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        work, needs = ctx.work, ctx.needs_input_grad[1:]
        _tell(work.segment, "backward")
        given = [t.detach() for t in ctx.saved_tensors]
        for tensor, need in zip(given, needs, strict=False):
            tensor.requires_grad_(need)
        with torch.enable_grad():
            made = work.run(given, True, again=True)
        _tell(work.segment, "made again")
        of = [(t, g) for t, g in zip(made, grads, strict=True) if g is not None and t.requires_grad]
        to = [t for t, need in zip((*given, *ctx.parameters), needs, strict=True) if need]
        del made
        slopes: Sequence[Tensor | None] = [None] * len(to)
        if of:
            outputs, slopes_of = zip(*of, strict=True)
            slopes = torch.autograd.grad(outputs, to, slopes_of, allow_unused=True)
        _tell(work.segment, "backward ended")
        following = iter(slopes)
        return None, *(next(following) if need else None for need in needs)


def _tell(segment: Segment, stage: Stage) -> None:
    for observer in OBSERVERS:
        observer(segment.name, stage)


# --- of the records of a network -----------------------------------------------------------------


def segmented(
    records: list[Step], regions: frozenset[str], kept: Sequence[int], recomputes: bool
) -> list[Step]:
    """The records, those of each of `regions` in one segment, of several if they do not stand in a row.

    Args:
        records: Of a network.
        regions: Of which backward runs the records again.
        kept: The slots of results.
        recomputes: Whether recipes are written.
    """
    last = {slot: number for number, step in enumerate(records) for slot in step.operands}
    last |= dict.fromkeys(kept, len(records))
    slot = max(step.out for step in records)
    found: list[Step] = []
    start = 0
    while start < len(records):
        region, stop = records[start].region, start + 1
        while stop < len(records) and records[stop].region == region:
            stop += 1
        own = records[start:stop]
        start = stop
        if region not in regions:
            found += own
            continue
        wanted = {step.out for step in own if last.get(step.out, -1) >= stop}
        behind, made = _read_behind(own, wanted)
        inside = {operand for step in own for operand in step.operands}
        slot += 1
        steps = [step for step in own if step.out in inside or step not in behind]
        segment = Segment(region, steps, made, recomputes)
        segment.place(slot, tuple(s for s, _ in segment.given), own[0].path, own[0].span)
        found.append(segment)
        for place, each in enumerate(made):
            part = wide.Part(place)
            part.place(each, (slot,), own[0].path, own[0].span)
            found.append(part)
        found += [copy.copy(step) for step in behind]
    return found


def _read_behind(own: Sequence[Step], wanted: set[int]) -> tuple[list[Step], list[int]]:
    """Of a segment's records those that are made again behind it, and the slots that are handed out."""
    behind: list[Step] = []
    made: list[int] = []
    for step in reversed(own):
        if step.out not in wanted:
            continue
        if isinstance(step, _MADE_ANYWHERE):
            behind.append(step)
            wanted.update(step.operands)
        else:
            made.append(step.out)
    return behind[::-1], made[::-1]


def _given(steps: Sequence[Step]) -> list[tuple[int, Sequence[int] | None]]:
    """The slots that steps read and do not fill; of one with many tensors the places, where known."""
    filled = {step.out for step in steps}
    found: dict[int, list[int] | None] = {}
    for step in steps:
        taken: dict[int, list[int]] = {}
        for source in _held(step, wide.Gathered):
            taken.setdefault(source.slot, []).append(source.place)
        for slot in step.operands:
            if slot in filled:
                continue
            known = found.get(slot, [])
            if slot in taken and known is not None:
                found[slot] = list(dict.fromkeys((*known, *taken[slot])))
            else:
                found[slot] = None
    return list(found.items())


def _modules(step: Step) -> Iterator[nn.Module]:
    yield from _held(step, nn.Module)
    for source in _held(step, wide.Direct):
        yield source.module
    for statistics in _held(step, wide.WideStatistics):
        for alike in statistics.members:
            yield from alike


def _held(step: Step, kind: type[Any]) -> Iterator[Any]:
    """What a record holds of a kind, whatever the record: none can be forgotten."""
    names = (name for base in type(step).__mro__ for name in getattr(base, "__slots__", ()))
    stack = [getattr(step, name, None) for name in names]
    while stack:
        value = stack.pop()
        if isinstance(value, kind):
            yield value
        elif isinstance(value, list | tuple):
            stack += value  # type: ignore[arg-type]
