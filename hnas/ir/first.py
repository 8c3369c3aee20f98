"""Some architecture of a space: for what is to be checked of the networks it leads to."""

from hnas.ir.decisions import Architecture, Decision, DecisionTable, Group, Pick, State, TrellisChoices


def first_architecture(table: DecisionTable) -> Architecture:
    """The architecture of first options: of nodes those that are not `none`, of moves one that leads on."""
    states = {name: state for state, name in table.trellis.decisions.items()}
    picks = {
        decision.id: _moves(decision, states[decision.id], table.trellis)
        if decision.id in states
        else _options(decision)
        for decision in table.decisions
    }
    return table.pruned(picks)


def _moves(decision: Decision, state: State, trellis: TrellisChoices) -> tuple[Pick, ...]:
    """As many ways out of a state as must be taken; those to the next layer before those within this one."""
    ways = sorted(trellis.exits[state], key=lambda way: way.target.layer == state.layer)
    (group,) = decision.groups
    return tuple((group.name, way.label) for way in ways[: decision.take.count or 1])


def _options(decision: Decision) -> tuple[Pick, ...]:
    groups, count = decision.groups, decision.take.count or 1
    match decision.take.how:
        case "slots":
            return (_pick(groups[0]),) * count
        case "edges":
            return tuple(map(_pick, groups[:count]))
        case "all" | "pairs":
            return tuple(map(_pick, groups))
        case "some":
            return tuple((groups[0].name, option) for option in groups[0].options[:count])


def _pick(group: Group) -> Pick:
    kept = [option for position, option in enumerate(group.options) if position not in group.none]
    return group.name, (kept or group.options)[0]
