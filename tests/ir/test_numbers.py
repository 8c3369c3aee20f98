"""Whole numbers of any length."""

import sys

from hnas.ir.numbers import any_length, exact, spell_count


def test_counts() -> None:
    assert spell_count(75_025) == "75,025"
    assert spell_count(10**60) == "1.00e+60"
    assert spell_count(-(10**60)) == "-1.00e+60"
    assert spell_count(2 * 10**9_999) == "2.00e+9999"


def test_all_digits_and_the_limit_as_it_was() -> None:
    most = sys.get_int_max_str_digits()
    assert exact(10**9_999 + 7) == "1" + "0" * 9_998 + "7"
    with any_length():
        assert int("9" * 9_999) == 10**9_999 - 1
    assert sys.get_int_max_str_digits() == most
