"""alpha and beta: a parameter for every group of a decision, and the weights they make."""

import math
from collections.abc import Callable, Mapping
from typing import final

import torch
from torch import Tensor, nn

from hnas.ir.decisions import Architecture, DecisionTable
from hnas.runtime.relax import Gumbel
from hnas.runtime.tree import ModuleTree

_Weigh = Callable[[Tensor], Tensor]


_OWN = "logits"
"""Where a group keeps its own parameter when decisions under its options are named below it."""


@final
class ArchParams(nn.Module):
    """One (O,) parameter of logits for each group of O options, named by the group's id.

    They start at normal(mean, deviation); the paper takes 0.001 * N(0, 1).

    Attributes:
        tau: The temperature at which one option is drawn for each choice while training; None weighs all
            of them. Whoever makes the steps keeps it to its schedule.
    """

    def __init__(self, table: DecisionTable, init: tuple[float, float]) -> None:
        super().__init__()
        mean, deviation = init
        self.tau: float | None = None
        tree = ModuleTree(self)
        self.logits: dict[str, nn.Parameter] = {}
        ids = [group.id for group in table.groups()]
        above = {name[:at] for name in ids for at, letter in enumerate(name) if letter == "."}
        for group in table.groups():
            drawn = torch.randn(len(group.options)) * deviation + mean
            path = f"{group.id}.{_OWN}" if group.id in above else group.id
            self.logits[group.id] = tree.parameter(path, nn.Parameter(drawn))
        moves = {d.id for d in table.decisions if d.kind == "move"}
        several = {d.id for d in table.decisions if d.kind == "choice" and d.take.most != 1}
        apart = moves if table.trellis.weigh == "independent" else set[str]()
        self._sigmoid = tuple(g for g in self.logits if g in several or g in apart)
        entering = moves if table.trellis.weigh == "incoming" else set[str]()
        self._softmax = tuple(g for g in self.logits if g not in entering and g not in self._sigmoid)
        self._entering = _entering(table) if table.trellis.weigh == "incoming" else ()

    @classmethod
    def of_state(cls, table: DecisionTable, state: Mapping[str, Tensor]) -> "ArchParams":
        """The architecture parameters in a super-network's state dict.

        Raises:
            RuntimeError: It is of a space with other decisions.
        """
        arch = cls(table, (0.0, 0.0))
        prefix = "arch."
        arch.load_state_dict({k[len(prefix) :]: v for k, v in state.items() if k.startswith(prefix)})
        return arch

    def _apply(self, fn, recurse=True):  # type: ignore[no-untyped-def]
        """Keep `logits` pointing at the parameters after a move to another device."""
        result = super()._apply(fn, recurse)
        self.logits = {n.removesuffix(f".{_OWN}"): p for n, p in self.named_parameters()}
        return result

    def weights(self) -> dict[str, Tensor]:
        """The mixing weights of every group, each (O,), by the group's id.

        alpha and `enter`: softmax over the options. beta, by the trellis' `weigh`: softmax over the
        moves that leave a state (paper, Eq. 7 and 8); over the decided moves that enter one; or a sigmoid
        each.
        """
        return self._weighed(lambda logits: logits.softmax(0), torch.sigmoid)

    def training_weights(self) -> dict[str, Tensor]:
        """The mixing weights to train with: `weights`, or a draw by them where there is a temperature.

        A draw takes from torch's generator.
        """
        if self.tau is None or not self.logits:
            return self.weights()
        numbers = sum(len(self.logits[group]) for group in (*self._softmax, *self._sigmoid, *self._sigmoid))
        numbers += sum(len(members) for members in self._entering)
        drawn = Gumbel(self.tau, numbers, next(iter(self.logits.values())))
        return self._weighed(drawn.softmax, drawn.sigmoid)

    def _weighed(self, softmax: _Weigh, sigmoid: _Weigh) -> dict[str, Tensor]:
        found = {group: softmax(self.logits[group]) for group in self._softmax}
        found |= {group: sigmoid(self.logits[group]) for group in self._sigmoid}
        if self._entering:
            parts: dict[str, dict[int, Tensor]] = {}
            for members in self._entering:
                logits = torch.stack([self.logits[group][option] for group, option in members])
                for (group, option), weight in zip(members, softmax(logits).unbind(0), strict=True):
                    parts.setdefault(group, {})[option] = weight
            found |= {g: torch.stack([options[o] for o in sorted(options)]) for g, options in parts.items()}
        return found


def _entering(table: DecisionTable) -> tuple[tuple[tuple[str, int], ...], ...]:
    """For every state from layer 2 on, the decided moves that enter it."""
    found: dict[str, list[tuple[str, int]]] = {}
    for source, ways in table.trellis.exits.items():
        decision = table.trellis.decisions.get(source)
        if decision is not None and source != table.trellis.start:
            for option, way in enumerate(ways):
                found.setdefault(way.target.id, []).append((decision, option))
    return tuple(tuple(members) for members in found.values())


def one_hot(table: DecisionTable, architecture: Architecture) -> dict[str, Tensor]:
    """Weights under which a super-network is the network `architecture`: 1 where an option is picked.

    A node that takes the same edge and operator twice weighs it 2; groups without a pick are zero.
    """
    found = {group.id: torch.zeros(len(group.options)) for group in table.groups()}
    for decision in table.decisions:
        groups = {group.name: group for group in decision.groups}
        for source, label in architecture.picks.get(decision.id, ()):
            group = groups[source]
            found[group.id][group.options.index(label)] += 1
    return found


def entropies(table: DecisionTable, weights: Mapping[str, Tensor]) -> dict[str, float]:
    """Mean entropy of alpha and of beta, each relative to log O: 1 is undecided, 0 decided."""
    sums: dict[str, list[float]] = {"alpha": [], "beta": []}
    for decision in table.decisions:
        for group in decision.groups:
            if len(group.options) < 2:
                continue
            p = weights[group.id].detach().double().cpu()
            p = p / p.sum()
            entropy = float(-(p * p.clamp_min(1e-300).log()).sum()) / math.log(len(group.options))
            sums["beta" if decision.kind in ("move", "enter") else "alpha"].append(entropy)
    return {name: sum(values) / len(values) for name, values in sums.items() if values}
