"""Kernels in C, compiled when they are first asked for where the machine has a C compiler.

Without one everything works, by torch's own kernels. What is compiled lies in a folder of this process
alone and goes with it: nothing that another process left is ever loaded. Maps are (N, C, H, W) with their
channels next to each other in memory; what lies otherwise is copied first.
"""

import atexit
import ctypes
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, final

import torch
from torch import Tensor

from hnas.runtime.layouts import traced

_SOURCE = Path(__file__).with_name("kernels") / "kernels.c"
_TYPES = {torch.float32: ("float", 16), torch.float64: ("double", 8)}
"""Names in C, and how many numbers a vector has."""

_SIGNATURES = {
    "depthwise": "pppp",
    "depthwise_input": "pppp",
    "depthwise_weight": "pppp",
    "dense": "pppp",
    "dense_input": "pppp",
    "dense_weight": "pppp",
    "norm": "pppppppp" + "iiii" + "dd",
    "norm_again": "pppppp" + "iiii",
    "norm_back": "pppppppp" + "iiiii",
    "pointwise": "ppp" + "i" * 6,
    "pointwise_input": "ppp" + "i" * 6,
    "pointwise_weight": "ppp" + "i" * 6,
    "sum": "pp" + "iiii",
    "sum_back": "pp" + "iiii",
}
"""Arguments of each kernel: pointers and numbers. The number of threads comes after them."""


@final
class Settings:
    """Whether kernels in C are used: where a compiler is found, always, or never."""

    wanted: bool = True


def compiler() -> str | None:
    """The C compiler, as `CC` names it or under its usual names."""
    given = os.environ.get("CC")
    names = [given] if given else ["cc", "gcc", "clang"]
    return next((found for name in names if (found := shutil.which(name)) is not None), None)


OBSERVERS: list[Callable[[int], None]] = []
"""Told the multiply-adds of every kernel that runs, or would if its tensors had memory."""


@cache
def library(kind: torch.dtype = torch.float32) -> Any:
    """The compiled kernels for a type of numbers; None where there is no compiler or it fails."""
    found = compiler()
    if found is None:
        return None
    folder = tempfile.mkdtemp(prefix="hnas-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    name, lanes = _TYPES[kind]
    target = f"{folder}/{name}.so"
    flags = ["-O3", "-march=native", "-shared", "-fPIC", f"-DT={name}", f"-DMOST_LANES={lanes}"]
    for further in (["-fopenmp"], []):
        command = [found, *further, *flags, "-o", target, str(_SOURCE), "-lm"]
        try:
            subprocess.run(command, check=True, capture_output=True, timeout=120)
            loaded = ctypes.CDLL(target)
        except (OSError, subprocess.SubprocessError):
            continue
        kinds = {"p": ctypes.c_void_p, "i": ctypes.c_ssize_t, "d": ctypes.c_double}
        for kernel, signature in _SIGNATURES.items():
            function = getattr(loaded, f"{kernel}_{name}")
            function.argtypes = [*(kinds[letter] for letter in signature), ctypes.c_int]
            function.restype = None
        return loaded
    return None


@cache
def _kernel(name: str, kind: torch.dtype) -> Callable[..., None]:
    return getattr(library(kind), f"{name}_{_TYPES[kind][0]}")


def in_use() -> bool:
    """Whether kernels in C compute what they can."""
    return Settings.wanted and library() is not None


def takes(x: Tensor, *, lowered: bool = False) -> bool:
    """Whether there are kernels for maps like this one, or would be if it was not of lower precision."""
    known = x.dtype in _TYPES or (lowered and x.is_floating_point())
    return known and not traced(x) and x.device.type in ("cpu", "meta") and x.dim() == 4 and in_use()


def innermost(x: Tensor) -> bool:
    """Whether the channels of a map lie next to each other, so that a kernel need not copy it first."""
    return x.stride(1) == 1


def run(name: str, kind: torch.dtype, multiply_adds: int, *given: Any) -> None:
    """Run a kernel: of tensors, without memory in a plan or not there at all, of numbers, of structures.

    Args:
        name: Of the kernel.
        kind: Of its numbers.
        multiply_adds: What it computes.
        given: Its arguments, tensors by where their first number is; None is no tensor.
    """
    for observer in OBSERVERS:
        observer(multiply_adds)
    if given[0].is_meta:
        return
    passed = [each.data_ptr() if isinstance(each, Tensor) else each for each in given]
    _kernel(name, kind)(*passed, torch.get_num_threads())


def empty_map(like: Tensor, count: int, channels: int, height: int, width: int) -> Tensor:
    """A map (N, C, H, W) with its channels next to each other, and nothing in it."""
    strides = (height * width * channels, 1, width * channels, channels)
    return torch.empty_strided(
        (count, channels, height, width), strides, dtype=like.dtype, device=like.device
    )


def laid_out(x: Tensor) -> Tensor:
    """The map with its channels next to each other and pixels at one distance, `x.stride(3)`."""
    count, channels, height, width = x.shape
    step = x.stride(3)
    if step >= channels and x.stride() == (height * width * step, 1, width * step, step):
        return x
    # along an axis of one pixel, image or channel any stride is as good
    extents = (3, width, 1), (2, height, width), (0, count, height * width)
    step = next((x.stride(axis) // pixels for axis, size, pixels in extents if size > 1), channels)
    regular = all(x.stride(axis) == pixels * step for axis, size, pixels in extents if size > 1)
    if regular and step >= channels and (x.stride(1) == 1 or channels == 1):
        return x.as_strided(x.shape, (height * width * step, 1, width * step, step))
    # `contiguous` would leave the strides of such an axis as they are
    return empty_map(x, count, channels, height, width).copy_(x)
