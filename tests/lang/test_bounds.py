"""A text of any size, and values at the edges of their ranges, are checked soon and get diagnostics only."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from traceback import extract_tb

import pytest
from lang_specs import MINI, said

from hnas.compiler import Compilation
from hnas.diag import HnasError
from hnas.diag.render import render
from hnas.lang.scan import LONGEST


def _within(text: str, body: str) -> str:
    """The small spec with further items in its space."""
    return text.replace("  cell dense {", f"{body}\n  cell dense {{", 1)


_SMALL = MINI.read_text(encoding="utf-8")
_DOUBLED = "op a0 = relu\n" + "".join(f"op a{i} = a{i - 1} -> a{i - 1}\n" for i in range(1, 41))
_PARAMETERS = ", ".join(f"b{i} = b{i - 1} + b{i - 1}" for i in range(1, 40))

BOUNDED: dict[str, str] = {
    "forty lines that double": _within(_SMALL, _DOUBLED),
    "forty lines that double, in the stem": _within(_SMALL, _DOUBLED).replace("stem = [", "stem = [a40 -> "),
    "forty lines that double, in an option": _within(_SMALL, _DOUBLED).replace("skip, avg", "a40, avg"),
    "forty lines that double, in the head": _within(_SMALL, _DOUBLED).replace("head = ", "head = a40 -> "),
    "forty defaults that double": _within(_SMALL, f"op f(b0 = stride, {_PARAMETERS}) = conv(3, b39)").replace(
        "skip, avg", "f, avg"
    ),
    "a chain of operators": _within(
        _SMALL, "op a0 = relu\n" + "".join(f"op a{i} = a{i - 1} -> relu\n" for i in range(1, 2000))
    ),
    "a chain of operators, last one first": _within(
        _SMALL, "".join(f"op a{i} = a{i + 1} -> relu\n" for i in range(2000)) + "op a2000 = relu\n"
    ),
    "a chain of operators, in an option": _within(
        _SMALL, "op a0 = relu\n" + "".join(f"op a{i} = sum(a{i - 1})\n" for i in range(1, 300))
    ).replace("skip, avg", "a299, avg"),
    "repetitions of repetitions": _within(_SMALL, "op a = 10000 * (190 * relu)").replace(
        "skip, avg", "a, avg"
    ),
    "ten thousand layers": _SMALL.replace("param L = 4", "param L = 10000"),
    "thousands of parameters": _within(_SMALL, "".join(f"param p{i} = 1\n" for i in range(7000))),
    "thousands of unknown keys": _within(_SMALL, "".join(f"q{i} = 1\n" for i in range(9000))),
    "thousands of unknown operators": _SMALL.replace("skip,", "".join(f"z{i}, " for i in range(9000)), 1),
    "thousands of options": _SMALL.replace("skip,", "".join(f"sep({2 * i + 7}), " for i in range(2500)), 1),
    "thousands of syntax errors": _within(_SMALL, "".join(f"param p{i} = = 1\n" for i in range(5000))),
    "an expression of thousands": _within(_SMALL, f"param x = {'+'.join(['1'] * 14000)}"),
    "brackets": _within(_SMALL, f"param x = {'(' * 5000}1{')' * 5000}"),
    "blocks": "hnas 1\n" + "a {" * 9000,
    "signs": _within(_SMALL, f"param x = {'-' * 9000}1"),
    "conditions": _within(_SMALL, f"param x = {'1 if true else ' * 5000}1"),
    "more words than are read": "hnas 1\n" + "a = 1\n" * LONGEST,
    "a space of spaces": "hnas 1\nspace s0 {}\n"
    + "".join(f"space s{i} extends s{i - 1} {{}}\n" for i in range(1, 5000)),
}


class _TooSlowError(Exception):
    """Checking took more time than it may."""


@contextmanager
def _bounded() -> Iterator[None]:
    """Ends what takes more than 8 seconds of the processor (2 are promised, on a faster one) or recurses."""

    def stop(_signal: int, _frame: object) -> None:
        raise _TooSlowError

    before, failed = signal.signal(signal.SIGPROF, stop), ""
    signal.setitimer(signal.ITIMER_PROF, 8)
    try:
        yield
    except (_TooSlowError, RecursionError) as error:
        last = extract_tb(error.__traceback__)[-1]
        failed = f"{type(error).__name__} in {last.filename}:{last.lineno}"
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
    if failed:
        pytest.fail(failed, pytrace=False)


@pytest.mark.parametrize("name", BOUNDED)
def test_a_text_of_any_size_is_checked_within_seconds(name: str, tmp_path: Path) -> None:
    with _bounded():
        said(tmp_path / "case.hnas", BOUNDED[name].encode("utf-8"))


@pytest.mark.parametrize(
    "text",
    [
        BOUNDED["thousands of options"],
        _SMALL.replace(
            "    project = fit", "    project = fit\n    skips = earlier(fit, join = sum)"
        ).replace("param L = 4", "param L = 2000"),
        _SMALL.replace("skip,", "one_of { 9999, 10000 } * (one_of { 9999, 10000 } * sep(3)),", 1),
    ],
    ids=["options", "links", "searched repetitions"],
)
def test_a_space_too_large_to_lay_out_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "large.hnas"
    path.write_text(text, encoding="utf-8")
    with _bounded():
        assert "E0312" in {d.code for d in Compilation(path).check()}


def test_a_long_chain_of_spaces_is_followed_or_refused(tmp_path: Path) -> None:
    path = tmp_path / "chain.hnas"
    path.write_text(BOUNDED["a space of spaces"], encoding="utf-8")
    with _bounded(), pytest.raises(HnasError):
        _ = Compilation(path, space_name="s4999").program


# --- values at the edges -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        "trellis.strides=[(1, 2), (1, 2, 2)]",
        "trellis.strides=[4, (8, 8), 16]",
        "trellis.strides=[(4, 4, 4), (8, 8, 8)]",
        "stem=conv(3, (8, 8), stride = 4)",
        "stem=conv(3, 8, stride = 4, groups = (1, 1))",
        "stem=conv(3, 8, stride = (2, 2, 2)) -> conv(3, stride = (2, 2))",
        "stem=conv(3, 8, stride = 8) -> transposed(3, 8, (2, 2))",
        "stem=conv(3, 8, stride = 4) -> shuffle((2, 2))",
        "stem=conv(3, 8, stride = 4) -> grid_pool((2, 2))",
        "stem=conv(3, 8, stride = 4) -> dropout(1e400)",
        "stem=global_pool -> linear((2, 2))",
        "stem=conv(3, 1e300, stride = 4)",
        "search.weights.lr=1e400",
        "search.weights.lr=1e-400",
        "search.clip=1e400",
        "search.arch.init=normal(-1e400)",
        "dense.inputs=[prev_prev]",
        "trellis.missing=closest",
        "F=1e17",
        "F=999999999999999999",
        "B=64",
    ],
)
def test_a_value_at_an_edge_gets_diagnostics_only(change: str) -> None:
    compilation = Compilation(MINI, sets=("trellis.enter=4", "trellis.missing=drop", change))
    try:
        found = compilation.check()
        _ = compilation.digests
    except HnasError as error:
        found = error.diagnostics
    assert all(render(diagnostic) for diagnostic in found)


@pytest.mark.parametrize("used", ["", ".", "/", "a" * 300, "a/" * 50, "..", "mini.hnas/x", "é", "~"])
def test_any_name_of_a_used_file_gets_diagnostics_only(used: str, tmp_path: Path) -> None:
    assert said(tmp_path / "case.hnas", f'hnas 1\nuse "{used}"\n'.encode())
