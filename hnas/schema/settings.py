"""Typed settings of the blocks search, decode, data and train, as the checker fills them in.

Plain numbers: what is exact in the language becomes a float here, at the edge to the runtime.
"""

from typing import Literal, final

from attrs import frozen

from hnas.schema.classes import ClassName
from hnas.schema.datasets import Task


@final
@frozen
class Schedule:
    """A learning rate or a temperature over the whole run, as a function of the fraction that is done.

    `cosine(a, b)`: from a to b along half a cosine; `poly(a, p)`: a * (1 - t) ** p; `linear(a, b)`;
    `constant(a)`.
    """

    kind: Literal["cosine", "poly", "linear", "constant"]
    start: float
    end: float
    power: float = 1.0


@final
@frozen
class Softmax:
    """`relax = softmax`: every option weighed by its softmax."""


@final
@frozen
class Gdas:
    """`relax = gdas(tau = ...)`: one option, drawn anew for every batch; the gradient is the softmax's.

    tau is the temperature of that softmax, above 0 all the time.
    """

    tau: Schedule


Relax = Softmax | Gdas
"""How options are weighed while searching."""


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
class AdamW:
    """`weights = adamw(lr = ..., betas, eps, weight_decay)`."""

    lr: Schedule
    betas: tuple[float, float]
    eps: float
    weight_decay: float


@final
@frozen
class RmsProp:
    """`weights = rmsprop(lr = ..., alpha, eps, momentum, weight_decay)`."""

    lr: Schedule
    alpha: float
    eps: float
    momentum: float
    weight_decay: float


TrainOptimizer = WeightOptimizer | AdamW | RmsProp
"""The optimisers of the block train; a search has the first alone."""


@final
@frozen
class WarmUp:
    """`warm_up = epochs(n, start)` or `steps(n, start)`.

    The learning rate is that of the schedule times a factor that grows from `start` to 1.
    """

    unit: Literal["epochs", "steps"]
    n: int
    start: float


@final
@frozen
class MedianFrequency:
    """`class_weights = median_frequency`: the median of all frequencies over that of the class."""


@final
@frozen
class InverseLog:
    """`class_weights = inverse_log(c)`: 1 / ln(c + part of the pixels)."""

    c: float


@final
@frozen
class GivenWeights:
    """`class_weights = [...]`: one for each class."""

    weights: tuple[float, ...]


ClassWeights = MedianFrequency | InverseLog | GivenWeights
"""What a class counts for in the loss."""


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
    relax: Relax
    order: Literal["first", "second"]
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
    """The block `train`: either `epochs` or `iterations` is None.

    Attributes:
        epochs, iterations: The length of the run, in passes over the images or in updates.
        batch: Images in a batch.
        accumulate: Batches of an update.
        weights: The optimiser.
        warm_up: How the learning rate begins.
        clip: Largest norm of the gradient.
        class_weights: What a class counts for in the loss.
        label_smoothing: Part of a label that is spread over all classes.
        aux: Weight of the auxiliary head's loss.
        drop_path: Probability that an edge of a cell is left out, over the run.
        ema: Decay of the moving average of the weights.
        precision: What autocast computes with.
        validate: When, and on how many images.
    """

    epochs: int | None
    iterations: int | None
    batch: int
    weights: TrainOptimizer
    validate: Validation
    accumulate: int = 1
    warm_up: WarmUp | None = None
    clip: float | None = None
    class_weights: ClassWeights | None = None
    label_smoothing: float = 0.0
    aux: float = 0.0
    drop_path: Schedule | None = None
    ema: float | None = None
    precision: Literal["float32", "bfloat16"] = "float32"


@final
@frozen
class DecodeSettings:
    """The block `decode`: how an architecture is read off the relaxed decisions.

    `edges`: distinct edges a node keeps, strongest first (None: as many as its cell takes).
    `path`: by Viterbi over the product of move weights, or step by step the strongest move.
    """

    edges: int | None
    path: Literal["viterbi", "greedy"]


@final
@frozen
class Pad:
    """`pad(by, fill)`: pixels on every side."""

    by: int
    fill: Literal["black", "mean"] = "black"


@final
@frozen
class Crop:
    """`crop(size)`: a window of (height, width) at a random place."""

    size: tuple[int, int]


@final
@frozen
class Scale:
    """`scale(low, high)`: resized by a random factor."""

    low: float
    high: float


@final
@frozen
class Flip:
    """`flip`: one image in two mirrored left to right."""


@final
@frozen
class Cutout:
    """`cutout(side)`: a square at a random place that shows nothing."""

    side: int


Transform = Pad | Crop | Scale | Flip | Cutout
"""An element of `augment`."""


@final
@frozen
class FolderSettings:
    """What a spec says of the data set `folder`.

    Attributes:
        listed: Its classes, and `void`, in the order of their labels' values.
        root: Where it lies, an absolute path; None where `--data` must say it.
        task: Whether a label is of a pixel or of an image.
        labels: Whether a pixel's value or its colour tells its class.
    """

    listed: tuple[ClassName, ...]
    root: str | None = None
    task: Task = "segmentation"
    labels: Literal["index", "colours"] = "index"


@final
@frozen
class DataSettings:
    """The block `data NAME`.

    Attributes:
        name: The data set.
        resize: (height, width) every image is resized to first of all.
        crop: (height, width) of the random crops to train on; None takes whole images.
        split: Parts of the training images for the weights (trainA) and for alpha and beta (trainB);
            None where nothing is searched.
        scale: Range of the random scale.
        flip: Whether images are mirrored at random.
        augment: What is done to an image that is trained on, in this order, in place of the fixed order
            of scale, crop and flip; then those three are left at doing nothing.
        mean, deviation: Of red, green and blue in 0..1; None are those of the data set's card.
        folder: Of the data set `folder` alone.
    """

    name: str
    resize: tuple[int, int] | None = None
    crop: tuple[int, int] | None = None
    split: tuple[float, float] | None = (0.5, 0.5)
    scale: tuple[float, float] = (0.5, 2.0)
    flip: bool = True
    augment: tuple[Transform, ...] | None = None
    mean: tuple[float, float, float] | None = None
    deviation: tuple[float, float, float] | None = None
    folder: FolderSettings | None = None

    @property
    def root(self) -> str | None:
        """Where the spec says that the data set lies."""
        return self.folder.root if self.folder is not None else None

    def trained_size(self, image: tuple[int, int] | None = None) -> tuple[int, int] | None:
        """(height, width) of what is trained on, given that of the images; None where neither fixes it.

        A random scale is left aside: what no crop follows is as large on the average.
        """
        if self.augment is None:
            return self.crop or self.resize or image
        size = self.resize or image
        for transform in self.augment:
            if isinstance(transform, Crop):
                size = transform.size
            elif isinstance(transform, Pad) and size is not None:
                size = (size[0] + 2 * transform.by, size[1] + 2 * transform.by)
        return size
