"""The super-network of a search, built before anything is written."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from hnas.compiler import Compilation
from hnas.diag import HnasError
from hnas.engine.errors import OutOfMemory
from hnas.engine.settings import is_out_of_memory, seed_everything
from hnas.runtime.supernet import SuperNet
from hnas.search.errors import NothingLearnt


def super_network(compilation: Compilation, seed: int, device: torch.device) -> SuperNet:
    """The super-network as it starts; from here on the seed's random numbers are the search's.

    Raises:
        HnasError: It cannot be built, or a search would have nothing to train.
    """
    with memory():
        seed_everything(seed)
        model = compilation.supernet().to(device)
    why = ""
    if not model.network.deciding:
        why = "no choice has a say in the result"
    elif not model.weight_parameters():
        why = "it has no weights"
    if why:
        raise HnasError(NothingLearnt(None, space=compilation.space.name, why=why))
    return model


@contextmanager
def memory(where: str = "while searching") -> Iterator[None]:
    """Turn an allocation that failed, on whatever device, into a diagnostic."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if is_out_of_memory(error):
            raise HnasError(OutOfMemory(None, where=where)) from None
        raise
