"""The block train: how a found network is trained, and what of its space changes for it."""

from pathlib import Path

import pytest
from helpers import ROOT

from hnas.compiler import Compilation
from hnas.diag import HnasError

PUBLISHED = ROOT / "examples" / "autodeeplab" / "published.hnas"
DARTS = (ROOT / "tests" / "specs" / "darts.hnas").read_text(encoding="utf-8")
WEIGHTS = "weights = sgd(lr = cosine(0.025, 0))"


def test_the_published_network_is_trained_as_the_paper_says() -> None:
    train = Compilation(PUBLISHED).program.train
    assert train is not None
    assert (train.iterations, train.epochs, train.batch) == (1_500_000, None, 12)
    assert (train.weights.lr.kind, train.weights.lr.start, train.weights.lr.power) == ("poly", 0.05, 0.9)
    assert train.drop_path is not None
    assert (train.drop_path.start, train.drop_path.end) == (0.0, 0.2)


def test_what_it_changes_is_laid_over_the_space_when_training() -> None:
    assert Compilation(PUBLISHED).data.crop == (321, 321)
    assert Compilation(PUBLISHED, trained=True).data.crop == (769, 769)


def test_parameters_change_too(tmp_path: Path) -> None:
    path = tmp_path / "darts.hnas"
    path.write_text(f"{DARTS}\ntrain {{ C = 36  L = 20  epochs = 600  batch = 96  {WEIGHTS} }}\n")
    assert Compilation(path).check() == ()
    assert Compilation(path).space.params["C"] == 16
    trained = Compilation(path, trained=True)
    assert (trained.space.params["C"], trained.space.trellis.layers) == (36, 20)
    resolved = tmp_path / "resolved.hnas"
    resolved.write_text(Compilation(path).resolved_text)
    assert Compilation(resolved).resolved_text == Compilation(path).resolved_text
    assert Compilation(resolved, trained=True).space.params["C"] == 36


@pytest.mark.parametrize(
    ("body", "code", "words"),
    [
        (f"batch = 2  {WEIGHTS}", "E0206", "neither is given"),
        (f"epochs = 1  iterations = 1  batch = 2  {WEIGHTS}", "E0206", "both are given"),
        (f"epochs = 1  {WEIGHTS}", "E0204", "batch"),
        (f"epochs = 1  batch = 2  trellis {{ layer = 3 }}  {WEIGHTS}", "E0202", "did you mean layers?"),
        (f"epochs = 1  batch = 2  Z = 3  {WEIGHTS}", "E0202", "Z"),
        (f"epochs = 1  batch = 2  C = 1.5  {WEIGHTS}", "E0206", "whole number"),
    ],
)
def test_mistakes_in_it_are_reported(tmp_path: Path, body: str, code: str, words: str) -> None:
    path = tmp_path / "darts.hnas"
    path.write_text(f"{DARTS}\ntrain {{ {body} }}\n")
    try:
        found = Compilation(path).check()
    except HnasError as error:
        found = error.diagnostics
    assert code in [d.code for d in found]
    assert words in " ".join(f"{d.message} {d.caret_text} {d.help_text}" for d in found)
