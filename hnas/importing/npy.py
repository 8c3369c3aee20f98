"""Small arrays of numpy's .npy files, as whole numbers: bounded before they are loaded, nothing unpickled.

The format is numpy.lib.format's: a magic, a version, the length of a header, the header (a dictionary
with the kind of number, the order and the shape), the numbers.
"""

import ast
import io
import math
import re
import warnings
from pathlib import Path
from typing import Any, cast, final

from attrs import frozen

from hnas.diag import HnasError
from hnas.importing.errors import NotOfFormat
from hnas.lang.parser import read_data

WHAT = "an array of numbers"
_MAGIC = b"\x93NUMPY"
_LENGTHS = {b"\1\0": 2, b"\2\0": 4}
"""Bytes of the length of the header, by version."""
_LONGEST_HEADER = 1000
_MOST = 10_000
"""Numbers of an array."""
_LARGEST = 1000
_LIKE = "save it with numpy.save(path, array): a file .npy with one array of whole numbers"


@final
@frozen
class Array:
    """An array of whole numbers from 0: its shape, and its values row after row."""

    path: Path
    shape: tuple[int, ...]
    values: tuple[int, ...]


def read_array(path: Path) -> Array:
    """The array of a file.

    Raises:
        HnasError: The file cannot be read, or holds no small array of whole numbers from 0.
    """
    data = read_data(path, suffix=".npy")
    descr, shape, start = _header(path, data)
    size = math.prod(shape) * int(descr[2:])
    if len(data) - start != size:
        raise wrong(path, f"its header says {size:,} bytes of numbers, the file has {len(data) - start:,}")
    import numpy as np

    try:
        values: list[Any] = np.load(io.BytesIO(data), allow_pickle=False).ravel().tolist()
    except ValueError:  # where numpy is stricter about the header than we are
        raise wrong(path, "its header is damaged") from None
    for value in values:
        if not (0 <= value <= _LARGEST and value == int(value)):  # false of a nan too
            raise wrong(path, f"it has the value {value}; whole numbers from 0 to {_LARGEST:,} are meant")
    return Array(path, shape, tuple(int(value) for value in values))


def _header(path: Path, data: bytes) -> tuple[str, tuple[int, ...], int]:
    """Kind of number, shape, and where the numbers begin."""
    if not data.startswith(_MAGIC):
        raise wrong(path, "it is no .npy file")
    width = _LENGTHS.get(data[6:8])
    if width is None:
        raise wrong(path, "it is of a version of the format that has no plain arrays")
    start = 8 + width
    length = int.from_bytes(data[8:start], "little")
    if length > _LONGEST_HEADER or len(data) < start + length:
        raise wrong(path, "its header is damaged")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            header: object = ast.literal_eval(data[start : start + length].decode("latin-1").strip())
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        header = None
    fields = cast(dict[object, object], header) if isinstance(header, dict) else {}
    if set(fields) != {"descr", "fortran_order", "shape"} or type(fields["fortran_order"]) is not bool:
        raise wrong(path, "its header is damaged")
    return _kind(path, fields["descr"]), _shape(path, fields["shape"]), start + length


def _kind(path: Path, descr: object) -> str:
    if not isinstance(descr, str):
        raise wrong(path, "it is a table of records")
    if "O" in descr:
        raise wrong(path, "it holds Python objects, which are never loaded")
    if not re.fullmatch(r"[<>|=](?:[iu][1248]|f[248])", descr):
        raise wrong(path, f"its values are of the type {descr[:20]!r}")
    return descr


def _shape(path: Path, given: object) -> tuple[int, ...]:
    lengths = cast(tuple[object, ...], given) if isinstance(given, tuple) else (None,)
    shape = tuple(length for length in lengths if type(length) is int and length >= 0)
    if len(shape) < len(lengths):
        raise wrong(path, "its header is damaged")
    if len(shape) > 8 or max((math.prod(shape), *shape)) > _MOST:
        raise wrong(path, "it is far larger than an architecture")
    return shape


def wrong(path: Path, why: str) -> HnasError:
    """That a file holds no array that is meant."""
    return HnasError(NotOfFormat(None, path=str(path), what=WHAT, why=why, advice=_LIKE))
