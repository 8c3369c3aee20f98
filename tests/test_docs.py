"""What the README and the manual say is true: their specs check, their commands print what they show.

A fence says what is in it: `hnas` is parsed, and checked where it is a whole file; `console` is run, `...`
standing for lines left out; `sh` has commands that are too long to run, and exist; `python` is run; `text` is
left alone. The pages of diagnostics are what `hnas explain` prints, which tests/cli/test_explain.py checks.
"""

import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from helpers import ROOT, tiny_flags, trained_spec

from hnas.cli.main import command, run
from hnas.compiler import Compilation
from hnas.diag import HnasError, Source
from hnas.diag.render import render
from hnas.ir.ops import PRIMITIVES
from hnas.lang import ast
from hnas.lang.parser import parse
from hnas.schema.blocks import BLOCKS
from hnas.schema.datasets import CARDS

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
FENCE = re.compile(r"^```(.*)\n((?:.*\n)*?)```$", re.MULTILINE)
Block = tuple[str, str]


def _blocks(page: Path) -> list[Block]:
    """What each fence of a page says it holds, and what it holds."""
    return FENCE.findall(page.read_text(encoding="utf-8"))


def _of(kind: str) -> list[object]:
    """The pages that have such fences, as parameters of a test: page, and the fences."""
    found = [(page, [text for each, text in _blocks(page) if each == kind]) for page in PAGES]
    return [pytest.param(page, texts, id=page.stem) for page, texts in found if texts]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder: empty, but for the examples."""
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.delenv("HNAS_DATA", raising=False)
    return tmp_path


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_fence_says_what_is_in_it(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert {kind for kind, _ in _blocks(page)} <= {"hnas", "console", "sh", "python", "text"}
    assert text.count("\n```") == 2 * len(_blocks(page))


# --- hnas ------------------------------------------------------------------------------------------


def _framed(text: str) -> Iterator[str]:
    """A fragment as a file: of blocks, of what stands in a space, or with an operator on each line."""
    text = re.sub(r"^ *\.\.\.$", "", text, flags=re.MULTILINE)
    yield f"hnas 1\n{text}"
    yield f"hnas 1\nspace framed {{\n{text}}}\n"
    lines = enumerate(text.splitlines())
    framed = (line if line.startswith("choice") else f"op framed{n} = {line}" for n, line in lines)
    yield "\n".join(["hnas 1", "space framed {", *framed, "}"])


def _settings(items: tuple[ast.Item, ...]) -> Iterator[ast.Block]:
    """The blocks whose attributes are in the schema's tables; those of a network say what was found."""
    for item in items:
        if isinstance(item, ast.Block) and item.kind != "network":
            if item.kind in BLOCKS and item.name != "framed":
                yield item
            yield from _settings(item.items)


def _parsed(text: str) -> ast.File:
    said: list[str] = []
    for framed in _framed(text):
        try:
            return parse(Source("fragment.hnas", framed))
        except HnasError as error:
            said.append(render(error.diagnostics[0]))
    pytest.fail("\n\n".join(said))


@pytest.mark.parametrize(("page", "texts"), _of("hnas"))
def test_a_spec_checks_clean_and_a_fragment_parses(page: Path, texts: list[str], folder: Path) -> None:
    for text in texts:
        if text.startswith("hnas 1"):
            path = folder / "examples" / "autodeeplab" / "whole.hnas"  # beside the spec.hnas it may use
            path.write_text(text, encoding="utf-8")
            assert [render(each) for each in Compilation(path).check()] == []
            continue
        for block in _settings(_parsed(text).items):
            known = {a.name for a in BLOCKS[block.kind].attributes}
            given = {item.key[0] for item in block.items if isinstance(item, ast.Set)}
            # a block train changes parameters of its space too: in capitals, here
            assert {key for key in given if not key.isupper()} <= known


# --- commands --------------------------------------------------------------------------------------


def _commands(texts: list[str]) -> Iterator[list[str]]:
    for line in "".join(texts).splitlines():
        for each in line.split("&&"):
            words = shlex.split(each, comments=True)
            if words[:1] == ["hnas"]:
                yield words[1:]


@pytest.mark.parametrize(("page", "texts"), _of("sh"))
def test_a_command_and_its_options_exist(page: Path, texts: list[str]) -> None:
    for name, *arguments in _commands(texts):
        # raises click.UsageError where an option is unknown or an argument is missing
        assert isinstance(command.commands[name].make_context(name, arguments), click.Context)


@pytest.mark.parametrize(("page", "texts"), _of("console"))
def test_a_command_prints_what_stands_below_it(
    page: Path, texts: list[str], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if page.stem == "README":
        (folder / "mine.hnas").write_text(_mistaken(), encoding="utf-8")
    for text in texts:
        for call, shown in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", text, re.MULTILINE):
            assert call.startswith("hnas ")
            run(shlex.split(call)[1:])
            said = capsys.readouterr()
            lines = shown.splitlines(keepends=True)
            pattern = "".join("(?:.*\n)*?" if line == "...\n" else re.escape(line) for line in lines)
            printed = (said.out + said.err).rstrip("\n") + "\n"
            assert re.fullmatch(pattern, printed), f"{call} prints\n{printed}"


# --- python ----------------------------------------------------------------------------------------


def _frame(folder: Path) -> dict[str, object]:
    """What the fences of a page take for granted: images, and a search and a training that have ended."""
    import torch
    from PIL import Image

    assert run(tiny_flags("--out", str(folder / "runs" / "spec-20260101-120000"))) == 0
    network = trained_spec(folder, "epochs = 1  batch = 8  weights = sgd(lr = 0.1)  validate { images = 1 }")
    flags = ["--out", str(folder / "runs" / "found-20260102-120000"), "--threads", "1", "--max-steps", "1"]
    assert run(["train", str(network), *flags]) == 0
    Image.new("RGB", (41, 35)).save(folder / "street.png")
    return {"images": torch.zeros(2, 3, 33, 33)}


@pytest.mark.parametrize(("page", "texts"), _of("python"))
def test_python_runs(page: Path, texts: list[str], folder: Path) -> None:
    names = _frame(folder)
    for text in texts:
        exec(compile(text, str(page), "exec"), names)


# --- the README ------------------------------------------------------------------------------------

README = (ROOT / "README.md").read_text(encoding="utf-8")
(SPACE,) = [text for kind, text in _blocks(ROOT / "README.md") if kind == "hnas"]


def _mistaken() -> str:
    """The README's spec with the mistakes of the one whose check it shows."""
    text = SPACE.replace("same, coarser }  ", "same, corser }   ").replace("project = fit", "projct = fit")
    assert text != SPACE
    return text


def test_the_first_spec_can_be_laid_out(tmp_path: Path) -> None:
    (tmp_path / "small.hnas").write_text(SPACE, encoding="utf-8")
    assert Compilation(tmp_path / "small.hnas").counts.paths == 70


def test_the_two_commands_stand_in_it() -> None:
    assert "\npip install . && hnas search examples/autodeeplab/spec.hnas\n" in README
    assert "\npip install -e '.[test]' && pytest\n" in README


def test_it_names_every_command_data_set_and_layer() -> None:
    rows = re.findall(r"^\| (`.*?) \|", README, re.MULTILINE)
    named = {word for row in rows for word in re.findall(r"`(?:hnas )?(\w+)", row)}
    assert named >= set(command.commands) | set(CARDS)
    listed = README.split("The layers are ")[1].split(".")[0]
    assert set(re.findall(r"`(\w+)`", listed)) == set(PRIMITIVES)


def test_no_text_of_the_project_names_a_folder_of_a_machine() -> None:
    kinds = ("*.md", "*/*.md", "docs/**/*.md", "docs/**/*.py", "examples/*/*", "hnas/**/*.py")
    texts = [path for kind in kinds for path in ROOT.glob(kind)]
    assert [
        str(p) for p in texts if re.search(r"/(home|root|work|tmp)/", p.read_text(encoding="utf-8"))
    ] == []
