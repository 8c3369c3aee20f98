"""Without passes and on one thread, a small search repeats the losses that were written down, to the bit.

`pytest --update-golden` writes them anew. Another version of torch, or a processor with other
instructions, rounds differently: there they are repeated closely.
"""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers import SPEC, TINY

from hnas.compiler import Compilation
from hnas.data.base import Batch
from hnas.passes.inline import inline
from hnas.runtime.supernet import SuperNet
from hnas.search.bilevel import Bilevel, Optimizers

GOLDEN = Path(__file__).parent.parent / "golden" / "losses.json"
STEPS = 5


def losses() -> list[float]:
    """Of the architecture and the weights, a pair a step."""
    compilation = Compilation(SPEC, profile="demo", sets=TINY)
    settings = compilation.search
    torch.manual_seed(0)
    model = SuperNet(inline(compilation.graph), compilation.decisions, settings.arch.init)
    bilevel = Bilevel(model, Optimizers.of(model, settings), settings, torch.device("cpu"))
    generator = torch.Generator().manual_seed(0)

    def batch() -> Batch:
        images = torch.randn(2, 3, 33, 33, generator=generator)
        return Batch(images, torch.randint(compilation.space.classes, (2, 33, 33), generator=generator))

    found: list[float] = []
    for step in range(STEPS):
        train = batch()
        found.append(float(bilevel.arch_step(batch(), step, train)))
        found.append(float(bilevel.weight_step(train, step)))
    return found


def here() -> dict[str, Any]:
    """What rounding depends on."""
    return {"torch": torch.__version__, "cpu": torch.backends.cpu.get_cpu_capability()}


def test_the_losses_of_a_search_without_passes(update_golden: bool) -> None:
    assert torch.get_num_threads() == 1
    found = losses()
    if update_golden:
        GOLDEN.write_text(json.dumps(here() | {"losses": [x.hex() for x in found]}, indent=1) + "\n", "utf-8")
    golden = json.loads(GOLDEN.read_text("utf-8"))
    recorded = [float.fromhex(text) for text in golden.pop("losses")]
    assert len(recorded) == 2 * STEPS
    assert len(set(recorded)) == len(recorded), "it learns"
    if golden == here():
        assert found == recorded
    else:
        assert found == pytest.approx(recorded, rel=1e-5)
