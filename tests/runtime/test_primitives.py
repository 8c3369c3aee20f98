from collections.abc import Callable
from fractions import Fraction

import pytest
import torch
from torch import Tensor

from hnas.ir.ops import PRIMITIVES
from hnas.ir.types import MapType
from hnas.runtime.primitives import Affine, Statistics, Weighted, batch_norm, shapes_of

Layer = Callable[..., Tensor]


def ramp(*shape: int) -> Tensor:
    count = int(torch.tensor(shape).prod())
    return torch.arange(1, count + 1, dtype=torch.float32).reshape(1, *shape)


def dot(height: int, width: int, at: tuple[int, int]) -> Tensor:
    x = torch.zeros(1, 1, height, width)
    x[0, 0, at[0], at[1]] = 1
    return x


# --- pooling ---------------------------------------------------------------------------------------


def test_average_pooling_does_not_count_padding(apply: Layer) -> None:
    ones = apply("avg_pool", torch.ones(1, 2, 5, 4), k=3)
    assert torch.equal(ones, torch.ones(1, 2, 5, 4))
    found = apply("avg_pool", ramp(1, 3, 3), k=3)[0, 0]
    # corner: 4 values, side: 6, middle: 9
    assert found[0, 0] == (1 + 2 + 4 + 5) / 4
    assert found[0, 1] == (1 + 2 + 3 + 4 + 5 + 6) / 6
    assert found[1, 1] == 5
    assert "does not count" in PRIMITIVES["avg_pool"].doc


def test_max_pooling_takes_no_zero_from_the_padding(apply: Layer) -> None:
    found = apply("max_pool", -ramp(1, 3, 3), k=3)[0, 0]
    assert found.tolist() == [[-1, -1, -2], [-1, -1, -2], [-4, -4, -5]]


def test_pooling_with_a_stride_is_every_other_pixel(apply: Layer) -> None:
    x = torch.randn(2, 3, 7, 8)
    for name in ("avg_pool", "max_pool"):
        assert torch.equal(apply(name, x, k=3, stride=2), apply(name, x, k=3)[:, :, ::2, ::2])


def test_pooling_with_another_kernel_per_axis(apply: Layer) -> None:
    found = apply("max_pool", ramp(1, 4, 4), k=(1, 3), stride=(2, 1))
    assert found[0, 0].tolist() == [[2, 3, 4, 4], [10, 11, 12, 12]]


def test_pooling_without_padding(apply: Layer) -> None:
    found = apply("avg_pool", ramp(1, 4, 4), k=2, stride=2, pad=0)
    assert found[0, 0].tolist() == [[3.5, 5.5], [11.5, 13.5]]


@pytest.mark.parametrize("pixels", [(5,), (4, 6), (2, 3, 4)])
def test_global_pooling_is_the_mean_of_a_channel(apply: Layer, pixels: tuple[int, ...]) -> None:
    x = torch.randn(2, 3, *pixels)
    found = apply("global_pool", x)
    assert found.shape == (2, 3, *[1] * len(pixels))
    assert torch.allclose(found.flatten(1), x.flatten(2).mean(2), atol=1e-6)


def test_grid_pooling_of_one_cell_is_the_mean_everywhere(apply: Layer) -> None:
    found = apply("grid_pool", ramp(1, 4, 6), n=1)
    assert torch.equal(found, torch.full((1, 1, 4, 6), 12.5))
    two = apply("grid_pool", ramp(1, 4, 4), n=2)[0, 0]
    assert [two[0, 0], two[0, 3], two[3, 0], two[3, 3]] == [3.5, 5.5, 11.5, 13.5]


# --- convolutions ----------------------------------------------------------------------------------


def identity_kernel(k: int) -> Tensor:
    kernel = torch.zeros(k, k)
    kernel[k // 2, k // 2] = 1
    return kernel


@pytest.mark.parametrize("k", [1, 3, 5])
@pytest.mark.parametrize("dilation", [1, 2])
def test_depthwise_with_identity_kernels_is_the_identity(apply: Layer, k: int, dilation: int) -> None:
    x = torch.randn(2, 5, 6, 7)
    assert torch.equal(apply("depthwise", x, weight=identity_kernel(k), k=k, dilation=dilation), x)
    strided = apply("depthwise", x, weight=identity_kernel(k), k=k, dilation=dilation, stride=2)
    assert torch.equal(strided, x[:, :, ::2, ::2])


def test_depthwise_keeps_channels_apart(apply: Layer) -> None:
    x = torch.zeros(1, 3, 4, 4)
    x[0, 1] = 1
    found = apply("depthwise", x, weight=1.0, k=3)
    assert found[0, 1, 1, 1] == 9
    assert not found[0, [0, 2]].any()


@pytest.mark.parametrize(("k", "rate"), [(3, 1), (3, 2), (5, 2), (3, 3)])
def test_atrous_convolution_reads_pixels_that_are_rate_apart(apply: Layer, k: int, rate: int) -> None:
    found = apply("conv", dot(15, 15, (7, 7)), weight=1.0, k=k, c=1, dilation=rate)[0, 0]
    reach = [7 + rate * (i - k // 2) for i in range(k)]
    assert sorted(map(tuple, found.nonzero().tolist())) == sorted((r, c) for r in reach for c in reach)


def test_convolution_is_a_sum_over_the_window_and_the_channels(apply: Layer) -> None:
    x = ramp(2, 3, 3)
    kernel = torch.arange(18, dtype=torch.float32).reshape(1, 2, 3, 3)
    found = apply("conv", x, weight=kernel, k=3, c=4)
    assert found.shape == (1, 4, 3, 3)
    assert found[0, 0, 1, 1] == (x * kernel).sum()
    # at the corner the kernel's first row and column lie on zeros
    assert found[0, 0, 0, 0] == (x[:, :, :2, :2] * kernel[:, :, 1:, 1:]).sum()


def test_groups_see_their_own_channels_only(apply: Layer) -> None:
    x = torch.zeros(1, 4, 3, 3)
    x[0, 0] = 1
    found = apply("conv", x, weight=1.0, k=1, c=6, groups=2)
    assert found[0, :, 1, 1].tolist() == [1, 1, 1, 0, 0, 0]


def test_pointwise_mixes_channels_of_a_pixel(apply: Layer) -> None:
    x = ramp(2, 2, 2)
    found = apply("pointwise", x, weight=torch.tensor([[1.0, 10.0]])[:, :, None, None], c=1)
    assert found[0, 0].tolist() == [[51, 62], [73, 84]]


def test_linear_is_a_matrix_product(apply: Layer) -> None:
    x = ramp(3, 1, 1)
    weight = torch.tensor([[1.0, 0.0, 2.0], [0.0, 3.0, 0.0]])
    found = apply("linear", x, stride_in=None, weight=weight, c=2, bias=False)
    assert found.flatten().tolist() == [7, 6]
    assert found.shape == (1, 2, 1, 1)


@pytest.mark.parametrize(("k", "stride"), [(3, 2), (4, 2), (2, 2), (5, 4), (3, 1)])
def test_transposed_convolution_makes_a_map_stride_times_as_large(apply: Layer, k: int, stride: int) -> None:
    image = torch.empty(1, 3, 40, 56)
    found = apply("transposed", torch.randn(1, 2, 5, 7), stride_in=8, k=k, stride=stride, c=3, other=image)
    assert found.shape == (1, 3, 5 * stride, 7 * stride)


@pytest.mark.parametrize("pixels", range(90, 106))
def test_transposed_convolution_ends_where_a_map_of_its_stride_does(apply: Layer, pixels: int) -> None:
    image, x = torch.empty(1, 3, pixels, 97), torch.randn(1, 2, -(-pixels // 4), 25)
    found = apply("transposed", x, stride_in=4, k=3, stride=2, c=3, other=image)
    assert found.shape == (1, 3, -(-pixels // 2), 49)


@pytest.mark.parametrize("dims", [1, 2, 3])
def test_weights_start_within_one_over_the_root_of_their_inputs(dims: int) -> None:
    torch.manual_seed(0)
    attrs = {a.name: a.default for a in PRIMITIVES["conv"].attributes if a.default is not None}
    shapes = shapes_of("conv", attrs | {"k": 3, "c": 32, "bias": True}, MapType(16, 1), dims)
    layer, bound = Weighted(shapes), (16 * 3**dims) ** -0.5
    assert layer.weight.shape == (32, 16, *[3] * dims)
    for parameter in (layer.weight, layer.bias):
        assert parameter is not None
        assert 0.8 * bound < float(parameter.detach().abs().max()) <= bound


# --- without weights -------------------------------------------------------------------------------


def test_pointwise_functions(apply: Layer) -> None:
    x = torch.tensor([-2.0, 0.0, 3.0, 9.0]).reshape(1, 1, 1, 4)
    assert apply("relu", x).flatten().tolist() == [0, 0, 3, 9]
    assert apply("relu6", x).flatten().tolist() == [0, 0, 3, 6]
    assert torch.equal(apply("skip", x), x)
    assert apply("none", x).flatten().tolist() == [0, 0, 0, 0]


def test_shift_moves_up_and_left(apply: Layer) -> None:
    assert apply("shift", ramp(1, 3, 3))[0, 0].tolist() == [[5, 6, 0], [8, 9, 0], [0, 0, 0]]


def test_shuffle_interleaves_groups(apply: Layer) -> None:
    found = apply("shuffle", ramp(6, 1, 1), groups=2)
    assert found.flatten().tolist() == [1, 4, 2, 5, 3, 6]


# --- resize ----------------------------------------------------------------------------------------


def test_bilinear_resize_keeps_the_corners(apply: Layer) -> None:
    x = torch.tensor([[0.0, 3.0], [6.0, 9.0]])[None, None]
    found = apply("resize", x, stride_in=4, to=1, other=torch.zeros(1, 3, 4, 4))[0, 0]
    # four pixels over a distance of three: steps of a third of the corner's difference
    assert torch.allclose(found[0], torch.tensor([0.0, 1.0, 2.0, 3.0]))
    assert torch.allclose(found[:, 0], torch.tensor([0.0, 2.0, 4.0, 6.0]))
    assert found[2, 1].item() == pytest.approx(4 + 1)


def test_nearest_resize_repeats_pixels(apply: Layer) -> None:
    found = apply("resize", ramp(1, 2, 2), stride_in=2, to=1, mode="nearest", other=torch.zeros(1, 3, 4, 4))
    assert found[0, 0].tolist() == [[1, 1, 2, 2], [1, 1, 2, 2], [3, 3, 4, 4], [3, 3, 4, 4]]


@pytest.mark.parametrize("mode", ["bilinear", "nearest"])
def test_resize_goes_by_stride_by_factor_or_by_another_map(apply: Layer, mode: str) -> None:
    image, x = torch.zeros(1, 3, 33, 50), torch.randn(2, 4, 9, 13)
    assert apply("resize", x, stride_in=4, to=8, mode=mode, other=image).shape == (2, 4, 5, 7)
    half = apply("resize", x, stride_in=4, scale=Fraction(1, 2), mode=mode, other=image)
    assert half.shape == (2, 4, 5, 7)
    assert apply("resize", x, stride_in=4, scale=2, mode=mode, other=image).shape == (2, 4, 17, 25)
    assert apply("resize", x, mode=mode, other=torch.zeros(2, 9, 6, 5)).shape == (2, 4, 6, 5)
    assert torch.equal(apply("resize", x, stride_in=4, to=4, mode=mode, other=image), x)


@pytest.mark.parametrize("mode", ["bilinear", "nearest"])
def test_one_pixel_fills_the_whole_map(apply: Layer, mode: str) -> None:
    x = torch.randn(2, 3, 1, 1)
    found = apply("resize", x, stride_in=None, mode=mode, other=torch.zeros(1, 1, 4, 5))
    assert torch.equal(found, x.expand(2, 3, 4, 5))


# --- batch normalisation ---------------------------------------------------------------------------


def statistics(channels: int) -> Statistics:
    return Statistics(torch.zeros(channels), torch.ones(channels))


def test_a_batch_is_normalised_with_its_own_biased_variance() -> None:
    x = torch.randn(4, 3, 5, 6) * 3 + 2
    found = batch_norm(x, statistics(3), None, 0.1, 0.5, True)
    mean, variance = x.mean((0, 2, 3), keepdim=True), x.var((0, 2, 3), keepdim=True, correction=0)
    assert torch.allclose(found, (x - mean) / (variance + 0.5).sqrt(), atol=1e-5)


def test_scale_and_shift_come_after() -> None:
    x, affine = torch.randn(4, 2, 3, 3), Affine(2)
    assert torch.equal(
        batch_norm(x, statistics(2), affine, 0.1, 1e-5, True),
        batch_norm(x, statistics(2), None, 0.1, 1e-5, True),
    )
    with torch.no_grad():
        affine.weight.copy_(torch.tensor([2.0, -1.0]))
        affine.bias.copy_(torch.tensor([0.5, 3.0]))
        bare, found = (batch_norm(x, statistics(2), a, 0.1, 1e-5, True) for a in (None, affine))
    assert torch.allclose(found[:, 0], bare[:, 0] * 2 + 0.5, atol=1e-5)
    assert torch.allclose(found[:, 1], -bare[:, 1] + 3, atol=1e-5)


def test_running_statistics_move_by_the_momentum_the_variance_unbiased() -> None:
    stats = statistics(2)
    mean, variance = torch.zeros(2), torch.ones(2)
    for _ in range(3):
        x = torch.randn(2, 2, 3, 2) + 1
        batch_norm(x, stats, None, 0.25, 1e-5, True)
        mean = 0.75 * mean + 0.25 * x.mean((0, 2, 3))
        variance = 0.75 * variance + 0.25 * x.var((0, 2, 3), correction=1)
    assert torch.allclose(stats.running_mean, mean, atol=1e-6)
    assert torch.allclose(stats.running_var, variance, atol=1e-6)


def test_running_statistics_stay_where_they_may_not_move() -> None:
    moving, still, x = statistics(2), statistics(2), torch.randn(2, 2, 3, 3) + 5
    still.updates = False
    assert torch.equal(
        batch_norm(x, moving, None, 0.1, 1e-5, True), batch_norm(x, still, None, 0.1, 1e-5, True)
    )
    assert torch.equal(still.running_mean, torch.zeros(2))
    assert torch.equal(still.running_var, torch.ones(2))
    assert not torch.equal(moving.running_mean, still.running_mean)


@pytest.mark.parametrize("updates", [True, False])
def test_evaluation_uses_the_running_statistics_and_leaves_them(updates: bool) -> None:
    stats, x = statistics(1), torch.randn(1, 1, 3, 3)
    stats.updates = updates
    stats.running_mean.fill_(3)
    stats.running_var.fill_(4)
    found = batch_norm(x, stats, None, 0.1, 0.0, False)
    assert torch.allclose(found, (x - 3) / 2, atol=1e-6)
    assert (stats.running_mean.item(), stats.running_var.item()) == (3, 4)
