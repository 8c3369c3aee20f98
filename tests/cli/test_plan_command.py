"""`hnas plan`."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from helpers import SPEC
from small_examples import EXAMPLES, SEARCHED

Call = Callable[..., Any]

IMAGENET = str(EXAMPLES / "darts" / "imagenet.hnas")
PUBLISHED = str(SPEC.with_name("published.hnas"))
SMALL = (
    "--set",
    "L=3",
    "--set",
    "B=2",
    "--set",
    "F=2",
    "--set",
    "trellis.strides=[4, 8, 16]",
    "--size",
    "33x33",
)
KEYS = {"parameters", "multiply_adds", "forward_calls", "backward_calls", "kept_bytes", "peak_bytes"}
FIXED = ("unet/spec", "hrnet/spec", "gridnet/spec", "frrn/spec", "deeplabv3/spec")


def test_figures_of_a_space(hnas: Call) -> None:
    said = hnas("plan", str(SPEC), *SMALL, "--json")
    assert said.code == 0, said.err
    found = json.loads(said.out)
    assert set(found) > KEYS
    assert all(set(part) >= KEYS for part in found["parts"].values())
    assert (found["batch"], found["image"], found["precision"]) == (2, [33, 33], "float32")
    assert found["passes"][0] == "prune"
    plain = json.loads(hnas("plan", str(SPEC), *SMALL, "--json", "-O", "0", "--batch", "4").out)
    assert (plain["passes"], plain["batch"]) == ([], 4)
    assert plain["forward_calls"] > 2 * found["forward_calls"]


def test_as_text(hnas: Call) -> None:
    said = hnas("plan", str(SPEC), *SMALL)
    assert said.code == 0, said.err
    lines = said.out.splitlines()
    assert lines[0] == (
        "the super-network of auto_deeplab: a pass forward and backward, 2 images of 33 x 33, float32"
    )
    assert [line.split()[0] for line in lines[4:10]] == ["arch", "stem", "cells", "head", "loss", "all"]


def test_a_network_in_the_form_it_is_trained_in(hnas: Call) -> None:
    said = hnas("plan", PUBLISHED, "--as", str(SPEC.with_name("trained.hnas")), "--size", "65x65", "--json")
    assert said.code == 0, said.err
    found = json.loads(said.out)
    assert (found["image"], "arch" in found["parts"]) == ([65, 65], False)
    half = json.loads(hnas("plan", PUBLISHED, "--size", "65x65", "--json", "--precision", "bfloat16").out)
    assert half["precision"] == "bfloat16"


@pytest.mark.parametrize("name", [*SEARCHED, *FIXED])
def test_every_space(hnas: Call, name: str) -> None:
    sets = [flag for each in SEARCHED.get(name, ()) for flag in ("--set", each)]
    said = hnas("plan", str(EXAMPLES / f"{name}.hnas"), *sets, "--size", "224x224", "--batch", "2", "--json")
    size_of_its_own = said.code == 2 and "--size" in said.err
    assert said.code == 0 or size_of_its_own, said.err
    assert size_of_its_own or json.loads(said.out)["backward_calls"] > 0


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ((str(SPEC), "--size", "33"), 2, "33 is not HxW in pixels"),
        ((str(SPEC), "--as", "trained"), 1, "no network"),
        ((PUBLISHED, "--name", "other"), 1, "no network other"),
        (
            (IMAGENET, "--size", "64x64"),
            1,
            "images of 64 x 64 stops in aux.avg_pool.avg_pool: Given input size",
        ),
        ((str(SPEC), "--precision", "float8"), 2, "'float8' is not one of"),
    ],
)
def test_what_is_refused(hnas: Call, arguments: tuple[str, ...], code: int, message: str) -> None:
    said = hnas("plan", *arguments)
    assert said.code == code
    assert message in said.err


def test_a_fault_of_ours_is_no_matter_of_size(hnas: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(*_: object) -> None:
        raise RuntimeError("shapes of ours")

    monkeypatch.setattr("hnas.runtime.wide.WideMix.run", wrong)
    said = hnas("plan", str(SPEC), *SMALL)
    assert said.code == 70
    assert "internal error: RuntimeError: shapes of ours\n  in " in said.err
    assert "E0720" not in said.err
