"""batch: values that one call can compute become the members of one step.

Operates on a program of single members. Steps of one part of the network that apply the same operation
to maps of one type, none of which depends on another, are merged: all edges that leave a node, the
cells of all moves into a state. Their maps lie one after the other along the channels, so a hundred
small convolutions are one with a hundred times the groups.

What is merged is found by list scheduling, as dynamic batching does it (Neubig, Goldberg, Dyer, NIPS
2017): of what is ready, the operation whose longest way to the result is longest goes first, and takes
along all that is ready and alike. The distance to the next join is part of being alike: so the last
layers of all branches of an edge meet in one step, however deep each branch is.

Members are ordered so that what reads them finds them in a row: by where their operands lie; several
readers of one value take turns, which makes a source of many edges one repeated map.
"""

import heapq
from collections import defaultdict
from typing import final

from hnas.ir.intern import Numbering
from hnas.ir.program import Member, Program, Ref, Step, moved_by

_BATCHED = frozenset(
    (
        *("relu", "relu6", "norm", "conv", "depthwise", "pointwise", "avg_pool", "max_pool"),
        *("resize", "mix", "sum", "concat"),
    )
)
_JOINS = ("mix", "sum", "concat", "product", "mask", "drop")

Key = tuple[object, ...]


def batch(program: Program) -> Program:
    """The program with as few steps as its parts allow."""
    return _Scheduling(program).run()


@final
class _Scheduling:
    def __init__(self, program: Program) -> None:
        self.program = program
        self.old = program.steps
        self.moved = moved_by(program)
        self.number_of = Numbering()
        self.regions: dict[str, int] = {}
        for step in self.old:
            self.regions.setdefault(step.region, len(self.regions))
        self.readers: list[list[int]] = [[] for _ in self.old]
        self.waiting = [0] * len(self.old)
        self._link()
        self.height, self.near, self.ways = self._distances()
        self.ready: dict[Key, list[int]] = defaultdict(list)
        self.queue: list[tuple[int, int, int]] = []
        self.keys: list[Key] = []
        self.turns: dict[int, int] = {}
        self.origin = [step.members[0].operands[0][0] if step.members[0].operands else 0 for step in self.old]

    def _link(self) -> None:
        """Who waits for whom: readers for operands, norms for those before that move the same statistics.

        What draws random numbers or runs code of others keeps its order, and so draws the same.
        """
        last: dict[str, int] = {}
        for number, step in enumerate(self.old):
            before = {ref[0] for ref in step.members[0].operands}
            taking_turns = [path for path in step.members[0].stats if self.moved[path] > 1]
            if step.op in ("dropout", "extern"):
                taking_turns.append("@draws")
            for path in taking_turns:
                if path in last:
                    before.add(last[path])
                last[path] = number
            for other in before:
                self.readers[other].append(number)
            self.waiting[number] = len(before)

    def _distances(self) -> tuple[list[int], list[int], list[float]]:
        """Of each step the longest way to a result, the shortest to the next join, and how many ways lead
        out of its part of the network."""
        height, near, ways = [0] * len(self.old), [0] * len(self.old), [1.0] * len(self.old)
        for number in range(len(self.old) - 1, -1, -1):
            readers, region = self.readers[number], self.old[number].region
            if readers:
                height[number] = 1 + max(height[r] for r in readers)
                near[number] = 1 + min(0 if self.old[r].op in _JOINS else near[r] for r in readers)
                ways[number] = sum(ways[r] if self.old[r].region == region else 1.0 for r in readers)
        return height, near, ways

    def run(self) -> Program:
        self.keys = [self._key(number) for number in range(len(self.old))]
        for number, left in enumerate(self.waiting):
            if not left:
                self._push(number)
        where: dict[Ref, Ref] = {}
        steps: list[Step] = []
        while self.queue:
            number = heapq.heappop(self.queue)[2]
            group = self.ready.pop(self.keys[number], None)
            if group is None or number not in group:
                if group is not None:
                    self.ready[self.keys[number]] = group
                continue  # it went along with another
            members = self._ordered(group, where)
            for position, (old, _) in enumerate(members):
                where[old, 0] = len(steps), position
            first = self.old[group[0]]
            steps.append(
                Step(
                    first.op,
                    first.attrs,
                    first.given,
                    first.type,
                    [m for _, m in members],
                    first.region,
                    first.kernel,
                    first.extern,
                )
            )
            for old in group:
                for reader in self.readers[old]:
                    self.waiting[reader] -= 1
                    if not self.waiting[reader]:
                        self._push(reader)
        assert len(where) == len(self.old), "every step was scheduled"
        return self.program.with_steps(steps, where, "batch")

    def _push(self, number: int) -> None:
        self.ready[self.keys[number]].append(number)
        region = self.regions[self.old[number].region]
        heapq.heappush(self.queue, (region, -self.height[number], number))

    def _key(self, number: int) -> Key:
        """What steps have in common that are merged; of one that is not, its own number."""
        step = self.old[number]
        (member,) = step.members
        if step.op not in _BATCHED or step.kernel is not None or step.type.live or step.given.live:
            return (number,)
        if step.op == "norm" and any(self.moved[path] > 1 for path in member.stats):
            return (number,)
        if step.op == "resize" and "to" not in dict(step.attrs):
            return (number,)
        kinds = self.number_of(step.attrs), self.number_of(step.given), self.number_of(step.type)
        shape: Key = (step.op, *kinds, step.region, self.near[number])
        if step.op in ("mix", "sum"):
            return (*shape, len(member.operands), tuple(bool(weight) for weight in member.terms))
        if step.op == "concat":
            types = tuple(self.number_of(self.old[ref[0]].type) for ref in member.operands)
            return (*shape, types)
        if step.op == "norm":
            return (*shape, bool(member.scale))
        return shape

    def _turn(self, old: int, place: int) -> int:
        """Where a value would lie if its source's readers had taken turns."""
        return self.turns.get(self.origin[old], place)

    def _ordered(self, group: list[int], where: dict[Ref, Ref]) -> list[tuple[int, Member]]:
        """The members of a step: readers of the same value take turns, then by where the value lies.

        Of dense convolutions the readers of one map follow each other: they are one group of channels.
        Where the values lie in no row anyway, those come last that are read on many ways: what the cells
        of all moves into a state share, so that what they do not share lies together.
        """
        seen: dict[Ref, int] = defaultdict(int)
        read: list[tuple[int, Ref, int]] = []
        for old in sorted(group):
            member = self.old[old].members[0]
            member.operands = tuple(where[ref] for ref in member.operands)
            first = member.operands[0] if member.operands else (0, 0)
            read.append((seen[first], first, old))
            seen[first] += 1
        sources = {first[0] for _, first, _ in read}
        if self.old[group[0]].op == "conv":
            turns = {old: place for place, (_, _, old) in enumerate(sorted(read))}
            read.sort(key=lambda entry: (entry[1], entry[0]))
            self.turns |= turns
        elif 2 * len(sources) > len(read):
            read.sort(key=lambda entry: (entry[0], self.ways[entry[2]], *entry[1:]))
        elif len(sources) > 1:
            # they are copied together anyway: then in the order that the branches of an edge share
            read.sort(key=lambda entry: (entry[0], entry[1][0], self._turn(entry[2], entry[1][1]), entry[2]))
        else:
            read.sort()
        return [(old, self.old[old].members[0]) for _, _, old in read]
