"""camvid: SegNet's layout of CamVid, lists of `image annotation` beside folders of PNG files."""

from pathlib import Path

from hnas.data.errors import BadLine, MissingPart
from hnas.data.files import ByIndex, ImageFiles, image_files, label_table
from hnas.diag import HnasError
from hnas.schema.datasets import CAMVID, Split


def open_camvid(root: Path, split: Split) -> ImageFiles:
    """The images that ROOT/SPLIT.txt lists; label 11 is void.

    A path of the list is looked for below ROOT, also when it begins with another root, as the lists
    in circulation do (`/SegNet/CamVid/train/x.png`).

    Raises:
        HnasError: The list is missing, empty, has a line that is no pair, or names a file that is not there.
    """
    listed = root / f"{split}.txt"
    try:
        lines = listed.read_text(encoding="utf-8-sig").splitlines()
    except FileNotFoundError:
        raise HnasError(_missing(listed, "is missing")) from None
    except OSError as error:
        raise HnasError(_missing(listed, f"cannot be read: {error.strerror}")) from None
    except UnicodeDecodeError:
        raise HnasError(_missing(listed, "is not a text file")) from None
    pairs: list[tuple[Path, Path]] = []
    for number, line in enumerate(lines, 1):
        words = line.split()
        if not words:
            continue
        if len(words) != 2:
            why = f"{len(words)} word{'s' if len(words) > 1 else ''} instead of two"
            raise HnasError(BadLine(None, path=str(listed), line=number, why=why))
        pairs.append((_below(root, words[0]), _below(root, words[1])))
    if not pairs:
        raise HnasError(_missing(listed, "lists no images"))
    if not any(image.is_file() for image, _ in pairs):
        raise HnasError(_missing(listed, f"lists {len(pairs)} images, and none of them is there"))
    return image_files(CAMVID, pairs, ByIndex(label_table(len(CAMVID.classes), void=(11, 255))))


def _below(root: Path, listed: str) -> Path:
    """The file a list means: its longest ending that is there below `root`."""
    parts = Path(listed).parts
    for start in range(len(parts)):
        candidate = root.joinpath(*(p for p in parts[start:] if p not in ("/", "..")))
        if candidate.is_file():
            return candidate
    return root.joinpath(*(p for p in parts if p not in ("/", "..")))


def _missing(path: Path, why: str) -> MissingPart:
    return MissingPart(None, name="camvid", path=str(path), why=why, layout=CAMVID.layout)
