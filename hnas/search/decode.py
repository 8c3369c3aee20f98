"""decode: an architecture read off the weights of the relaxed decisions (paper, Sec. 4.3).

Pure arithmetic on floats; general in cells, layers, strides and moves.
"""

import math
from collections.abc import Mapping, Sequence

from hnas.ir.decisions import Architecture, Decision, DecisionTable, Exit, Pick, State
from hnas.ir.types import Stride
from hnas.schema.settings import DecodeSettings

Weights = Mapping[str, Sequence[float]]
"""For every group, a weight for each of its options."""


def decode(table: DecisionTable, weights: Weights, settings: DecodeSettings) -> Architecture:
    """The architecture that `weights` favour, as the block decode says to read them.

    Only decisions that matter in it are made: not those of states it leaves out, nor those that stand
    under options it does not take.
    """
    picks: dict[str, tuple[Pick, ...]] = {}
    for decision in table.decisions:
        if decision.kind == "node":
            picks[decision.id] = strongest(decision, weights, settings.edges)
        elif decision.kind == "choice":
            picks[decision.id] = likeliest(decision, weights)
    trellis = table.trellis
    if trellis.single:
        path = viterbi(table, weights) if settings.path == "viterbi" else greedy(table, weights)
        picks.update(table.along(path))
    elif trellis.branches > 1:
        picks.update(branches(table, weights))
    else:
        picks.update((d.id, likeliest(d, weights)) for d in table.decisions if d.kind in ("move", "enter"))
    return table.pruned(picks)


def likeliest(decision: Decision, weights: Weights) -> tuple[Pick, ...]:
    """The options of a decision that are taken: the strongest ones, at least as many as it must take.

    Of one that may take several, those follow that weigh more than half of what they could: more than
    1/2 where every option has a weight of its own, more than an equal share where they sum to one.
    """
    (group,) = decision.groups
    given = weights[group.id]
    order = sorted(range(len(given)), key=lambda i: (-given[i], i))
    least, most = (decision.take.count or 1, decision.take.most or 1)
    bar = 1 / len(given) if abs(sum(given) - 1) < 1e-6 else 0.5
    kept = [
        option for rank, option in enumerate(order) if rank < least or (rank < most and given[option] > bar)
    ]
    return tuple((group.name, group.options[option]) for option in sorted(kept))


def branches(table: DecisionTable, weights: Weights) -> dict[str, tuple[Pick, ...]]:
    """The moves of the most probable paths that end apart, as many as are kept, taken together."""
    best = _best_paths(table, weights)
    kept = sorted(best.values(), key=lambda found: -found[0])[: table.trellis.branches]
    taken: dict[State, set[str]] = {}
    for _, path in kept:
        state = table.trellis.start
        for layer, stride in enumerate(path, 1):
            way = next(e for e in table.trellis.exits[state] if e.target == State(layer, stride))
            taken.setdefault(state, set()).add(way.label)
            state = way.target
    return {
        name: tuple(("", way.label) for way in table.trellis.exits[state] if way.label in taken[state])
        for state, name in table.trellis.decisions.items()
        if state in taken
    }


def strongest(decision: Decision, weights: Weights, edges: int | None) -> tuple[Pick, ...]:
    """The `edges` strongest edges of a node (None: as many as it takes), in the order of its inputs.

    The strength of an edge is its largest weight over operators other than none; that operator is
    taken. With `take = all`, where none is an option like any other, it may be taken too.
    """
    if decision.take.how == "pairs":
        return _pairs(decision, weights)
    every = decision.take.how == "all"
    found: list[tuple[float, int, Pick]] = []
    for position, group in enumerate(decision.groups):
        allowed = [i for i in range(len(group.options)) if every or i not in group.none]
        if not allowed:
            continue
        best = max(allowed, key=lambda i: (weights[group.id][i], -i))
        found.append((weights[group.id][best], position, (group.name, group.options[best])))
    kept = sorted(found, key=lambda edge: (-edge[0], edge[1]))[
        : None if every else edges or decision.take.count
    ]
    kept.sort(key=lambda edge: edge[1])
    picks = [pick for _, _, pick in kept]
    wanted = decision.take.count
    if decision.take.how == "slots" and wanted is not None and 0 < len(picks) < wanted:
        picks += [picks[0]] * (wanted - len(picks))  # a node with fewer inputs takes its strongest again
    return tuple(picks)


def viterbi(table: DecisionTable, weights: Weights) -> tuple[Stride, ...]:
    """The path of the largest product of move weights, as a sum of logarithms; the first of equals."""
    return max(_best_paths(table, weights).values(), key=lambda found: found[0])[1]


def _best_paths(table: DecisionTable, weights: Weights) -> dict[State, tuple[float, tuple[Stride, ...]]]:
    """For every state of the last layer, the best path that ends there, with its score."""
    trellis = table.trellis
    best: dict[State, tuple[float, tuple[Stride, ...]]] = {trellis.start: (0.0, ())}
    for _ in trellis.layers:
        following: dict[State, tuple[float, tuple[Stride, ...]]] = {}
        for state, (score, path) in best.items():
            for way, logarithm in _ways(table, state, weights):
                total = score + logarithm
                if way.target not in following or total > following[way.target][0]:
                    following[way.target] = (total, (*path, way.target.stride))
        best = following
    return best


def _pairs(decision: Decision, weights: Weights) -> tuple[Pick, ...]:
    """The strongest pair of each slot, never none, and none that an earlier slot took.

    The slots of a node share its operators, so the loss pulls them all to the same pair.
    """
    found: list[Pick] = []
    taken: set[int] = set()
    for group in decision.groups:
        given = weights[group.id]
        allowed = [i for i in range(len(given)) if i not in group.none]
        best = max([i for i in allowed if i not in taken] or allowed, key=lambda i: (given[i], -i))
        taken.add(best)
        found.append((group.name, group.options[best]))
    return tuple(found)


def greedy(table: DecisionTable, weights: Weights) -> tuple[Stride, ...]:
    """From state to state by the strongest move."""
    state, path = table.trellis.start, list[Stride]()
    for _ in table.trellis.layers:
        ways = _ways(table, state, weights)
        state = max(ways, key=lambda way: way[1])[0].target
        path.append(state.stride)
    return tuple(path)


def _ways(table: DecisionTable, state: State, weights: Weights) -> list[tuple[Exit, float]]:
    """The ways out of a state with the logarithm of their weight; a lone one is certain."""
    ways = table.trellis.exits[state]
    decision = table.trellis.decisions.get(state)
    if decision is None:
        return [(way, 0.0) for way in ways]
    return [(way, _log(weight)) for way, weight in zip(ways, weights[decision], strict=True)]


def _log(weight: float) -> float:
    # not minus infinity: sums of it could not be told apart, and some path must be found
    return math.log(weight) if weight > 0 else -1e9
