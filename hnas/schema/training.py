"""The attributes of the blocks data, search and train; part of the table in `blocks`."""

from hnas.schema.types import (
    Attribute,
    Block,
    Calls,
    Classes,
    Either,
    Flag,
    Listed,
    Many,
    Nested,
    Real,
    Text,
    Whole,
    Word,
)

SCHEDULE = Calls(
    {
        "cosine": (
            Attribute("start", Real(), "at the beginning", required=True),
            Attribute("end", Real(), "at the end", "0"),
        ),
        "poly": (
            Attribute("start", Real(), "at the beginning", required=True),
            Attribute("power", Real(), "of the part that is left", "0.9"),
        ),
        "linear": (
            Attribute("start", Real(), "at the beginning", required=True),
            Attribute("end", Real(), "at the end", required=True),
        ),
        "constant": (Attribute("start", Real(), "all the time", required=True),),
    },
    number="constant",
)

_LR = Attribute("lr", SCHEDULE, "learning rate", required=True)
_DECAY = Attribute("weight_decay", Real(), "weight decay", "0")
_BETAS = Attribute("betas", Listed(Real(0, 1), 2), "decay of Adam's two moments", "[0.9, 0.999]")
_EPS = Attribute("eps", Real(), "Adam's epsilon", "1e-8")
_SGD = (
    _LR,
    Attribute("momentum", Real(0, 1), "momentum", "0.9"),
    Attribute("nesterov", Flag(), "Nesterov's momentum", "false"),
    _DECAY,
)

WEIGHTS = Attribute("weights", Calls({"sgd": _SGD}), "optimiser of the weights", required=True)

TRAINED_WEIGHTS = Attribute(
    "weights",
    Calls(
        {
            "sgd": _SGD,
            "adamw": (_LR, _BETAS, _EPS, _DECAY),
            "rmsprop": (
                _LR,
                Attribute("alpha", Real(0, 1), "decay of the mean square", "0.9"),
                Attribute("eps", Real(), "added to its root", "1e-8"),
                Attribute("momentum", Real(0, 1), "momentum", "0"),
                _DECAY,
            ),
        }
    ),
    "optimiser of the weights",
    required=True,
)

_WARM_FROM = Attribute("start", Real(0, 1), "part of the learning rate it begins with", "0")

VALIDATE = Attribute(
    "validate",
    Nested(
        (
            Attribute("every", Whole(1), "epochs from one validation to the next", "1"),
            Attribute("images", Whole(0), "images of the validation set, evenly spaced; 0: all", "0"),
        )
    ),
    "measuring the super-network on the validation set",
)

SEARCH = Block(
    "search",
    "How weights and architecture are trained in alternation.",
    (
        Attribute(
            "epochs",
            Whole(1, 10**6),
            "passes over the half of the images that trains the weights",
            required=True,
        ),
        Attribute("batch", Whole(1, 10**5), "images in a batch, for either step", required=True),
        Attribute(
            "relax",
            Calls(
                {
                    "gdas": (
                        Attribute(
                            "tau",
                            SCHEDULE,
                            "temperature of the softmax the gradient goes through",
                            required=True,
                        ),
                    )
                },
                words=("softmax",),
            ),
            "how options are weighed while searching: all of them by a softmax, or gdas: one of them, drawn "
            "by its softmax with Gumbel noise for every batch",
            "softmax",
        ),
        Attribute(
            "order",
            Word(("first", "second")),
            "first: the architecture step takes the weights as constant; second: as they are after one step",
            "first",
        ),
        WEIGHTS,
        Attribute(
            "arch",
            Calls(
                {
                    "adam": (
                        _LR,
                        _BETAS,
                        _EPS,
                        _DECAY,
                        Attribute(
                            "from_epoch", Whole(0), "epochs in which alpha and beta are left alone", "0"
                        ),
                        Attribute(
                            "init",
                            Calls(
                                {
                                    "normal": (
                                        Attribute("mean", Real(float("-inf")), "mean", "0"),
                                        Attribute("deviation", Real(), "standard deviation", "0.001"),
                                    )
                                }
                            ),
                            "where alpha and beta start",
                            "normal(0, 0.001)",
                        ),
                    )
                }
            ),
            "optimiser of alpha and beta",
            required=True,
        ),
        VALIDATE,
        Attribute("clip", Either(Real()), "largest norm of the weights' gradient", "none"),
    ),
)

TRAIN = Block(
    "train",
    "How a found network is trained, and what of its space changes for it: parameters and blocks in it "
    "are laid over the space, as a profile's are.",
    (
        Attribute("epochs", Either(Whole(1, 10**6)), "passes over the images; or iterations", "none"),
        Attribute("iterations", Either(Whole(1, 10**9)), "updates of the weights; or epochs", "none"),
        Attribute("batch", Whole(1, 10**6), "images in a batch", required=True),
        Attribute("accumulate", Whole(1, 10**4), "batches whose gradients make one update", "1"),
        TRAINED_WEIGHTS,
        Attribute(
            "warm_up",
            Either(
                Calls(
                    {
                        "epochs": (Attribute("n", Whole(1, 10**6), "how many", required=True), _WARM_FROM),
                        "steps": (Attribute("n", Whole(1, 10**9), "how many", required=True), _WARM_FROM),
                    }
                )
            ),
            "how long the learning rate grows, in a straight line, to what its schedule says",
            "none",
        ),
        Attribute("clip", Either(Real()), "largest norm of the gradient", "none"),
        Attribute(
            "class_weights",
            Either(
                Calls(
                    {
                        "inverse_log": (
                            Attribute("c", Real(1), "added to the part of the pixels, above 1", "1.02"),
                        ),
                        "classes": (
                            Attribute("weights", Many(Real()), "of each class, in order", required=True),
                        ),
                    },
                    number="classes",
                    words=("median_frequency",),
                )
            ),
            "what a class counts for in the loss: from how often training images show it, or a list",
            "none",
        ),
        Attribute("label_smoothing", Real(0, 1), "part of a label that is spread over all classes", "0"),
        Attribute("aux", Real(), "weight of an auxiliary head's loss", "0"),
        Attribute(
            "drop_path",
            Either(SCHEDULE),
            "probability that an edge of a cell is left out, over the run",
            "none",
        ),
        Attribute(
            "ema",
            Either(Real(0, 1)),
            "decay of a moving average of the weights, which is what is measured and kept",
            "none",
        ),
        Attribute(
            "precision", Word(("float32", "bfloat16")), "of layers that autocast may make coarser", "float32"
        ),
        VALIDATE,
    ),
)

_SIDE = Whole(2, 100_000)
"""Of an image, in pixels: a single one has nothing to convolve, more do not fit into any memory."""

TRANSFORM = Calls(
    {
        "pad": (
            Attribute("by", Whole(1, 10**4), "pixels on every side, void in the labels", required=True),
            Attribute("fill", Word(("black", "mean")), "of black, or of the data set's mean colour", "black"),
        ),
        "crop": (
            Attribute(
                "size",
                Listed(_SIDE, 2, single=True),
                "side of a window at a random place, or [height, width]",
                required=True,
            ),
        ),
        "scale": (
            Attribute("low", Real(0.01, 100), "smallest factor", required=True),
            Attribute("high", Real(0.01, 100), "largest factor", required=True),
        ),
        "cutout": (
            Attribute(
                "side",
                Whole(1, 10**4),
                "of a square at a random place that becomes mean colour",
                required=True,
            ),
        ),
    },
    words=("flip",),
)

DATA = Block(
    "data",
    "The data set, and what is done to its images.",
    (
        Attribute(
            "resize", Either(Listed(_SIDE, 2)), "every image, first of all, to [height, width]", "none"
        ),
        Attribute(
            "crop",
            Either(Listed(_SIDE, 2, single=True)),
            "side of a random crop, or [height, width]",
            "none",
        ),
        Attribute(
            "split",
            Either(Listed(Real(0, 1), 2)),
            "parts of the training images for the weights (trainA) and for alpha and beta (trainB); none "
            "where nothing is searched",
            "[0.5, 0.5]",
        ),
        Attribute("scale", Listed(Real(0.01, 100), 2), "range of a random scale", "[0.5, 2]"),
        Attribute("flip", Flag(), "whether images are mirrored at random", "true"),
        Attribute(
            "augment",
            Either(Many(TRANSFORM)),
            "what is done to images that are trained on, in this order, in place of scale, crop and flip",
            "none",
            replaces=("crop", "scale", "flip"),
        ),
        Attribute("mean", Listed(Real(0, 1), 3), "of red, green and blue in 0..1; by default the set's"),
        Attribute(
            "deviation", Listed(Real(0.001, 1), 3), "standard deviation of the same; by default the set's"
        ),
        Attribute(
            "classes",
            Classes(),
            "of folder, which needs it: the classes in the order of their labels' values, each with or "
            "without a colour; `void` counts for nothing. Or the name of a file of them, a line each",
        ),
        Attribute("root", Text(), "of folder: where it lies, from the spec's folder; --data goes before it"),
        Attribute(
            "task",
            Word(("segmentation", "classification")),
            "of folder: a label for each pixel, or for each image; by default segmentation",
        ),
        Attribute(
            "labels",
            Word(("index", "colours")),
            "of folder: whether a pixel's value or its colour tells its class; by default index",
        ),
    ),
)

OF_FOLDER = ("classes", "root", "task", "labels")
"""Attributes of the block data that go with the data set `folder` alone."""
