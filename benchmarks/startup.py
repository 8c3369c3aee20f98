"""How long the command line takes to answer, beside what an empty interpreter takes. Median of some runs.

python benchmarks/startup.py
"""

import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent
SPEC = str(ROOT / "examples" / "autodeeplab" / "spec.hnas")
RUNS = 9
COMMANDS = {
    "python -c pass": ["-c", "pass"],
    "hnas --help": ["-m", "hnas", "--help"],
    "hnas check spec.hnas": ["-m", "hnas", "check", SPEC],
    "hnas show spec.hnas": ["-m", "hnas", "show", SPEC],
    "python -c 'import torch'": ["-c", "import torch"],
}


def seconds(arguments: list[str]) -> float:
    """The median of RUNS runs, after one that warms the caches of the system."""
    taken: list[float] = []
    for _ in range(RUNS + 1):
        begun = time.perf_counter()
        subprocess.run([sys.executable, *arguments], check=True, capture_output=True)
        taken.append(time.perf_counter() - begun)
    return statistics.median(taken[1:])


def main() -> None:
    """Print a table."""
    empty = seconds(COMMANDS["python -c pass"])
    for name, arguments in COMMANDS.items():
        taken = seconds(arguments)
        print(f"{name:26} {taken:6.3f} s  {taken / empty:6.1f} x an empty interpreter")


if __name__ == "__main__":
    main()
