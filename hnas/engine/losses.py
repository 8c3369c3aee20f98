"""What a network is trained to make small."""

from typing import final

import torch
from attrs import frozen
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - torch's own short name

from hnas.data.base import VOID
from hnas.diag import HnasError
from hnas.engine.errors import ScoresDoNotFit


def cross_entropy(scores: Tensor, labels: Tensor) -> Tensor:
    """Mean cross entropy over the labels that are not void; 0 where all are.

    Args:
        scores: (N, classes, *axes), of one, two or three axes.
        labels: (N, *axes), class indices or VOID, a label for each pixel; or (N,), one for the whole
            image: then the axes of the scores are of one pixel, or there are none.

    Raises:
        HnasError: The sizes of scores and labels do not go together.
    """
    how = Loss()
    return how.total(scores, labels) / divisor(how.mass(labels))


@final
@frozen(eq=False)
class Loss:
    """Cross entropy as a sum, and what it is divided by to be a mean: so several batches make one mean.

    Attributes:
        weights: What each class counts for, (classes,).
        smoothing: The part of a label that is spread over all classes (Szegedy et al., CVPR 2016).
    """

    weights: Tensor | None = None
    smoothing: float = 0.0

    def total(self, scores: Tensor, labels: Tensor) -> Tensor:
        """The sum over the labels that are not void; arguments and errors as of `cross_entropy`."""
        scores = per_label(scores, labels)
        kept = scores if scores.dtype == torch.float64 else scores.float()
        weights = None if self.weights is None else self.weights.to(kept)
        return F.cross_entropy(
            kept,
            labels,
            weights,
            ignore_index=VOID,
            reduction="sum",
            label_smoothing=self.smoothing,
        )

    def mass(self, labels: Tensor) -> Tensor:
        """What the labels that are not void count for."""
        if self.weights is None:
            return (labels != VOID).sum()
        return self.weights.to(labels.device)[labels[labels != VOID]].sum()


def divisor(mass: Tensor) -> Tensor:
    """What a sum is divided by to be a mean: the mass of its labels, 1 where nothing counts."""
    return torch.where(mass > 0, mass, torch.ones_like(mass))


def per_label(scores: Tensor, labels: Tensor) -> Tensor:
    """The scores as (N, classes, *axes of the labels): axes of one pixel go where labels have none.

    Raises:
        HnasError: The sizes of scores and labels do not go together.
    """
    if labels.ndim == 1 and scores[0, 0].numel() == 1:
        return scores.flatten(1)
    if scores.shape[2:] != labels.shape[1:]:
        raise HnasError(
            ScoresDoNotFit(None, scores=_spell(scores.shape[2:]), labels=_spell(labels.shape[1:]))
        )
    return scores


def _spell(axes: tuple[int, ...]) -> str:
    return " x ".join(map(str, axes)) if axes else "one for the whole image"
