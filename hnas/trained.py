"""Trained networks: a run of `hnas train` as a network that can be measured and looked at."""

import hashlib
from pathlib import Path
from typing import Literal, final

import attrs
import torch
from attrs import frozen
from torch import Tensor

from hnas.compiler import Compilation
from hnas.data.transforms import normalise, resize
from hnas.diag import HnasError
from hnas.engine.checkpoint import Checkpoints, State
from hnas.engine.errors import NoWeights
from hnas.engine.run import RunFolder, RunRecord
from hnas.engine.settings import resolve_device
from hnas.ir.decisions import Architecture
from hnas.passes.pipeline import Asked
from hnas.runtime.lower import Network
from hnas.train.evaluate import Looking, probabilities

Which = Literal["best", "last"]
"""The checkpoint with the best figure, or the newest one."""


@final
@frozen(eq=False)
class TrainedNetwork:
    """A trained network.

    Attributes:
        folder: Of its run.
        compilation: The space in the form it was trained in, and the settings.
        architecture: What it is.
        network: The module with its weights, in evaluation mode.
        device: Where it computes.
        which, step: The checkpoint the weights are of.
        validation: What was measured of them last.
    """

    folder: RunFolder
    compilation: Compilation
    architecture: Architecture
    network: Network
    device: torch.device
    which: Which
    step: int
    validation: dict[str, float]

    def probabilities(self, image: Tensor, how: Looking | None = None) -> Tensor:
        """What an image shows, whatever its size.

        Args:
            image: uint8 (3, H, W), red, green and blue.
            how: Flips, scales, windows; by default the whole image once.

        Returns:
            float32: the probability of each class at each pixel, (classes, H, W); of each class,
            (classes,), where a label is of a whole image.
        """
        card, data = self.compilation.card, self.compilation.data
        dense = card.task == "segmentation"
        looked = image
        if data.resize is not None:
            looked, _ = resize(image, torch.zeros((), dtype=torch.uint8), data.resize)
        x = normalise(looked, card)[None].to(self.device)
        found = probabilities(self.network, x, how or Looking(), dense=dense)
        if not dense:
            return found.flatten(1)[0].cpu()
        pixels = tuple(image.shape[1:])
        if tuple(found.shape[2:]) != pixels:
            found = torch.nn.functional.interpolate(found, pixels, mode="bilinear", align_corners=False)
        return found[0].cpu()

    def predict(self, image: Tensor, how: Looking | None = None) -> Tensor:
        """The most probable class at each pixel, uint8 (H, W), or of the image, ()."""
        return self.probabilities(image, how).argmax(0).to(torch.uint8)


def open_trained(
    path: Path | str,
    checkpoint: Which | None = None,
    *,
    device: str = "auto",
    allow_extern: bool = False,
    passes: Asked = None,
) -> TrainedNetwork:
    """The network that a run of `hnas train` trained.

    Args:
        path: The folder of the run.
        checkpoint: Which weights; None: the best, or the last before there were any.
        device: As `--device` has it.
        allow_extern: Whether the classes that extern operators name may be imported.
        passes: What the network goes through before it is built; None: what it went through in the run.

    Raises:
        HnasError: The folder is no such run's, was changed, or has no such checkpoint.
    """
    given = Path(path)
    if given.is_file() and given.suffix == ".hnas":
        raise HnasError(NoWeights(None, path=str(path)))
    folder = RunFolder.open(given, "train")
    record = folder.record
    compilation, architecture = network_of(folder, record, allow_extern, passes)
    where = resolve_device(device)
    checkpoints = Checkpoints(folder.checkpoints, record.binding)
    which: Which = checkpoint or ("best" if checkpoints.best.is_file() else "last")
    if which == "best":
        step, state = checkpoints.load_best()
    else:
        step, state, _ = checkpoints.load_latest()
    network = compilation.network(architecture)
    network.load_state_dict(weights_of(state))
    network.to(where).eval()
    return TrainedNetwork(
        folder, compilation, architecture, network, where, which, step, dict(state["validation"])
    )


def weights_of(state: State) -> dict[str, Tensor]:
    """The weights a checkpoint of a training is measured by: their average where there is one."""
    return state["model"] if state.get("ema") is None else state["ema"]


def network_of(
    folder: RunFolder, record: RunRecord, allow_extern: bool = False, passes: Asked = None
) -> tuple[Compilation, Architecture]:
    """The space of a run of `hnas train`, in the form it is trained in, and the network.

    Raises:
        HnasError: A file of it was changed since the run began.
    """
    asked = record.passes if passes is None else passes
    compilation = Compilation(folder.network, trained=True, allow_extern=allow_extern, passes=asked)
    folder.refuse_changed(digests_of(folder, compilation))
    (architecture,) = compilation.networks().values()
    return compilation, architecture


def digests_of(folder: RunFolder, compilation: Compilation) -> dict[str, str]:
    """The digests of a run of `hnas train`: those of its space, and one of the network's file."""
    network = hashlib.sha256(folder.network.read_bytes()).hexdigest()[:16]
    return {**attrs.asdict(compilation.digests), "network": network}
