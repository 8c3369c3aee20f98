"""bfloat16 by autocast, on tensors without memory, which torch's own autocast passes by."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, final

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - torch's own short name
from torch.overrides import TorchFunctionMode

from hnas.runtime.segments import Stage

_COARSE = frozenset(
    (
        *(F.conv1d, F.conv2d, F.conv3d, F.conv_transpose1d, F.conv_transpose2d, F.conv_transpose3d),
        *(F.linear, torch.bmm, torch.mm, torch.matmul, Tensor.matmul, Tensor.__matmul__),
    )
)
"""What autocast computes in bfloat16 on a processor."""

_EXACT = frozenset((F.interpolate, F.adaptive_avg_pool3d, F.avg_pool3d, F.cross_entropy))
"""What it computes in float32."""


@final
class Casting(TorchFunctionMode):
    """Casts as autocast of the processor does, where that is on; a parameter once where it keeps casts."""

    def __init__(self) -> None:
        super().__init__()
        self._known: dict[int, tuple[Tensor, Tensor]] = {}
        self._autocast = torch.autocast("cpu", torch.bfloat16)

    @contextmanager
    def forward(self) -> Iterator[None]:
        """Casts, and turns autocast on."""
        with self._autocast, self:
            yield
        self._known.clear()

    def told(self, name: str, stage: Stage) -> None:
        """What backward runs again turns autocast on by itself; torch lets go of modes for backward."""
        if stage == "backward":
            self.__enter__()
        elif stage == "made again":
            self.__exit__(None, None, None)

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        named = dict(kwargs or {})
        if (func in _COARSE or func in _EXACT) and torch.is_autocast_enabled("cpu"):
            target = torch.bfloat16 if func in _COARSE else torch.float32
            args = tuple(self._cast(each, target) for each in args)
            named = {name: self._cast(each, target) for name, each in named.items()}
        return func(*args, **named)

    def _cast(self, value: Any, target: torch.dtype) -> Any:
        if not isinstance(value, Tensor) or value.dtype not in (torch.float32, torch.bfloat16):
            return value
        if value.dtype == target:
            return value
        if not (value.is_leaf and value.requires_grad and torch.is_autocast_cache_enabled()):
            return value.to(target)
        if id(value) not in self._known:
            self._known[id(value)] = value, value.to(target)
        return self._known[id(value)][1]
