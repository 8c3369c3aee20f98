"""One update of a network's weights, on one batch or on several."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, final

import torch
from attrs import define, field
from torch import Tensor, nn
from torch.optim import Optimizer

from hnas.data.base import Batch
from hnas.diag import HnasError
from hnas.engine.errors import NotFinite
from hnas.engine.losses import Loss, divisor
from hnas.runtime.lower import Network
from hnas.schema.settings import TrainSettings
from hnas.train.ema import Average
from hnas.train.optimizers import optimizer_of


@final
@define
class Updates:
    """A network with its optimiser; makes updates, knows no data and no progress.

    Attributes:
        class_weights: What each class counts for in the loss; None: the same.
        average: The moving average of the weights, where there is one.
    """

    network: Network
    settings: TrainSettings
    device: torch.device
    class_weights: tuple[float, ...] | None = None
    optimizer: Optimizer = field(init=False)
    average: Average | None = field(init=False)
    _loss: Loss = field(init=False)

    def __attrs_post_init__(self) -> None:
        ema, weights = self.settings.ema, self.class_weights
        self.optimizer = optimizer_of(self.network.parameters(), self.settings.weights)
        self.average = None if ema is None else Average(self.network, ema)
        given = None if weights is None else torch.tensor(weights, device=self.device)
        self._loss = Loss(given, self.settings.label_smoothing)

    def autocast(self) -> AbstractContextManager[Any]:
        """What `precision` says, on whatever device."""
        if self.settings.precision == "bfloat16":
            return torch.autocast(self.device.type, torch.bfloat16)
        return nullcontext()

    def update(self, batches: Sequence[Batch], step: int, rate: float) -> dict[str, Tensor]:
        """One update on the mean loss over all labels of `batches`; the losses by name, detached.

        Raises:
            HnasError: A loss is not finite; nothing was updated.
        """
        self.network.train()
        self.optimizer.zero_grad(set_to_none=True)
        mass = divisor(torch.stack([self._loss.mass(batch.labels).float() for batch in batches]).sum())
        losses: dict[str, Tensor] = {}
        for batch in batches:
            found = self._losses(batch, mass)
            total = found["loss"]
            if "loss_aux" in found:
                total = total + self.settings.aux * found["loss_aux"]
            value = total.detach()
            if not bool(torch.isfinite(value)):
                spelled = f"{value.item():g}"
                raise HnasError(NotFinite(None, which="weight", value=spelled, step=step, block="train"))
            total.backward()
            for name, loss in found.items():
                losses[name] = losses[name] + loss.detach() if name in losses else loss.detach()
        if self.settings.clip is not None:
            nn.utils.clip_grad_norm_(self.network.parameters(), self.settings.clip)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.step()
        if self.average is not None:
            self.average.update()
        return losses

    def _losses(self, batch: Batch, mass: Tensor) -> dict[str, Tensor]:
        """The losses of a batch, parts of the mean over `mass`."""
        with self.autocast():
            if self.settings.aux == 0 or self.network.aux_result is None:
                return {"loss": self._loss.total(self.network(batch.images), batch.labels) / mass}
            scores, auxiliary = self.network.with_aux(batch.images)
            assert auxiliary is not None, "the network has an auxiliary head"
            return {
                "loss": self._loss.total(scores, batch.labels) / mass,
                "loss_aux": self._loss.total(auxiliary, batch.labels) / mass,
            }
