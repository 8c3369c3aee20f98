"""Gumbel noise: one option drawn for each choice, with a gradient to all of them (GDAS, straight-through).

Dong, Yang, CVPR 2019, Eq. 3 and 4; for choices that are each on or off, the same with logistic noise
(Maddison, Mnih, Teh, ICLR 2017, Sec. 4).
"""

from typing import final

import torch
from torch import Tensor


@final
class Gumbel:
    """The noise of one forward pass, handed out choice by choice.

    It is drawn on the processor from torch's own generator, so that the same seed gives the same draws
    on every device, and a checkpoint that holds this generator holds all there is to them.
    """

    def __init__(self, tau: float, numbers: int, like: Tensor) -> None:
        """`numbers`: how many logits, those of an on-or-off choice counted twice."""
        drawn = torch.empty(numbers, dtype=like.dtype).exponential_()
        # 0 is drawn once in 2^24 times, and its logarithm would be no number further on
        self._noise = -drawn.clamp_min_(torch.finfo(drawn.dtype).tiny).log_().to(like.device)
        self._tau, self._taken = tau, 0

    def softmax(self, logits_O: Tensor) -> Tensor:
        """1 for the option that was drawn, with its probability by softmax, and 0 for the others.

        The gradient is that of the softmax with noise, at the temperature tau.
        """
        noise_O = self._take(len(logits_O))
        soft_O = ((logits_O + noise_O) / self._tau).softmax(0)
        hard_O = torch.zeros_like(soft_O).scatter_(0, soft_O.argmax(0, keepdim=True), 1.0)
        return _straight_through(hard_O, soft_O)

    def sigmoid(self, logits_O: Tensor) -> Tensor:
        """1 for each option that was drawn, with its probability by sigmoid, and 0 for the others."""
        noise_O = self._take(len(logits_O)) - self._take(len(logits_O))  # logistic
        soft_O = ((logits_O + noise_O) / self._tau).sigmoid()
        return _straight_through((soft_O > 0.5).to(soft_O.dtype), soft_O)

    def _take(self, numbers: int) -> Tensor:
        self._taken += numbers
        assert self._taken <= len(self._noise), "less noise was drawn than is asked for"
        return self._noise[self._taken - numbers : self._taken]


def _straight_through(hard: Tensor, soft: Tensor) -> Tensor:
    """`hard` to the bit, since soft - soft is 0 exactly, with the gradient of `soft`."""
    return hard.detach() + (soft - soft.detach())
