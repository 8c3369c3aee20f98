"""Both steps and a whole search on spaces that tell what an image shows: DARTS and NAS-Bench-201, small."""

import json
import math
from datetime import datetime
from pathlib import Path

import pytest
import torch
from attrs import frozen
from helpers import ROOT
from torch import Tensor

from hnas.cli.reporters import reporter
from hnas.compiler import Compilation
from hnas.data.base import Batch
from hnas.engine.checkpoint import Checkpoints
from hnas.engine.loop import Stopper
from hnas.engine.run import RunFolder
from hnas.engine.trial import trial
from hnas.schema.datasets import CIFAR10, DatasetCard
from hnas.search.bilevel import Bilevel, Optimizers
from hnas.search.searcher import Searcher, SearchJob

CPU = torch.device("cpu")
SEARCH = """
search {{
  epochs = 2  batch = 4  order = {order}  relax = {relax}  clip = 5
  weights = sgd(lr = cosine(0.025, 0.001), weight_decay = 3e-4)
  arch    = adam(lr = 0.01, betas = [0.5, 0.999], weight_decay = 1e-3)
}}
"""
GDAS = "gdas(tau = linear(10, 0.1))"
SMALL = {
    "nasbench201": ("C=4", "N=1"),
    "darts": ("C=4", "L=3"),
}


def compilation_of(name: str, folder: Path, order: str = "first", relax: str = "softmax") -> Compilation:
    text = (ROOT / "tests" / "specs" / f"{name}.hnas").read_text(encoding="utf-8")
    path = folder / f"{name}.hnas"
    path.write_text(text + SEARCH.format(order=order, relax=relax), encoding="utf-8")
    augment = "data.augment=[pad(4), crop(32), flip, cutout(16)]"
    return Compilation(path, sets=(*SMALL[name], "data.crop=none", augment))


def batch_of(seed: int, number: int = 4) -> Batch:
    generator = torch.Generator().manual_seed(seed)
    images = torch.randn(number, 3, 32, 32, generator=generator)
    return Batch(images, torch.randint(10, (number,), generator=generator))


@pytest.mark.parametrize("name", list(SMALL))
@pytest.mark.parametrize(("order", "relax"), [("first", GDAS), ("second", "softmax"), ("second", GDAS)])
def test_both_steps(name: str, order: str, relax: str, tmp_path: Path) -> None:
    compilation = compilation_of(name, tmp_path, order, relax)
    model = compilation.supernet(0)
    bilevel = Bilevel(
        model, Optimizers.of(model, compilation.search), compilation.search, torch.device("cpu")
    )
    assert model(batch_of(0).images).flatten(1).shape == (4, 10)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    loss = bilevel.arch_step(batch_of(1), 0, batch_of(2))
    after = model.state_dict()
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed == {name for name in before if name.startswith("arch.")}
    assert float(loss) == pytest.approx(math.log(10), abs=1.2)
    arch = {name: value.clone() for name, value in model.state_dict().items() if name.startswith("arch.")}
    bilevel.weight_step(batch_of(2), 0)
    assert all(torch.equal(value, model.state_dict()[name]) for name, value in arch.items())


def test_the_weights_learn_a_batch_by_heart(tmp_path: Path) -> None:
    compilation = compilation_of("nasbench201", tmp_path)
    model = compilation.supernet(0)
    bilevel = Bilevel(
        model, Optimizers.of(model, compilation.search), compilation.search, torch.device("cpu")
    )
    losses = [float(bilevel.weight_step(batch_of(1), step)) for step in range(30)]
    assert losses[-1] < losses[0] / 3


def test_a_trial_takes_labels_of_images(tmp_path: Path) -> None:
    model = compilation_of("nasbench201", tmp_path).supernet(0)
    trial(model, model.network, batch_of(1))
    assert all(p.grad is None for p in model.parameters())


def test_the_temperature_follows_its_schedule(tmp_path: Path) -> None:
    compilation = compilation_of("nasbench201", tmp_path, relax=GDAS)
    model = compilation.supernet(0)
    assert model.arch.tau is None
    bilevel = Bilevel(
        model, Optimizers.of(model, compilation.search), compilation.search, torch.device("cpu")
    )
    assert model.arch.tau == 10
    for done, tau in ((0.0, 10.0), (0.5, 5.05), (1.0, 0.1)):
        assert bilevel.schedule(done)["tau"] == pytest.approx(tau)
        assert model.arch.tau == pytest.approx(tau)


@frozen
class Coloured:
    """Images of one colour a class, with noise: easily told apart."""

    count: int

    @property
    def card(self) -> DatasetCard:
        return CIFAR10

    def __len__(self) -> int:
        return self.count

    def name(self, index: int) -> str:
        return f"coloured/{index}"

    def read(self, index: int) -> tuple[Tensor, Tensor]:
        generator = torch.Generator().manual_seed(index)
        label = index % 10
        colour = torch.tensor([label % 3, label // 3 % 3, label // 9]).float()[:, None, None] * 100
        noise = torch.rand(3, 32, 32, generator=generator) * 30
        return (colour + noise).to(torch.uint8), torch.tensor(label, dtype=torch.uint8)


def searcher_of(compilation: Compilation, folder: Path, max_steps: int | None, resume: bool) -> Searcher:
    torch.manual_seed(0)
    run = RunFolder(folder) if resume else RunFolder.create(folder, "x", datetime(2026, 1, 1))
    model = compilation.supernet()
    job = SearchJob(
        model=model,
        table=compilation.decisions,
        search=compilation.search,
        decode=compilation.decode,
        data=compilation.data,
        train=Coloured(40),
        val=Coloured(20),
        seed=0,
        device=CPU,
        max_steps=max_steps,
        describe=lambda a: "",
    )
    searcher = Searcher(job, run, Checkpoints(run.checkpoints, "test"), reporter())
    if resume:
        searcher.course.resume()
    return searcher


@pytest.mark.parametrize(("order", "relax"), [("first", GDAS), ("second", "softmax")])
def test_a_search_says_accuracy_and_resumes_to_the_bit(order: str, relax: str, tmp_path: Path) -> None:
    compilation = compilation_of("nasbench201", tmp_path, order, relax)
    assert compilation.decode.edges is None
    whole = searcher_of(compilation, tmp_path / "whole", None, False)
    with whole.run, Stopper("") as stopper:
        outcome = whole.search(stopper)
    assert outcome.steps == 10
    assert set(outcome.validation) == {"accuracy", "top5_accuracy", "most_frequent_accuracy"}
    assert outcome.validation["most_frequent_accuracy"] == pytest.approx(0.1)
    rows = [json.loads(line) for line in whole.run.metrics.read_text().splitlines()]
    steps = [row for row in rows if row["phase"] == "search"]
    assert ("tau" in steps[-1]) == (relax == GDAS)
    if relax == GDAS:
        assert steps[-1]["tau"] == pytest.approx(10 - 9.9 * 9 / 10)

    part = searcher_of(compilation, tmp_path / "part", 3, False)
    with part.run, Stopper("") as stopper:
        part.search(stopper)
    torch.manual_seed(99)  # what comes out of the checkpoint is all that counts
    rest = searcher_of(compilation, tmp_path / "part", None, True)
    assert rest.course.step == 3
    with rest.run, Stopper("") as stopper:
        rest.search(stopper)
    ours, theirs = rest.job.model.state_dict(), whole.job.model.state_dict()
    assert all(torch.equal(value, theirs[name]) for name, value in ours.items())
