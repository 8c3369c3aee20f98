from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from hnas.ir.expr import Value
from hnas.ir.ops import PRIMITIVES
from hnas.ir.types import MapType, Stride
from hnas.runtime.primitives import Weighted, convolution, plain, shapes_of

Layer = Callable[..., Tensor]


@pytest.fixture
def apply() -> Layer:
    """Applies a primitive by name to a map, its attributes as in a spec.

    `weight` fills the kernel (one number, or a tensor), `bias` stays as it is drawn; `other` is the
    second operand: the image, or the map named `like`.
    """

    def run(
        name: str,
        x: Tensor,
        *,
        stride_in: Stride | None = 1,
        weight: Tensor | float | None = None,
        other: Tensor | None = None,
        **given: Value,
    ) -> Tensor:
        primitive = PRIMITIVES[name]
        attrs = {a.name: a.default for a in primitive.attributes if a.default is not None} | given
        map_type, dims = MapType(x.shape[1], stride_in), x.ndim - 2
        # `like` has no type rule of its own: the result has the type of the other map
        result = map_type if name == "resize" and not given.keys() & {"to", "scale"} else None
        result = result or primitive.result(attrs, map_type, dims)
        shapes = shapes_of(name, attrs, map_type, dims)
        if not shapes:
            return plain(name, attrs, result, dims)(x, x if other is None else other)
        module = Weighted(shapes)
        if weight is not None:
            with torch.no_grad():
                module.weight.copy_(torch.as_tensor(weight).expand(module.weight.shape))
        with torch.no_grad():
            layer = convolution(name, attrs, map_type, result, dims)
            return layer(x, module) if other is None else layer(x, module, other)

    return run
