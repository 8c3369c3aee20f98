"""bfloat16 by autocast through the records of a batched network: near float32, norms in float32."""

import statistics
from collections.abc import Sequence

import pytest
import torch
from levels import Observed, errors, observe, supernet_at, unsettle
from small_examples import EXAMPLES, SEARCHED
from torch import Tensor

from hnas.compiler import Compilation
from hnas.passes.pipeline import LEVELS
from hnas.runtime.wide import WideDepthwise, WideMix, WideNorm, WidePointwise


def _observed(name: str, level: int, lowered: bool) -> tuple[Observed, set[type], set[torch.dtype]]:
    compilation = Compilation(EXAMPLES / f"{name}.hnas", sets=SEARCHED[name])
    model = supernet_at(compilation, LEVELS[level]).train()
    unsettle(model, 3)
    images = torch.randn(4, 3, 64, 64, generator=torch.Generator().manual_seed(1))

    def forward(images: Tensor) -> Sequence[Tensor]:
        with torch.autocast("cpu", torch.bfloat16, enabled=lowered):
            return (model(images),)

    kinds = {type(step) for step in model.network.steps}
    return observe(model, images, forward), kinds, {buffer.dtype for buffer in model.buffers()}


@pytest.mark.parametrize("name", ["darts/spec", "nasbench201/spec"])
def test_bfloat16_stays_as_near_as_without_passes(name: str) -> None:
    """Rounding to 8 bits leaves gradients some tenths off, with passes no more than without."""
    far = {}
    for level in (0, 2):
        exact, _, _ = _observed(name, level, lowered=False)
        found, kinds, kept = _observed(name, level, lowered=True)
        assert kept == {torch.float32}
        assert found.results[0].dtype == torch.bfloat16
        gradients = [g for g in found.gradients.values() if g is not None]
        assert all(g.dtype == torch.float32 and bool(g.isfinite().all()) for g in gradients)
        errors_of = errors(found, exact)
        assert errors_of["result 0"] < 0.02
        far[level] = statistics.median(e for n, e in errors_of.items() if n.startswith("gradient"))
        if level and name == "darts/spec":
            assert {WideDepthwise, WideMix, WideNorm, WidePointwise} <= kinds
    assert far[2] < max(1.25 * far[0], 0.05)
    assert far[2] < 0.4
