"""The decisions of a space as ways: which stand under which, which depend on each other."""

from collections.abc import Iterable, Mapping, Sequence
from typing import final

from hnas.ir.decisions import Decision, Place
from hnas.ir.nodes import NodeWays
from hnas.ir.ways import Component, Options, Together, Ways


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
        self._nodes: dict[str, NodeWays] = {}

    def roots(self) -> Mapping[frozenset[Place] | None, Ways]:
        """The ways of the decisions that stand under no node, by the places they belong to."""
        found: dict[frozenset[Place] | None, list[Ways]] = {}
        for component in self._components(self._below.get(None, [])):
            found.setdefault(component[0].places, []).append(self._together(component, {}))
        return {places: Together(tuple(parts)) for places, parts in found.items()}

    def node(self, decision: Decision) -> NodeWays:
        """The ways of a node."""
        if decision.id not in self._nodes:
            under = self._below.get(decision.id, [])
            inner = tuple(
                tuple(
                    self._under(group.id, option, [d for d in under if _needs(d, group.id, option)])
                    for option in range(len(group.options))
                )
                for group in decision.groups
            )
            self._nodes[decision.id] = NodeWays(decision, inner)
        return self._nodes[decision.id]

    def _under(self, group: str, option: int, decisions: Sequence[Decision]) -> Ways:
        if not decisions:
            return _NOTHING
        given = {group: frozenset((option,))}
        return Together(tuple(self._together(part, given) for part in self._components(decisions)))

    def _ways(self, decision: Decision) -> Ways:
        return self.node(decision) if decision.kind == "node" else Options(decision)

    def _together(self, component: Sequence[Decision], given: Mapping[str, frozenset[int]]) -> Ways:
        if len(component) == 1:
            return self._ways(component[0])
        return Component(tuple((d, self._ways(d)) for d in component), given)

    def _components(self, decisions: Sequence[Decision]) -> list[list[Decision]]:
        """The decisions in groups that depend on each other, each in the order given."""
        group = {d.id: n for n, d in enumerate(decisions)}
        for decision in decisions:
            for owner in {self._owner[g].id for g, _ in decision.when if g in self._owner}:
                if owner in group and group[owner] != group[decision.id]:
                    old, new = group[decision.id], group[owner]
                    group = {name: new if n == old else n for name, n in group.items()}
        found: dict[int, list[Decision]] = {}
        for decision in decisions:
            found.setdefault(group[decision.id], []).append(decision)
        return list(found.values())


def _needs(decision: Decision, group: str, option: int) -> bool:
    """Whether a decision stands under an option."""
    return any(name == group and option in options for name, options in decision.when)


_NOTHING = Together(())
