"""What nests deeper than can be followed is a diagnostic."""

from collections.abc import Generator
from contextlib import contextmanager

from hnas.diag import HnasError
from hnas.lang.errors import TooLarge


@contextmanager
def not_too_deep() -> Generator[None]:
    """Operators within operators, or spaces that extend each other, deeper than can be followed."""
    try:
        yield
    except RecursionError:
        what = "how deep operators or spaces nest in each other"
        raise HnasError(TooLarge(None, what=what, bound="what can be followed")) from None
