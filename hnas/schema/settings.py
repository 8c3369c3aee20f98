"""Typed settings of the blocks `search` and `decode`, as the checker fills them in.

Plain numbers: what is exact in the language becomes a float here, at the edge to the runtime.
"""

from typing import Literal, final

from attrs import frozen


@final
@frozen
class Schedule:
    """A learning rate over the whole run, as a function of the fraction of it that is done.

    `cosine(a, b)`: from a to b along half a cosine; `poly(a, p)`: a * (1 - t) ** p; `linear(a, b)`;
    `constant(a)`.
    """

    kind: Literal["cosine", "poly", "linear", "constant"]
    start: float
    end: float
    power: float = 1.0


@final
@frozen
class WeightOptimizer:
    """`weights = sgd(lr = ..., momentum, nesterov, weight_decay)`."""

    lr: Schedule
    momentum: float
    nesterov: bool
    weight_decay: float


@final
@frozen
class ArchOptimizer:
    """`arch = adam(lr, betas, weight_decay, from_epoch, init = normal(mean, deviation))`.

    alpha and beta are left alone in the first `from_epoch` epochs.
    """

    lr: Schedule
    betas: tuple[float, float]
    eps: float
    weight_decay: float
    from_epoch: int
    init: tuple[float, float]


@final
@frozen
class Validation:
    """`validate { every, images, batch }`: every so many epochs, on so many images of val (0: all)."""

    every: int
    images: int


@final
@frozen
class SearchSettings:
    """The block `search`."""

    epochs: int
    batch: int
    relax: Literal["softmax"]
    order: Literal["first"]
    weights: WeightOptimizer
    arch: ArchOptimizer
    validate: Validation
    clip: float | None
    """Largest norm of the weights' gradient; None does not clip."""
    updates_stats: Literal["weights", "both"]
    """Which steps move the running statistics of norms: the weight step, or both."""


@final
@frozen
class TrainSettings:
    """The block `train`: either `epochs` or `iterations` is None."""

    epochs: int | None
    iterations: int | None
    batch: int
    weights: WeightOptimizer
    clip: float | None
    aux: float
    drop_path: Schedule | None
    validate: Validation


@final
@frozen
class DecodeSettings:
    """The block `decode`: how an architecture is read off the relaxed decisions.

    `edges`: distinct edges a node keeps, strongest first (None: every edge). `path`: by Viterbi over
    the product of move weights, or step by step the strongest move.
    """

    edges: int | None
    path: Literal["viterbi", "greedy"]


@final
@frozen
class DataSettings:
    """The block `data NAME`.

    Attributes:
        name: The data set.
        resize: (height, width) every image is resized to first of all.
        crop: (height, width) of the random crops to train on; None takes whole images.
        split: Parts of the training images for the weights (trainA) and for alpha and beta (trainB).
        scale: Range of the random scale.
        flip: Whether images are mirrored at random.
    """

    name: str
    resize: tuple[int, int] | None = None
    crop: tuple[int, int] | None = None
    split: tuple[float, float] | None = (0.5, 0.5)
    scale: tuple[float, float] = (0.5, 2.0)
    flip: bool = True
