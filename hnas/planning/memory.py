"""Which segments backward runs again so that a pass keeps to so many bytes, at the least extra work.

One planned pass in which every segment runs again tells all there is to know of each: what it makes for
its gradients (what it would keep if it did not run again), what it keeps all the same, what is alive
while it runs, again and backward. With k_j what segment j keeps in a choice, the most alive at segment i is

    own_i + sum of k_j over the segments j before i,

own_i being what the planned pass held there, less what earlier segments kept in it: backward goes from
the last segment to the first and lets go of each. So a choice fits if every such sum does, and it costs
the multiply-adds of what runs again: a knapsack with a bound at every item, solved by going through the
segments once with the cheapest choice for each sum of k so far. Then the choice is planned as it is: what
counts is that pass, and where it needs more than was reckoned the next choice has to leave room for that.
"""

from collections.abc import Callable, Sequence
from typing import final

from attrs import frozen

from hnas.planning.plan import Plan
from hnas.planning.watching import Held, Watch

_STATES = 2048
"""Sums of bytes that are told apart: of closer ones the cheaper choice is gone on with."""
_TRIES = 4

Predict = Callable[[Watch], Plan]
"""Plans a pass of the network as it stands."""


@final
@frozen
class Fit:
    """What was found.

    Attributes:
        plan: Of the network, which is left with these segments.
        fits: Whether it keeps to the bytes; if not, it is the one that needs least.
    """

    plan: Plan
    fits: bool


def fit(
    regions: Sequence[str],
    most: int,
    compute_again: Callable[[Sequence[str]], None],
    predict: Predict,
) -> Fit:
    """The network left with segments under which a pass has at most `most` bytes alive.

    Args:
        regions: Those backward can run again.
        most: Bytes.
        compute_again: Makes segments of these.
        predict: Plans a pass of the network as it then is.
    """

    def planned(chosen: Sequence[str], watch: Watch | None = None) -> Plan:
        compute_again(chosen)
        return predict(watch or Watch())

    watch = Watch()
    whole = planned(regions, watch)
    needs = Needs(watch)
    room = most
    for _ in range(_TRIES):
        chosen = needs.cheapest(room)
        if chosen is None:
            break
        plan = planned(chosen)
        if plan.whole.peak_bytes <= most:
            return Fit(plan, fits=True)
        room -= plan.whole.peak_bytes - most
    # the least there is: as reckoned, all of them, and none where that is not far off
    candidates = {tuple(regions): whole}
    for chosen in (needs.smallest(), []):
        if tuple(chosen) not in candidates and (chosen or needs.of_none() < 2 * whole.whole.peak_bytes):
            candidates[tuple(chosen)] = planned(chosen)
    least = min(candidates, key=lambda each: (candidates[each].whole.peak_bytes, len(each)))
    compute_again(least)
    return Fit(candidates[least], fits=candidates[least].whole.peak_bytes <= most)


@final
class Needs:
    """What every choice needs, reckoned from one pass; by segment, in the order in which they run forward."""

    def __init__(self, watch: Watch) -> None:
        self._held = watch.held
        kept = 0
        self._own: list[tuple[int, int]] = []
        for each in self._held:
            self._own.append(_own(each, kept))
            kept += each.kept
        self._turning = watch.turning - kept

    def cheapest(self, most: int) -> list[str] | None:
        """The segments to run again, at the least work, so that at most `most` bytes are alive."""
        states: dict[int, tuple[int, int, _Chosen]] = {0: (0, 0, None)}
        grain = max(1, most // _STATES)
        for each, own in zip(self._held, self._own, strict=True):
            following: dict[int, tuple[int, int, _Chosen]] = {}
            for kept, work, chosen in states.values():
                for again in (False, True):
                    if kept + own[again] > most:
                        continue
                    now = kept + (each.kept if again else _without(each))
                    cost = work + (_work(each) if again else 0)
                    known = following.get(now // grain)
                    if known is None or (cost, now) < (known[1], known[0]):
                        following[now // grain] = now, cost, (each.name, chosen) if again else chosen
            states = _undominated(following)
        found = [(work, kept, chosen) for kept, work, chosen in states.values()]
        found = [each for each in found if each[1] + self._turning <= most]
        if not found:
            return None
        return _listed(min(found, key=lambda each: each[:2])[2])

    def of_none(self) -> int:
        """The most bytes alive if no segment runs again."""
        kept, most = 0, 0
        for each, own in zip(self._held, self._own, strict=True):
            most = max(most, kept + own[False])
            kept += _without(each)
        return max(most, kept + self._turning)

    def smallest(self) -> list[str]:
        """The segments to run again so that the least bytes are alive."""
        low, high = 0, self.of_none()
        found = self._least(high)
        assert found is not None, "all of it fits"
        while high - low > max(1, high // 10_000):
            middle = (low + high) // 2
            least = self._least(middle)
            if least is None:
                low = middle
            else:
                found, high = least, middle
        return self.cheapest(high) or found

    def _least(self, most: int) -> list[str] | None:
        """A choice under which at most `most` bytes are alive: at each segment what keeps less."""
        kept, chosen = 0, list[str]()
        for each, own in zip(self._held, self._own, strict=True):
            ways = [
                (each.kept if again else _without(each), again)
                for again in (False, True)
                if kept + own[again] <= most
            ]
            if not ways:
                return None
            more, again = min(ways)
            kept += more
            chosen += [each.name] if again else []
        return chosen if kept + self._turning <= most else None


_Chosen = tuple[str, "_Chosen"] | None


def _listed(chosen: _Chosen) -> list[str]:
    found: list[str] = []
    while chosen is not None:
        name, chosen = chosen
        found.append(name)
    return found[::-1]


def _undominated(states: dict[int, tuple[int, int, _Chosen]]) -> dict[int, tuple[int, int, _Chosen]]:
    """Without those that keep more than another and cost no less."""
    found: dict[int, tuple[int, int, _Chosen]] = {}
    least: int | None = None
    for key in sorted(states):
        if least is None or states[key][1] < least:
            found[key], least = states[key], states[key][1]
    return found


def _own(each: Held, kept: int) -> tuple[int, int]:
    """The most alive at a segment less what others keep, if it does not run again and if it does."""
    always = max(each.backward, each.after) - kept
    # run forward for good it needs what it needed when it ran again
    once = each.before + each.again - each.start - kept
    return max(always, once, each.forward - kept), max(always, each.again - kept, each.forward - kept)


def _without(each: Held) -> int:
    """What a segment keeps that does not run again."""
    return max(each.kept, each.noted)


def _work(each: Held) -> int:
    """Multiply-adds, and a little for bytes: what only moves them is not for nothing."""
    return each.multiply_adds + each.noted // 64 + 1
