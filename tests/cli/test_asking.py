"""`hnas sample`, `unrank`, `rank`, `locate`, `neighbours`, `mutate`."""

import json
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from helpers import ROOT, SPEC

Call = Callable[..., Any]

BENCH = ROOT / "examples" / "nasbench201" / "spec.hnas"
RESNET = BENCH.with_name("resnet.hnas")
DARTS = ROOT / "examples" / "darts" / "spec.hnas"
V1 = DARTS.with_name("v1.hnas")
LONG = ("--set", "L=50", "--set", "dense.share=state")
"""Architectures with numbers of some 700 digits."""


# --- sample --------------------------------------------------------------------------------------


def test_one_sample_is_printed(hnas: Call, tmp_path: Path) -> None:
    said = hnas("sample", str(BENCH))
    assert (said.code, said.err) == (0, "")
    drawn = tmp_path / "drawn.hnas"
    drawn.write_text(said.out, encoding="utf-8")
    number = hnas("rank", str(BENCH), str(drawn)).out.strip()
    note = f"hnas 0.1.0: architecture {number} of nasbench201, drawn with seed 0"
    assert said.out.startswith(f'hnas 1\n\n# {note}\n\nuse "spec.hnas"\n')


def test_samples_fill_a_folder_of_its_own(hnas: Call, tmp_path: Path) -> None:
    folder = tmp_path / "a" / "drawn"
    flags = ("--profile", "demo", "--set", "L=4")
    said = hnas("sample", str(SPEC), "-n", "12", "--seed", "3", "--out", str(folder), *flags)
    assert (said.code, said.err) == (0, "")
    assert said.out == f"wrote  {folder}: spec.hnas and 12 networks\nnext   hnas show {folder}/0001.hnas\n"
    names = [f"{number:04}.hnas" for number in range(1, 13)]
    assert sorted(p.name for p in folder.iterdir()) == [*names, "spec.hnas"]
    checked = hnas("check", *(str(folder / name) for name in (*names, "spec.hnas")))
    assert (checked.code, checked.err) == (0, "")
    listed = hnas("sample", str(SPEC), "-n", "12", "--seed", "3", "--json", *flags).out.splitlines()
    for name, line in zip(names, listed, strict=True):
        index = json.loads(line)["index"]
        assert f"# hnas 0.1.0: architecture {index} of auto_deeplab, drawn with seed 3\n" in (
            folder / name
        ).read_text(encoding="utf-8")
        assert hnas("rank", str(folder / "spec.hnas"), str(folder / name)).out == f"{index}\n"
    assert (folder / "spec.hnas").read_text() == hnas("show", str(SPEC), "--resolved", *flags).out


def test_samples_as_json_are_uniform(hnas: Call) -> None:
    lines = hnas("sample", str(BENCH), "-n", "1000", "--json").out.splitlines()
    rows = [json.loads(line) for line in lines]
    assert all(list(row) == ["index", "picks"] and 0 <= row["index"] < 15_625 for row in rows)
    assert list(rows[0]["picks"]) == ["searched.n1", "searched.n2", "searched.n3"]
    # binomial with p = 1/5: 200 and a deviation of 13
    assert all(
        abs(seen - 200) < 65 for seen in Counter(str(row["picks"]["searched.n1"]) for row in rows).values()
    )


def test_the_same_seed_draws_the_same(hnas: Call) -> None:
    drawn = [hnas("sample", str(DARTS), "--seed", seed).out for seed in ("5", "5", "6")]
    assert drawn[0] == drawn[1] != drawn[2]


def test_what_sample_refuses(hnas: Call, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").write_text("x")
    for name in ("file", "full"):
        said = hnas("sample", str(BENCH), "--out", str(tmp_path / name))
        assert (said.code, said.out) == (1, "")
        assert f"error[E0803]: {tmp_path / name} is there already and not empty" in said.err
    assert (tmp_path / "file").read_text() == "x"
    said = hnas("sample", str(BENCH), "-n", "2")
    assert said.code == 2
    assert "say where the 2 files go with --out FOLDER, or take --json" in said.err
    assert hnas("sample", str(BENCH), "--json", "--out", "x").code == 2
    for wrong in ("0", "-1", "x", "1.5", "9" * 10_000):
        assert hnas("sample", str(BENCH), "-n", wrong, "--json").code == 2, wrong[:9]
    (tmp_path / "empty").mkdir()
    assert hnas("sample", str(BENCH), "--out", str(tmp_path / "empty")).code == 0


# --- unrank, rank --------------------------------------------------------------------------------


def test_a_number_and_back(hnas: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "spec.hnas").write_bytes(BENCH.read_bytes())
    monkeypatch.chdir(tmp_path)
    said = hnas("unrank", "spec.hnas", "9776", "--out", "mine.hnas")
    assert (said.code, said.out) == (0, "wrote  mine.hnas\nnext   hnas show mine.hnas\n")
    assert hnas("check", "mine.hnas").code == 0
    assert hnas("rank", "spec.hnas", "mine.hnas").out == "9776\n"
    assert hnas("rank", "spec.hnas", str(RESNET)).out == "9776\n"
    assert Path("mine.hnas").read_text() == hnas("unrank", "spec.hnas", "9776").out
    said = hnas("unrank", "spec.hnas", "1", "--out", "mine.hnas")
    assert (said.code, said.err.splitlines()[0]) == (1, "error[E0801]: mine.hnas is there already")


@pytest.fixture
def least_digits() -> Iterator[int]:
    """Python made to refuse all numbers it may refuse to turn into text."""
    most = sys.get_int_max_str_digits()
    least = sys.int_info.str_digits_check_threshold
    sys.set_int_max_str_digits(least)
    yield least
    assert sys.get_int_max_str_digits() == least
    sys.set_int_max_str_digits(most)


def test_numbers_of_any_length(hnas: Call, tmp_path: Path, least_digits: int) -> None:
    drawn = json.loads(hnas("sample", str(SPEC), "--json", *LONG).out, parse_int=str)
    number = drawn["index"]
    assert len(number) > least_digits
    said = hnas("unrank", str(SPEC), number, *LONG)
    assert said.code == 0, said.err[:200]
    assert f"architecture {number} of auto_deeplab" in said.out
    path = tmp_path / "long.hnas"
    path.write_text(said.out, encoding="utf-8")
    assert hnas("rank", str(SPEC), str(path), *LONG).out == f"{number}\n"
    found = json.loads(hnas("locate", str(SPEC), str(path), "--json", *LONG).out, parse_int=str)
    assert (found["inside"], found["index"]) == (True, number)
    assert len(hnas("neighbours", str(SPEC), str(path), "-n", "1", *LONG).out) > least_digits
    assert hnas("mutate", str(SPEC), str(path), *LONG).code == 0


@pytest.mark.parametrize(
    ("index", "told"),
    [
        (
            "15625",
            "error[E1001]: there is no architecture 15,625\n = help: they have the numbers 0 to 15,624\n",
        ),
        ("-1", "error[E1001]: there is no architecture -1\n = help: they have the numbers 0 to 15,624\n"),
        ("9" * 10_000, "error[E1001]: there is no architecture 1.00e+10000\n"),
    ],
    ids=["high", "negative", "long"],
)
def test_numbers_out_of_range(hnas: Call, index: str, told: str) -> None:
    said = hnas("unrank", str(BENCH), index)
    assert (said.code, said.out) == (1, "")
    assert said.err.startswith(told)


@pytest.mark.parametrize(
    "index", ["x", "1.5", "", "0x10", "1e3", "²", "٣", "y" * 10_000], ids=lambda i: i[:4]
)
def test_what_is_no_number(hnas: Call, index: str) -> None:
    said = hnas("unrank", str(BENCH), index)
    assert (said.code, said.out) == (2, "")
    assert "is no whole number; write its digits" in said.err
    assert len(said.err) < 400


def test_unrank_knows_its_options(hnas: Call) -> None:
    assert "No such option '--ouT'" in hnas("unrank", str(BENCH), "--ouT", "5").err
    assert hnas("unrank", str(BENCH)).code == 2


# --- networks that are no good ---------------------------------------------------------------------


@pytest.mark.parametrize("command", ["rank", "locate", "neighbours", "mutate"])
def test_networks_that_are_not_of_the_space(hnas: Call, tmp_path: Path, command: str) -> None:
    said = hnas(command, str(BENCH), str(V1))
    assert (said.code, said.out) == (1, "")
    assert "error[E0202]: `normal` is not known in space nasbench201\n" in said.err
    said = hnas(command, str(BENCH), str(BENCH))
    assert (said.code, said.out) == (1, "")
    assert said.err.startswith(f"error[E1004]: {BENCH} has no network\n")
    said = hnas(command, str(BENCH), str(tmp_path / "gone.hnas"))
    assert (said.code, said.err.splitlines()[0].endswith("there is no such file")) == (1, True)
    both = tmp_path / "both.hnas"
    text = RESNET.read_text()
    both.write_text(text + "\nnetwork second " + text.partition("network resnet ")[2], encoding="utf-8")
    said = hnas(command, str(BENCH), str(both))
    assert (said.code, said.out) == (1, "")
    assert said.err == (
        f"error[E1004]: {both} has 2 networks\n = help: say which one by its name (--name): resnet, second\n"
    )
    assert hnas(command, str(BENCH), str(both), "--name", "second").code == 0
    assert "has no network third" in hnas(command, str(BENCH), str(both), "--name", "third").err


# --- locate ----------------------------------------------------------------------------------------


def test_where_a_network_of_a_wider_space_is(hnas: Call) -> None:
    """It says `of darts_cifar10`, which extends darts."""
    said = hnas("locate", str(DARTS), str(V1))
    assert said.code == 0
    number = hnas("rank", str(DARTS), str(V1)).out.strip()
    assert said.out.startswith(f"darts_v1 is in darts: architecture {number} of ")
    found = json.loads(hnas("locate", str(DARTS), str(V1), "--json").out)
    assert found["index"] == int(number) < found["architectures"]
    assert (found["inside"], found["space"], found["network"]) == (True, "darts", "darts_v1")


def test_which_choice_is_outside(hnas: Call) -> None:
    narrow = ("--set", "searched.op=one_of { none, skip, unit(1) }")
    said = hnas("locate", str(BENCH), str(RESNET), *narrow)
    assert (said.code, said.out) == (1, "")
    assert "error[E0222]: n1 of cell searched cannot take the operator unit(3)\n" in said.err
    said = hnas("locate", str(BENCH), str(RESNET), "--json", *narrow)
    assert (said.code, said.err) == (1, "")
    found = json.loads(said.out)
    assert found["inside"] is False
    assert found["outside"][0] == {
        "code": "E0222",
        "message": "n1 of cell searched cannot take the operator unit(3)",
    }


# --- neighbours, mutate ----------------------------------------------------------------------------


def test_neighbours_are_listed_and_counted(hnas: Call) -> None:
    listed = hnas("neighbours", str(BENCH), str(RESNET)).out.split()
    assert len(set(listed)) == 24
    assert "9776" not in listed
    assert hnas("neighbours", str(BENCH), str(RESNET), "--count").out == "24\n"
    assert hnas("neighbours", str(BENCH), str(RESNET), "-n", "3").out.split() == listed[:3]
    assert hnas("neighbours", str(BENCH), str(RESNET), "-n", "0").out == ""
    assert hnas("neighbours", str(BENCH), str(RESNET), "-n", "3", "--count").code == 2


def test_a_few_of_very_many_neighbours_come_at_once(hnas: Call, tmp_path: Path) -> None:
    flags = ("--set", "dense.share=state")
    path = tmp_path / "one.hnas"
    path.write_text(hnas("sample", str(SPEC), *flags).out, encoding="utf-8")
    assert len(hnas("neighbours", str(SPEC), str(path), "-n", "500", *flags).out.split()) == 500
    assert int(hnas("neighbours", str(SPEC), str(path), "--count", *flags).out) > 10**14


def test_mutations_are_neighbours(hnas: Call, tmp_path: Path) -> None:
    near = hnas("neighbours", str(BENCH), str(RESNET)).out.split()
    for seed in ("0", "1"):
        said = hnas("mutate", str(BENCH), str(RESNET), "--seed", seed)
        assert said.out == hnas("mutate", str(BENCH), str(RESNET), "--seed", seed).out
        path = tmp_path / f"{seed}.hnas"
        path.write_text(said.out, encoding="utf-8")
        number = hnas("rank", str(BENCH), str(path)).out.strip()
        assert number in near
        assert f"architecture {number} of nasbench201: {RESNET} mutated, seed {seed}\n" in said.out


def test_the_only_network_cannot_be_mutated(hnas: Call, tmp_path: Path) -> None:
    alone = ROOT / "examples" / "deeplabv3" / "spec.hnas"
    only = tmp_path / "only.hnas"
    only.write_text(hnas("sample", str(alone)).out, encoding="utf-8")
    said = hnas("mutate", str(alone), str(only))
    assert (said.code, said.out) == (1, "")
    assert "error[E1003]: no choice of this architecture of " in said.err
    assert hnas("neighbours", str(alone), str(only), "--count").out == "0\n"


def test_what_is_sampled_checks_clean_where_training_changes_the_depth(hnas: Call, tmp_path: Path) -> None:
    assert hnas("sample", str(DARTS), "-n", "1", "--seed", "3", "--out", str(tmp_path / "drawn")).code == 0
    said = hnas("check", str(tmp_path / "drawn" / "0001.hnas"))
    assert (said.code, said.err) == (0, "")
