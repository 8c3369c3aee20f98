"""What the compiler's passes change: calls, bytes and seconds of -O0 against -O2, in one run.

python benchmarks/passes.py [--repeats 2] [--skip small|paper]
python benchmarks/passes.py SPEC ... [--crop 129] [--threads 1] [--set KEY=VALUE ...]

First a line a level for every space and network under examples/, as small as the tests have them; then
Auto-DeepLab's space and its separable variant at the paper's setting, or the specs named. Calls and bytes are
of one pass forward and backward (`hnas plan`). Seconds are of a step without optimisers, the least of
interleaved repetitions: of a super-network a pass for the weights and one for the architecture, of a
network one for the weights. On a processor small examples run on one thread, the others on one and on
all cores, and the better of both counts. What a step multiplies and adds, and the maps it writes and reads
again, are held against what the machine does at best in float32: a large product of matrices, a large copy.

With a GPU everything runs on it, and the time of the paper's whole search is projected: 29,740 passes for the
weights and 14,870 for the architecture.
"""

import argparse
import os
import sys
from collections.abc import Sequence
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


Steps = dict[tuple[int, int], dict[str, float]]
"""Seconds of each pass of a step, by level and threads."""


def timed(case: Case, threads: Sequence[int], repeats: int) -> Steps:
    """The steps of both levels, taking turns; before that each runs once on a few small images."""
    shape, where = case.shape(), device()
    steps: dict[tuple[int, int], dict[str, Run]] = {}
    for level in LEVELS:
        model = case.model(level).to(where).train()
        small = (min(65, side) for side in shape[2:])
        for run in passes_of(model, torch.randn(2, 3, *small, device=where)).values():
            run()
        passes = passes_of(model, torch.randn(shape, device=where))
        steps |= {(level, count): passes for count in threads}
    best = {key: dict.fromkeys(passes, float("inf")) for key, passes in steps.items()}
    for _ in range(repeats):
        for key, passes in steps.items():
            torch.set_num_threads(key[1])
            for name, run in passes.items():
                best[key][name] = min(best[key][name], seconds(run))
    torch.set_num_threads(1)
    return best


def fastest(found: Steps, level: int) -> tuple[int, float]:
    """The number of threads on which a level is fastest, and the seconds of a step."""
    return min(((key[1], sum(p.values())) for key, p in found.items() if key[0] == level), key=lambda e: e[1])


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


def lines(cases: Sequence[Case], threads: Sequence[int], repeats: int) -> None:
    """Print a line for each network."""
    titles = ("calls -O0", "-O2", "MiB kept", "-O2", "at most", "-O2", "ms -O0", "-O2")
    print(f"{'network, a step of 2 images':36}" + "".join(f"{title:>10}" for title in titles) + f"{'x':>7}")
    for case in cases:
        plans = [planned(case, level).whole for level in LEVELS]
        found = timed(case, threads, repeats)
        took = [fastest(found, level)[1] for level in LEVELS]
        what = "search" if case.searched else "network"
        cells = [f"{plan.forward_calls + plan.backward_calls:,}" for plan in plans]
        cells += [f"{plan.kept_bytes / 2**20:,.1f}" for plan in plans]
        cells += [f"{plan.peak_bytes / 2**20:,.1f}" for plan in plans]
        cells += [f"{1000 * each:,.1f}" for each in took]
        print(
            f"{f'{case.name}, {what}':36}" + "".join(f"{c:>10}" for c in cells) + f"{took[0] / took[1]:7.2f}",
            flush=True,
        )


def report(case: Case, threads: Sequence[int], repeats: int, best: Rates) -> None:
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
    found = timed(case, threads, repeats)
    slowest = fastest(found, LEVELS[0])[1]
    for (level, count), passes in found.items():
        took = sum(passes.values())
        copied = len(passes) * 2 * plans[level].kept_bytes / best.bytes
        where = "GPU" if torch.cuda.is_available() else f"{count} thread{'s' if count > 1 else ''}"
        mark = "  <- best" if len(threads) > 1 and fastest(found, level)[0] == count else ""
        print(
            f"  -O{level}  {where:9} {took:8.2f} s a step  {slowest / took:5.2f} x"
            f"  {flops[level] / took / 1e9:8.1f} GFLOP/s, {flops[level] / took / best.flops:6.1%} of dense;"
            f"  {copied / took:6.1%} of it were a copy of what is kept{mark}"
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
    native.Settings.wanted = not options.no_kernels
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
        lines(examples(), threads[:1], options.repeats)
    if options.specs or options.skip != "paper":
        for spec in options.specs or PAPER:
            title = f"{spec.resolve().parent.name}/{spec.stem}"
            case = Case(title, spec, tuple(options.set), searched=True, image=options.crop)
            report(case, threads, options.repeats, best)


if __name__ == "__main__":
    main()
