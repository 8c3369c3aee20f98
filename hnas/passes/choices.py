"""Decisions that stand in operators: their ids, and what a network with its choices made takes of them.

A decision's id is a path of names: that of its use, or that of the scope that shares it. Functions
record the decisions made in them; a call brings those of its callee up, into the condition it stands under.
"""

import re
from collections.abc import Callable, Mapping
from itertools import product
from typing import final

from attrs import define, evolve, field

from hnas.diag import Diagnostic, Note, Span
from hnas.ir import template as t
from hnas.ir.decisions import Decision, Group, Picked, Place, When
from hnas.ir.expr import Searched, Sharing, Value, spell, spell_expr
from hnas.ir.graph import Weight
from hnas.ir.space import Take
from hnas.ir.table import Axis, Known, Table
from hnas.ir.types import spell_stride
from hnas.passes.errors import SharedApart


@final
@define
class Recorded:
    """The decisions made in one function, by id, and the condition what is being built stands under."""

    decisions: dict[str, Decision] = field(factory=dict[str, Decision])
    when: When = ()
    place: Place | None = None
    """The place of the trellis the part of the main function belongs to that is being built."""
    places: dict[str, set[Place] | None] = field(factory=dict[str, "set[Place] | None"])
    """Where each decision was met; None: where it always matters."""

    def finished(self) -> tuple[Decision, ...]:
        """The decisions with the places they belong to."""
        found: list[Decision] = []
        for name, decision in self.decisions.items():
            places = self.places[name]
            found.append(decision if places is None else evolve(decision, places=frozenset(places)))
        return tuple(found)


@final
@define
class Choices:
    """Decisions of operators; with `picked`, what an architecture takes of them.

    Attributes:
        picked: For each group, the options taken and how often; None in a super-network.
        fail: Records a diagnostic and gives what to raise.
    """

    picked: Picked | None
    fail: Callable[[Diagnostic], Exception]

    def axis(self, searched: Searched, facts: Known, at: str, recorded: Recorded) -> Axis:
        """The decision of a searched number that stands at `at` in a function."""
        labels = tuple(spell_expr(value) for value in searched.values)
        factor = t.Factor(searched.name, labels, searched.share, searched.named)
        return Axis(self.decide(factor, facts, at, searched.span, recorded), len(searched.values))

    def decide(
        self,
        factor: t.Factor,
        facts: Known,
        at: str,
        span: Span,
        recorded: Recorded,
        *,
        take: Take | None = None,
        none: tuple[int, ...] = (),
    ) -> str:
        """Record the decision of `factor`; the id of its group."""
        name = decision_id(factor.name, factor.share, factor.named, facts, at)
        group = Group(name, "", factor.labels, none)
        decision = Decision(name, "choice", (group,), take or Take("some", 1, 1), factor.share, span=span)
        self.note(recorded, decision)
        return name

    def note(self, recorded: Recorded, decision: Decision) -> None:
        """Record a decision, met under the condition and at the place of what is being built."""
        when = tuple(dict.fromkeys((*recorded.when, *decision.when))) if recorded.when else decision.when
        met = decision if when == decision.when else evolve(decision, when=when)
        known = recorded.decisions.get(met.id)
        if known is None:
            recorded.decisions[met.id] = met
            recorded.places[met.id] = None if recorded.place is None else {recorded.place}
            return
        groups = _merged(known, met)
        if groups is None:
            raise self.fail(_apart(known, met))
        places = recorded.places[met.id]
        if recorded.place is None:
            recorded.places[met.id] = None
        elif places is not None:
            places.add(recorded.place)
        if groups != known.groups or known.when != when:
            condition = _either(known.when, when, recorded.decisions)
            recorded.decisions[met.id] = evolve(known, groups=groups, when=condition)

    def taken(self, group: str) -> Mapping[int, int] | None:
        """The options picked of a group; None in a super-network. Nothing picked: an empty mapping."""
        return None if self.picked is None else self.picked.get(group, {})


def _apart(known: Decision, met: Decision) -> SharedApart:
    first, second = (", ".join(group.options) for d in (known, met) for group in d.groups[:1])
    if first == second:
        first, second = (f"{known.take} of {first}", f"{met.take} of {second}")
    notes = (Note("first here", known.span),)
    return SharedApart(met.span, id=met.id, first=first, second=second, notes=notes)


def _either(first: When, second: When, known: Mapping[str, Decision]) -> When:
    """The condition of a decision met under two: that one of them holds; empty where that cannot be told.

    It can where they differ in the options of one choice. Of a node's edges several may be taken, and each
    counts what stands under it.
    """
    if [group for group, _ in first] != [group for group, _ in second]:
        return ()
    apart = [group for (group, a), (_, b) in zip(first, second, strict=True) if a != b]
    if len(apart) > 1 or any(group not in known or known[group].kind != "choice" for group in apart):
        return ()
    return tuple((group, tuple(sorted({*a, *b}))) for (group, a), (_, b) in zip(first, second, strict=True))


def _merged(a: Decision, b: Decision) -> tuple[Group, ...] | None:
    """The groups of one decision met at two places; None where they do not fit.

    A cell has an input less where a missing map is dropped: the decision has all that are anywhere.
    """
    if a.kind != b.kind or a.take != b.take:
        return None
    first, second = {g.name: g for g in a.groups}, {g.name: g for g in b.groups}
    if any(first[name].options != second[name].options for name in first.keys() & second.keys()):
        return None
    if a.kind != "node":
        return a.groups if first.keys() == second.keys() else None
    longer, shorter = (first, second) if len(first) >= len(second) else (second, first)
    return tuple(longer.values()) + tuple(g for name, g in shorter.items() if name not in longer)


def decision_id(name: str, share: Sharing | None, named: bool, facts: Known, at: str) -> str:
    """The id of a decision called `name`, used at `at` in the function whose path the facts tell."""
    if share is None:
        return name if named else names(f"{_text(facts, '@path')}.{at}.{name}")
    if share.scope == "group":
        return share.group
    last = at.rpartition(".")[2]
    # a number says which repetition, and those share too
    local = name if named or last.isdigit() else f"{last}.{name}"
    return names(f"{scope(share, facts)}.{local}")


def scope(share: Sharing, facts: Known) -> str:
    """What the ids of a scope begin with; empty for the whole network."""
    match share.scope:
        case "network":
            return ""
        case "group":
            return share.group
        case "stride":
            return f"stride{_stride(facts)}"
        case "layer":
            return f"layer{_text(facts, 'layer')}"
        case "state":
            return f"layer{_text(facts, 'layer')}.stride{_stride(facts)}"
        case _:
            return _text(facts, f"@{share.scope}")


def combinations(factors: tuple[t.Factor, ...], groups: tuple[str, ...]) -> list[Weight]:
    """Every combination of the factors' options, the last running fastest."""
    ranges = (range(len(factor.labels)) for factor in factors)
    return [tuple(zip(groups, options, strict=True)) for options in product(*ranges)]


def under(weight: Weight) -> When:
    """The condition that an option is taken."""
    return tuple((group, (option,)) for group, option in weight)


def names(path: str) -> str:
    """A path of which every part is a name: an id can be written in a network."""
    parts = (re.sub(r"[^A-Za-z0-9_]", "_", part) for part in path.split(".") if part)
    return ".".join(f"_{part}" if part[0].isdigit() else part for part in parts)


def _text(facts: Known, name: str) -> str:
    value = facts.get(name)
    return "" if value is None else value if isinstance(value, str) else spell(_plain(value))


def _stride(facts: Known) -> str:
    value = facts.get("stride")
    if isinstance(value, int):
        return str(value)
    return spell_stride(tuple(int(v) for v in value)) if isinstance(value, tuple) else ""


def _plain(value: Value | Table) -> Value:
    assert not isinstance(value, Table)
    return value
