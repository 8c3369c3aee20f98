"""Whole numbers of any length as text: counts are exact, however many digits Python would give up at."""

import sys
from collections.abc import Generator
from contextlib import contextmanager
from decimal import Decimal

_LONGEST = 10**50


@contextmanager
def any_length() -> Generator[None]:
    """Let Python turn numbers of any length into text and back."""
    most = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(0)
    try:
        yield
    finally:
        sys.set_int_max_str_digits(most)


def exact(number: int) -> str:
    """All its digits."""
    with any_length():
        return str(number)


def spell_count(number: int) -> str:
    """`75,025`, exactly; a number too long for a line as `2.11e+378`."""
    return f"{number:,}" if abs(number) < _LONGEST else f"{Decimal(number):.3g}"
