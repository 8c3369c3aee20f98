"""How long checking takes as a file, or a space, grows; and counting beside it. Processor time, one process.

python benchmarks/check.py
"""

import time
from pathlib import Path
from tempfile import TemporaryDirectory

from hnas.compiler import Compilation
from hnas.diag import Source
from hnas.lang.scan import LONGEST, scan

ROOT = Path(__file__).parent.parent
REFERENCE = ROOT / "examples" / "autodeeplab" / "spec.hnas"
BASE = ROOT / "hnas" / "cli" / "examples" / "base.hnas"
STRIDES = "trellis.strides=[4, 8, 16, 32, 64, 128, 256, 512]"
LAYERS = (12, 48, 192, 1000)


def words(text: str) -> int:
    """Words and signs of a text."""
    return len(scan(Source("text", text)).tokens)


def files(folder: Path) -> None:
    """One reference space with every default written out, ten of them, and as many as a file may hold."""
    whole = Compilation(REFERENCE).resolved_text.removeprefix("hnas 1")
    path, least = folder / "spaces.hnas", 0.0
    for number in (1, 10, LONGEST // words(whole)):
        text = "hnas 1" + "".join(whole.replace("auto_deeplab", f"space{n}") for n in range(number))
        path.write_text(text, encoding="utf-8")
        begun = time.process_time()
        found = Compilation(path, space_name=f"space{number - 1}").check()
        taken = time.process_time() - begun
        least = least or taken
        print(f"{number:5} spaces  {words(text):6,} words  {taken:5.2f} s  {taken / least:5.1f} x", *found)


def layers(folder: Path) -> None:
    """The space of `hnas new` with 8 strides and more and more layers."""
    # without its profile, which has too few layers for so many strides
    text = BASE.read_text(encoding="utf-8").partition("# Values for another occasion")[0]
    path, least = folder / "base.hnas", 0.0
    path.write_text(text, encoding="utf-8")
    for number in LAYERS:
        compilation = Compilation(path, sets=(f"trellis.layers={number}", STRIDES))
        begun = time.process_time()
        found = compilation.check()
        checked = time.process_time()
        _ = compilation.counts
        counted = time.process_time()
        least = least or counted - begun
        times = f"check {checked - begun:5.2f} s  count {counted - checked:5.2f} s"
        print(f"{number:5} layers  8 strides  {times}  {(counted - begun) / least:5.1f} x", *found)


def main() -> None:
    """Print both tables."""
    with TemporaryDirectory() as folder:
        files(Path(folder))
        layers(Path(folder))


if __name__ == "__main__":
    main()
