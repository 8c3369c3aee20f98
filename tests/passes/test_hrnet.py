"""HRNetV2 counted a second time by hand, from section 3 of the paper and the layers of its released code."""

import pytest
from helpers import ROOT

from hnas.compiler import Compilation
from hnas.ir import cost


def conv(k: int, given: int, made: int) -> int:
    """A convolution and its norm."""
    return k * k * given * made + 2 * made


def bottleneck(given: int) -> int:
    shortcut = conv(1, given, 256) if given != 256 else 0
    return conv(1, given, 64) + conv(3, 64, 64) + conv(1, 64, 256) + shortcut


def module(widths: list[int]) -> int:
    """Four blocks of two convolutions in every branch, then every branch into every branch."""
    total = sum(4 * 2 * conv(3, c, c) for c in widths)
    for to, made in enumerate(widths):
        for at, given in enumerate(widths):
            if at > to:
                total += conv(1, given, made)
            else:  # a stride of 2 a step; the last step has the width of where it leads
                total += sum(conv(3, given, given) for _ in range(to - at - 1))
                total += conv(3, given, made) if at < to else 0
    return total


def counted(c: int, classes: int) -> int:
    w = [c, 2 * c, 4 * c, 8 * c]
    stem = conv(3, 3, 64) + conv(3, 64, 64)
    stages = bottleneck(64) + 3 * bottleneck(256) + module(w[:2]) + 4 * module(w[:3]) + 3 * module(w)
    # what a stage starts from: both branches of the second anew, one more branch of the others
    begins = conv(3, 256, w[0]) + conv(3, 256, w[1]) + conv(3, w[1], w[2]) + conv(3, w[2], w[3])
    joined = sum(w)
    head = conv(1, joined, joined) + joined + joined * classes + classes  # with biases
    return stem + stages + begins + head


@pytest.mark.parametrize("c", [18, 32, 48])
def test_the_weights_of_every_width(c: int) -> None:
    compilation = Compilation(ROOT / "examples" / "hrnet" / "spec.hnas", sets=(f"C={c}",))
    assert cost.total(compilation.parameters) == counted(c, 19)


def test_the_paper_says_65_9_million() -> None:
    assert round(counted(48, 19) / 1e6, 1) == 65.9
