"""The networks of DARTS, counted a second time by hand from the published definition.

A cell gets s0 (H(l-2)) and s1 (H(l-1)) and brings both to C channels by relu, 1 x 1 convolution and norm; s0
by two strided 1 x 1 convolutions of C / 2 where the cell before halved the resolution. It hands on its four
nodes, 4 C channels. In a reduction cell the operators on s0 and s1 have stride 2. At the size of the result:

    sep(k)  twice k^2 C weights, depthwise, C^2, pointwise, and a norm of 2 C; the stride is in the first
    dil(k)  the same once
    skip    nothing; with stride 2 as s0 above, C^2 weights and a norm
    pools   nothing

A weight of a convolution is used once for each pixel of its result: multiply-adds = weights x pixels.

The paper prints 3.3 M parameters on CIFAR-10 (V1 is 3.17 M where its released cells are counted), 4.7 M
parameters and 574 M multiply-adds for V2 on ImageNet. By the rule above, of convolutions and the last linear
layer, the multiply-adds are 529,911,552: the paper's follow another rule, which it does not give.
"""

import pytest
from attrs import define
from helpers import ROOT

from hnas.compiler import Compilation
from hnas.ir import cost

Genotype = dict[str, tuple[tuple[str, int], ...]]


def _cell(text: str) -> tuple[tuple[str, int], ...]:
    """`sep1` is a separable convolution on s1."""
    return tuple((word[:-1], int(word[-1])) for word in text.split())


V1: Genotype = {  # (operator, state): 0 is s0, 1 is s1, 2 the first node
    "normal": (
        ("sep", 1),
        ("sep", 0),
        ("skip", 0),
        ("sep", 1),
        ("skip", 0),
        ("sep", 1),
        ("sep", 0),
        ("skip", 2),
    ),
    "reduce": (
        ("max", 0),
        ("max", 1),
        ("skip", 2),
        ("max", 0),
        ("max", 0),
        ("skip", 2),
        ("skip", 2),
        ("avg", 0),
    ),
}
V2: Genotype = {
    "normal": (
        ("sep", 0),
        ("sep", 1),
        ("sep", 0),
        ("sep", 1),
        ("sep", 1),
        ("skip", 0),
        ("skip", 0),
        ("dil", 2),
    ),
    "reduce": (
        ("max", 0),
        ("max", 1),
        ("skip", 2),
        ("max", 1),
        ("max", 0),
        ("skip", 2),
        ("skip", 2),
        ("max", 1),
    ),
}


@define
class Tally:
    parameters: int = 0
    macs: int = 0

    def conv(self, weights: int, side: int, channels: int) -> None:
        """A convolution with its norm of two numbers a channel, its result side x side."""
        self.parameters += weights + 2 * channels
        self.macs += weights * side * side


def counted(genotype: Genotype, c: int, layers: int, classes: int, *, imagenet: bool) -> Tally:
    tally = Tally()
    if imagenet:
        tally.conv(9 * 3 * c // 2, 112, c // 2)
        tally.conv(9 * (c // 2) * c, 56, c)
        tally.conv(9 * c * c, 28, c)
        s0, s1, side = c, c, 28
    else:
        tally.conv(9 * 3 * 3 * c, 32, 3 * c)
        s0, s1, side = 3 * c, 3 * c, 32
    for layer in range(layers):
        reduces = layer in (layers // 3, 2 * layers // 3)
        given = side
        if reduces:
            c, side = 2 * c, side // 2
        for channels in (s0, s1):  # in halves, where s0 is strided: the same weights
            tally.conv(channels * c, given, c)
        for operator, state in genotype["reduce" if reduces else "normal"]:
            strided = reduces and state < 2
            if operator == "sep":
                tally.conv(9 * c, side, 0)
                tally.conv(c * c, side, c)
                tally.conv(9 * c, side, 0)
                tally.conv(c * c, side, c)
            elif operator == "dil":
                tally.conv(9 * c, side, 0)
                tally.conv(c * c, side, c)
            elif operator == "skip" and strided:
                tally.conv(c * c, side, c)
        s0, s1 = s1, 4 * c
    tally.parameters += s1 * classes + classes
    tally.macs += s1 * classes
    return tally


@pytest.mark.parametrize(
    ("name", "genotype", "c", "layers", "classes", "parameters", "macs"),
    [
        ("v1", V1, 36, 20, 10, 3_169_414, 500_987_520),
        ("v2", V2, 36, 20, 10, 3_349_342, 528_359_040),
        ("imagenet", V2, 48, 14, 1000, 4_718_752, 529_911_552),
    ],
)
def test_parameters_and_multiply_adds(
    name: str, genotype: Genotype, c: int, layers: int, classes: int, parameters: int, macs: int
) -> None:
    tally = counted(genotype, c, layers, classes, imagenet=name == "imagenet")
    assert (tally.parameters, tally.macs) == (parameters, macs)
    compilation = Compilation(ROOT / "examples" / "darts" / f"{name}.hnas")
    (architecture,) = compilation.networks().values()
    graph = compilation.used(architecture)
    side = 224 if name == "imagenet" else 32
    assert cost.total(cost.parameters(graph)) == parameters
    assert cost.multiply_adds(graph, (side, side)) == macs


def test_the_super_network_has_the_weights_its_authors_log() -> None:
    """Their search prints `param size = 1.930618MB`."""
    assert cost.total(Compilation(ROOT / "examples" / "darts" / "spec.hnas").parameters) == 1_930_618
