"""The optimiser of a training and its learning rate."""

from collections.abc import Iterable
from typing import assert_never

from torch import nn
from torch.optim import SGD, AdamW, Optimizer, RMSprop

from hnas.engine.plan import Plan
from hnas.engine.schedules import rate_at
from hnas.schema import settings as s


def optimizer_of(parameters: Iterable[nn.Parameter], how: s.TrainOptimizer) -> Optimizer:
    """The optimiser the block train asks for."""
    rate, decay = how.lr.start, how.weight_decay
    match how:
        case s.WeightOptimizer():
            return SGD(parameters, lr=rate, momentum=how.momentum, nesterov=how.nesterov, weight_decay=decay)
        case s.AdamW():
            return AdamW(parameters, lr=rate, betas=how.betas, eps=how.eps, weight_decay=decay)
        case s.RmsProp():
            return RMSprop(
                parameters,
                lr=rate,
                alpha=how.alpha,
                eps=how.eps,
                momentum=how.momentum,
                weight_decay=decay,
            )
        case _:
            assert_never(how)


def learning_rate(settings: s.TrainSettings, plan: Plan, step: int) -> float:
    """The learning rate of step `step` (from 0): that of the schedule, smaller while it warms up.

    The factor grows from `start` at the first step to 1 at the first one after the warm-up, in a
    straight line (Goyal et al., 2017, Sec. 2.2).
    """
    rate = rate_at(settings.weights.lr, step / plan.steps)
    warm = settings.warm_up
    if warm is None:
        return rate
    length = warm.n if warm.unit == "steps" else plan.epoch_end(warm.n)
    return rate * (warm.start + (1 - warm.start) * step / length) if step < length else rate
