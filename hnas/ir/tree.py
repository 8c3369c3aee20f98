"""The decisions of a space as ways: which stand under which, which depend on each other."""

from collections.abc import Iterable, Sequence
from typing import final

from hnas.ir.decisions import Decision, DecisionTable
from hnas.ir.nodes import NodeWays
from hnas.ir.walk import Root, Takes, Walk
from hnas.ir.ways import Cases, Fixed, Options, Together, Told, Ways, matters


def architectures(table: DecisionTable) -> Ways:
    """The architectures of a space: ways through its trellis with the choices that matter on them.

    A decision that others at other places depend on is told first, case by case; under each the rest is
    counted along the trellis.
    """
    tree, takes = Tree(table.decisions), Takes(table.trellis, table.decisions)
    told = tree.told_first()
    if not told:
        return Walk(table.trellis, tree.roots({}), takes)
    asked = tuple(Options(decision) for decision in told)
    return Cases(asked, {}, lambda told: Walk(table.trellis, tree.roots(told, asked), takes), says=False)


@final
class Tree:
    """Decisions with those that matter only under their options; the moves of the trellis stand apart."""

    def __init__(self, decisions: Iterable[Decision]) -> None:
        self.decisions = tuple(d for d in decisions if d.kind not in ("move", "enter"))
        self._owner = {group.id: d for d in self.decisions for group in d.groups}
        self._below: dict[str | None, list[Decision]] = {}
        """Decisions by the innermost node they stand under an option of; None: under no node."""
        for decision in self.decisions:
            owners = [self._owner[g] for g, _ in decision.when if g in self._owner]
            nodes = [owner.id for owner in owners if owner.kind == "node"]
            self._below.setdefault(nodes[-1] if nodes else None, []).append(decision)
        self._asks: dict[str, frozenset[str]] = {}
        self._nodes: dict[tuple[str, frozenset[tuple[str, frozenset[int]]]], NodeWays] = {}

    # --- what depends on what ----------------------------------------------------------------------

    def _needed(self, decision: Decision) -> frozenset[str]:
        """The groups a decision, and what stands under it, depends on: those outside of it."""
        if decision.id not in self._asks:
            under = self._below.get(decision.id, ())
            inside = {group.id for d in (decision, *under) for group in d.groups}
            needed = {group for group, _ in decision.when}.union(*(self._needed(d) for d in under))
            self._asks[decision.id] = frozenset(needed & self._owner.keys()) - inside
        return self._asks[decision.id]

    def told_first(self) -> tuple[Decision, ...]:
        """Choices that decisions at other places depend on, each after those it depends on itself."""
        roots = {d.id: d for d in self._below.get(None, ())}
        found: set[str] = set()
        waiting = [
            owner.id
            for d in roots.values()
            for owner in map(self._owner.__getitem__, self._needed(d))
            if owner.id in roots and owner.kind == "choice" and owner.places != d.places
        ]
        while waiting:
            name = waiting.pop()
            if name not in found:
                found.add(name)
                waiting += [self._owner[group].id for group in self._needed(roots[name])]
        return tuple(d for d in roots.values() if d.id in found)

    def _components(self, decisions: Sequence[Decision]) -> list[list[Decision]]:
        """The decisions in groups that depend on each other, each in the order given."""
        group = {d.id: n for n, d in enumerate(decisions)}
        for decision in decisions:
            for owner in {self._owner[g].id for g in self._needed(decision)}:
                if owner in group and group[owner] != group[decision.id]:
                    old, new = group[decision.id], group[owner]
                    group = {name: new if n == old else n for name, n in group.items()}
        found: dict[int, list[Decision]] = {}
        for decision in decisions:
            found.setdefault(group[decision.id], []).append(decision)
        return list(found.values())

    # --- ways --------------------------------------------------------------------------------------

    def roots(self, told: Told, asked: Sequence[Options] = ()) -> tuple[Root, ...]:
        """The ways of the decisions that stand under no node, by the places they belong to.

        Args:
            told: The options taken of what is told first.
            asked: What is told first.
        """
        first = {ways.decision.id for ways in asked}
        left = [d for d in self._below.get(None, ()) if d.id not in first]
        found: dict[object, list[Ways]] = {}
        places = {component[0].places: component[0].places for component in self._components(left)}
        for component in self._components(left):
            found.setdefault(component[0].places, []).append(self._together(component, told))
        roots = [Root(places[key], Together(tuple(found[key]))) for key in places]
        for ways in asked:
            if matters(ways.decision, told):
                taken = told[ways.group.id]
                only = taken == frozenset(range(ways.sizes[0]))
                roots.append(Root(ways.decision.places, Fixed(ways, taken), required=not only))
        return tuple(roots)

    def node(self, decision: Decision, told: Told | None = None) -> NodeWays:
        """The ways of a node, under what is told of groups elsewhere."""
        told = {group: told[group] for group in self._needed(decision) if group in told} if told else {}
        key = decision.id, frozenset(told.items())
        if key not in self._nodes:
            under = self._below.get(decision.id, [])
            self._nodes[key] = NodeWays(
                decision,
                tuple(
                    tuple(
                        self._under([d for d in under if _needs(d, group.id, option)], group.id, option, told)
                        for option in range(len(group.options))
                    )
                    for group in decision.groups
                ),
            )
        return self._nodes[key]

    def _under(self, decisions: Sequence[Decision], group: str, option: int, told: Told) -> Ways:
        given = {**told, group: frozenset((option,))}
        return Together(tuple(self._together(part, given) for part in self._components(decisions)))

    def _together(self, component: Sequence[Decision], given: Told) -> Ways:
        """The ways of decisions that depend on each other."""
        options = {d.groups[0].id: Options(d) for d in component if d.kind != "node"}
        names = dict.fromkeys(group for d in component for group in sorted(self._needed(d)))
        known = {name for name in names if name in options}
        asked = tuple(ways for name, ways in options.items() if name in known)
        free = [d for d in component if not any(ways.decision is d for ways in asked)]

        def rest(told: Told) -> Ways:
            return Together(tuple(self._alone(d, told) for d in free if matters(d, told)))

        return Cases(asked, given, rest) if asked else rest(given)

    def _alone(self, decision: Decision, told: Told) -> Ways:
        return self.node(decision, told) if decision.kind == "node" else Options(decision)


def _needs(decision: Decision, group: str, option: int) -> bool:
    """Whether a decision stands under an option."""
    return any(name == group and option in options for name, options in decision.when)
