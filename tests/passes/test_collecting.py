import gc
from collections.abc import Iterator

import pytest

from hnas.passes.collecting import uncollected


@pytest.fixture(autouse=True)
def on() -> Iterator[None]:
    gc.enable()
    yield
    gc.enable()


def test_cycles_are_searched_for_again_afterwards_and_after_an_error() -> None:
    with uncollected():
        assert not gc.isenabled()
    assert gc.isenabled()
    with pytest.raises(ValueError, match="stop"), uncollected():
        raise ValueError("stop")
    assert gc.isenabled()


def test_who_searches_for_none_is_left_alone() -> None:
    gc.disable()
    with uncollected():
        pass
    assert not gc.isenabled()
