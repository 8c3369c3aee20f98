"""A trained network that labels images: what `hnas.open(run).predictor()` gives, and eval and predict use."""

from typing import Literal, final

import torch
from attrs import frozen
from torch import Tensor

from hnas.compiler import Compilation
from hnas.data.transforms import normalise, resize
from hnas.diag import Diagnostic
from hnas.engine.checkpoint import Checkpoints, State
from hnas.engine.run import RunFolder
from hnas.engine.settings import resolve_device
from hnas.engine.weights import fill
from hnas.ir.decisions import Architecture
from hnas.runtime.lower import Network
from hnas.train.evaluate import Looking, probabilities

Which = Literal["best", "last"]
"""The checkpoint with the best figure, or the newest one."""


@final
@frozen(eq=False)
class Predictor:
    """A trained network.

    Attributes:
        compilation: The space in the form it was trained in, and the settings.
        network: The module with its weights, in evaluation mode.
        device: Where it computes.
        which, step: The checkpoint the weights are of.
        validation: What was measured of them last.
        damaged: Warnings about newer checkpoints that could not be read.
    """

    compilation: Compilation
    network: Network
    device: torch.device
    which: Which
    step: int
    validation: dict[str, float]
    damaged: tuple[Diagnostic, ...] = ()

    def probabilities(self, image: Tensor, how: Looking | None = None) -> Tensor:
        """What an image shows, whatever its size.

        Args:
            image: uint8 (3, H, W), red, green and blue.
            how: Flips, scales, windows; by default the whole image once.

        Returns:
            float32: the probability of each class at each pixel, (classes, H, W); of each class,
            (classes,), where a label is of a whole image.
        """
        dense = self.compilation.card.task == "segmentation"
        x = prepared(self.compilation, image).to(self.device)
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


def load(
    folder: RunFolder,
    compilation: Compilation,
    architecture: Architecture,
    checkpoint: Which | None,
    device: str,
) -> Predictor:
    """The network of a run of `hnas train` with its weights.

    Args:
        folder: The run's.
        compilation: Its space, in the form it was trained in.
        architecture: What it trained.
        checkpoint: Which weights; None: the best, or the last before there were any.
        device: As `--device` has it.

    Raises:
        HnasError: There is no such checkpoint (E0605) or device (E0702), or it has other weights (E0612).
    """
    where = resolve_device(device)
    checkpoints = Checkpoints(folder.checkpoints, folder.record.binding)
    which: Which = checkpoint or ("best" if checkpoints.best.is_file() else "last")
    if which == "best":
        (step, state), damaged = checkpoints.load_best(), ()
    else:
        step, state, damaged = checkpoints.load_latest()
    network = compilation.network(architecture)
    fill(network, weights_of(state), folder.path)
    network.to(where).eval()
    return Predictor(compilation, network, where, which, step, dict(state["validation"]), damaged)


def prepared(compilation: Compilation, image: Tensor) -> Tensor:
    """An image, uint8 (3, H, W), as networks take it: float (1, 3, h, w), resized if `data` says so.

    For a label of the whole image it gets the size of the data set's images, where all have one.
    """
    card, size = compilation.card, compilation.data.resize
    if size is None and card.task == "classification":
        size = card.size
    if size is not None:
        image, _ = resize(image, torch.zeros((), dtype=torch.uint8), size)
    return normalise(image, card)[None]


def weights_of(state: State) -> dict[str, Tensor]:
    """The weights a checkpoint of a training is measured by: their average where there is one."""
    return state["model"] if state.get("ema") is None else state["ema"]
