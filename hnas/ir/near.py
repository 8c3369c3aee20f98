"""Architectures that differ little: the canonical one of several spellings, neighbours, mutations.

Two architectures are neighbours where one choice differs: an operator or input of an edge, an option
of another decision, one stride of a path, one state or one move where several are alive. They agree on
every other decision that matters in both; what comes to matter only by the change may be anything.
"""

from collections.abc import Iterator, Mapping
from functools import cached_property
from itertools import islice, product
from math import prod
from random import Random
from typing import final

from attrs import define

from hnas.ir.decisions import Architecture, Decision, DecisionTable, Exit, Pick, State, Taken, is_placed
from hnas.ir.tree import Tree
from hnas.ir.walk import Takes, Walk
from hnas.ir.ways import Options, OutsideError, Picks, Ways

_Left = tuple[tuple[Decision, ...], Taken]
"""Decisions that are not made, and the ways that are taken."""


def canonical(table: DecisionTable, architecture: Architecture) -> Architecture:
    """The same network with the terms of every node's sum in the order of the spec."""
    found = dict(architecture.picks)
    for decision in table.decisions:
        if decision.kind == "node" and decision.id in found:
            found[decision.id] = _sorted(decision, found[decision.id])
    return Architecture({d.id: found[d.id] for d in table.decisions if d.id in found})


def _sorted(node: Decision, picks: tuple[Pick, ...]) -> tuple[Pick, ...]:
    groups = {group.name: position for position, group in enumerate(node.groups)}

    def place(pick: Pick) -> tuple[int, int]:
        position = groups[pick[0]]
        return position, node.groups[position].options.index(pick[1])

    if node.take.how != "pairs":
        return tuple(sorted(picks, key=place))
    # of pairs the group is the slot: what is summed are the labels alone
    labels = sorted((label for _, label in picks), key=node.groups[0].options.index)
    return tuple((group.name, label) for group, label in zip(node.groups, labels, strict=True))


@final
@define(slots=False)
class Near:
    """The architectures near one of a space."""

    table: DecisionTable

    @cached_property
    def _tree(self) -> Tree:
        return Tree(self.table.decisions)

    @cached_property
    def _moves(self) -> Walk:
        """The ways through the trellis alone."""
        return Walk(self.table.trellis, (), Takes(self.table.trellis, self.table.decisions))

    def neighbours(self, architecture: Architecture) -> Iterator[Architecture]:
        """Every neighbour once, one after the other: what comes to matter is made in every way."""
        for picks in self._changes(architecture):
            yield from self._completed(self._left(picks), picks)

    def count(self, architecture: Architecture) -> int:
        """How many neighbours: what comes to matter by a change is counted, not gone through."""
        return sum(self._number(self._left(picks), picks) for picks in self._changes(architecture))

    def mutated(self, architecture: Architecture, random: Random) -> Architecture:
        """A neighbour: each change has the same probability, what comes to matter is drawn uniformly.

        Raises:
            ValueError: No choice can be changed alone.
        """
        number = sum(1 for _ in self._changes(architecture))  # all of them at once may not fit into memory
        if not number:
            raise ValueError("no choice can be changed alone")
        picks = next(islice(self._changes(architecture), random.randrange(number), None))
        left = self._left(picks)
        while (missing := next(self._missing(left, picks), None)) is not None:
            ways = self._ways(missing)
            picks |= _alone(missing, ways.picks(random.randrange(ways.number)))
        return Architecture({d.id: picks[d.id] for d in self.table.decisions if d.id in picks})

    # --- what comes to matter --------------------------------------------------------------------

    def _ways(self, decision: Decision) -> Ways:
        return self._tree.node(decision) if decision.kind == "node" else Options(decision)

    def _left(self, picks: Picks) -> _Left:
        """What is not made where the ways taken are those of `picks`, whether it matters or not."""
        taken = self.table.trellis.taken(picks)
        kinds = ("node", "choice")
        left = (d for d in self.table.decisions if d.id not in picks and d.kind in kinds)
        return tuple(d for d in left if is_placed(d, taken)), taken

    def _missing(self, left: _Left, picks: Picks) -> Iterator[Decision]:
        """The decisions that matter and are not made."""
        for d in left[0]:
            if d.id not in picks and self.table.matters(d, picks, left[1]):
                yield d

    def _number(self, left: _Left, picks: Picks, counted: frozenset[str] = frozenset()) -> int:
        """In how many ways what comes to matter can be made, but for what is counted already."""
        missing = [d for d in self._missing(left, picks) if d.id not in counted]
        number = prod(self._ways(d).number for d in missing if d.id not in self._asked)
        asked = next((d for d in missing if d.id in self._asked), None)
        if asked is None:
            return number
        ways, counted = Options(asked), counted | {d.id for d in missing if d.id not in self._asked}
        made = (picks | ways.chosen(options) for options in ways.subsets())
        return number * sum(self._number(left, each, counted) for each in made)

    @cached_property
    def _above(self) -> frozenset[str]:
        """The decisions on whose options others depend."""
        owners = {group.id: d for d in self.table.decisions for group in d.groups}
        return frozenset(owners[g].id for d in self.table.decisions for g, _ in d.when if g in owners)

    @cached_property
    def _asked(self) -> frozenset[str]:
        """Those of them that are no nodes: a node's ways count what is under it."""
        return frozenset(name for name in self._above if self.table.by_id[name].kind == "choice")

    def _completed(self, left: _Left, picks: Picks) -> Iterator[Architecture]:
        missing = next(self._missing(left, picks), None)
        if missing is None:
            yield Architecture({d.id: picks[d.id] for d in self.table.decisions if d.id in picks})
            return
        ways = self._ways(missing)
        seen: set[tuple[Pick, ...]] = set()
        for index in range(ways.number):
            found = _alone(missing, ways.picks(index))
            if found[missing.id] not in seen:  # what stands under it is asked for next
                seen.add(found[missing.id])
                yield from self._completed(left, picks | found)

    # --- one change ------------------------------------------------------------------------------

    def _changes(self, architecture: Architecture) -> Iterator[Picks]:
        """The picks after each change, without those that do not matter then."""
        picks = dict(architecture.picks)
        for decision in self.table.decisions:
            if decision.id in picks and decision.kind in ("node", "choice"):
                node = decision.kind == "node"
                for other in (_edges if node else _options)(decision, picks[decision.id]):
                    changed = picks | {decision.id: other}
                    above = decision.id in self._above
                    yield dict(self.table.pruned(changed).picks) if above else changed
        taken = self.table.trellis.taken(picks)
        seen = {frozenset(self._labels(taken).items())}
        for ways in self._other_ways(taken):
            moved = self._labels(Taken(taken.states, ways))
            if frozenset(moved.items()) in seen or not self._reached(ways, moved):
                continue
            seen.add(frozenset(moved.items()))
            kept = {name: made for name, made in picks.items() if name not in self._deciders}
            try:
                _ = self._moves.index(moved)
            except OutsideError:
                continue
            yield dict(self.table.pruned(kept | moved).picks)

    def _reached(self, ways: Mapping[State, tuple[Exit, ...]], moved: Picks) -> bool:
        """Whether these moves keep every state that is alive, and make no further one so."""
        try:
            return self.table.trellis.taken(moved).ways.keys() == ways.keys()
        except KeyError:
            return False

    @cached_property
    def _deciders(self) -> frozenset[str]:
        return frozenset(self.table.trellis.decisions.values())

    def _labels(self, taken: Taken) -> Picks:
        """The picks that take these ways."""
        trellis = self.table.trellis
        return {
            trellis.decisions[state]: tuple(("", way.label) for way in ways)
            for state, ways in taken.ways.items()
            if state in trellis.decisions
        }

    def _other_ways(self, taken: Taken) -> Iterator[Mapping[State, tuple[Exit, ...]]]:
        """Ways with one state replaced, added or left out, or with one move more, less or replaced.

        Some of them are none of the trellis.
        """
        trellis = self.table.trellis
        for number, strides in enumerate(trellis.layers, 1):
            alive = set(taken.layer(number))
            for old, new in product([None, *alive], [None, *(s for s in strides if s not in alive)]):
                if old is not None or new is not None:
                    one = State(number, old) if old is not None else None
                    other = State(number, new) if new is not None else None
                    yield from self._with(taken, one, other)
        for state, ways in taken.ways.items():
            if state not in trellis.decisions:
                continue
            for way in trellis.exits.get(state, ()):
                if way.target.layer > 0 and way.target not in taken.states:
                    continue
                rest = tuple(w for w in ways if w != way)
                if way in ways:
                    yield {**taken.ways, state: rest}
                else:
                    yield {**taken.ways, state: self._ordered(state, (*ways, way))}
                    for left in ways:
                        others = tuple(w for w in ways if w != left)
                        yield {**taken.ways, state: self._ordered(state, (*others, way))}

    def _with(
        self, taken: Taken, old: State | None, new: State | None
    ) -> Iterator[Mapping[State, tuple[Exit, ...]]]:
        """The ways with `new` in the place of `old`.

        A state takes another's place with all its ways. One that comes or goes alone has one way in and at
        most one out, so that who is a neighbour of whom is mutual.
        """
        exits = self.table.trellis.exits
        entering = taken.entering(old) if old is not None else ()
        targets = {way.target for way in taken.ways.get(old, ())} if old is not None else set[State]()
        found = {
            state: tuple(way for way in ways if way.target != old)
            for state, ways in taken.ways.items()
            if state != old
        }
        if new is None:
            if len(entering) == 1 and len(targets) <= 1:
                yield found
            return
        into = {s: tuple(w for w in exits.get(s, ()) if w.target == new) for s in taken.ways}
        out = tuple(way for way in exits.get(new, ()) if way.target in (targets if old else taken.states))
        if old is not None:
            if all(into[s] for s in entering) and {way.target for way in out} == targets:
                swapped = {s: self._ordered(s, (*found[s], *into[s])) for s in entering}
                yield {**found, **swapped, new: out}
            return
        for source, way in into.items():
            if way:
                entered = {**found, source: self._ordered(source, (*found[source], *way))}
                yield from ({**entered, new: (one,)} for one in out)
                if not out:
                    yield {**entered, new: ()}

    def _ordered(self, state: State, ways: tuple[Exit, ...]) -> tuple[Exit, ...]:
        return tuple(way for way in self.table.trellis.exits.get(state, ()) if way in ways)


def _alone(decision: Decision, picks: Picks) -> Picks:
    """What a decision itself picks, without what stands under it."""
    return {decision.id: picks[decision.id]}


def _options(decision: Decision, picks: tuple[Pick, ...]) -> Iterator[tuple[Pick, ...]]:
    """One option more, one less, or another one in the place of one."""
    (group,) = decision.groups
    least, most = decision.take.count or 1, decision.take.most or 1
    taken = {label for _, label in picks}
    others = [label for label in group.options if label not in taken]
    sets = [taken | {new} for new in others] if len(taken) < most else []
    sets += [taken - {old} for old in taken] if len(taken) > least else []
    sets += [(taken - {old}) | {new} for old in sorted(taken, key=group.options.index) for new in others]
    for labels in sets:
        yield tuple((group.name, label) for label in group.options if label in labels)


def _edges(node: Decision, picks: tuple[Pick, ...]) -> Iterator[tuple[Pick, ...]]:
    """Another operator, or where inputs are taken another input, in the place of one term."""
    how = node.take.how
    for position, (source, label) in enumerate(picks):
        for group in node.groups:
            if how in ("all", "pairs") and group.name != source:
                continue
            taken = {name for n, (name, _) in enumerate(picks) if n != position}
            if how == "edges" and group.name in taken:
                continue
            for option, other in enumerate(group.options):
                if (group.name, other) == (source, label) or (how == "edges" and option in group.none):
                    continue
                changed = (*picks[:position], (group.name, other), *picks[position + 1 :])
                yield _sorted(node, changed) if how in ("edges", "all") else changed
