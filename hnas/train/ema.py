"""A moving average of a network's weights and statistics."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, final

import torch
from torch import Tensor, nn


@final
class Average:
    """average = decay * average + (1 - decay) * weights, after every update; it starts at the weights.

    Running statistics are averaged too; what is no real number is taken as it is.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        self._network, self._decay = network, decay
        self._kept = {name: value.detach().clone() for name, value in self._values()}

    def _values(self) -> Iterator[tuple[str, Tensor]]:
        yield from self._network.named_parameters()
        yield from self._network.named_buffers()

    @torch.no_grad()
    def update(self) -> None:
        """The network was updated."""
        for name, value in self._values():
            kept = self._kept[name]
            if kept.is_floating_point():
                kept.lerp_(value, 1 - self._decay)
            else:
                kept.copy_(value)

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """The network computes with the average while this lasts."""
        before = {name: value.detach().clone() for name, value in self._values()}
        self._fill(self._kept)
        try:
            yield
        finally:
            self._fill(before)

    @torch.no_grad()
    def _fill(self, values: Mapping[str, Tensor]) -> None:
        # what tensors hold, not where they lie: statistics lie together, some of them in one place
        for name, value in self._values():
            value.copy_(values[name])

    def state(self) -> dict[str, Tensor]:
        """The average by name, as a state dict of the network."""
        return dict(self._kept)

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take up what `state` gave."""
        for name, kept in self._kept.items():
            kept.copy_(state[name])
