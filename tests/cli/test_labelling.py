"""A label an image, from the archive to the name of the class, through the commands alone."""

import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from attrs import evolve
from helpers import ROOT
from PIL import Image

from hnas.api.run import open as open_run
from hnas.data import cifar
from hnas.schema.datasets import CIFAR10

Call = Callable[..., Any]
BENCH = ROOT / "examples" / "nasbench201" / "spec.hnas"
DARTS = ROOT / "examples" / "darts" / "spec.hnas"
_A_FILE = 40


def records(seed: int) -> bytes:
    """Images of one brightness a class, in a little noise."""
    rng = np.random.default_rng(seed)
    labels = (np.arange(_A_FILE) % 10).astype(np.uint8)
    pixels = labels[:, None] * 22 + rng.integers(0, 20, (_A_FILE, 3072))
    return np.concatenate([labels[:, None], pixels.astype(np.uint8)], 1).tobytes()


@pytest.fixture
def archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The archive as it is downloaded, but of 40 images a file."""
    whole = cifar._LAYOUTS["cifar10"]
    files = {split: tuple((name, _A_FILE) for name, _ in parts) for split, parts in whole.files.items()}
    monkeypatch.setitem(cifar._LAYOUTS, "cifar10", evolve(whole, files=files))
    monkeypatch.chdir(tmp_path)
    path = tmp_path / whole.archive
    with tarfile.open(path, "w:gz") as tar:
        for seed, name in enumerate(dict.fromkeys(n for parts in files.values() for n, _ in parts)):
            info = tarfile.TarInfo(f"{whole.folder}/{name}")
            data = records(seed)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return path


SCALED = {
    BENCH: ("C=4", "N=1"),
    DARTS: ("C=4", "L=3", "search.order=first"),
}


@pytest.mark.parametrize("spec", SCALED, ids=["nasbench201", "darts"])
def test_from_an_archive_to_the_name_of_a_class(
    hnas: Call, archive: Path, tmp_path: Path, spec: Path
) -> None:
    data = ("--data", f"cifar10={archive}")
    sets = [flag for each in SCALED[spec] for flag in ("--set", each)]
    rest = ("--batch", "20", "--threads", "1", "--device", "cpu")
    said = hnas("search", str(spec), *data, *sets, *rest, "--max-steps", "2", "--out", "searched")
    assert said.code == 0, said.err
    assert "accuracy of the super-network 0." in said.out
    assert "of always predicting the most frequent class 0.1000" in said.out
    assert "train    hnas train searched/found.hnas\n" in said.out

    sets = [*sets[:4], "--set", "train.weights=sgd(lr = 0.05, momentum = 0.9)"]
    said = hnas("train", "searched/found.hnas", *data, *sets, *rest, "--epochs", "3", "--out", "run")
    assert said.code == 0, said.err
    assert "200 images, 40 val" in said.err
    reached = json.loads(Path("run/result.json").read_text())
    assert reached["best"]["accuracy"] > 0.15, "brightness tells the class"
    assert reached["best"]["top5_accuracy"] >= reached["best"]["accuracy"]

    said = hnas("eval", "run", "--json", "--device", "cpu")  # the archive is where it was
    assert said.code == 0, said.err
    found = json.loads(said.out)
    assert found["accuracy"] == pytest.approx(reached["best"]["accuracy"])
    assert found["classes"] == list(CIFAR10.classes)
    assert (found["images"], sum(map(sum, found["confusion"]))) == (40, 40)
    right = [row[i] / 4 for i, row in enumerate(found["confusion"])]
    assert found["per_class"] == pytest.approx(right)
    assert found["accuracy"] == pytest.approx(sum(right) / 10)
    said = hnas("eval", "run", "--device", "cpu", "--batch", "7", "--flip")
    assert said.code == 0, said.err
    figures = [line.partition("  ")[2] for line in said.out.splitlines()[:3]]
    assert figures == ["accuracy (top-1)", "top-5 accuracy", "accuracy of the most frequent class"]

    Path("pictures").mkdir()
    val = cifar.open_cifar("cifar10", archive, "val")
    for index in range(3):
        Image.fromarray(val.read(index)[0].permute(1, 2, 0).numpy()).save(f"pictures/{index}.png")
    Image.open("pictures/2.png").resize((75, 51)).save("pictures/large.png")
    said = hnas("predict", "run", "pictures", "--device", "cpu")
    assert said.code == 0, said.err
    opened = open_run(tmp_path / "run")
    network = opened.network()
    lines = []
    for name in ("0", "1", "2", "large"):
        image = torch.from_numpy(np.asarray(Image.open(f"pictures/{name}.png")).transpose(2, 0, 1).copy())
        prepared = opened.prepare(image)
        assert prepared.shape == (1, 3, 32, 32)
        with torch.no_grad():
            chances = network(prepared).softmax(1).flatten()
        best = int(chances.argmax())
        lines.append(f"pictures/{name}.png  {CIFAR10.classes[best]}  {chances[best]:.4f}")
    assert said.out.splitlines() == lines
    assert "E0610" in hnas("predict", "run", "pictures", "--out", "labels").err
    assert "E0610" in hnas("predict", "run", "pictures", "--overlay").err
    assert not Path("labels").exists()
