"""Kernels in C, compiled when they are first asked for where the machine has a C compiler.

Without one everything works, by torch's own kernels. What is compiled lies in a folder of this process
alone and goes with it: nothing that another process left is ever loaded.
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

_SOURCE = Path(__file__).with_name("depthwise.c")
_MOST_TAPS = 7
_NAMES = {torch.float32: "weight_gradient_float", torch.float64: "weight_gradient_double"}


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
"""Told the multiply-adds of every gradient that is computed, or would be if its tensors had memory."""


@cache
def library() -> Any:
    """The compiled kernels; None where there is no compiler or it fails."""
    found = compiler()
    if found is None:
        return None
    folder = tempfile.mkdtemp(prefix="hnas-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    target = f"{folder}/depthwise.so"
    flags = ["-O3", "-march=native", "-shared", "-fPIC", "-o", target, str(_SOURCE)]
    for further in (["-fopenmp"], []):
        try:
            subprocess.run([found, *further, *flags], check=True, capture_output=True, timeout=120)
            loaded = ctypes.CDLL(target)
        except (OSError, subprocess.SubprocessError):
            continue
        for name in _NAMES.values():
            function = getattr(loaded, name)
            function.argtypes = [ctypes.c_void_p] * 3 + [ctypes.c_ssize_t] * 8 + [ctypes.c_int]
            function.restype = None
        return loaded
    return None


def in_use() -> bool:
    """Whether kernels in C compute what they can."""
    return Settings.wanted and library() is not None


def computes(g: Tensor, x: Tensor, kernel: tuple[int, ...], dilation: tuple[int, ...]) -> bool:
    """Whether there is a kernel for this gradient, of a convolution that keeps its map's size."""
    square = kernel[0] == kernel[1] <= _MOST_TAPS and kernel[0] % 2 == 1 and dilation[0] == dilation[1]
    return g.device.type in ("cpu", "meta") and square and g.dim() == 4 and in_use()


def weight_gradient(g: Tensor, x: Tensor, kernel: int, dilation: int) -> Tensor:
    """The gradient (C, 1, k, k) of depthwise weights, of maps and gradients (N, C, H, W)."""
    if type(g) is not Tensor:  # a tracer's, which has no memory to point at
        return traced_weight_gradient(g, x, kernel, dilation)
    count, channels, height, width = x.shape
    exact = torch.float64 if x.dtype == torch.float64 else torch.float32
    found = x.new_empty((channels, 1, kernel, kernel), dtype=exact)
    for observer in OBSERVERS:
        observer(kernel * kernel * g.numel())
    if not x.is_meta:
        x, g = _laid_out(x.to(exact)), _laid_out(g.to(exact))
        getattr(library(), _NAMES[exact])(
            x.data_ptr(), g.data_ptr(), found.data_ptr(), count, height, width, channels,
            x.stride(3), g.stride(3), kernel, dilation, torch.get_num_threads(),
        )  # fmt: skip
    return found.to(x.dtype)


@torch.library.custom_op("hnas::depthwise_weight_gradient", mutates_args=())
def traced_weight_gradient(g: Tensor, x: Tensor, kernel: int, dilation: int) -> Tensor:
    """`weight_gradient` as an operation that graphs of torch.compile can hold."""
    return weight_gradient(g, x, kernel, dilation)


@traced_weight_gradient.register_fake
def _(g: Tensor, x: Tensor, kernel: int, dilation: int) -> Tensor:
    return x.new_empty((x.shape[1], 1, kernel, kernel))


def _laid_out(x: Tensor) -> Tensor:
    """The map with its channels next to each other and pixels at one distance."""
    _, channels, height, width = x.shape
    step = x.stride(3)
    if x.stride() == (height * width * step, 1, width * step, step) and step >= channels:
        return x
    # `contiguous` would leave a map of one pixel or channel with any strides
    laid = torch.empty_strided(
        x.shape, (height * width * channels, 1, width * channels, channels), dtype=x.dtype, device=x.device
    )
    return laid.copy_(x)
