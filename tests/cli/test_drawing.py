"""`hnas draw`: files, and what is refused."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from helpers import ROOT, SPEC, tiny_flags, trained_spec
from PIL import Image

from hnas.compiler import Compilation
from hnas.ir.types import spell_stride

Call = Callable[..., Any]

PUBLISHED = str(SPEC.with_name("published.hnas"))


def texts(svg: Path) -> list[str]:
    """What an SVG has as text."""
    return re.findall(r"<text[^>]*>([^<]*)</text>", svg.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A search that has ended."""
    from hnas.cli.main import run as hnas

    folder = tmp_path_factory.mktemp("runs") / "tiny"
    assert hnas([*tiny_flags(), "--out", str(folder)]) == 0
    return folder


def test_the_trellis_of_the_reference(hnas: Call, tmp_path: Path) -> None:
    out = tmp_path / "a.svg"
    said = hnas("draw", str(SPEC), "--out", str(out))
    assert (said.code, said.out) == (0, f"wrote  {out}\n")
    assert {"space auto_deeplab", "stride 4", "8", "16", "32", "layer", "12"} <= set(texts(out))


def test_the_file_has_a_name_where_none_is_given(
    hnas: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert hnas("draw", PUBLISHED, "--what", "cell").out == "wrote  published-cell.svg\n"
    assert "atrous(5)" in texts(tmp_path / "published-cell.svg")


@pytest.mark.parametrize("kind", ["svg", "png"])
def test_the_same_drawing_is_the_same_file(hnas: Call, tmp_path: Path, kind: str) -> None:
    first, second = (tmp_path / f"{n}.{kind}" for n in (1, 2))
    for out in (first, second):
        assert hnas("draw", PUBLISHED, "--what", "cell", "--out", str(out)).code == 0
    assert first.read_bytes() == second.read_bytes()
    if kind == "svg":
        assert "dc:date" not in first.read_text()
    else:
        with Image.open(first) as image:
            assert image.format == "PNG"


def test_the_users_settings_of_matplotlib_change_nothing(
    hnas: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import matplotlib

    hnas("draw", str(SPEC), "--out", str(tmp_path / "1.svg"))
    monkeypatch.setitem(matplotlib.rcParams, "svg.fonttype", "path")
    hnas("draw", str(SPEC), "--out", str(tmp_path / "2.svg"))
    assert (tmp_path / "1.svg").read_bytes() == (tmp_path / "2.svg").read_bytes()
    assert matplotlib.rcParams["svg.fonttype"] == "path"


def test_nothing_is_overwritten(hnas: Call, tmp_path: Path) -> None:
    out = tmp_path / "a.svg"
    out.write_text("mine")
    said = hnas("draw", str(SPEC), "--out", str(out))
    assert said.code == 1
    assert "E0801" in said.err
    assert out.read_text() == "mine"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--out", "a.pdf"), "ends neither in .svg nor in .png"),
        (("--what", "curves"), "--what curves is of a run"),
    ],
)
def test_wrong_usage(hnas: Call, arguments: tuple[str, ...], message: str) -> None:
    said = hnas("draw", str(SPEC), *arguments)
    assert said.code == 2
    assert message in said.err


def test_a_network_is_named(hnas: Call, tmp_path: Path) -> None:
    said = hnas("draw", PUBLISHED, "--name", "other", "--out", str(tmp_path / "a.svg"))
    assert said.code == 1
    assert "has no network other" in said.err


@pytest.mark.parametrize(
    ("what", "set_", "message"),
    [
        ("trellis", "L=1001", "the trellis has 1,001 layers, more than the 1,000 a figure shows"),
        ("cell", "B=32", "cell dense has 592 edges, more than the 500 a figure shows"),
    ],
)
def test_more_than_a_figure_shows(hnas: Call, tmp_path: Path, what: str, set_: str, message: str) -> None:
    said = hnas("draw", str(SPEC), "--what", what, "--set", set_, "--out", str(tmp_path / "a.svg"))
    assert said.code == 1
    assert f"error[E0804]: {message}" in said.err


def test_many_layers_stand_in_bands(hnas: Call, tmp_path: Path) -> None:
    out = tmp_path / "a.svg"
    assert hnas("draw", str(SPEC), "--set", "L=90", "--out", str(out)).code == 0
    found = texts(out)
    assert [found.count(layer) for layer in ("39", "40", "41", "80", "90")] == [1, 2, 1, 2, 1]
    assert found.count("stride 4") == 3


def test_links_to_another_band_name_its_layer(hnas: Call, tmp_path: Path) -> None:
    spec = tmp_path / "linked.hnas"
    base = (ROOT / "hnas" / "cli" / "examples" / "base.hnas").read_text()
    spec.write_text(base.replace("project = fit", "project = fit\n    skips = mirror(fit, join = sum)"))
    out = tmp_path / "a.svg"
    said = hnas("draw", str(spec), "--set", "trellis.layers=60", "--out", str(out))
    assert said.code == 0, said.err
    found = texts(out)
    assert found.count("1") == 1 + 1  # the layer, and the end of the link at the only stride of layer 1's
    assert found.count("60") == 1 + 1


@pytest.mark.parametrize("what", ["trellis", "cell"])
@pytest.mark.parametrize("path", sorted((ROOT / "examples").glob("*/spec.hnas")), ids=lambda p: p.parent.name)
def test_every_example_is_drawn(hnas: Call, tmp_path: Path, path: Path, what: str) -> None:
    out = tmp_path / "a.svg"
    said = hnas("draw", str(path), "--what", what, "--out", str(out))
    assert (said.code, said.err) == (0, "")
    assert len(texts(out)) > 3


def test_strides_of_their_own_on_each_axis(hnas: Call, tmp_path: Path) -> None:
    out = tmp_path / "a.svg"
    volumes = ROOT / "tests" / "specs" / "volumes.hnas"
    strides = Compilation(volumes).space.trellis.strides
    assert any(isinstance(stride, tuple) for stride in strides)
    assert hnas("draw", str(volumes), "--out", str(out)).code == 0
    assert {spell_stride(stride) for stride in strides} <= {t.removeprefix("stride ") for t in texts(out)}


# --- runs -------------------------------------------------------------------------------------------


def test_a_run(hnas: Call, tmp_path: Path, run: Path) -> None:
    wanted = {
        "trellis": "width: beta of the newest checkpoint; orange: what was found",
        "cell": "cell dense",
        "curves": "mIoU",
        "entropy": "entropy, relative to the largest",
    }
    for what, text in wanted.items():
        out = tmp_path / f"{what}.svg"
        said = hnas("draw", str(run), "--what", what, "--out", str(out))
        assert (said.code, said.err) == (0, "")
        assert text in texts(out)


def test_a_run_keeps_what_it_began_with(hnas: Call, run: Path) -> None:
    said = hnas("draw", str(run), "--set", "L=4")
    assert said.code == 2
    assert "--set does not go with a run" in said.err


def test_what_a_run_has_not_yet(hnas: Call, tmp_path: Path, run: Path) -> None:
    early = tmp_path / "early"
    early.mkdir()
    for name in ("spec.hnas", "run.json"):
        (early / name).write_bytes((run / name).read_bytes())
    out = str(tmp_path / "a.svg")
    for what, code in (("trellis", "E0605"), ("cell", "E0605"), ("curves", "E0611"), ("entropy", "E0611")):
        said = hnas("draw", str(early), "--what", what, "--out", out)
        assert said.code == 1
        assert said.err.startswith(f"error[{code}]: {early} has no ")


def test_a_training(hnas: Call, tmp_path: Path) -> None:
    network = trained_spec(tmp_path, "epochs = 1  batch = 60  weights = sgd(lr = 0.1)")
    folder = tmp_path / "run"
    said = hnas("train", str(network), "--out", str(folder), "--threads", "1", "--max-steps", "10")
    assert said.code == 0, said.err
    found: dict[str, list[str]] = {}
    for what in ("trellis", "cell", "curves"):
        out = tmp_path / f"{what}.svg"
        said = hnas("draw", str(folder), "--what", what, "--out", str(out))
        assert (said.code, said.err) == (0, "")
        found[what] = texts(out)
    assert "loss" in found["curves"]
    said = hnas("draw", str(folder), "--what", "entropy", "--out", str(tmp_path / "a.svg"))
    assert said.code == 2
    assert "--what entropy is of a search" in said.err
