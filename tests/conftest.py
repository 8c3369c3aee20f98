"""Options and fixtures every test may use."""

import os
import sys
from collections.abc import Iterator

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-golden",
        action="store_true",
        default=False,
        help="write expected texts (tests/errors/**/*.err, tests/format/*.out.hnas) anew; "
        "read the diff before it is committed",
    )


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--update-golden") and os.environ.get("CI"):
        raise pytest.UsageError(
            "--update-golden is refused where CI is set: expected texts are read by people"
        )


@pytest.fixture
def update_golden(request: pytest.FixtureRequest) -> bool:
    """Whether expected texts are to be written instead of compared."""
    return bool(request.config.getoption("--update-golden"))


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> None:
    """Small kernels run several times faster on one thread, and the same everywhere."""
    import torch

    torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def kernels_back() -> Iterator[None]:
    """What computes is the process's: a test that turns kernels off turns them off for itself."""
    yield
    if "hnas.runtime.native" in sys.modules:
        sys.modules["hnas.runtime.native"].Settings.wanted = True
