"""What the compiler's passes change: calls, bytes and seconds of -O0 against -O2, in one run.

python benchmarks/passes.py [--repeats 2] [--skip small|paper]
python benchmarks/passes.py SPEC ... [--crop 129] [--threads 1] [--set KEY=VALUE ...]

First a line a level for every space and network under examples/, as small as the tests have them; then
Auto-DeepLab's space and its separable variant at the paper's setting, or the specs named. Calls and bytes are
of one pass forward and backward (`hnas plan`). Seconds are of a step without optimisers, the least of
interleaved repetitions: of a super-network a pass for the weights and one for the architecture, of a
network one for the weights. On a processor small examples run on one thread,
the others on one and on all cores, each level in a process of its own, and the better of both counts;
`-O2, C` is with the kernels in C. What a step multiplies and adds, and the maps it writes and reads again,
are held against what the machine does at best in float32: a large product of matrices, a large copy.

With a GPU everything runs on it, and the time of the paper's whole search is projected: 29,740 passes for the
weights and 14,870 for the architecture.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from itertools import product
from multiprocessing import get_context
from pathlib import Path
from typing import Any, final

import torch
from attrs import frozen
from steps import Rates, Run, device, passes_of, rates, seconds, with_gradients_of
from torch import nn

from hnas.compiler import Compilation
from hnas.ir.decisions import Architecture
from hnas.planning.plan import Plan, predict, unallocated
from hnas.runtime import native
from hnas.runtime.supernet import SuperNet

ROOT = Path(__file__).parent.parent
sys.path.append(str(ROOT / "tests"))
from small_examples import NETWORKS, SEARCHED  # noqa: E402 - how the tests make the examples small

EXAMPLES = ROOT / "examples"
PAPER = (EXAMPLES / "autodeeplab" / "spec.hnas", EXAMPLES / "autodeeplab" / "separable.hnas")
LEVELS = (0, 2)
WHOLE_SEARCH = {"weights": 29_740, "architecture": 14_870}
"""40 epochs of 1,487 images two by two, the architecture in the last 20 (Liu et al. 2019, section 4.1)."""


@final
@frozen
class Case:
    """A network to be measured.

    Attributes:
        name: As it is called.
        spec, sets: What it is made of.
        searched: Whether it is the super-network.
        image: Pixels; None is what the spec says.
        batch: Images; None is what the spec says.
    """

    name: str
    spec: Path
    sets: tuple[str, ...]
    searched: bool
    image: int | None = None
    batch: int | None = None

    def compilation(self, level: int) -> Compilation:
        """At a level."""
        return Compilation(self.spec, sets=self.sets, passes=level)  # pyright: ignore[reportArgumentType]

    def model(self, level: int) -> nn.Module:
        """The network at a level."""
        compilation = self.compilation(level)
        if self.searched:
            return compilation.supernet(0)
        torch.manual_seed(0)
        return compilation.network(next(iter(compilation.networks().values()), Architecture({})))

    def shape(self) -> tuple[int, ...]:
        """(N, 3, ...) of the images."""
        compilation = self.compilation(0)
        image = (self.image,) * compilation.space.dims if self.image else compilation.image
        batch = self.batch or (compilation.search.batch if self.searched else 2)
        return (batch, 3, *(image or (224,) * compilation.space.dims))


def planned(case: Case, level: int) -> Plan:
    """What a pass takes."""
    with unallocated():
        model: Any = case.model(level)
    batch, _, *image = case.shape()
    return predict(model, lambda path: path, image=image, batch=batch)


def multiplied(case: Case, level: int) -> int:
    """Multiply-adds of all passes of a step, each with the gradients that it asks for."""
    with unallocated():
        model: Any = case.model(level)
    batch, _, *image = case.shape()
    parts = (model.parameters(),)
    if isinstance(model, SuperNet):
        parts = model.weight_parameters(), model.arch_parameters()
    found = 0
    for asked in parts:
        with_gradients_of((), list(model.parameters()))
        with_gradients_of(list(asked), ())
        found += predict(model, lambda path: path, image=image, batch=batch).whole.multiply_adds
    return found


Side = tuple[int, bool]
"""A level, and whether kernels in C compute what they can."""

Steps = dict[tuple[Side, int], dict[str, float]]
"""Seconds of each pass of a step, by side and threads."""


def runs_of(case: Case, side: Side) -> dict[str, Run]:
    """The passes of a step, after each ran once on a few small images."""
    shape, where = case.shape(), device()
    native.Settings.wanted = side[1]
    model = case.model(side[0]).to(where).train()
    small = (min(65, extent) for extent in shape[2:])
    for run in passes_of(model, torch.randn(2, 3, *small, device=where)).values():
        run()
    return passes_of(model, torch.randn(shape, device=where))


def took(runs: dict[str, Run], side: Side, threads: int) -> dict[str, float]:
    """Seconds of each pass."""
    native.Settings.wanted = side[1]
    torch.set_num_threads(threads)
    found = {name: seconds(run) for name, run in runs.items()}
    torch.set_num_threads(1)
    return found


def serve(case: Case, side: Side, asked: Any) -> None:
    """In a process of its own: run the passes with as many threads as are asked for, until none are."""
    torch.set_num_threads(1)
    runs = runs_of(case, side)
    asked.send(None)
    while (threads := asked.recv()) is not None:
        asked.send(took(runs, side, threads))


def timed(case: Case, sides: Sequence[Side], threads: Sequence[int], repeats: int, *, apart: bool) -> Steps:
    """The steps of all sides, taking turns.

    `apart`: each side in a process of its own, as its user would run it. One that shares its memory with
    -O0 gets what that left: glibc's malloc then takes a third of its time.
    """
    best: Steps = {}

    def note(side: Side, count: int, found: dict[str, float]) -> None:
        before = best.get((side, count), found)
        best[side, count] = {name: min(each, before[name]) for name, each in found.items()}

    if not apart:
        runs = {side: runs_of(case, side) for side in sides}
        for _ in range(repeats):
            for side, count in product(sides, threads):
                note(side, count, took(runs[side], side, count))
        return best
    context, ends = get_context("spawn"), dict[Side, Any]()
    for side in sides:
        ends[side], other = context.Pipe()
        context.Process(target=serve, args=(case, side, other), daemon=True).start()
        ends[side].recv()
    for _ in range(repeats):
        for side, count in product(sides, threads):
            ends[side].send(count)
            note(side, count, ends[side].recv())
    for end in ends.values():
        end.send(None)
    return best


def fastest(found: Steps, side: Side) -> tuple[int, float]:
    """The number of threads on which a side is fastest, and the seconds of a step."""
    return min(((key[1], sum(p.values())) for key, p in found.items() if key[0] == side), key=lambda e: e[1])


def examples() -> list[Case]:
    """All of examples/, small."""
    sides = {"fbnet/spec": 64, "proxylessnas/spec": 64}
    searched = [
        Case(name, EXAMPLES / f"{name}.hnas", sets, searched=True, image=sides.get(name, 33), batch=2)
        for name, sets in SEARCHED.items()
    ]
    fixed = [
        Case(name, EXAMPLES / f"{name}.hnas", sets, searched=False, image=max(64, side), batch=2)
        for name, (sets, side) in NETWORKS.items()
    ]
    return [*searched, *fixed]


def lines(cases: Sequence[Case], threads: Sequence[int], repeats: int, *, kernels: bool) -> None:
    """Print a line for each network."""
    titles = ("calls -O0", "-O2", "MiB kept", "-O2", "at most", "-O2", "ms -O0", "-O2")
    print(f"{'network, a step of 2 images':36}" + "".join(f"{title:>10}" for title in titles) + f"{'x':>7}")
    for case in cases:
        plans = [planned(case, level).whole for level in LEVELS]
        sides = [(level, kernels) for level in LEVELS]
        found = timed(case, sides, threads, repeats, apart=False)
        least = [fastest(found, side)[1] for side in sides]
        what = "search" if case.searched else "network"
        cells = [f"{plan.forward_calls + plan.backward_calls:,}" for plan in plans]
        cells += [f"{plan.kept_bytes / 2**20:,.1f}" for plan in plans]
        cells += [f"{plan.peak_bytes / 2**20:,.1f}" for plan in plans]
        cells += [f"{1000 * each:,.1f}" for each in least]
        print(
            f"{f'{case.name}, {what}':36}"
            + "".join(f"{c:>10}" for c in cells)
            + f"{least[0] / least[1]:7.2f}",
            flush=True,
        )


def report(case: Case, threads: Sequence[int], repeats: int, best: Rates, *, kernels: bool) -> None:
    """Print all that is known of a network at its own setting."""
    batch, _, *image = case.shape()
    print(f"{case.name}, {batch} of {' x '.join(map(str, image))}")
    plans = {level: planned(case, level).whole for level in LEVELS}
    for level, plan in plans.items():
        print(
            f"  -O{level}  {plan.forward_calls:8,} calls forward {plan.backward_calls:8,} backward"
            f"  {plan.kept_bytes / 2**30:7.2f} GiB kept {plan.peak_bytes / 2**30:7.2f} GiB at the peak",
            flush=True,
        )
    flops = {level: 2 * multiplied(case, level) for level in LEVELS}
    sides = [(LEVELS[0], False), *([(LEVELS[-1], True)] if kernels else []), (LEVELS[-1], False)]
    if torch.cuda.is_available():
        sides = [sides[0], sides[-1]]
    found = timed(case, sides, threads, repeats, apart=True)
    slowest = fastest(found, sides[0])[1]
    for (side, count), passes in found.items():
        level = side[0]
        spent = sum(passes.values())
        copied = len(passes) * 2 * plans[level].kept_bytes / best.bytes
        where = "GPU" if torch.cuda.is_available() else f"{count} thread{'s' if count > 1 else ''}"
        mark = "  <- best" if len(threads) > 1 and fastest(found, side)[0] == count else ""
        name = f"-O{level}{', C' if side[1] else ''}"
        print(
            f"  {name:6} {where:9} {spent:8.2f} s a step  {slowest / spent:5.2f} x"
            f"  {flops[level] / spent / 1e9:8.1f} GFLOP/s, {flops[level] / spent / best.flops:6.1%} of dense;"
            f"  {copied / spent:6.1%} of it were a copy of what is kept{mark}"
        )
        if torch.cuda.is_available() and passes.keys() == WHOLE_SEARCH.keys():
            hours = sum(passes[name] * times for name, times in WHOLE_SEARCH.items()) / 3600
            print(f"       the paper's whole search: {hours:.1f} h")


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser()
    parser.add_argument("specs", nargs="*", type=Path)
    parser.add_argument("--crop", type=int, help="pixels of an image, in place of those of the spec")
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--set", action="append", default=[])
    parser.add_argument("--threads", help="such as 1,2  [default: 1 and all cores]")
    parser.add_argument("--skip", choices=("small", "paper"))
    parser.add_argument("--no-kernels", action="store_true", help="as where there is no C compiler")
    options: Any = parser.parse_args()
    kernels = not options.no_kernels and native.in_use()
    torch.set_num_threads(1)
    cores = os.cpu_count() or 1
    threads = sorted({1, cores} if options.threads is None else {int(n) for n in options.threads.split(",")})
    if torch.cuda.is_available():
        threads = [1]
    torch.set_num_threads(max(threads))
    best = rates()
    torch.set_num_threads(1)
    name = torch.cuda.get_device_name() if torch.cuda.is_available() else f"{max(threads)} threads"
    print(f"{name}: {best.flops / 1e9:,.0f} GFLOP/s dense, {best.bytes / 1e9:,.1f} GB/s copied, float32")
    if not options.specs and options.skip != "small":
        lines(examples(), threads[:1], options.repeats, kernels=kernels)
    if options.specs or options.skip != "paper":
        for spec in options.specs or PAPER:
            title = f"{spec.resolve().parent.name}/{spec.stem}"
            case = Case(title, spec, tuple(options.set), searched=True, image=options.crop)
            report(case, threads, options.repeats, best, kernels=kernels)


if __name__ == "__main__":
    main()
