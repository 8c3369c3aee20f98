import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hnas.ir.ops import PRIMITIVES
from hnas.ir.types import MapType, size
from hnas.runtime.primitives import Weighted, convolution, plain, shapes_of

STRIDED = ("avg_pool", "max_pool", "depthwise", "conv")


@settings(deadline=None, max_examples=150)
@given(
    name=st.sampled_from(STRIDED),
    height=st.integers(1, 40),
    width=st.integers(1, 40),
    step=st.integers(1, 4),
    k=st.sampled_from((1, 3, 5, 7)),
    dilation=st.integers(1, 3),
)
def test_a_map_has_the_size_divided_by_the_step_rounded_up(
    name: str, height: int, width: int, step: int, k: int, dilation: int
) -> None:
    primitive = PRIMITIVES[name]
    attrs = {a.name: a.default for a in primitive.attributes if a.default is not None}
    attrs |= {"k": k, "stride": step} | ({"dilation": dilation} if "dilation" in attrs else {})
    x, type_in = torch.zeros(1, 2, height, width), MapType(2, 4)
    shapes = shapes_of(name, attrs, type_in, 2)
    with torch.no_grad():
        if shapes:
            type_out = primitive.result(attrs, type_in, 2)
            found = convolution(name, attrs, type_in, type_out, 2)(x, Weighted(shapes))
        else:
            found = plain(name, attrs, primitive.result(attrs, type_in, 2), 2)(x, x)
    assert found.shape[2:] == (-(-height // step), -(-width // step))
    assert primitive.result(attrs, type_in, 2).stride == 4 * step


@given(pixels=st.integers(1, 40), first=st.integers(1, 4), second=st.integers(1, 4))
def test_two_steps_are_one_of_their_product(pixels: int, first: int, second: int) -> None:
    after_first = size((pixels,), first)
    assert size(after_first, second) == size((pixels,), first * second) == (-(-pixels // (first * second)),)


@settings(deadline=None)
@given(height=st.integers(1, 40), width=st.integers(1, 40), stride=st.sampled_from((1, 2, 4, 8)))
def test_no_connection_and_resize_have_the_size_of_their_stride(height: int, width: int, stride: int) -> None:
    image, expected = torch.zeros(1, 3, height, width), (-(-height // stride), -(-width // stride))
    result = MapType(2, stride)
    zeros = plain("none", {}, result, 2)(torch.zeros(1, 2, 3, 3), image)
    resized = plain("resize", {"to": stride, "mode": "bilinear"}, result, 2)(torch.ones(1, 2, 3, 3), image)
    assert (zeros.shape, resized.shape) == ((1, 2, *expected), (1, 2, *expected))
    assert not zeros.any()
    assert torch.allclose(resized, torch.ones(()))
