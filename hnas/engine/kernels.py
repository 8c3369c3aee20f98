"""Whether kernels in C compute what they can, for this process, and what a run keeps of that."""

from collections.abc import Sequence
from typing import Literal

import torch

from hnas.runtime import native

Kernels = Literal["auto", "off"]
"""`auto`: in C where a compiler is found; `off`: torch's own alone."""

NAMES = {"C": "kernels in C", "torch": "torch's own kernels"}
"""What computes, as run.json has it, and as messages call it."""


def use_kernels(wanted: Kernels) -> Literal["C", "torch"]:
    """From now on, in this process, compute with kernels in C where there are any, or without.

    The two differ in the last bits of results, and in time. It holds for every network, as torch's number of
    threads does.

    Args:
        wanted: `auto`: in C, where a C compiler is found; `off`: torch's own alone.

    Returns:
        What computes: `C`, or `torch`.

    Raises:
        ValueError: `wanted` is something else.
    """
    if wanted not in ("auto", "off"):
        raise ValueError(f"{wanted!r} is neither 'auto' nor 'off'")
    native.Settings.wanted = wanted == "auto"
    return "C" if native.in_use() else "torch"


def kernels_for(wanted: Kernels, device: torch.device, passes: Sequence[str]) -> str:
    """Choose what computes a run: `C` or `torch`; empty where no kernel in C is asked for.

    Args:
        wanted: As of `use_kernels`.
        device: The kernels are for the processor.
        passes: Of the compiler: a network built without any uses torch alone.
    """
    return use_kernels(wanted) if device.type == "cpu" and passes else ""
