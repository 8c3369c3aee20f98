"""`limit`: laid over one another like settings, and what they count."""

from pathlib import Path

import pytest
from helpers import ROOT

from hnas.compiler import Compilation
from hnas.diag import HnasError, Source

SPACE = (Path(__file__).parent.parent / "errors" / "network" / "over_limits.hnas").read_text(encoding="utf-8")


def _most(tmp_path: Path, more: str, space: str) -> dict[str, int]:
    file = tmp_path / "s.hnas"
    file.write_text(SPACE + more, encoding="utf-8")
    return {limit.figure: limit.most for limit in Compilation(file, space_name=space).space.limits}


def test_whole_numbers_below_or_up_to_a_bound(tmp_path: Path) -> None:
    assert _most(tmp_path, "", "s") == {"parameters": 400, "multiply_adds": 999_999}
    more = "space t extends s { limit parameters < 2.5  limit multiply_adds <= 2.5 }"
    assert _most(tmp_path, more, "t") == {"parameters": 2, "multiply_adds": 2}


def test_a_derived_space_replaces_the_limit_of_its_figure(tmp_path: Path) -> None:
    more = "space t extends s { limit parameters < 1e9 }"
    assert _most(tmp_path, more, "t") == {"parameters": 999_999_999, "multiply_adds": 999_999}


def test_a_profile_replaces_a_limit(tmp_path: Path) -> None:
    file = tmp_path / "s.hnas"
    file.write_text(SPACE + "space t extends s { profile wide { limit parameters <= 7 } }", encoding="utf-8")
    found = Compilation(file, "wide", space_name="t").space.limits
    assert [limit.most for limit in found if limit.figure == "parameters"] == [7]


def test_an_auxiliary_head_does_not_count() -> None:
    """DARTS V2 has 3,349,342 parameters without it and 3,825,768 with it."""
    path = ROOT / "examples" / "darts" / "v2.hnas"
    text = path.read_text(encoding="utf-8").replace(
        'use "cifar10.hnas"',
        """use "cifar10.hnas"
space bounded extends darts_cifar10 { limit parameters < 3.5e6  limit multiply_adds < 528359040 }""",
    )
    source = Source("bounded.hnas", text.replace("of darts_cifar10", "of bounded"))
    with pytest.raises(HnasError) as caught:
        Compilation(path, source=source).networks()
    assert [d.message for d in caught.value.diagnostics] == [
        "network darts_v2 has 528,359,040 multiply_adds, the space allows 528,359,039"
    ]
