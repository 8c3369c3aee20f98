"""Putting weights that were kept into a network, which must be the one they are of."""

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor, nn

from hnas.diag import HnasError
from hnas.engine.errors import OtherWeights


def fill(module: nn.Module, weights: Mapping[str, Tensor], path: Path, advice: str = "") -> None:
    """Give a module the weights and running statistics of a checkpoint, all of them and no others.

    Args:
        module: Where they go.
        weights: By name, as the module's state dict has them.
        path: The checkpoint or its run, for messages.
        advice: What to do where it does not fit; without, what the diagnostic says.

    Raises:
        HnasError: Names or shapes are others (E0612); the first is named, and nothing was changed.
    """
    wanted = module.state_dict()
    for name in [*wanted, *(name for name in weights if name not in wanted)]:
        have, want = weights.get(name), wanted.get(name)
        if have is None:
            why = "is missing"
        elif want is None:
            why = "is in none of the network's places"
        elif have.shape != want.shape:
            why = f"is {_size(have)}, not {_size(want)}"
        else:
            continue
        raise HnasError(OtherWeights(None, path=str(path), name=name, why=why, advice=advice))
    module.load_state_dict(weights)


def _size(tensor: Tensor) -> str:
    return " x ".join(map(str, tensor.shape)) or "a number"
