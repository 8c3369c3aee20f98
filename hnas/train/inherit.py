"""Weights taken over from another network, by name."""

from collections.abc import Mapping
from typing import final

import torch
from attrs import frozen
from torch import Tensor, nn


@final
@frozen
class Inherited:
    """What became of the tensors of a network.

    Attributes:
        copied: Taken over.
        missing: The source has none of that name: they stay as they were.
        differing: The source has another shape there: they stay too.
    """

    copied: tuple[str, ...]
    missing: tuple[str, ...]
    differing: tuple[str, ...]

    @property
    def left(self) -> tuple[str, ...]:
        """What was not taken over."""
        return (*self.missing, *self.differing)

    def counts(self) -> dict[str, float]:
        """How many of each, for a record."""
        return {
            "inherited": len(self.copied),
            "not inherited, no source": len(self.missing),
            "not inherited, another shape": len(self.differing),
        }

    def spell(self, most: int = 5) -> str:
        """In a sentence, the first `most` names of what was not taken over."""
        whole = len(self.copied) + len(self.left)
        text = f"inherits {len(self.copied)} of {whole} tensors"
        for what, names in (("no source for", self.missing), ("another shape for", self.differing)):
            more = f" and {len(names) - most} more" if len(names) > most else ""
            text += f"; {what} {', '.join(names[:most])}{more}" if names else ""
        return text


@torch.no_grad()
def inherit(network: nn.Module, source: Mapping[str, Tensor]) -> Inherited:
    """Copy weights and running statistics of the same name and shape from `source`."""
    copied: list[str] = []
    missing: list[str] = []
    differing: list[str] = []
    for name, value in network.state_dict().items():
        # running statistics lie beside a scale and shift where there are any: the other form may have none
        other = name.replace(".stats.running_", ".running_") if ".stats." in name else _beside(name)
        given = source.get(name, source.get(other))
        if given is None:
            missing.append(name)
        elif given.shape != value.shape:
            differing.append(name)
        else:
            value.copy_(given)
            copied.append(name)
    return Inherited(tuple(copied), tuple(missing), tuple(differing))


def _beside(name: str) -> str:
    above, _, last = name.rpartition(".")
    return f"{above}.stats.{last}" if last.startswith("running_") else name
