"""What a step costs, measured without a trace."""

import time
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import nn

from hnas.data.base import Batch
from hnas.engine.losses import cross_entropy
from hnas.runtime.lower import Network


def trial(
    model: nn.Module,
    network: Network,
    batch: Batch,
    limit: float | None = None,
    precision: AbstractContextManager[Any] | None = None,
) -> None:
    """A pass forward and backward that changes nothing in the model: what a step costs, to measure.

    Args:
        model: `network` itself, or the super-network around it.
        network: Whose running statistics are left alone.
        batch: What it is made on.
        limit: Seconds after which it may be given up.
        precision: What is computed with.

    Raises:
        TimeoutError: The forward pass alone takes longer than `limit` seconds.
    """
    deadline = None if limit is None else time.monotonic() + limit
    model.train()
    network.update_statistics(False)
    # classes of extern operators may move buffers of their own
    before = [buffer.clone() for buffer in model.buffers()]
    try:
        with precision or nullcontext():
            cross_entropy(model(batch.images, deadline=deadline), batch.labels).backward()
    finally:
        network.update_statistics(True)
        with torch.no_grad():
            for buffer, kept in zip(model.buffers(), before, strict=True):
                buffer.copy_(kept)
        model.zero_grad(set_to_none=True)
