"""What training holds besides a pass, and plans that keep to --memory. Needs torch."""

from collections.abc import Callable
from math import ceil

from attrs import evolve

from hnas.compiler import Compilation
from hnas.diag import HnasError
from hnas.engine.errors import TooLittleMemory
from hnas.planning.memory import fit
from hnas.planning.plan import Plan, byte_count
from hnas.planning.watching import Watch
from hnas.runtime.lower import Network
from hnas.runtime.supernet import SuperNet
from hnas.schema import settings as s


def state_bytes(compilation: Compilation, model: SuperNet | Network) -> int:
    """What is kept from step to step beside weights and statistics, or lies there while a pass runs.

    Of a search: the momentum of the weights, two moments of alpha and beta; by second order the weights as
    they were, two gradients of theirs and a direction. Of a training: the optimiser's moments, the moving
    average, and where batches are accumulated the gradients of those before.
    """
    if isinstance(model, SuperNet):
        search = compilation.program.search
        if search is None:
            return 0
        weights, arch = byte_count(model.weight_parameters()), byte_count(model.arch_parameters())
        copies = (search.weights.momentum > 0) + (4 if search.order == "second" else 0)
        return copies * weights + 2 * arch
    train = compilation.program.train
    if train is None:
        return 0
    weights = byte_count(model.parameters())
    copies = _moments(train.weights) + (train.accumulate > 1)
    average = weights + byte_count(model.buffers()) if train.ema is not None else 0
    return copies * weights + average


def _moments(how: s.TrainOptimizer) -> int:
    """Numbers an optimiser keeps for each weight."""
    match how:
        case s.WeightOptimizer():
            return int(how.momentum > 0)
        case s.AdamW():
            return 2
        case s.RmsProp():
            return 1 + (how.momentum > 0)


def within(
    model: SuperNet | Network, state: int, memory: int | None, predict: Callable[[Watch], Plan]
) -> Plan:
    """The plan of a pass; with `memory` one that keeps to it, and the model is left so that it does.

    Args:
        model: Without memory.
        state: As of `state_bytes`.
        memory: Bytes for all that training holds at once.
        predict: Plans a pass of the model as it stands.

    Raises:
        HnasError: No choice keeps to it (E0725).
    """

    def planned(watch: Watch) -> Plan:
        return evolve(predict(watch), state_bytes=state)

    if memory is None:
        return planned(Watch())
    network = model.network if isinstance(model, SuperNet) else model
    resident = byte_count(model.parameters()) + byte_count(model.buffers()) + state
    found = fit(network.regions, memory - resident, network.compute_again, planned)
    if not found.fits:
        least = found.plan.total_bytes
        smallest = f"{ceil(least / 2**20)}MiB" if least >= 2**24 else f"{ceil(least / 2**10)}KiB"
        raise HnasError(
            TooLittleMemory(None, memory=spell_bytes(memory), least=spell_bytes(least), smallest=smallest)
        )
    return found.plan


def spell_bytes(count: int) -> str:
    """In the largest unit of which it is one at least, to four digits."""
    power = min(3, max(1, (count.bit_length() - 1) // 10))
    return f"{count / 2 ** (10 * power):,.4g} {' KMG'[power]}iB"


def spell_again(parts: int, extra: float) -> str:
    """How many parts of the network backward computes again, and the extra work as a part of all work."""
    if not parts:
        return "nothing is computed again"
    what = f"{parts} part{'s' if parts > 1 else ''} of the network"
    return f"backward computes {what} again, {extra:.1%} more multiply-adds"
