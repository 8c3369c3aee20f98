"""CamVid on a processor: what is searched against the published network and random ones, trained alike.

python benchmarks/camvid.py --data PATH [--out DIR] [--seeds 0,1] [--draws 0,1,2] [--networks found,...]

For each seed a search of the profile camvid; then every network is trained once with each seed, as the
profile camvid of trained.hnas says, and measured on all 101 validation images, whole and in windows as large
as the crop: what each search found, the published network, and one network for each of --draws, uniformly
drawn from the space that was searched.

DIR keeps a folder for each run and a file for each measurement. What is finished there is not made again
and what was interrupted is resumed: the same command goes on, and in the end prints the table.
"""

import argparse
import json
import os
import shlex
import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, final

from attrs import frozen

EXAMPLES = Path("examples") / "autodeeplab"
SPEC, PUBLISHED, FORM = (EXAMPLES / f"{name}.hnas" for name in ("spec", "published", "trained"))
AS_PUBLISHED = ("L=12", "B=5", "F=12", "trellis.strides=[4,8,16,32]")
"""The published network's space, at the width of the others' maps: 5 * 12 = 3 * 20."""
SIZE = "180x240"
WINDOWS = ("--window", "97x97", "--stride", "83x72")
"""As large as the crop: two rows of three just cover an image."""
KINDS = ("found", "published", "sample")


@final
@frozen
class Candidate:
    """A network that is trained.

    Attributes:
        name: In file names and in the table.
        kind: One of KINDS.
        file: It.
        sets: What is set for it besides the profile.
    """

    name: str
    kind: str
    file: Path
    sets: tuple[str, ...] = ()


@final
@frozen
class Bench:
    """The folder of it all, and the commands that fill it."""

    out: Path
    data: str
    threads: int

    def hnas(self, *arguments: object) -> str:
        """Run a command, saying it; what it prints.

        Raises:
            SystemExit: It failed, or was interrupted.
        """
        words = [str(each) for each in arguments]
        print(f"$ hnas {shlex.join(words)}", file=sys.stderr, flush=True)
        # hnas eval has no --threads
        environment = {**os.environ, "OMP_NUM_THREADS": str(self.threads)}
        call = [sys.executable, "-m", "hnas", *words]
        done = subprocess.run(call, stdout=subprocess.PIPE, text=True, env=environment)
        if done.returncode != 0:
            raise SystemExit(done.returncode)
        return done.stdout

    def run(self, run: Path, last: str, *arguments: object) -> None:
        """Make or go on with a run, whose folder has the file `last` once it has ended."""
        if ended(run / last):
            return
        where = ("--data", f"camvid={self.data}")
        if (run / "run.json").exists():
            self.hnas(arguments[0], "--resume", run, *where)
        else:
            self.hnas(*arguments, *where, "--profile", "camvid", "--threads", self.threads, "--out", run)

    def search(self, seed: int) -> Candidate:
        """What the search with this seed found."""
        run = self.out / f"search-{seed}"
        self.run(run, "found.hnas", "search", SPEC, "--seed", seed)
        return Candidate(f"found-{seed}", "found", run / "found.hnas")

    def sample(self, seed: int) -> Candidate:
        """The network drawn with this seed."""
        folder = self.out / f"sample-{seed}"
        if not folder.exists():
            self.hnas("sample", SPEC, "--profile", "camvid", "--seed", seed, "--out", folder)
        return Candidate(f"sample-{seed}", "sample", folder / "0001.hnas")

    def trained(self, candidate: Candidate, seed: int) -> Path:
        """The run that trains it."""
        return self.out / f"{candidate.name}-seed-{seed}"

    def measured(self, candidate: Candidate, seed: int, windows: bool = False) -> Path:
        """What `hnas eval` said of it."""
        return self.out / f"{candidate.name}-seed-{seed}{'-windows' if windows else ''}.json"

    def train(self, candidate: Candidate, seed: int) -> None:
        """Train it and measure it."""
        run = self.trained(candidate, seed)
        sets = [word for each in candidate.sets for word in ("--set", each)]
        self.run(run, "result.json", "train", candidate.file, "--as", FORM, *sets, "--seed", seed)
        for windows in (False, True):
            measured = self.measured(candidate, seed, windows)
            if not measured.exists():
                how = WINDOWS if windows else ()
                said = self.hnas("eval", run, *how, "--json", "--data", f"camvid={self.data}")
                measured.write_text(said, encoding="utf-8")


def ended(last: Path) -> bool:
    """Whether the run has ended whose last file this is: a training writes it at --max-steps too."""
    if last.suffix != ".json" or not last.exists():
        return last.exists()
    result = read(last)
    return result["step"] == result["steps"]


def read(path: Path) -> dict[str, Any]:
    """A JSON file."""
    return json.loads(path.read_text(encoding="utf-8"))


def table(bench: Bench, candidates: list[Candidate], seeds: list[int]) -> Iterator[str]:
    """The lines of the table: mIoU by seed, the mean, the mean in windows; below, those of a kind."""
    shown = [
        "network",
        "path",
        "parameters",
        "multiply-adds",
        *(f"seed {s}" for s in seeds),
        "mean",
        "windows",
    ]
    yield f"| {' | '.join(shown)} |"
    yield "|" + "---|" * len(shown)
    for candidate in candidates:
        network = bench.trained(candidate, seeds[0]) / "network.hnas"
        figures = json.loads(bench.hnas("show", network, "--size", SIZE, "--json"))
        path = " ".join(str(stride) for stride in figures["path"])
        counts = [f"{figures[key]:,}" for key in ("parameters", "multiply_adds")]
        whole, windows = reached(bench, [candidate], seeds)
        means = [statistics.mean(whole), statistics.mean(windows)]
        yield f"| {' | '.join([candidate.name, path, *counts, *(f'{each:.4f}' for each in whole + means)])} |"
    yield ""
    for kind in KINDS:
        of_kind = [each for each in candidates if each.kind == kind]
        for where, known in zip(("whole", "windows"), reached(bench, of_kind, seeds), strict=True):
            if known:
                spread = f"{min(known):.4f} to {max(known):.4f}"
                yield f"{kind}, {where}: {statistics.mean(known):.4f}, {spread} in {len(known)} trainings"


def reached(bench: Bench, candidates: list[Candidate], seeds: list[int]) -> tuple[list[float], list[float]]:
    """mIoU of every training of these networks: of whole images, and in windows."""
    runs = [(each, seed) for each in candidates for seed in seeds]
    whole = [float(read(bench.measured(*run))["miou"]) for run in runs]
    return whole, [float(read(bench.measured(*run, windows=True))["miou"]) for run in runs]


def numbers(text: str) -> list[int]:
    """Numbers with commas between."""
    return [int(each) for each in text.split(",")]


def main() -> None:
    """Fill the folder, print the table."""
    parser = argparse.ArgumentParser(description="what is searched, published and drawn, trained alike")
    parser.add_argument("--data", metavar="PATH", required=True, help="the folder of CamVid")
    parser.add_argument("--out", metavar="DIR", type=Path, default=Path("runs") / "camvid")
    parser.add_argument("--seeds", type=numbers, default=[0, 1], help="of searches and trainings")
    parser.add_argument("--draws", type=numbers, default=[0, 1, 2], help="seeds of hnas sample")
    parser.add_argument("--networks", default=",".join(KINDS), help="only these kinds are made")
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    bench = Bench(given.out, given.data, given.threads)
    bench.out.mkdir(parents=True, exist_ok=True)

    candidates: list[Candidate] = []
    if "found" in given.networks.split(","):
        candidates += [bench.search(seed) for seed in given.seeds]
    if "published" in given.networks.split(","):
        candidates.append(Candidate("published", "published", PUBLISHED, AS_PUBLISHED))
    if "sample" in given.networks.split(","):
        candidates += [bench.sample(seed) for seed in given.draws]
    for seed in given.seeds:
        for candidate in candidates:
            bench.train(candidate, seed)
    for line in table(bench, candidates, given.seeds):
        print(line)


if __name__ == "__main__":
    main()
