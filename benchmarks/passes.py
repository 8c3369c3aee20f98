"""What the compiler's passes change: calls, bytes and seconds of -O0 against -O2, in one run.

python benchmarks/passes.py [--crop 129] [--repeats 5] [SPEC ...]

Calls and bytes are those of a pass forward and backward at the setting of the spec (`hnas plan`); seconds
of the two passes a bilevel step makes (weights, architecture), at the crop given, on one thread: minima of
interleaved repetitions. Without SPEC: Auto-DeepLab's space and its separable variant.
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from hnas.compiler import Compilation
from hnas.planning.plan import Plan, predict, unallocated
from hnas.runtime import native
from hnas.runtime.supernet import SuperNet

FOLDER = Path(__file__).parent.parent / "examples" / "autodeeplab"
SPECS = (FOLDER / "spec.hnas", FOLDER / "separable.hnas")
LEVELS = (0, 2)


def planned(spec: Path, sets: tuple[str, ...], level: int) -> Plan:
    """The plan of a pass at the spec's own setting."""
    compilation = Compilation(spec, sets=sets, passes=level)  # pyright: ignore[reportArgumentType]
    with unallocated():
        model = compilation.supernet(0)
    image = compilation.image or (224,) * compilation.space.dims
    return predict(model, lambda path: path, image=image, batch=compilation.search.batch)


def bilevel(model: SuperNet, images: torch.Tensor) -> Callable[[], None]:
    """A pass for the weights and one for alpha and beta, without optimisers."""
    weights, arch = model.weight_parameters(), model.arch_parameters()

    def step() -> None:
        for asked, constant in ((weights, arch), (arch, weights)):
            for parameter in constant:
                parameter.requires_grad_(False)
            model(images).square().mean().backward()
            for parameter in constant:
                parameter.requires_grad_(True)
            for parameter in asked:
                parameter.grad = None

    return step


def seconds(steps: dict[str, Callable[[], None]], repeats: int) -> dict[str, float]:
    """The least time each step took, taking turns."""
    best = dict.fromkeys(steps, float("inf"))
    for _ in range(repeats):
        for name, step in steps.items():
            begun = time.perf_counter()
            step()
            best[name] = min(best[name], time.perf_counter() - begun)
    return best


def main() -> None:
    """Print a table for each spec."""
    parser = argparse.ArgumentParser()
    parser.add_argument("specs", nargs="*", type=Path, default=SPECS)
    parser.add_argument("--crop", type=int, default=129)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--set", action="append", default=[])
    options: Any = parser.parse_args()
    torch.set_num_threads(1)
    for spec in options.specs:
        report(spec, tuple(options.set), options.crop, options.repeats)


def report(spec: Path, sets: tuple[str, ...], crop: int, repeats: int) -> None:
    """Print the table of a spec."""
    plans = {level: planned(spec, sets, level) for level in LEVELS}
    first = plans[0]
    size = " x ".join(map(str, first.image))
    print(f"{spec.parent.name}/{spec.stem}, {first.batch} of {size}")
    for level, plan in plans.items():
        whole = plan.whole
        print(
            f"  -O{level}  {whole.forward_calls:8,} calls forward {whole.backward_calls:8,} backward"
            f"  {whole.kept_bytes / 2**30:7.2f} GiB kept {whole.peak_bytes / 2**30:7.2f} GiB at the peak"
        )
    steps: dict[str, Callable[[], None]] = {}
    dims = len(first.image)
    for level in LEVELS:
        compilation = Compilation(spec, sets=sets, passes=level)  # pyright: ignore[reportArgumentType]
        begun = time.perf_counter()
        model = compilation.supernet(0).train()
        print(f"  -O{level}  built in {time.perf_counter() - begun:.1f} s")
        images = torch.randn(first.batch, 3, *(crop,) * dims)
        steps[f"-O{level}"] = bilevel(model, images)
        if level:
            steps[f"-O{level}, no C compiler"] = without_kernels(steps[f"-O{level}"])
    found = seconds(steps, repeats)
    for name, took in found.items():
        times = found["-O0"] / took
        print(f"  {name:20} {took:8.2f} s a bilevel step, crop {crop}, one thread  {times:5.2f} x")


def without_kernels(step: Callable[[], None]) -> Callable[[], None]:
    """The same step by torch's own kernels alone."""

    def run() -> None:
        native.Settings.wanted = False
        try:
            step()
        finally:
            native.Settings.wanted = True

    return run


if __name__ == "__main__":
    main()
