"""Operators that are Python classes: built only when that is allowed, held to what they declare."""

from pathlib import Path

import pytest
import torch

from hnas.compiler import Compilation
from hnas.diag import HnasError

SPEC = """hnas 1
space s {{
  extern op deform(k, c) {{ class = "extern_layers:{name}"  channels = c  stride = {stride} }}
  stem = conv(3, 4, stride = 2) -> norm
  trellis {{ layers = 2  strides = [2]  path = [2, 2]  width = 4  cell = one_of {{ deform(3, 4), skip }} }}
  head = conv(1, classes, bias = true) -> resize(1)
}}
data shapes {{ crop = 33 }}
"""
LAYERS = """
from torch import nn

class Deform(nn.Module):
    def __init__(self, channels, k, c):
        super().__init__()
        self.conv = nn.Conv2d(channels, c, k, padding=k // 2)

    def forward(self, x):
        return self.conv(x)

class NoModule:
    def __init__(self, channels, k, c):
        pass
"""


def _compilation(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    name: str = "Deform",
    stride: int = 1,
    allow: bool = True,
) -> Compilation:
    (folder / "extern_layers.py").write_text(LAYERS, encoding="utf-8")
    (folder / "s.hnas").write_text(SPEC.format(name=name, stride=stride), encoding="utf-8")
    monkeypatch.syspath_prepend(folder)
    return Compilation(folder / "s.hnas", allow_extern=allow)


def test_it_computes_and_learns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compilation = _compilation(tmp_path, monkeypatch)
    assert compilation.check() == ()
    model = compilation.supernet(0)
    scores = model(torch.randn(2, 3, 33, 33))
    scores.sum().backward()
    learnt = [p for n, p in model.named_parameters() if "deform" in n]
    assert len(learnt) == 4  # a weight and a bias at each of two layers
    assert all(p.grad is not None for p in learnt)


def _code(compilation: Compilation) -> str:
    with pytest.raises(HnasError) as caught:
        compilation.supernet(0)(torch.randn(2, 3, 33, 33))
    return caught.value.diagnostics[0].code


def test_it_is_not_imported_unless_that_is_allowed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert _code(_compilation(tmp_path, monkeypatch, allow=False)) == "E0705"


@pytest.mark.parametrize("name", ["Missing", "NoModule"])
def test_a_class_that_cannot_be_built(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert _code(_compilation(tmp_path, monkeypatch, name=name)) == "E0706"


def test_a_result_that_is_not_what_was_declared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (
        SPEC.format(name="Deform", stride=1)
        .replace("channels = c", "channels = 2 * c")
        .replace("deform(3, 4), skip", "deform(3, 2), skip")
    )
    compilation = _compilation(tmp_path, monkeypatch)
    (tmp_path / "s.hnas").write_text(text, encoding="utf-8")
    assert _code(compilation) == "E0707"
