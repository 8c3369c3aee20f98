"""Whether it pays to have torch compile the passes of a run."""

import torch

START = 1.5
"""Seconds that compiling a record of a pass forward and back takes, see benchmarks."""

SHARE = 0.05
"""Of a run, that its start may take."""


def pays(device: torch.device, records: int, kinds: int, passes: int, seconds: float) -> bool:
    """Whether the start of torch.compile is a small part of a run.

    On a processor it never is: compiled passes are not faster there than what the compiler's passes and
    kernels in C give, and starting takes minutes.

    Args:
        device: Where the run computes.
        records: Of the network.
        kinds: Of passes that are compiled, each by itself.
        passes: That the run makes.
        seconds: That one takes without.
    """
    return device.type == "cuda" and kinds * records * START <= SHARE * passes * seconds
