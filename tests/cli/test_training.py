"""`hnas train`, `hnas eval` and `hnas predict` from the outside."""

import errno
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from attrs import evolve
from helpers import ROOT, random_architecture, tiny_flags, trained_spec
from PIL import Image

from hnas.api.networks import network_block
from hnas.api.run import open as open_run
from hnas.compiler import Compilation
from hnas.data.looked_at import read_picture
from hnas.data.shapes import Shapes
from hnas.engine.checkpoint import _read

Call = Callable[..., Any]

BASE = "epochs = 2  batch = 8  weights = sgd(lr = 0.1, momentum = 0.9)  validate { images = 2 }"
QUICK = ("--threads", "1", "--max-steps", "3")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of three steps."""
    from hnas.cli.main import run as command

    folder = tmp_path_factory.mktemp("trained")
    spec = trained_spec(folder, BASE)
    assert command(["train", str(spec), "--out", str(folder / "run"), *QUICK]) == 0
    return folder / "run"


def pictures_in(folder: Path) -> Path:
    folder.mkdir()
    image = Image.fromarray(Shapes("val").read(0)[0].permute(1, 2, 0).numpy())
    image.save(folder / "a.png")
    image.resize((41, 30)).convert("L").save(folder / "b.jpg")
    return folder


# --- train -----------------------------------------------------------------------------------------


def test_a_run_keeps_everything_and_says_what_it_did(
    hnas: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    trained_spec(tmp_path, BASE)
    said = hnas("train", "one.hnas", "--out", "run", *QUICK, "--batch", "4", "--epochs", "3", "--seed", "0")
    assert said.code == 0, said.err
    assert said.err.splitlines()[:5] == [
        "  network  one of small: 300 weights",
        "  data     shapes: 240 images, 60 val",
        "  train    180 steps, 3 epochs, batch 4",
        "  device   cpu, 1 thread, seed 0",
        "  run      run",
    ]
    assert "of always predicting the most frequent class" in said.out
    assert "measure  hnas eval run\n" in said.out
    assert "go on    hnas train --resume run --max-steps 180    (3 of 180 steps made)" in said.out
    names = {path.name for path in (tmp_path / "run").iterdir()}
    assert names >= {"spec.hnas", "network.hnas", "run.json", "metrics.jsonl", "result.json", "events"}
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    assert (record["kind"], record["network"], record["seed"]) == ("train", "one", 0)
    result = json.loads((tmp_path / "run" / "result.json").read_text())
    assert (result["step"], result["steps"], result["best"]["step"]) == (3, 180, 3)
    # the space it was trained in is there whole, and again what it was
    assert "split = none" in (tmp_path / "run" / "spec.hnas").read_text()
    assert hnas("check", "run/spec.hnas", "run/network.hnas").code == 0


def test_it_goes_on_and_is_refused_where_it_would_not_be_the_same(
    hnas: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    trained_spec(tmp_path, BASE)
    assert hnas("train", "one.hnas", "--out", "run", *QUICK).code == 0
    assert hnas("train", "--resume", "run", "--batch", "4").code == 2
    assert hnas("train", "--resume", "run", "--as", "small").code == 2
    assert hnas("train", "one.hnas", "--resume", "run").code == 2
    assert "E0602" in hnas("search", "--resume", "run").err
    assert "W0402" in hnas("train", "--resume", "run").err
    said = hnas("train", "--resume", "run", "--max-steps", "5")
    assert said.code == 0, said.err
    assert "goes on after step 3" in said.err
    network = tmp_path / "run" / "network.hnas"
    network.write_text(network.read_text().replace("unit(3)", "unit(1)"))
    said = hnas("train", "--resume", "run")
    assert said.code == 1
    assert "E0607" in said.err
    assert "network.hnas was changed since the run began: its choices differ" in said.err


OTHER = """
space wide extends small { C = 6 }
space strange extends small { cell c { op -= unit(3) } }
"""


def test_it_is_trained_in_the_space_that_is_said(
    hnas: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    text = trained_spec(tmp_path, BASE).read_text()
    block = text.index("network one")
    (tmp_path / "spec.hnas").write_text(text[:block])
    (tmp_path / "other.hnas").write_text('hnas 1\nuse "spec.hnas"\n' + OTHER)
    (tmp_path / "found.hnas").write_text('hnas 1\nuse "spec.hnas"\n\n' + text[block:])
    (tmp_path / "below.hnas").write_text('hnas 1\nuse "other.hnas"\n\n' + text[block:])
    said = hnas("train", "found.hnas", "--as", "other.hnas", "--space", "wide", "--out", "a", *QUICK)
    assert said.code == 0, said.err
    assert "one of wide: 554 weights" in said.err
    said = hnas("train", "below.hnas", "--as", "wide", "--out", "b", *QUICK)
    assert said.code == 0, said.err
    assert "one of wide: 554 weights" in said.err
    said = hnas("train", "below.hnas", "--as", "strange", "--out", "c", *QUICK)
    assert said.code == 1
    assert "unit(3)" in said.err
    assert not (tmp_path / "c").exists()
    assert "E0217" in hnas("train", "below.hnas", "--as", "wyde").err
    assert "has no network" in hnas("train", "spec.hnas").err
    two = text + text[block:].replace("network one", "network two")
    (tmp_path / "two.hnas").write_text(two)
    said = hnas("train", "two.hnas")
    assert "two.hnas has 2 networks" in said.err
    assert "(--name): one, two" in said.err
    said = hnas("train", "two.hnas", "--name", "two", "--out", "d", *QUICK)
    assert said.code == 0, said.err
    assert "two of small" in said.err


@pytest.mark.parametrize(
    ("train", "flags", "words"),
    [
        (BASE, ["--batch", "500"], ["E0513", "500 is more than there are training images: 240"]),
        (BASE, ["--set", "data=camvid"], ["E0501", "--data camvid=PATH"]),
        (BASE, ["--data", "camvid=."], ["E0510", "the spec reads shapes"]),
        (BASE, ["--inherit", "nowhere"], ["E0602", "hnas search or hnas train"]),
        (BASE, ["--device", "toaster"], ["E0702"]),
        (BASE + " class_weights = [1, 2]", [], ["E0206", "8 numbers, one for each class"]),
        (BASE + " ema = 1", [], ["E0206", "a decay below 1"]),
        (BASE + " drop_path = linear(0, 1)", [], ["E0206", "a probability below 1"]),
        (BASE + " precision = float16", [], ["E0206", "float32 or bfloat16"]),
        (BASE + " warm_up = 5", [], ["E0206", "epochs(...) or steps(...)"]),
        (BASE.replace("0.1,", "1e17,"), ["--max-steps", "9"], ["E0704", "train.clip", "hnas train --resume"]),
    ],
)
def test_bad_input_is_one_message(
    hnas: Call,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    train: str,
    flags: list[str],
    words: list[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    trained_spec(tmp_path, train)
    said = hnas("train", "one.hnas", "--threads", "1", "--out", "run", *flags)
    assert said.code == 1
    assert all(word in said.err for word in words), said.err
    assert "Traceback" not in said.err
    assert said.err.count("error[") == 1


def test_images_of_several_sizes_without_a_crop_are_named(
    hnas: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for part in ("train", "val"):
        for width in (17, 19):
            for folder, mode in (("images", "RGB"), ("labels", "L")):
                path = tmp_path / "own" / folder / part / f"{width}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.new(mode, (width, 13)).save(path)
    trained_spec(
        tmp_path, BASE.replace("batch = 8", "batch = 2"), 'folder { classes = [a, b]  root = "own" }'
    )
    said = hnas("train", "one.hnas", "--out", "run", *QUICK)
    assert said.code == 1
    (line,) = [line for line in said.err.splitlines() if "E0511" in line]
    assert "images/train/17.png of 17 x 13 and " in line
    assert line.endswith("images/train/19.png of 19 x 13 pixels")


def test_a_folder_of_labels_is_never_half_a_file(
    hnas: Call, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk is full at the second image: the first is whole, the second is not there at all."""
    real, calls = os.fsync, list[int]()

    def full(descriptor: int) -> None:
        calls.append(descriptor)
        if len(calls) == 3:  # the first file, its folder, the second file
            raise OSError(errno.ENOSPC, "No space left on device")
        real(descriptor)

    images = pictures_in(tmp_path / "in")
    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        said = hnas("predict", str(run), str(images), "--out", str(tmp_path / "out"), "--device", "cpu")
    assert said.code == 1
    assert "E0604" in said.err
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["a.png"]
    assert np.asarray(Image.open(tmp_path / "out" / "a.png")).shape == (97, 129)


def test_weights_of_a_search_are_inherited_by_name(
    hnas: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert hnas(*tiny_flags("--out", "searched", "--max-steps", "2")).code == 0
    form = "space form extends auto_deeplab { norm = batch(affine = true)  train { TRAIN } }"
    train = "epochs = 1  batch = 4  weights = sgd(lr = 0)  validate { images = 1 }"
    (tmp_path / "form.hnas").write_text(f'hnas 1\nuse "searched/spec.hnas"\n{form.replace("TRAIN", train)}\n')
    flags = ("train", "searched/found.hnas", "--as", "form.hnas", "--out", "run", *QUICK)
    said = hnas(*flags, "--inherit", "searched")
    assert said.code == 0, said.err
    (line,) = [line for line in said.err.splitlines() if line.startswith("inherits ")]
    searched = _read(next((tmp_path / "searched" / "checkpoints").glob("step-*.pt")))["state"]["model"]
    trained = _read(next((tmp_path / "run" / "checkpoints").glob("step-*.pt")))["state"]["model"]
    # nothing is learned at a rate of 0: weights are as they were found, by name and by nothing else
    weights = [name for name in trained if "running_" not in name and f"network.{name}" in searched]
    assert len(weights) > 5
    assert all(torch.equal(trained[name], searched[f"network.{name}"]) for name in weights)
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    counts = {key: int(value) for key, value in record["measured"].items() if "inherited" in key}
    assert sum(counts.values()) == len(trained)
    assert line.startswith(f"inherits {counts['inherited']} of {len(trained)} tensors; no source for ")
    trained_spec(tmp_path, BASE)
    said = hnas("train", "one.hnas", "--inherit", "searched", "--out", "none", *QUICK)
    assert said.code == 1
    assert "E0609" in said.err


def test_whatever_is_found_can_be_placed_in_the_trained_form(tmp_path: Path) -> None:
    examples = ROOT / "examples" / "autodeeplab"
    spec = Compilation(examples / "spec.hnas")
    form = Compilation(examples / "trained.hnas", trained=True)
    for seed, path in enumerate([(8,) * 12, (4, 8, 16, 32, 16, 8, 4, 8, 16, 32, 32, 32)]):
        architecture = random_architecture(spec.decisions, path, seed)
        found = tmp_path / "found.hnas"
        found.write_text(spec.found_text(architecture, use="spec.hnas"))
        block = evolve(network_block(found), relation=None)
        assert form.place(block) == architecture


# --- eval ------------------------------------------------------------------------------------------


def test_eval_says_what_the_training_said(hnas: Call, run: Path) -> None:
    said = hnas("eval", str(run), "--images", "2", "--json", "--device", "cpu")
    assert said.code == 0, said.err
    found = json.loads(said.out)
    result = json.loads((run / "result.json").read_text())
    assert found["miou"] == pytest.approx(result["best"]["miou"], abs=1e-6)
    assert found["step"] == 3
    assert found["classes"][0] == "ground"
    assert len(found["confusion"]) == len(found["per_class"]) == 8
    labels = sum(int((Shapes("val").read(i)[1] != 255).sum()) for i in (0, 30))
    assert sum(map(sum, found["confusion"])) == labels
    said = hnas("eval", str(run), "--images", "1", "--flip", "--scales", "0.5,1", "--window", "64x64")
    assert said.code == 0, said.err
    assert "  mIoU\n" in said.out
    assert "best checkpoint, step 3, on 1 images of val" in said.err


def test_eval_measures_on_the_split_that_is_asked_for(
    hnas: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for number, part in enumerate(("train", "val", "test")):  # label 0, 1, 2 all over
        for name in range(2):
            for folder, value in (("images", 99), ("labels", number)):
                path = tmp_path / "own" / folder / part / f"{name}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.new("RGB" if folder == "images" else "L", (17, 13), value).save(path)
    data = 'folder { classes = [a, b, c]  root = "own"  crop = 33 }'
    trained_spec(tmp_path, BASE.replace("batch = 8", "batch = 2"), data)
    said = hnas("train", "one.hnas", "--out", "run", *QUICK)
    assert said.code == 0, said.err
    for number, part in enumerate(("train", "val", "test")):
        said = hnas("eval", "run", "--split", part, "--json", "--device", "cpu")
        assert said.code == 0, said.err
        found = json.loads(said.out)
        assert (found["split"], found["images"]) == (part, 2)
        assert [sum(row) for row in found["confusion"]] == [2 * 17 * 13 * (i == number) for i in range(3)]
    shutil.rmtree(tmp_path / "own" / "images" / "test")
    said = hnas("eval", "run", "--split", "test")
    assert said.code == 1
    assert "error[E0520]: folder has no images for test\n = help: give images/test with" in said.err


def test_eval_refuses_what_it_cannot_measure(hnas: Call, run: Path, tmp_path: Path) -> None:
    spec = str(run.parent / "one.hnas")
    said = hnas("eval", spec)
    assert said.code == 1
    assert f"train it first with hnas train {spec}" in said.err
    assert "E0602" in hnas("eval", str(tmp_path)).err
    assert hnas("eval", str(run), "--window", "0x3").code == 2
    assert hnas("eval", str(run), "--scales", "1,x").code == 2
    assert hnas("eval", str(run), "--stride", "3x3").code == 2


# --- predict ---------------------------------------------------------------------------------------


def test_predict_labels_as_python_does(hnas: Call, run: Path, tmp_path: Path) -> None:
    images, out = pictures_in(tmp_path / "in"), tmp_path / "out"
    said = hnas("predict", str(run), str(images), "--out", str(out), "--overlay", "--device", "cpu")
    assert said.code == 0, said.err
    assert sorted(p.name for p in out.iterdir()) == ["a.overlay.png", "a.png", "b.overlay.png", "b.png"]
    assert said.out.splitlines()[0].startswith(f"{out / 'a.png'}  ")
    opened = open_run(run)
    trained, network = opened.predictor(device="cpu"), opened.network()
    assert not network.training
    for name, suffix in (("a", "png"), ("b", "jpg")):
        image = read_picture(images / f"{name}.{suffix}")
        labels = trained.predict(image)
        assert np.array_equal(np.asarray(Image.open(out / f"{name}.png")), labels.numpy())
        assert labels.shape == image.shape[1:]
        # what is promised: the module alone, on an odd size too, says what the command wrote
        with torch.no_grad():
            scores = network(opened.prepare(image))
        assert torch.equal(scores[0].argmax(0), labels.long())
        assert trained.probabilities(image).sum(0).allclose(torch.ones(image.shape[1:]))


def test_predict_writes_over_nothing_and_says_what_is_wrong(hnas: Call, run: Path, tmp_path: Path) -> None:
    images = pictures_in(tmp_path / "in")
    said = hnas("predict", str(run), str(images), "--out", str(images))
    assert said.code == 1
    assert "E0803" in said.err
    assert sorted(p.name for p in images.iterdir()) == ["a.png", "b.jpg"]
    assert hnas("predict", str(run), str(images)).code == 2
    assert "E0521" in hnas("predict", str(run), str(tmp_path / "no"), "--out", str(tmp_path / "x")).err
    broken = tmp_path / "broken.png"
    broken.write_bytes((images / "a.png").read_bytes()[:200])
    said = hnas("predict", str(run), str(broken), "--out", str(tmp_path / "y"))
    assert said.code == 1
    assert "E0505" in said.err
    assert list((tmp_path / "y").iterdir()) == []


def test_an_image_that_cannot_be_read_keeps_no_other_from_being_labelled(
    hnas: Call, run: Path, tmp_path: Path
) -> None:
    images = pictures_in(tmp_path / "in")
    for name in ("0.png", "aa.png"):
        (images / name).write_bytes((images / "a.png").read_bytes()[:200])
    said = hnas("predict", str(run), str(images), "--out", str(tmp_path / "out"))
    assert said.code == 1
    assert said.err.count("E0505") == 2
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["a.png", "b.png"]
