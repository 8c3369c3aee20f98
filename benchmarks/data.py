"""Reading and augmenting images against a training step, as parts of one run.

python benchmarks/data.py [CROP | published]

The images are made here: PNG of 1024 x 2048, as large as photographs of that size are, with labels.
They are read as the paper's search does: to 512 x 1024, a random scale, a crop of 321, batches of 2. With
CROP a weight step of the paper's super-network is made beside it. At 321 that takes minutes and some
12 GiB on a processor; a smaller crop is a shorter step, so that the part that reading takes of the paper's
is less than what is printed. With `published` they are read as that network is trained on them, whole
and then scaled and cropped to 769, beside a step of its training on two of them.
"""

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageFilter

from hnas.compiler import Compilation
from hnas.data.base import Batch, Batches
from hnas.data.folder import open_folder
from hnas.data.transforms import train_sample
from hnas.schema.classes import ClassName, folder_card
from hnas.schema.settings import FolderSettings

SPEC = Path(__file__).parent.parent / "examples" / "autodeeplab" / "spec.hnas"
PUBLISHED = SPEC.with_name("published.hnas")
IMAGES, CLASSES, SIZE, BATCH = 16, 19, (1024, 2048), 2


def make(folder: Path) -> None:
    """Images of smooth colours under the noise of a sensor, and labels in blocks."""
    rng = np.random.default_rng(0)
    for number in range(IMAGES):
        below = "train" if number < IMAGES - 1 else "val"
        for kind in ("images", "labels"):
            (folder / kind / below).mkdir(parents=True, exist_ok=True)
        coarse = Image.fromarray(rng.integers(0, 256, (16, 32, 3), np.uint8)).resize(SIZE[::-1])
        noise = rng.normal(0, 2, (*SIZE, 1))
        pixels = np.clip(np.asarray(coarse.filter(ImageFilter.GaussianBlur(9))) + noise, 0, 255)
        Image.fromarray(pixels.astype(np.uint8)).save(folder / "images" / below / f"{number}.png")
        label = Image.fromarray(rng.integers(0, CLASSES, (32, 64), np.uint8))
        label.resize(SIZE[::-1], Image.Resampling.NEAREST).save(folder / "labels" / below / f"{number}.png")


def timed(what: str, action: Callable[[], object], number: int, images: int, whole: float | None) -> float:
    """Run `action` so many times; the seconds of one, printed for an image and against `whole`."""
    begun = time.perf_counter()
    for _ in range(number):
        action()
    seconds = (time.perf_counter() - begun) / number
    part = f"  {100 * seconds / whole:6.2f} % of that step" if whole is not None else ""
    print(f"{what:44} {1000 * seconds / images:8.1f} ms an image{part}", flush=True)
    return seconds


def step(compilation: Compilation, crop: int) -> float:
    """Seconds of a weight step of the paper's super-network; on a GPU of the second, kernels being loaded."""
    from hnas.search.bilevel import Bilevel, Optimizers

    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model = compilation.supernet(0).to(device)
    bilevel = Bilevel(model, Optimizers.of(model, compilation.search), compilation.search, device)
    return timed_step("weight step", lambda batch: bilevel.weight_step(batch, 0), crop, device)


def training_step(compilation: Compilation, crop: int) -> float:
    """Seconds of a step of the published network's training."""
    from hnas.train.updates import Updates

    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    (architecture,) = compilation.networks().values()
    network = compilation.network(architecture, drop_path=True).to(device)
    updates = Updates(network, compilation.train, device)
    return timed_step("training step", lambda batch: updates.update([batch], 0, 0.05), crop, device)


def timed_step(what: str, action: Callable[[Batch], object], crop: int, device: torch.device) -> float:
    """Seconds of a step on a random batch, printed."""
    batch = Batch(torch.randn(BATCH, 3, crop, crop), torch.randint(CLASSES, (BATCH, crop, crop))).to(device)
    seconds = 0.0
    for _ in range(2 if device.type == "cuda" else 1):
        begun = time.perf_counter()
        action(batch)
        if device.type == "cuda":
            torch.cuda.synchronize()
        seconds = time.perf_counter() - begun
    named = f"{what}, crop {crop}, batch {BATCH}, {device.type}"
    print(f"{named:44} {1000 * seconds / BATCH:8.1f} ms an image", flush=True)
    return seconds


def main() -> None:
    """Print a table."""
    torch.set_num_threads(1)
    whole, compilation = None, Compilation(SPEC)
    if sys.argv[1:] == ["published"]:
        compilation = Compilation(PUBLISHED, trained=True)
        assert compilation.data.crop is not None
        whole = training_step(compilation, compilation.data.crop[0])
    elif len(sys.argv) > 1:
        whole = step(compilation, int(sys.argv[1]))
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        make(folder)
        listed = tuple(ClassName(f"class {n}") for n in range(CLASSES))
        card = folder_card(listed, "segmentation")
        dataset = open_folder(card, FolderSettings(listed), folder, "train")
        image, label = dataset.read(0)
        rng = np.random.default_rng(0)
        timed("reading, one thread", lambda: dataset.read(1), 8, 1, None)
        augment = lambda: train_sample(image, label, compilation.data, card, rng)  # noqa: E731
        timed("augmenting, one thread", augment, 16, 1, None)
        for workers in (0, 2):
            indices = range(len(dataset))
            with Batches(
                dataset, indices, compilation.data, batch=BATCH, seed=0, stream="train", workers=workers
            ) as batches:
                batches.next()  # starts the workers
                for _ in range(2 * workers):
                    batches.next()  # what they had read ahead
                timed(f"batches, {workers} workers", batches.next, 12, BATCH, whole)


if __name__ == "__main__":
    main()
