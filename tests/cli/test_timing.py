"""`hnas show --latency`."""

import json
from collections.abc import Callable
from typing import Any

import pytest
import torch
from helpers import SPEC

Call = Callable[..., Any]

PUBLISHED = str(SPEC.with_name("published.hnas"))
QUICK = ("--latency", "--size", "33x65", "--repeats", "2", "--threads", "1")


def test_figures(hnas: Call) -> None:
    said = hnas("show", PUBLISHED, *QUICK, "--batch", "2", "--json")
    assert said.code == 0, said.err
    content = json.loads(said.out)
    found = content["latency"]
    assert found == content["networks"]["auto_deeplab_s"]["latency"]
    where = "cuda:0" if torch.cuda.is_available() else "cpu"
    assert (found["device"], found["threads"], found["image"], found["batch"]) == (where, 1, [33, 65], 2)
    assert set(found["milliseconds"]) == {"median", "iqr", "lower", "upper"}
    assert list(found["milliseconds_by_part"]) == ["stem", "cells", "head"]
    assert found["activation_bytes"] > 2 * 3 * 33 * 65 * 4


def test_as_text(hnas: Call) -> None:
    said = hnas("show", PUBLISHED, *QUICK, "--device", "cpu")
    assert said.code == 0, said.err
    measured = said.out.partition("network auto_deeplab_s, measured: ")[2].splitlines()
    assert measured[0] == "cpu, 1 thread, 1 image of 33 x 65, 2 passes after 5"
    assert [line.split()[0] for line in measured[1:5]] == ["latency", "stem", "cells", "head"]
    assert measured[5].startswith("activations hold ")


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ((PUBLISHED, "--batch", "2"), 2, "--batch goes with --latency"),
        ((PUBLISHED, "--latency", "--resolved"), 2, "--latency does not go with --resolved"),
        ((PUBLISHED, "--latency", "--device", "toaster"), 1, "there is no device toaster here"),
        ((str(SPEC), "--latency"), 1, "has no network"),
    ],
)
def test_what_is_refused(hnas: Call, arguments: tuple[str, ...], code: int, message: str) -> None:
    said = hnas("show", *arguments)
    assert said.code == code
    assert message in said.err
