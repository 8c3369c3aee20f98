"""How the steps of a batched program become records: who reads which part of which wide map."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, final

from torch import Tensor, nn

from hnas.ir.graph import Weight
from hnas.ir.program import Member, Program, Ref, Run, Step, repeats_of, runs_of
from hnas.runtime import depthwise, wide
from hnas.runtime import steps as rt
from hnas.runtime.holders import Holders
from hnas.runtime.lowering import Lowering, number_of
from hnas.runtime.primitives import axes_of, kernels_of, padding_of

_MOST_MAPS = 8
"""Maps a call reads apart before they are better copied into one."""


@final
class Reading:
    """Which parts of which maps are read, told before any record is made so that they can be split once."""

    def __init__(self, program: Program) -> None:
        self.counts = [len(step.members) for step in program.steps]
        self.channels = [step.type.channels for step in program.steps]
        self.parts: dict[int, set[tuple[int, int]]] = {}

    def note(self, refs: Sequence[Ref]) -> None:
        """These are read as one map."""
        for number, first, stop in runs_of(refs[: len(refs) // repeats_of(refs)]):
            if stop - first < self.counts[number]:
                self.parts.setdefault(number, set()).add((first, stop))

    def split(self, number: int) -> list[int] | None:
        """Where the parts of a map begin and end, in members; None if some overlap."""
        edges, at = [0], 0
        for first, stop in sorted(self.parts[number]):
            if first < at:
                return None
            edges += [first, stop] if first > at else [stop]
            at = stop
        if at < self.counts[number]:
            edges.append(self.counts[number])
        return edges


@final
class Widening:
    """Records for a program of wide steps."""

    def __init__(self, program: Program, holders: Holders) -> None:
        self.program, self.holders = program, holders
        self.plain = Lowering(program, holders)
        self.reading = Reading(program)
        self.records: list[rt.Step] = []
        self.slots = [0] * len(program.steps)
        self.known: dict[object, int] = {}
        self.cheap = "remat" in program.passes
        self.statistics: dict[tuple[tuple[str, ...], ...], wide.WideStatistics] = {}
        self.packs: dict[str, int] = {}
        self.rows: dict[str, list[list[tuple[nn.Module, str]]]] = {}
        self.factors: list[tuple[tuple[Weight, ...], int]] = []
        self.factor_places: dict[tuple[int, int], int] = {}
        self.row_places: dict[tuple[int, str], int] = {}

    def run(self) -> list[rt.Step]:
        """Every record, in order."""
        for number, step in enumerate(self.program.steps):
            self._prepare(number, step)
        self._make_factors()
        for number, step in enumerate(self.program.steps[1:], start=1):
            before = len(self.records)
            record, operands = self._record(number, step)
            again = step.recompute and not step.extern
            self.slots[number] = self._append(record, operands, step.members[0], again)
            for each in self.records[before:]:
                each.region = step.region
        return self.records

    # --- what is read ----------------------------------------------------------------------------

    def _prepare(self, number: int, step: Step) -> None:
        for refs in self._reads(step):
            self.reading.note(refs)
        members = step.members
        if self._packed(step):
            rows = self.rows.setdefault(step.region, [])
            holders = self.holders.affines if step.op == "norm" else self.holders.layers
            modules = [holders[m.weights] for m in members]
            names = ("weight", "bias") if modules[0].bias is not None else ("weight",)
            for name in names:
                self.row_places[number, name] = len(rows)
                rows.append([(module, name) for module in modules])
        if any(m.scale for m in members):
            self._factor(number, -1, tuple(m.scale for m in members), step.type.channels)
        if step.op in ("mix", "sum"):
            for position, (_, _, weights) in enumerate(self._terms(step)):
                if weights is not None:
                    self._factor(number, position, weights, step.type.channels)

    def _reads(self, step: Step) -> list[Sequence[Ref]]:
        """The maps a step reads, each a row of references."""
        members = step.members
        if step.op in ("mix", "sum"):
            return [refs[: len(refs) // repeats_of(refs)] for refs, _, _ in self._terms(step)]
        if self._multiplies(step):
            refs = [m.operands[0] for m in members]
            runs = runs_of(refs)
            if len(runs) > _MOST_MAPS:
                return [refs]
            return [[(n, m) for m in range(first, stop)] for n, first, stop in runs]
        if step.op == "concat" and len(members) > 1:
            return [[ref for m in members for ref in m.operands]]
        if step.op == "conv" and len(members) > 1:
            return [self._sources(step)]
        if self._own_gradient(step):
            refs = [m.operands[0] for m in members]
            return [refs[: len(refs) // repeats_of(refs)]]
        if len(members) > 1:
            return [[m.operands[0] for m in members]]
        return [[ref] for ref in members[0].operands]

    def _sources(self, step: Step) -> list[Ref]:
        """The maps of a convolution of many members; one whose readers follow each other stands there once.

        Its readers are one group then; where they have groups of their own, each reads a map of its own.
        """
        refs = [m.operands[0] for m in step.members]
        sources = list(dict.fromkeys(refs))
        return sources if _groups(step) == 1 and _regular(refs, sources) else refs

    def _multiplies(self, step: Step) -> bool:
        """Whether a step is pointwise convolutions that products of matrices compute, each map by itself."""
        if step.op != "pointwise" or self.program.dims == 1:
            return False
        return self.holders.layers[step.members[0].weights].bias is None

    def _packed(self, step: Step) -> bool:
        """Whether a step's parameters are copied together."""
        if not step.members[0].weights or step.op == "extern":
            return False
        return len(step.members) > 1

    def _terms(self, step: Step) -> list[tuple[list[Ref], int, tuple[Weight, ...] | None]]:
        """The maps of a mix or sum: references, how many lie one after the other, weights by member.

        Neighbours that are taken as they are and lie in a row are one map of several kinds.
        """
        found: list[tuple[list[Ref], int, tuple[Weight, ...] | None]] = []
        members = step.members
        for position in range(len(members[0].operands)):
            refs = [m.operands[position] for m in members]
            weights = tuple(m.terms[position] for m in members) if members[0].terms else None
            if weights is not None and not weights[0]:
                weights = None
            if found and weights is None and found[-1][2] is None:
                before, kinds, _ = found[-1]
                if len(runs_of([*before, *refs])) == 1:
                    found[-1] = ([*before, *refs], kinds + 1, None)
                    continue
            found.append((refs, 1, weights))
        return found

    # --- weights of options ----------------------------------------------------------------------

    def _factor(self, number: int, position: int, weights: tuple[Weight, ...], channels: int) -> None:
        self.factor_places[number, position] = len(self.factors)
        self.factors.append((weights, channels))

    def _make_factors(self) -> None:
        """One record for the weights of options of all steps."""
        if not self.factors:
            return
        self.records.append(wide.Factors(self.factors))
        image = self.program.steps[0].members[0]
        self.records[-1].place(len(self.records), (), "factors", image.span)
        self.known["factors"] = len(self.records)

    # --- records ---------------------------------------------------------------------------------

    def _append(
        self, record: rt.Step, operands: Sequence[int], member: Member, recompute: bool = False
    ) -> int:
        place = len(self.records) + 1, tuple(operands), member.path, member.span
        record.place(*place, recompute=recompute)
        self.records.append(record)
        return record.out

    def _part(self, run: Run, member: Member) -> int:
        """The slot of a run of members of a step."""
        number, first, stop = run
        whole = self.slots[number]
        if stop - first == self.reading.counts[number]:
            return whole
        if run in self.known:
            return self.known[run]
        edges, channels = self.reading.split(number), self.reading.channels[number]
        if edges is None:
            record = wide.Part(first * channels, stop * channels)
            self.known[run] = self._append(record, (whole,), member)
            return self.known[run]
        key = ("split", number)
        if key not in self.known:
            sizes = [(b - a) * channels for a, b in pairwise(edges)]
            self.known[key] = self._append(wide.Split(sizes), (whole,), member)
        self.known[run] = self._append(wide.Part(edges.index(first)), (self.known[key],), member)
        return self.known[run]

    def _map(self, refs: Sequence[Ref], member: Member) -> int:
        """The slot of a map that has the members in this order."""
        key = tuple(refs)
        if key in self.known:
            return self.known[key]
        times = repeats_of(refs)
        if times > 1:
            once = self._map(refs[: len(refs) // times], member)
            slot = self._append(wide.Repeated(times), (once,), member, self.cheap)
        else:
            parts = [self._part(run, member) for run in runs_of(refs)]
            slot = parts[0]
            if len(parts) > 1:
                slot = self._append(wide.Cat(), parts, member, self.cheap)
        self.known[key] = slot
        return slot

    def _pack(self, number: int, step: Step, name: str, view: Callable[[Tensor], Tensor]) -> wide.Source:
        """Where a step finds its parameters called `name`."""
        if (number, name) not in self.row_places:
            holders = self.holders.affines if step.op == "norm" else self.holders.layers
            return wide.Direct(holders[step.members[0].weights], name, view)
        if step.region not in self.packs:
            rows = self.rows[step.region]
            self.packs[step.region] = self._append(wide.Packed(rows), (), step.members[0])
        return wide.Gathered(self.packs[step.region], self.row_places[number, name], view)

    def _taken(self, number: int, position: int) -> wide.Source | None:
        """Where a step finds weights of options."""
        place = self.factor_places.get((number, position))
        if place is None:
            return None
        return wide.Gathered(self.known["factors"], place, lambda vector: vector)

    def _record(self, number: int, step: Step) -> tuple[rt.Step, tuple[int, ...]]:
        members, first = step.members, step.members[0]
        reads = [self._map(refs, first) for refs in self._reads(step)]
        sources: list[wide.Source | None] = []
        match step.op:
            case "norm":
                record, sources = self._norm(number, step)
            case "depthwise" if self._own_gradient(step):
                weight = self._pack(number, step, "weight", _joined)
                times = repeats_of([m.operands[0] for m in members])
                record = wide.WideDepthwise(self._shape(step), weight, times)
                sources = [weight]
            case _ if self._multiplies(step):
                weight = self._pack(number, step, "weight", _as_it_is)
                counts = [len(refs) for refs in self._reads(step)]
                record = wide.WidePointwise(counts, weight)
                sources = [weight]
            case "conv" | "depthwise" | "pointwise" if len(members) > 1:
                record, sources = self._convolution(number, step)
            case "max_pool" if self.program.dims == 2 and self._pads_evenly(step):
                kernel, stride, pad = self._window(step)
                record = wide.WideMax(kernel, stride, pad)
            case "mix" | "sum":
                record, sources = self._mix(number, step)
            case "concat" if len(members) > 1:
                record = wide.Alias()
            case "dropout":
                record = wide.Dropout(number_of(step, "p"))
            case _:
                record = self.plain.record(step, first)
        if len(members) > 1 and step.op == "resize":
            reads = [reads[0], 0]
        slots = {s.slot for s in sources if isinstance(s, wide.Gathered)}
        return record, (*reads, *sorted(slots))

    def _norm(self, number: int, step: Step) -> tuple[rt.Step, list[wide.Source | None]]:
        momentum, eps = (number_of(step, name) for name in ("momentum", "eps"))
        stats = self._statistics(tuple(m.stats for m in step.members))
        scale = self._taken(number, -1)
        shift = None
        if step.members[0].weights:
            scale = self._pack(number, step, "weight", _joined)
            shift = self._pack(number, step, "bias", _joined)
        return wide.WideNorm(stats, scale, shift, momentum, eps), [scale, shift]

    def _statistics(self, paths: tuple[tuple[str, ...], ...]) -> wide.WideStatistics:
        """Those of a norm's members; norms that share statistics share the piece of memory they lie in."""
        if paths not in self.statistics:
            found = [[self.holders.statistics[path] for path in alike] for alike in paths]
            self.statistics[paths] = wide.WideStatistics(found)
        return self.statistics[paths]

    def _mix(self, number: int, step: Step) -> tuple[rt.Step, list[wide.Source | None]]:
        terms = self._terms(step)
        weights = [self._taken(number, position) for position in range(len(terms))]
        shape = [(kinds, repeats_of(refs)) for refs, kinds, _ in terms]
        return wide.WideMix(shape, weights), weights

    def _convolution(self, number: int, step: Step) -> tuple[rt.Step, list[wide.Source | None]]:
        members = step.members
        attrs = dict(step.attrs)
        groups = step.given.channels if step.op == "depthwise" else _groups(step)
        many = len(self._sources(step)) if step.op == "conv" else len(members)
        weight = self._pack(number, step, "weight", _joined)
        bias = self._pack(number, step, "bias", _joined) if (number, "bias") in self.row_places else None
        innermost = self.program.channels_last
        function = kernels_of(step.op, attrs, self.program.dims, groups * many, innermost=innermost)
        if step.op == "conv" and bias is None and innermost and self._pads_evenly(step):
            return wide.WideDense(self._shape(step), function, weight), [weight]
        return wide.WideConv(function, weight, bias), [weight, bias]

    def _own_gradient(self, step: Step) -> bool:
        """Whether a step is a depthwise convolution that `depthwise` computes."""
        if step.op != "depthwise" or step.kernel is not None or "layout" not in self.program.passes:
            return False
        return self.program.dims == 2 and self._pads_evenly(step)

    def _pads_evenly(self, step: Step) -> bool:
        attrs = dict(step.attrs)
        return attrs["pad"] != "same" or all(k % 2 for k in axes_of(attrs["k"], self.program.dims))

    def _window(self, step: Step) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
        attrs, dims = dict(step.attrs), self.program.dims
        return axes_of(attrs["k"], dims), axes_of(attrs["stride"], dims), padding_of(attrs, dims)

    def _shape(self, step: Step) -> depthwise.Shape:
        attrs, dims = dict(step.attrs), self.program.dims
        dilation = axes_of(attrs["dilation"], dims)
        padding = padding_of(attrs, dims, dilation)
        return depthwise.Shape(axes_of(attrs["k"], dims), axes_of(attrs["stride"], dims), padding, dilation)


def _groups(step: Step) -> int:
    groups = dict(step.attrs).get("groups", 1)
    assert isinstance(groups, int)
    return groups


def _regular(refs: Sequence[Any], sources: Sequence[Any]) -> bool:
    """Whether every source is read equally often, its readers following each other."""
    if len(refs) % len(sources):
        return False
    each = len(refs) // len(sources)
    return all(ref == sources[n // each] for n, ref in enumerate(refs))


def _joined(tensor: Tensor) -> Tensor:
    return tensor.flatten(0, 1)


def _as_it_is(tensor: Tensor) -> Tensor:
    return tensor
