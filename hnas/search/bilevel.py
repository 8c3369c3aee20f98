"""The two steps of a search: weights on trainA, alpha and beta on trainB (paper, Sec. 4.2).

First order: the architecture step takes the weights as constants. Each step asks gradients of its
own parameters only, which also saves what the others' would need to keep. Second order: see `unrolled`.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext
from typing import final

import torch
from attrs import define, frozen
from torch import Tensor, nn
from torch.optim import SGD, Adam, Optimizer

from hnas.data.base import Batch
from hnas.diag import HnasError
from hnas.engine.errors import NotFinite
from hnas.engine.losses import cross_entropy
from hnas.engine.schedules import rate_at
from hnas.engine.settings import autocast
from hnas.runtime.supernet import SuperNet
from hnas.schema.settings import Gdas, SearchSettings
from hnas.search.errors import NothingLearnt
from hnas.search.unrolled import Losses, unrolled_gradient


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
    """The super-network with its optimisers; makes steps, knows no data and no progress."""

    model: SuperNet
    optimizers: Optimizers
    settings: SearchSettings
    device: torch.device

    def __attrs_post_init__(self) -> None:
        self.schedule(0.0)

    def schedule(self, done: float) -> dict[str, float]:
        """Set what changes over the run for the fraction `done` of all steps; returns it by name."""
        rates = self.optimizers.schedule(self.settings, done)
        found = {"lr": rates[0], "lr_arch": rates[1]}
        if isinstance(self.settings.relax, Gdas):
            self.model.arch.tau = found["tau"] = rate_at(self.settings.relax.tau, done)
        return found

    def weight_step(self, batch: Batch, step: int) -> Tensor:
        """One update of the weights on a batch of trainA; the loss, detached.

        Raises:
            HnasError: The loss is not finite; nothing was updated.
        """
        weights = self.model.weight_parameters()
        self.optimizers.weights.zero_grad(set_to_none=True)
        with _constant(self.model.arch_parameters()):
            loss = self._loss(batch, "weight", step)
            loss.backward()
        if self.settings.clip is not None:
            nn.utils.clip_grad_norm_(weights, self.settings.clip)
        self.optimizers.weights.step()
        return loss.detach()

    def arch_step(self, batch: Batch, step: int, train: Batch | None = None) -> Tensor:
        """One update of alpha and beta on a batch of trainB; the loss, detached.

        Running statistics of norms stay as they are unless the space says otherwise; then the pass on
        `batch` moves them, once.

        Args:
            batch: Of trainB.
            step: For messages.
            train: The batch of trainA that the next weight step takes; second order needs it.

        Raises:
            HnasError: The loss is not finite; nothing was updated.
        """
        self.optimizers.arch.zero_grad(set_to_none=True)
        self.optimizers.weights.zero_grad(set_to_none=True)  # spent: they need not lie there meanwhile
        moves = self.settings.updates_stats == "both"
        weights = self.model.weight_parameters()
        if self.settings.order == "second":
            assert train is not None, "second order takes a step on a batch of trainA"
            loss = self._unrolled(batch, train, step, moves)
        else:
            with _constant(weights):
                loss = self._loss(batch, "architecture", step, moves)
                loss.backward()
        self.optimizers.arch.step()
        return loss.detach()

    def _unrolled(self, batch: Batch, train: Batch, step: int, moves: bool) -> Tensor:
        """The gradient of alpha and beta by second order, put where the optimiser finds it."""
        weights, arch = self.model.weight_parameters(), self.model.arch_parameters()

        def on_train() -> Tensor:
            with _constant(arch):
                return self._loss(train, "architecture", step, moves=False)

        def difference() -> Tensor:
            with _constant(weights):
                return self._loss(train, "architecture", step, moves=False, exact=True)

        losses = Losses(on_train, lambda: self._loss(batch, "architecture", step, moves), difference)
        loss, gradients = unrolled_gradient(losses, self.optimizers.weights, arch, self.device)
        for parameter, gradient in zip(arch, gradients, strict=True):
            parameter.grad = gradient
        return loss

    def _loss(
        self, batch: Batch, which: str, step: int, moves: bool = True, *, exact: bool = False
    ) -> Tensor:
        """The loss of a batch in training mode, running statistics moved or left; finite."""
        self.model.train()
        if not moves:
            self.model.network.update_statistics(False)
        try:
            with nullcontext() if exact else autocast(self.device):
                loss = cross_entropy(self.model(batch.images), batch.labels)
        finally:
            if not moves:
                self.model.network.update_statistics(True)
        value = loss.detach()
        if not value.is_meta and not bool(torch.isfinite(value)):
            raise HnasError(NotFinite(None, which=which, value=f"{value.item():g}", step=step))
        if not loss.requires_grad:
            why = "no choice" if which == "architecture" else "no weight"
            raise HnasError(NothingLearnt(None, space="the space", why=f"{why} has a say in the result"))
        return loss


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
