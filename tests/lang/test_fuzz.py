"""Whatever a text holds, checking it ends soon and says what is wrong: never anything but diagnostics."""

import re
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest
from lang_specs import MINI, REFERENCE, said

from hnas.lang.parser import RESERVED

_TOKEN = re.compile(r'\s+|#[^\n]*|"[^"\n]*"|[A-Za-z_]\w*|[0-9]+(?:\.[0-9]+)?|->|\+=|-=|==|//|.', re.DOTALL)

_WORDS = (
    *sorted(RESERVED),
    *[
        "space",
        "cell",
        "op",
        "param",
        "trellis",
        "data",
        "search",
        "decode",
        "profile",
        "network",
        "inputs",
        "nodes",
        "take",
        "share",
        "stem",
        "head",
    ],
    *[
        "layers",
        "strides",
        "enter",
        "moves",
        "path",
        "width",
        "cell",
        "project",
        "finer",
        "same",
        "coarser",
        "missing",
        "prev",
        "prev_prev",
    ],
    *[
        "relu",
        "conv",
        "depthwise",
        "pointwise",
        "norm",
        "skip",
        "none",
        "sum",
        "concat",
        "product",
        "sum_over",
        "concat_over",
        "at",
        "resize",
    ],
    *[
        "global_pool",
        "linear",
        "transposed",
        "avg_pool",
        "shuffle",
        "grid_pool",
        "dropout",
        "channels",
        "width",
        "stride",
        "layer",
    ],
    *[
        "searching",
        "classes",
        "step",
        "input",
        "F",
        "B",
        "L",
        "s",
        "dense",
        "mini",
        "slots",
        "edges",
        "all",
        "strongest",
        "projection",
        "operators",
    ],
    *[
        "->",
        "+",
        "-",
        "*",
        "/",
        "//",
        "==",
        "!=",
        "<",
        "<=",
        "=",
        "+=",
        "-=",
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        ",",
        ":",
        ".",
        "..",
        ";",
        "'",
        '"',
        "#",
        "\\",
        "→",
        "é",
    ],
    *[
        "0",
        "1",
        "2",
        "3",
        "7",
        "64",
        "0.5",
        "1e400",
        "1e-400",
        "999999999999999999",
        "1.5e3",
        "(1,2)",
        "(2,2)",
        "(1,2,2)",
        "[1]",
        "[]",
        "{}",
        '""',
        '"x"',
    ],
)
"""What tokens are replaced by: every word of the language, signs, and values at the edges of ranges."""


def _delete(tokens: list[str], random: Random) -> None:
    del tokens[random.randrange(len(tokens))]


def _duplicate(tokens: list[str], random: Random) -> None:
    at = random.randrange(len(tokens))
    tokens.insert(at, tokens[at])


def _swap(tokens: list[str], random: Random) -> None:
    a, b = random.randrange(len(tokens)), random.randrange(len(tokens))
    tokens[a], tokens[b] = tokens[b], tokens[a]


def _replace(tokens: list[str], random: Random) -> None:
    tokens[random.randrange(len(tokens))] = f" {random.choice(_WORDS)} "


def _copy(tokens: list[str], random: Random) -> None:
    """One token in the place of another: keeps more texts readable than a word out of the blue."""
    tokens[random.randrange(len(tokens))] = random.choice(tokens)


def _move(tokens: list[str], random: Random) -> None:
    start = random.randrange(len(tokens))
    part = tokens[start : start + random.randint(2, 30)]
    at = random.randrange(len(tokens))
    tokens[at:at] = part


def _truncate(tokens: list[str], random: Random) -> None:
    del tokens[random.randrange(1, len(tokens)) :]


def _junk(tokens: list[str], random: Random) -> None:
    data = bytes(random.randrange(256) for _ in range(random.randint(1, 12)))
    tokens.insert(random.randrange(len(tokens)), data.decode("utf-8", "replace"))


_MUTATIONS: tuple[Callable[[list[str], Random], None], ...] = (
    _delete, _delete, _duplicate, _swap, _replace, _replace, _replace, _copy, _copy, _move, _truncate, _junk
)  # fmt: skip


def _mutated(text: str, random: Random) -> str:
    tokens = _TOKEN.findall(text)
    for _ in range(random.choice((1, 1, 1, 2, 3, 8))):
        random.choice(_MUTATIONS)(tokens, random)
        if len(tokens) < 2:
            break
    return "".join(tokens)


def _fuzz(spec: Path, folder: Path, seed: int, cases: int) -> int:
    """Check so many mutations; how many of them were good specs."""
    text, path, good = spec.read_text(encoding="utf-8"), folder / "case.hnas", 0
    for number in range(cases):
        mutated = _mutated(text, Random(f"{seed}:{number}"))
        try:
            good += not said(path, mutated.encode("utf-8"))
        except Exception as error:
            raise AssertionError(f"seed {seed}:{number} is no diagnostic, of the spec\n{mutated}") from error
    return good


@pytest.mark.parametrize("seed", range(4))
def test_a_mutated_small_spec_gets_diagnostics_only(seed: int, tmp_path: Path) -> None:
    good = _fuzz(MINI, tmp_path, seed, 60)
    assert 0 < good < 60  # mutations neither always nor never break a spec


@pytest.mark.parametrize("seed", range(2))
def test_a_mutated_reference_gets_diagnostics_only(seed: int, tmp_path: Path) -> None:
    good = _fuzz(REFERENCE, tmp_path, 100 + seed, 30)
    assert 0 < good < 30


@pytest.mark.fuzz
@pytest.mark.parametrize("seed", range(20))
def test_many_mutations_get_diagnostics_only(seed: int, tmp_path: Path) -> None:
    assert _fuzz(MINI if seed % 4 else REFERENCE, tmp_path, 1000 + seed, 1000) > 0


@pytest.mark.parametrize("seed", range(3))
def test_random_bytes_get_diagnostics_only(seed: int, tmp_path: Path) -> None:
    random = Random(seed)
    for _ in range(60):
        data = bytes(random.randrange(256) for _ in range(random.randint(0, 80)))
        assert said(tmp_path / "case.hnas", data)
        assert said(tmp_path / "case.hnas", b"hnas 1\n" + data.decode("latin-1").encode("utf-8"))
