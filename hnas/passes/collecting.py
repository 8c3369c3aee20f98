"""Python's search for cycles of objects, put off while a network is built."""

import gc
from collections.abc import Generator
from contextlib import contextmanager


@contextmanager
def uncollected() -> Generator[None]:
    """While it is entered nothing is searched for cycles.

    A super-network is more than a million objects, which stay: to look through them again and again while
    they are made took a quarter of the time.
    """
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
