"""The primitive layers: attributes, how each changes the type of a map, weights and cost.

One table serves the checker, the expander, the counters and the manual; `runtime/primitives.py` has
the module for each name. Widths are exact integers.
"""

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction

from attrs import evolve

from hnas.ir.layer import Attribute, Attrs, Primitive, Shapes
from hnas.ir.rules import (
    channels,
    conv,
    conv_weights,
    depthwise_weights,
    global_rule,
    gridded,
    linear_weights,
    no_macs,
    no_weights,
    norm_weights,
    pointwise_weights,
    pooled,
    resized,
    same_rule,
    shuffled,
    strided,
    to_vector,
    transposed,
    transposed_weights,
    weighted_macs,
)
from hnas.ir.types import MOST_CHANNELS, MapType

MOST_PIXELS = 10_000
"""What a kernel, a rate, a step or a pad may be along an axis: no image is larger."""

_K = Attribute("k", "whole", None, "kernel size; a tuple for one per axis", per_axis=True, most=MOST_PIXELS)
_C = Attribute(
    "c",
    "whole",
    None,
    "channels of the result; those of the map it gets if not given",
    optional=True,
    most=MOST_CHANNELS,
)
_STRIDE = Attribute(
    "stride", "whole", 1, "by how much it reduces the resolution", per_axis=True, most=MOST_PIXELS
)
_DILATION = Attribute(
    "dilation", "whole", 1, "distance of the kernel's taps (atrous rate)", per_axis=True, most=MOST_PIXELS
)
_PAD = Attribute(
    "pad",
    "pad",
    "same",
    "`same`: the result has ceil(size / stride) pixels, an even kernel reaching further to the end; or zeros "
    "on each side",
    most=MOST_PIXELS,
)
_GROUPS = Attribute("groups", "whole", 1, "groups of channels convolved apart")
_BIAS = Attribute("bias", "flag", False, "whether a bias is added")


def _primitive(
    name: str,
    doc: str,
    attributes: Sequence[Attribute] = (),
    result: Callable[[Attrs, MapType, int], MapType] = same_rule,
    weights: Callable[[Attrs, MapType, int], Shapes] = no_weights,
) -> tuple[str, Primitive]:
    convolves = weights not in (no_weights, norm_weights)
    macs = weighted_macs(weights) if convolves else no_macs
    return name, Primitive(name, doc, tuple(attributes), result, weights, macs)


PRIMITIVES: Mapping[str, Primitive] = dict(
    (
        _primitive(
            "conv", "convolution", (_K, _C, _STRIDE, _DILATION, _PAD, _GROUPS, _BIAS), conv, conv_weights
        ),
        _primitive(
            "depthwise",
            "a convolution for each channel",
            (_K, _STRIDE, _DILATION, _PAD),
            strided,
            depthwise_weights,
        ),
        _primitive(
            "pointwise",
            "1x1 convolution",
            (_C, _BIAS),
            lambda a, x, _d: x.with_channels(channels(a, x)),
            pointwise_weights,
        ),
        _primitive(
            "transposed",
            "transposed convolution",
            (
                evolve(_K, per_axis=False),
                _C,
                Attribute("stride", "whole", 2, "by how much it raises the resolution", most=MOST_PIXELS),
                _BIAS,
            ),
            transposed,
            transposed_weights,
        ),
        _primitive(
            "linear",
            "linear layer on a map of one pixel",
            (_C, Attribute("bias", "flag", True, _BIAS.doc)),
            to_vector,
            linear_weights,
        ),
        _primitive("avg_pool", "average pooling; padding does not count", (_K, _STRIDE, _PAD), pooled),
        _primitive("max_pool", "maximum pooling", (_K, _STRIDE, _PAD), pooled),
        _primitive("global_pool", "the mean over all pixels", (), global_rule),
        _primitive(
            "grid_pool",
            "means over a grid of n x n, resized back",
            (Attribute("n", "whole", None, "cells of the grid per axis", per_axis=True, most=MOST_PIXELS),),
            gridded,
        ),
        _primitive(
            "norm",
            "the space's normalisation",
            (
                Attribute("affine", "flag", True, "whether a scale and a shift are learnt"),
                Attribute(
                    "stats",
                    "word",
                    "shared",
                    "batch statistics for each incoming move, or shared by all",
                    ("per_move", "shared"),
                ),
                Attribute("eps", "number", Fraction(1, 10**5), "added to the variance"),
                Attribute(
                    "momentum",
                    "number",
                    Fraction(1, 10),
                    "weight of the newest batch in the running statistics",
                ),
            ),
            same_rule,
            norm_weights,
        ),
        _primitive("relu", "max(x, 0)"),
        _primitive("relu6", "min(max(x, 0), 6)"),
        _primitive("skip", "the map as it is"),
        _primitive("none", "zeros: no connection"),
        _primitive("shift", "the map moved by one pixel up and left, zeros moving in"),
        _primitive(
            "shuffle",
            "channels of groups interleaved",
            (Attribute("groups", "whole", None, "number of groups"),),
            shuffled,
        ),
        _primitive(
            "dropout",
            "dropout while training",
            (Attribute("p", "number", Fraction(1, 2), "probability of a zero", most=1),),
        ),
        _primitive(
            "resize",
            "resampled to a stride, to the size of another map (like), or by a factor (scale)",
            (
                Attribute("to", "whole", None, "stride of the result", optional=True, per_axis=True),
                Attribute("scale", "number", None, "factor of the size, 1 / 2 halves it", optional=True),
                Attribute("mode", "word", "bilinear", "how", ("bilinear", "nearest")),
            ),
            resized,
        ),
    )
)
"""Every primitive by name."""
