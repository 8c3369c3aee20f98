from collections.abc import Callable

import pytest

from hnas.diag import Diagnostic, HnasError


@pytest.fixture
def refused() -> Callable[[Callable[[], object]], Diagnostic]:
    """The one diagnostic with which something is refused."""

    def run(action: Callable[[], object]) -> Diagnostic:
        with pytest.raises(HnasError) as caught:
            action()
        (diagnostic,) = caught.value.diagnostics
        return diagnostic

    return run
