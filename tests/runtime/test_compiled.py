"""Passes that torch compiles compute what they compute without."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from constructs import FIXED, SPACE
from helpers import ROOT, small
from levels import Observed, errors, network_at, observe, only_architecture, supernet_at, unsettle, worst
from torch import Tensor, nn

from hnas.compiler import Compilation
from hnas.diag import HnasError
from hnas.passes.edges import droppable_edges
from hnas.passes.pipeline import LEVELS
from hnas.runtime.compiled import Compiled, cpp_compiler, refuse_without_compiler
from hnas.runtime.lower import Network
from hnas.runtime.supernet import SuperNet

SPECS = ROOT / "tests" / "specs"
CONSTRUCTS = {
    "nested kernels": "path = 3 * [2]  width = 4  cell = conv(one_of(weights = nested) { 1, 3, 5 }) -> norm",
    "nested channels": "path = 3 * [2]  width = 4  "
    "cell = unit(3, one_of(weights = nested) { 2, 4 }) -> unit(1, 4)",
    "an operator": "path = 3 * [2]  width = 4  cell = one_of { unit(3), unit(5), skip }",
}


@pytest.fixture(autouse=True)
def nothing_compiled() -> Iterator[None]:
    """torch keeps what it compiled for the process, and gives up after some."""
    torch.compiler.reset()
    yield
    torch.compiler.reset()


def images_of(side: int, count: int = 2) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randn(count, 3, side, side, generator=generator, dtype=torch.float64)


def network_of(module: nn.Module) -> Network:
    found = module.network if isinstance(module, SuperNet) else module
    assert isinstance(found, Network)
    return found


def compile_(module: nn.Module, backend: str = "aot_eager") -> Compiled:
    """`aot_eager` traces forward and backward as `inductor` does, and needs no compiler."""
    network = network_of(module)
    network.compiled = made = Compiled(network, backend=backend)
    return made


def compare(plain: nn.Module, compiled: nn.Module, images: Tensor, backend: str = "aot_eager") -> Observed:
    """Two passes of each: what the first one left is used by the second."""
    for module in (plain, compiled):
        module.double().train()
    unsettle(plain, 3)
    compiled.load_state_dict(plain.state_dict())
    compile_(compiled, backend)
    for _ in range(2):
        expected = observe(plain, images)
        far = errors(observe(compiled, images), expected)
        assert max(far.values()) <= 1e-9, worst(far)
    return expected


@pytest.mark.parametrize("level", LEVELS)
def test_a_super_network_computes_the_same(level: int) -> None:
    compilation = Compilation(SPECS / "passes.hnas")
    plain, compiled = (supernet_at(compilation, LEVELS[level]) for _ in range(2))
    found = compare(plain, compiled, images_of(17))
    assert any(name.startswith("arch.") for name in found.gradients)


def test_the_reference_computes_the_same() -> None:
    compilation = small("L=2")
    compare(*(supernet_at(compilation, LEVELS[2]) for _ in range(2)), images_of(33))


@pytest.mark.parametrize("name", CONSTRUCTS)
def test_constants_of_searched_extents_are_handed_over(name: str, tmp_path: Path) -> None:
    path = tmp_path / "s.hnas"
    path.write_text(SPACE.format(**(FIXED | {"trellis": CONSTRUCTS[name]})))
    compilation = Compilation(path)
    compare(*(supernet_at(compilation, LEVELS[2]) for _ in range(2)), images_of(33))


@pytest.mark.skipif(cpp_compiler() is None, reason="no C++ compiler here")
def test_what_inductor_makes_computes_the_same(tmp_path: Path) -> None:
    path = tmp_path / "s.hnas"
    cell = "path = [2]  width = 4  cell = depthwise(3) -> norm"
    # strides of a map of one channel are ambiguous
    stem = "conv(3, 1, stride = 2) -> conv(3, 4) -> norm"
    path.write_text(SPACE.format(**(FIXED | {"stem": stem, "layers": "1", "trellis": cell})))
    graph = Compilation(path).graph
    compare(network_at(graph, LEVELS[2]), network_at(graph, LEVELS[2]), images_of(17), "inductor")


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
@pytest.mark.parametrize("graphs", [False, True])
def test_on_a_gpu_with_and_without_graphs(graphs: bool) -> None:
    plain, compiled = (supernet_at(small("L=2"), LEVELS[2]).double().cuda().train() for _ in range(2))
    compiled.network.compiled = Compiled(compiled.network, graphs=graphs)
    for _ in range(4):  # recorded, warmed up, replayed
        images = torch.randn(2, 3, 33, 33, dtype=torch.float64, device="cuda")
        far = errors(observe(compiled, images), observe(plain, images))
        assert max(far.values()) <= 1e-9, worst(far)


# --- what changes from pass to pass ----------------------------------------------------------------


def test_statistics_stay_where_a_pass_leaves_them() -> None:
    """As in an architecture step: another graph, in which norms move nothing."""
    model = supernet_at(Compilation(SPECS / "passes.hnas"), LEVELS[2]).train()
    compile_(model)
    images = images_of(17).float()
    model(images).sum().backward()
    kept = {name: value.clone() for name, value in model.named_buffers()}
    model.network.update_statistics(False)
    model(images).sum().backward()
    assert all(torch.equal(value, kept[name]) for name, value in model.named_buffers())
    model.network.update_statistics(True)
    model(images).sum().backward()
    assert not all(torch.equal(value, kept[name]) for name, value in model.named_buffers())


def test_edges_are_left_out_at_random_as_without() -> None:
    compilation = Compilation(ROOT / "examples" / "darts" / "v2.hnas", sets=("C=4", "L=3"))
    graph = compilation.specialized(only_architecture(compilation))
    edges = droppable_edges(compilation.space, graph)
    networks = [network_at(graph, LEVELS[2], droppable=edges).double().train() for _ in range(2)]
    compile_(networks[1])
    for probability in (0.5, 0.2):  # it changes from step to step
        losses = []
        for network in networks:
            network.drop_path = probability
            found = observe(network, images_of(32), network.with_aux)
            losses.append(float(found.loss))
            assert len(found.results) == 2, "an auxiliary head"
        assert losses[0] == pytest.approx(losses[1], rel=1e-9)


def test_measuring_and_other_sizes_take_the_plain_way(monkeypatch: pytest.MonkeyPatch) -> None:
    model = supernet_at(small("L=2"), LEVELS[2])
    compiled, sides = compile_(model), list[int]()
    monkeypatch.setattr(
        Compiled, "__call__", lambda _, images, *__: (sides.append(images.shape[-1]), images)[1:]
    )
    model.train()
    for side in (33, 49, 33):
        model(images_of(side).float())
    model.eval()
    model(images_of(33).float())
    model.train()
    with torch.no_grad():
        model(images_of(33).float())
    assert sides == [33, 33]
    assert not compiled.fits(images_of(33, count=1))


# --- what cannot be compiled -----------------------------------------------------------------------

_EXTERN = """
import torch
class Odd(torch.nn.Module):
    def __init__(self, channels: int, c: int) -> None:
        super().__init__()
    def forward(self, x):
        return x * float(x.detach().sum().item() > 0)
class Small(torch.nn.Module):
    def __init__(self, channels: int, c: int) -> None:
        super().__init__()
    def forward(self, x):
        return x[:, :1]
"""


@pytest.mark.parametrize(("name", "code"), [("Odd", "E0728"), ("Small", "E0707")])
def test_what_stops_a_trace_is_told_in_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, code: str
) -> None:
    (tmp_path / "odd_layers.py").write_text(_EXTERN)
    monkeypatch.syspath_prepend(tmp_path)
    path = tmp_path / "s.hnas"
    above = f'extern op odd(c) {{ class = "odd_layers:{name}"  channels = c  stride = 1 }}'
    cell = "path = [2]  width = 4  cell = odd(4) -> norm"
    path.write_text(SPACE.format(**(FIXED | {"above": above, "layers": "1", "trellis": cell})))
    model = Compilation(path, allow_extern=True).supernet(0).train()
    compile_(model)
    with pytest.raises(HnasError) as caught:
        model(images_of(17).float())
    (diagnostic,) = caught.value.diagnostics
    assert diagnostic.code == code
    assert "\n" not in diagnostic.message


def test_without_a_cpp_compiler_it_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(HnasError, match="needs a C\\+\\+ compiler, and no-such-compiler is not found here"):
        refuse_without_compiler(torch.device("cpu"))
    refuse_without_compiler(torch.device("cuda"))


def test_everything_else_works_without_compilers(tmp_path: Path) -> None:
    """A process that finds no program at all searches, and only --compile on is refused."""
    command = [sys.executable, "-m", "hnas", "search", str(SPECS / "passes.hnas"), "--max-steps", "1"]
    command += ["--threads", "1", "--device", "cpu"]
    environment = {"PATH": str(tmp_path), "PYTHONPATH": str(ROOT), "HOME": str(tmp_path)}

    def run(*flags: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [*command, *flags], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=240
        )

    found = run("--out", "run")
    assert found.returncode == 0, found.stderr
    refused = run("--out", "other", "--compile", "on")
    assert refused.returncode == 1
    assert refused.stderr.startswith(
        "error[E0727]: --compile on needs a C++ compiler, and g++ is not found here\n"
    )
    assert not (tmp_path / "other").exists()
