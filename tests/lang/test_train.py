"""The block train: how a found network is trained, and what of its space changes for it."""

from pathlib import Path

import pytest
from helpers import ROOT

from hnas.compiler import Compilation
from hnas.diag import HnasError
from hnas.schema.settings import AdamW, GivenWeights, InverseLog, MedianFrequency, Schedule, WarmUp

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
    searched = Compilation(PUBLISHED).data
    assert (searched.crop, searched.resize) == ((321, 321), (512, 1024))
    trained = Compilation(PUBLISHED, trained=True).data
    assert (trained.crop, trained.resize) == ((769, 769), None), (
        "searched at half resolution, trained at the whole one"
    )


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


def test_what_is_not_given_does_nothing(tmp_path: Path) -> None:
    path = tmp_path / "darts.hnas"
    path.write_text(f"{DARTS}\ntrain {{ epochs = 600  batch = 96  {WEIGHTS} }}\n")
    train = Compilation(path).train
    assert (train.accumulate, train.warm_up, train.clip, train.class_weights) == (1, None, None, None)
    assert (train.label_smoothing, train.aux, train.drop_path, train.ema) == (0, 0, None, None)
    assert train.precision == "float32"


def test_every_setting_is_read(tmp_path: Path) -> None:
    path = tmp_path / "darts.hnas"
    rest = """accumulate = 4  warm_up = epochs(5, start = 0.1)  class_weights = inverse_log(1.1)
      label_smoothing = 0.1  aux = 0.4  ema = 0.999  precision = bfloat16  iterations = none
      weights = adamw(lr = cosine(1e-3, 0), betas = [0.8, 0.99], weight_decay = 0.05)"""
    path.write_text(f"{DARTS}\ntrain {{ epochs = 600  batch = 96  {rest} }}\n")
    train = Compilation(path).train
    assert (train.accumulate, train.warm_up) == (4, WarmUp("epochs", 5, 0.1))
    assert train.class_weights == InverseLog(1.1)
    assert (train.label_smoothing, train.aux, train.ema, train.precision) == (0.1, 0.4, 0.999, "bfloat16")
    assert train.weights == AdamW(Schedule("cosine", 1e-3, 0), (0.8, 0.99), 1e-8, 0.05)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("median_frequency", MedianFrequency()),
        ("inverse_log", InverseLog(1.02)),
        ("[1, 0.5, 0, 2, 1, 1, 1, 1, 1, 1]", GivenWeights((1, 0.5, 0, 2, 1, 1, 1, 1, 1, 1))),
        ("none", None),
    ],
)
def test_class_weights(tmp_path: Path, given: str, expected: object) -> None:
    path = tmp_path / "darts.hnas"
    path.write_text(f"{DARTS}\ntrain {{ epochs = 1  batch = 96  {WEIGHTS}  class_weights = {given} }}\n")
    assert Compilation(path).train.class_weights == expected


def test_the_trained_form_written_out_is_its_own(tmp_path: Path) -> None:
    """What is laid over the space is part of it then, and the block search, which may not fit it, goes."""
    path, resolved = tmp_path / "darts.hnas", tmp_path / "resolved.hnas"
    more = "C = 36  L = 20  data { split = none }"
    search = "search { epochs = 1  batch = 2  weights = sgd(lr = 1)  arch = adam(lr = 1) }"
    path.write_text(f"{DARTS}\n{search}\ntrain {{ epochs = 1  batch = 2  {more}  {WEIGHTS} }}\n")
    text = Compilation(path, trained=True).resolved_text
    resolved.write_text(text)
    again = Compilation(resolved, trained=True)
    assert again.resolved_text == text
    assert (again.space.params["C"], Compilation(resolved).space.params["C"]) == (36, 36)
    assert Compilation(resolved).check() == ()
    assert "search {" in Compilation(path).resolved_text
    assert "search {" not in text


def test_what_is_set_is_set_last_and_in_the_block_before_it_is_laid_over() -> None:
    def crop(*sets: str) -> object:
        return Compilation(PUBLISHED, sets=sets, trained=True).data.crop

    assert crop("data.crop=65") == (65, 65)
    assert crop("train.data.crop=97") == (97, 97)
    assert crop("train.data.crop=97", "data.crop=65") == (65, 65)
    assert Compilation(PUBLISHED, sets=("train.batch=3",), trained=True).train.batch == 3
    assert Compilation(PUBLISHED, sets=("data.crop=65",)).data.crop == (65, 65)


def test_a_space_without_one_says_what_it_needs() -> None:
    with pytest.raises(HnasError, match=r"E0204.*needs `train`"):
        _ = Compilation(ROOT / "examples" / "autodeeplab" / "spec.hnas").train


@pytest.mark.parametrize(
    ("body", "code", "words"),
    [
        (f"batch = 2  {WEIGHTS}", "E0206", "neither is given"),
        (f"epochs = 1  iterations = 1  batch = 2  {WEIGHTS}", "E0206", "both are given"),
        (f"epochs = 1  {WEIGHTS}", "E0204", "batch"),
        (f"epochs = 1  batch = 2  {WEIGHTS}  ema = 1.5", "E0206", "a number from 0 to 1"),
        (f"epochs = 1  batch = 2  {WEIGHTS}  label_smoothing = 1", "E0206", "a part below 1"),
        (f"epochs = 1  batch = 2  {WEIGHTS}  class_weights = [0, 1]", "E0206", "10 numbers"),
        (f"epochs = 1  batch = 2  {WEIGHTS}  class_weights = 10 * [0]", "E0206", "must be a list"),
        (f"epochs = 1  batch = 2  {WEIGHTS}  class_weights = inverse_log(1)", "E0206", "c above 1"),
        (f"epochs = 1  batch = 2  {WEIGHTS}  drop_path = 1", "E0206", "below 1 all the time"),
        (f"epochs = 1  batch = 2  {WEIGHTS}  accumulate = 0", "E0206", "from 1"),
        ("epochs = 1  batch = 2  weights = adam(lr = 1)", "E0206", "did you mean adamw?"),
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
