"""Every searched space under examples/, made small: a step of either kind, and what is found."""

import pytest
import torch
from small_examples import EXAMPLES, SEARCHED

from hnas.compiler import Compilation
from hnas.data.base import Batch
from hnas.diag import HnasError, Source
from hnas.schema.settings import Softmax
from hnas.search.bilevel import Bilevel, Optimizers
from hnas.search.decode import decode

CPU = torch.device("cpu")

FIXED = (
    "unet/spec",
    "unet/batchnorm",
    "hrnet/spec",
    "gridnet/spec",
    "frrn/spec",
    "hourglass/spec",
    "deeplabv3/spec",
)
"""Spaces of one network: there is nothing to search."""


def batch_of(compilation: Compilation, seed: int) -> Batch:
    generator = torch.Generator().manual_seed(seed)
    axes = (32 if compilation.space.task == "classification" else 33,) * compilation.space.dims
    labels = (2,) if compilation.space.task == "classification" else (2, *axes)
    images = torch.randn(2, 3, *axes, generator=generator)
    return Batch(images, torch.randint(compilation.space.classes, labels, generator=generator))


def moved(before: dict[str, torch.Tensor], after: dict[str, torch.Tensor]) -> set[str]:
    return {name for name, value in before.items() if not torch.equal(value, after[name])}


@pytest.mark.parametrize("name", SEARCHED)
def test_a_searched_space_makes_a_bilevel_step_and_finds_a_network(name: str) -> None:
    compilation = Compilation(EXAMPLES / f"{name}.hnas", sets=SEARCHED[name])
    model = compilation.supernet(0)
    bilevel = Bilevel(model, Optimizers.of(model, compilation.search), compilation.search, CPU)

    def state() -> dict[str, torch.Tensor]:
        return {name: value.clone() for name, value in model.state_dict().items()}

    start = state()
    loss = bilevel.arch_step(batch_of(compilation, 1), 0, batch_of(compilation, 2))
    assert torch.isfinite(loss)
    after = state()
    arch = {entry for entry in start if entry.startswith("arch.")}
    softly = isinstance(compilation.search.relax, Softmax)
    # where one option is drawn, choices inside the others wait for their turn
    assert moved(start, after) == arch if softly else moved(start, after) and moved(start, after) <= arch

    loss = bilevel.weight_step(batch_of(compilation, 2), 0)
    assert torch.isfinite(loss)
    changed = moved(after, state())
    assert not any(entry.startswith("arch.") for entry in changed)
    weights = {f"network.{entry}" for entry, _ in model.network.named_parameters()}
    if softly:
        assert weights <= changed
    else:
        assert weights & changed  # those of the options that were drawn

    found = decode(
        compilation.decisions,
        {group: w.tolist() for group, w in model.arch.weights().items()},
        compilation.decode,
    )
    path = EXAMPLES / f"{name}.hnas"
    text = compilation.found_text(found)
    again = Compilation(path.with_name("found.hnas"), sets=SEARCHED[name], source=Source("found.hnas", text))
    assert again.networks() == {"found": found}
    scores = again.network(found)(batch_of(compilation, 3).images)
    scores.sum().backward()
    assert bool(torch.isfinite(scores).all())


@pytest.mark.parametrize("name", FIXED)
def test_a_space_of_one_network_has_nothing_to_search_and_says_so(name: str) -> None:
    compilation = Compilation(EXAMPLES / f"{name}.hnas")
    assert compilation.counts.architectures == 1
    assert not list(compilation.decisions.groups())
    with pytest.raises(HnasError) as caught:
        _ = compilation.search
    assert caught.value.diagnostics[0].code == "E0204"


def test_every_example_is_searched_here_or_is_a_network() -> None:
    known = {*SEARCHED, *FIXED}
    networks = {
        str(path.relative_to(EXAMPLES).with_suffix(""))
        for path in EXAMPLES.glob("*/*.hnas")
        if "\nnetwork " in path.read_text(encoding="utf-8")
    }
    every = {str(path.relative_to(EXAMPLES).with_suffix("")) for path in EXAMPLES.glob("*/*.hnas")}
    assert every - networks <= known <= every
