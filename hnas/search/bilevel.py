"""The two steps of a search: weights on trainA, alpha and beta on trainB (paper, Sec. 4.2).

First order: the architecture step takes the weights as constants. Each step asks gradients of its
own parameters only, which also saves what the others' would need to keep.
"""

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import final

import torch
from attrs import define, frozen
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - torch's own short name
from torch.optim import SGD, Adam, Optimizer

from hnas.data.base import VOID, Batch
from hnas.diag import HnasError
from hnas.engine.errors import NotFinite
from hnas.engine.settings import autocast
from hnas.runtime.supernet import SuperNet
from hnas.schema.settings import SearchSettings
from hnas.search.schedules import rate_at


def segmentation_loss(scores: Tensor, labels: Tensor) -> Tensor:
    """Mean cross entropy over the pixels that are not void; 0 where all are.

    Args:
        scores: (N, classes, H, W).
        labels: (N, H, W), class indices or VOID.
    """
    total = F.cross_entropy(scores.float(), labels, ignore_index=VOID, reduction="sum")
    return total / (labels != VOID).sum().clamp_min(1)


@final
@frozen
class Optimizers:
    """SGD of the weights and Adam of alpha and beta, with their schedules."""

    weights: Optimizer
    arch: Optimizer

    @classmethod
    def of(cls, model: SuperNet, settings: SearchSettings) -> "Optimizers":
        """The optimisers the block search asks for."""
        w, a = settings.weights, settings.arch
        sgd = SGD(
            model.weight_parameters(),
            lr=w.lr.start,
            momentum=w.momentum,
            nesterov=w.nesterov,
            weight_decay=w.weight_decay,
        )
        adam = Adam(
            model.arch_parameters(), lr=a.lr.start, betas=a.betas, eps=a.eps, weight_decay=a.weight_decay
        )
        return cls(sgd, adam)

    def schedule(self, settings: SearchSettings, done: float) -> tuple[float, float]:
        """Set both learning rates for the fraction `done` of all steps; returns them."""
        rates = rate_at(settings.weights.lr, done), rate_at(settings.arch.lr, done)
        for optimizer, rate in zip((self.weights, self.arch), rates, strict=True):
            for group in optimizer.param_groups:
                group["lr"] = rate
        return rates


@final
@define
class Bilevel:
    """The super-network with its optimisers; makes steps, knows no data and no schedule."""

    model: SuperNet
    optimizers: Optimizers
    settings: SearchSettings
    device: torch.device

    def weight_step(self, batch: Batch, step: int) -> Tensor:
        """One update of the weights on a batch of trainA; the loss, detached.

        Raises:
            HnasError: The loss is not finite; nothing was updated.
        """
        weights = self.model.weight_parameters()
        with _constant(self.model.arch_parameters()):
            loss = self._backward(batch, self.optimizers.weights, "weight", step)
            if self.settings.clip is not None:
                nn.utils.clip_grad_norm_(weights, self.settings.clip)
            self.optimizers.weights.step()
        return loss

    def arch_step(self, batch: Batch, step: int) -> Tensor:
        """One update of alpha and beta on a batch of trainB; the loss, detached.

        Running statistics of norms stay as they are unless the space says otherwise.

        Raises:
            HnasError: The loss is not finite; nothing was updated.
        """
        moves = self.settings.updates_stats == "both"
        with _constant(self.model.weight_parameters()):
            if not moves:
                self.model.network.update_statistics(False)
            try:
                loss = self._backward(batch, self.optimizers.arch, "architecture", step)
            finally:
                if not moves:
                    self.model.network.update_statistics(True)
            self.optimizers.arch.step()
        return loss

    def _backward(self, batch: Batch, optimizer: Optimizer, which: str, step: int) -> Tensor:
        self.model.train()
        optimizer.zero_grad(set_to_none=True)
        with autocast(self.device):
            scores = self.model(batch.images)
        loss = segmentation_loss(scores, batch.labels)
        value = loss.detach()
        if not value.is_meta and not bool(torch.isfinite(value)):
            raise HnasError(NotFinite(None, which=which, value=f"{value.item():g}", step=step))
        loss.backward()
        return value


def trial(model: SuperNet, batch: Batch, limit: float | None = None) -> None:
    """A pass forward and backward that leaves no trace in the model: what a weight step costs, to measure.

    Raises:
        TimeoutError: The forward pass alone takes longer than `limit` seconds.
    """
    deadline = None if limit is None else time.monotonic() + limit
    model.train()
    model.network.update_statistics(False)
    try:
        with autocast(batch.images.device):
            segmentation_loss(model(batch.images, deadline), batch.labels).backward()
    finally:
        model.network.update_statistics(True)
        model.zero_grad(set_to_none=True)


@contextmanager
def _constant(parameters: Iterable[nn.Parameter]) -> Iterator[None]:
    """Parameters that take part as constants: no gradient is asked of them."""
    listed = list(parameters)
    for parameter in listed:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in listed:
            parameter.requires_grad_(True)
