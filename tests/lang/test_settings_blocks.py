"""What the blocks data and search say, as the typed settings the runtime gets."""

from pathlib import Path

import pytest
from helpers import ROOT

from hnas.compiler import Compilation
from hnas.schema.settings import (
    Crop,
    Cutout,
    DataSettings,
    Flip,
    Gdas,
    Pad,
    Scale,
    Schedule,
    SearchSettings,
    Softmax,
)

MINI = ROOT / "tests" / "specs" / "mini.hnas"
NASBENCH201 = (ROOT / "tests" / "specs" / "nasbench201.hnas").read_text(encoding="utf-8")
DARTS = (ROOT / "tests" / "specs" / "darts.hnas").read_text(encoding="utf-8")
SGD = "weights = sgd(lr = cosine(0.025, 0.001), nesterov = true)"
ADAM = "arch = adam(lr = 3e-4, betas = [0.5, 0.999], weight_decay = 1e-3)"


def mini(*sets: str) -> Compilation:
    return Compilation(MINI, sets=sets)


def again(compilation: Compilation, tmp_path: Path) -> Compilation:
    """The same out of its resolved text."""
    path = tmp_path / "resolved.hnas"
    path.write_text(compilation.resolved_text, encoding="utf-8")
    return Compilation(path)


def test_the_list_is_kept_in_its_order() -> None:
    found = mini("data.crop=none", "data.augment=[pad(4), crop([32, 48]), flip, scale(1/2, 2), cutout(16)]")
    assert found.data.augment == (Pad(4, "black"), Crop((32, 48)), Flip(), Scale(0.5, 2.0), Cutout(16))
    assert (found.data.crop, found.data.scale, found.data.flip) == (None, (1.0, 1.0), False)


def test_a_whole_window_may_be_square() -> None:
    assert mini("data.crop=none", "data.augment=[pad(by = 2, fill = mean), crop(32)]").data.augment == (
        Pad(2, "mean"),
        Crop((32, 32)),
    )


def test_without_the_list_the_short_form_counts() -> None:
    assert mini().data == DataSettings("shapes", crop=(65, 65))
    assert mini("data.augment=none").data == DataSettings("shapes", crop=(65, 65))


def test_elements_are_added_to_the_list() -> None:
    sets = "data.crop=none", "data.augment=[flip]", "data.augment+=cutout(8)"
    assert mini(*sets).data.augment == (Flip(), Cutout(8))


@pytest.mark.parametrize("sets", [(), ("data.crop=none", "data.augment=[pad(4), crop(32), flip]")])
def test_the_resolved_text_says_one_of_the_two_forms(sets: tuple[str, ...], tmp_path: Path) -> None:
    compilation = mini(*sets)
    whole = again(compilation, tmp_path)
    assert whole.check() == ()
    assert whole.data == compilation.data
    assert whole.resolved_text == compilation.resolved_text
    assert ("scale = " in whole.resolved_text) == (not sets)
    assert ("pad(by = 4, fill = black)" in whole.resolved_text) == bool(sets)


@pytest.mark.parametrize(
    ("text", "relax"),
    [
        ("softmax", Softmax()),
        ("gdas(tau = linear(10, 0.1))", Gdas(Schedule("linear", 10.0, 0.1))),
        ("gdas(5)", Gdas(Schedule("constant", 5.0, 5.0))),
        ("gdas(tau = poly(10))", Gdas(Schedule("poly", 10.0, 0.0, 0.9))),
    ],
)
def test_relax(text: str, relax: Softmax | Gdas, tmp_path: Path) -> None:
    compilation = mini(f"search.relax={text}")
    assert compilation.search.relax == relax
    assert again(compilation, tmp_path).search == compilation.search


def test_darts_and_nasbench201_as_published(tmp_path: Path) -> None:
    """The settings of the two papers, on the spaces of the two papers."""
    path = tmp_path / "spec.hnas"
    data = "data cifar10 { split = [0.5, 0.5]  augment = [flip, pad(4), crop(32)] }"
    assert "data cifar10 { split = [0.5, 0.5] }" in NASBENCH201
    gdas = f"search {{ epochs = 250  batch = 64  relax = gdas(tau = linear(10, 0.1))  {SGD}  {ADAM} }}"
    path.write_text(NASBENCH201.replace("data cifar10 { split = [0.5, 0.5] }", f"{data}\n{gdas}"))
    compilation = Compilation(path)
    assert compilation.check() == ()
    search: SearchSettings = compilation.search
    assert (search.order, search.arch.betas, search.weights.nesterov) == ("first", (0.5, 0.999), True)
    assert compilation.data.augment == (Flip(), Pad(4), Crop((32, 32)))

    second = f"search {{ epochs = 50  batch = 64  order = second  {SGD}  {ADAM}  clip = 5 }}"
    train = (
        "train { epochs = 600  batch = 96  weights = sgd(lr = cosine(0.025, 0))  "
        "data { split = none  augment = [pad(4), crop(32), flip, cutout(16)] } }"
    )
    path.write_text(DARTS.replace("data cifar10 { split = [0.5, 0.5] }", f"{data}\n{second}\n{train}"))
    compilation = Compilation(path)
    assert compilation.check() == ()
    assert (compilation.search.order, compilation.search.relax) == ("second", Softmax())
    trained = Compilation(path, trained=True).data
    assert trained.split is None
    assert trained.augment == (Pad(4), Crop((32, 32)), Flip(), Cutout(16))
