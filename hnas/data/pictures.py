"""Reading a picture with Pillow: its pixels, or one diagnostic that names the file and the mend."""

import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from hnas.data.errors import BadImage
from hnas.diag import HnasError

Pixels = NDArray[np.uint8]

_ORIENTATION = 0x0112
"""The EXIF tag of how the camera was held."""
_DEEP = ("I;16", "I;16B", "I;16L", "I;16N", "I", "F")
"""Modes of more than 8 bits a value."""


def read_image(path: Path) -> Pixels:
    """Red, green and blue, (H, W, 3), the way up its EXIF tag says; transparency is left aside.

    Raises:
        HnasError: The file is missing, broken, no picture, or has more than 8 bits a channel.
    """
    with _opened(path) as image:
        if image.mode in _DEEP:
            advice = "save it with 8 bits a channel"
            raise _bad(path, f"it has more than 8 bits a channel (mode {image.mode})", advice)
        return np.asarray(_rgb(_upright(image)))


def read_indices(path: Path, advice: str = "") -> Pixels:
    """A value a pixel, (H, W); of a picture with a palette its indices, which are the labels.

    Args:
        path: The file.
        advice: The mend for a picture in colours.

    Raises:
        HnasError: What `read_image` raises, or the picture has colours.
    """
    with _opened(path) as image:
        if image.mode in (*_DEEP, "1"):
            advice = "save it with 8 bits a pixel"
            raise _bad(path, f"annotations have 8 bits a pixel, this one is of mode {image.mode}", advice)
        if image.mode not in ("L", "P"):
            raise _bad(path, "an annotation has one value a pixel, this one has colours", advice)
        return np.asarray(_upright(image))


def read_colours(path: Path) -> NDArray[np.int32]:
    """The colour of each pixel, (H, W), as red * 65536 + green * 256 + blue.

    Raises:
        HnasError: What `read_image` raises, or the picture has no colours.
    """
    with _opened(path) as image:
        if image.mode not in ("P", "RGB", "RGBA"):
            advice = "labels = index reads the values of its pixels"
            raise _bad(path, f"it has no colours (mode {image.mode})", advice)
        upright = _upright(image)
        if image.mode != "P":
            return packed(np.asarray(_rgb(upright)))
        palette = np.zeros((256, 3), np.uint8)
        given = np.asarray(image.getpalette("RGB") or [], np.uint8).reshape(-1, 3)
        if not len(given):
            raise _bad(path, "it has no palette", "labels = index reads the values of its pixels")
        palette[: len(given)] = given
        return packed(palette)[np.asarray(upright)]


def packed(colours: NDArray[np.uint8]) -> NDArray[np.int32]:
    """Colours (..., 3) as one number each."""
    wide = colours.astype(np.int32)
    return (wide[..., 0] << 16) | (wide[..., 1] << 8) | wide[..., 2]


def lies_on_its_side(path: Path) -> bool:
    """Whether the EXIF tag of a picture that can be read swaps its height and width."""
    with _opened(path) as image:
        return _orientation(image) in (5, 6, 7, 8)


def _orientation(image: Image.Image) -> int:
    with _quietly():
        found = image.getexif().get(_ORIENTATION, 1)
    return found if found in range(1, 9) else 1


def _upright(image: Image.Image) -> Image.Image:
    """The picture, decoded, as it is to be looked at."""
    image.load()
    return ImageOps.exif_transpose(image) if _orientation(image) != 1 else image


def _rgb(image: Image.Image) -> Image.Image:
    with _quietly():
        return image.convert("RGB")


def _bad(path: Path, why: str, advice: str = "") -> HnasError:
    return HnasError(BadImage(None, path=str(path), why=why, advice=advice))


_FILTERS = threading.Lock()
"""Filters of warnings are global; decoding, which takes long, is done outside of it."""


@contextmanager
def _quietly() -> Iterator[None]:
    """Without Pillow's warnings, as of metadata it cannot read, but for too many pixels: that one raises.

    Pillow itself only raises it at twice the number.
    """
    with _FILTERS, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        yield


@contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    """The picture, its checksums verified; whatever Pillow raises becomes a diagnostic."""
    try:
        if path.stat().st_size == 0:
            raise _bad(path, "it is empty")
        with _quietly():
            first, second = Image.open(path), Image.open(path)
        with first, second:
            first.verify()  # checksums, which reading pixels alone leaves aside; it spends the file
            yield second
    except FileNotFoundError:
        raise _bad(path, "there is no such file") from None
    except UnidentifiedImageError:
        raise _bad(path, "this is no image") from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        most = Image.MAX_IMAGE_PIXELS or 0
        raise _bad(path, f"it says it has more than {most:,} pixels", "cut it into smaller images") from None
    except (OSError, SyntaxError, ValueError, EOFError, IndexError, KeyError, TypeError) as error:
        raise _bad(path, f"it cannot be read ({error})") from None
