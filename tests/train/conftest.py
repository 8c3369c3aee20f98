from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from helpers import trained_spec

from hnas.compiler import Compilation
from hnas.runtime.lower import Network

BASE = "epochs = 1  batch = 4  weights = sgd(lr = 0.1, momentum = 0.9)"


@pytest.fixture
def compiled(tmp_path: Path) -> Callable[..., Compilation]:
    def make(train: str = BASE, data: str = "shapes { crop = 33 }") -> Compilation:
        return Compilation(trained_spec(tmp_path, train, data), trained=True)

    return make


@pytest.fixture
def network(compiled: Callable[..., Compilation]) -> Network:
    torch.manual_seed(1)
    compilation = compiled()
    return compilation.network(compilation.networks()["one"])
