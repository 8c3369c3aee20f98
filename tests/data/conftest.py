from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from hnas.diag import Diagnostic, HnasError

WritePng = Callable[[Path, NDArray[np.uint8]], Path]
Refused = Callable[[Callable[[], object]], Diagnostic]


@pytest.fixture
def write_png() -> WritePng:
    """Writes an array as a PNG, with the folders above it."""

    def write(path: Path, pixels: NDArray[np.uint8]) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path)
        return path

    return write


@pytest.fixture
def refused() -> Refused:
    """The one diagnostic with which something is refused."""

    def run(action: Callable[[], object]) -> Diagnostic:
        with pytest.raises(HnasError) as caught:
            action()
        (diagnostic,) = caught.value.diagnostics
        return diagnostic

    return run
