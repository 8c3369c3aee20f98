"""Who may import whom: the layers point one way, and the compiler half never needs torch."""

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers import ROOT, SPEC

PACKAGE = ROOT / "hnas"
PUBLISHED = SPEC.with_name("published.hnas")

# A package may import those named, and itself; `runtime?` means inside functions only.
TABLE: dict[str, set[str]] = {
    "diag": set(),
    "schema": {"diag"},
    "ir": {"diag", "schema"},
    "lang": {"diag", "schema", "ir"},
    "passes": {"diag", "ir"},
    "runtime": {"diag", "ir"},
    "planning": {"runtime"},
    "data": {"diag", "schema"},
    "engine": {"diag", "schema", "runtime", "data.base"},
    "search": {"diag", "schema", "ir.decisions", "ir.types", "runtime", "data.base", "data.errors", "engine"},
    "train": {"diag", "schema", "runtime", "data.base", "engine"},
    "importing": {"diag", "ir", "lang"},
    "compiler": {"diag", "schema", "ir", "lang", "passes", "runtime?"},
    "trained": {"compiler", "data.transforms", "diag", "engine", "ir.decisions", "runtime", "train"},
    "api": {"compiler", "diag", "engine", "ir", "lang", "passes", "runtime?", "trained?"},
    "draw": {"api", "compiler", "diag", "ir"},
    "cli": {
        *("", "api", "compiler", "data", "diag", "draw", "engine", "importing", "ir", "lang"),
        *(
            "passes.errors",
            "passes.pass_errors",
            "passes.pipeline",
            "planning",
            "runtime",
            "schema",
            "search",
            "train",
            "trained",
        ),
    },
}

THIRD_PARTY: dict[str, set[str]] = {
    "diag": {"attrs"},
    "schema": {"attrs"},
    "ir": {"attrs"},
    "lang": {"attrs", "lark"},
    "passes": {"attrs"},
    "runtime": {"attrs", "torch"},
    "planning": {"attrs", "torch"},
    "data": {"attrs", "numpy", "torch", "PIL"},
    "engine": {"attrs", "numpy", "torch", "torchmetrics"},
    "search": {"attrs", "torch"},
    "train": {"attrs", "torch"},
    "trained": {"attrs", "torch"},
    "importing": {"attrs", "numpy?"},
    "compiler": {"attrs", "torch?"},
    "api": {"attrs", "torch?"},
    "draw": {"attrs", "matplotlib?"},
    "cli": {"attrs", "click", "rich", "torch"},
}


def _modules() -> Iterator[tuple[str, str, Path]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        layer = name.split(".")[1] if "." in name else ""
        yield name, layer, path


def _imports(path: Path) -> Iterator[tuple[str, bool]]:
    """Every imported module, and whether it is imported only when a function runs or for types."""
    tree = ast.parse(path.read_text())

    def walk(node: ast.AST, later: bool) -> Iterator[tuple[str, bool]]:
        for child in ast.iter_child_nodes(node):
            inner = later or isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef)
            if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.dump(child.test):
                inner = True
            if isinstance(child, ast.Import):
                yield from ((alias.name, inner) for alias in child.names)
            elif isinstance(child, ast.ImportFrom):
                assert child.level == 0, f"{path}: relative import"
                yield child.module or "", inner
            yield from walk(child, inner)

    yield from walk(tree, False)


@pytest.mark.parametrize(
    ("name", "layer", "path"), list(_modules()), ids=lambda v: v if isinstance(v, str) else ""
)
def test_imports_follow_the_table(name: str, layer: str, path: Path) -> None:
    if layer in ("", "__main__"):
        return
    for target, later in _imports(path):
        top, _, rest = target.partition(".")
        if top == "hnas":
            allowed = TABLE[layer] | {layer}
            ok = any(
                rest == a.rstrip("?") or (a and rest.startswith(a.rstrip("?") + "."))
                for a in allowed
                if later or not a.endswith("?")
            )
            assert ok, f"{name} imports {target}"
        elif top not in sys.stdlib_module_names:
            allowed = THIRD_PARTY[layer]
            assert top in allowed or (later and f"{top}?" in allowed), f"{name} imports {target}"


def test_no_module_imports_itself_in_a_circle() -> None:
    known = {name for name, _, _ in _modules()}
    edges: dict[str, set[str]] = {}
    for name, _, path in _modules():
        tree = ast.parse(path.read_text())
        targets = set()
        for node in tree.body:
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("hnas"):
                module = node.module or ""
                targets.add(module)
                targets |= {f"{module}.{a.name}" for a in node.names} & known
        edges[name] = (targets & known) - {name}
    done: set[str] = set()

    def visit(name: str, way: tuple[str, ...]) -> None:
        assert name not in way, " -> ".join((*way[way.index(name) :], name))
        if name not in done:
            for target in sorted(edges[name]):
                visit(target, (*way, name))
            done.add(name)

    for name in sorted(edges):
        visit(name, ())


@pytest.mark.parametrize(
    "command",
    [
        ["--help"],
        ["check", str(SPEC)],
        ["show", str(SPEC)],
        ["check", str(SPEC), "--json"],
        ["explain"],
        ["explain", "E0304"],
        ["explain", "E0703"],
        ["new", "mine"],
        ["diff", str(SPEC), str(SPEC)],
        ["fmt", "--check", str(SPEC)],
        ["compile", str(SPEC), "--emit", "graph"],
        ["compile", str(SPEC), "--emit", "decisions"],
        ["sample", str(SPEC)],
        ["sample", str(SPEC), "-n", "2", "--out", "drawn"],
        ["unrank", str(SPEC), "5", "--set", "L=4"],
        ["rank", str(SPEC), str(PUBLISHED)],
        ["locate", str(SPEC), str(PUBLISHED), "--json"],
        ["neighbours", str(SPEC), str(PUBLISHED), "--count"],
        ["mutate", str(SPEC), str(PUBLISHED), "--seed", "1"],
    ],
    ids=lambda c: " ".join(c[:1] + c[2:]),
)
def test_the_compiler_half_does_not_import_torch(command: list[str], tmp_path: Path) -> None:
    _runs_without_torch(command, tmp_path)


def test_a_file_is_formatted_without_torch(tmp_path: Path) -> None:
    loose = tmp_path / "loose.hnas"
    loose.write_text("hnas 1\na=1", encoding="utf-8")
    _runs_without_torch(["fmt", str(loose)], tmp_path)
    assert loose.read_text(encoding="utf-8") == "hnas 1\na = 1\n"


def test_a_space_is_drawn_without_torch(tmp_path: Path) -> None:
    _runs_without_torch(
        ["draw", str(SPEC), "--out", "drawn.svg"], tmp_path, allowed=("matplotlib", "numpy", "PIL")
    )


def test_a_space_and_a_run_are_opened_without_torch(tmp_path: Path) -> None:
    code = (
        "import sys, hnas; space = hnas.load(sys.argv[1]); found = space.sample(2); "
        "space.rank(found[0]), space.cost(found[0]), next(space.neighbours(found[1])); hnas.open; "
        "heavy = {'torch', 'numpy', 'rich', 'PIL'} & set(sys.modules); "
        "sys.exit(f'imported {heavy}' if heavy else 0)"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    arguments = [sys.executable, "-c", code, str(SPEC)]
    done = subprocess.run(
        arguments, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_a_text_is_imported_without_torch(tmp_path: Path) -> None:
    cell = tmp_path / "cell.txt"
    cell.write_text("|none~0|+|none~0|none~1|+|none~0|none~1|none~2|", encoding="utf-8")
    space = ROOT / "examples" / "nasbench201" / "spec.hnas"
    _runs_without_torch(["import", "nasbench201", str(cell), "--space", str(space)], tmp_path)


def _runs_without_torch(command: list[str], folder: Path, allowed: tuple[str, ...] = ()) -> None:
    code = (
        "import sys; from hnas.cli.main import run; code = run(sys.argv[1:]); "
        f"heavy = ({{'torch', 'numpy', 'rich', 'PIL', 'matplotlib'}} - set({allowed!r})) & set(sys.modules); "
        "sys.exit(f'imported {heavy}' if heavy or code else 0)"
    )
    arguments = [sys.executable, "-c", code, *command]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(arguments, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_files_stay_short() -> None:
    long = {
        str(path.relative_to(ROOT)): lines
        for _, _, path in _modules()
        if (lines := path.read_text().count("\n")) > 400 and path.name != "tables.py"
    }
    assert long == {}
