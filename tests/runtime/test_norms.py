"""Batch normalisation by a kernel in C against torch's own in float64."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from hnas.runtime import native, norms

EXTENTS = [(2, 1, 1), (1, 2, 1), (3, 9, 7), (2, 33, 20)]


def _inputs(extents: tuple[int, int, int], channels: int, affine: bool) -> list[Tensor | None]:
    """Map, scale, shift, running mean and variance, gradient; means are far from zero."""
    torch.manual_seed(channels)
    count, height, width = extents
    size = count, channels, height, width
    spread = torch.logspace(-2, 1, channels, dtype=torch.float64).view(-1, 1, 1)
    x = (torch.randn(size, dtype=torch.float64) + 3) * spread
    scale, shift, mean = (torch.randn(channels, dtype=torch.float64) for _ in range(3))
    given = (
        x,
        scale if affine else None,
        shift if affine else None,
        mean,
        mean.square(),
        torch.randn_like(x),
    )
    # what all precisions compute of are the same numbers
    return [t.float().double() if t is not None else None for t in given]


def _computed(
    how: Callable[..., tuple[Tensor, ...]], given: list[Tensor | None], dtype: torch.dtype
) -> list[Tensor]:
    """Result, statistics of the map, running ones, gradients."""
    x, scale, shift, mean, var, g = (t.to(dtype, copy=True) if t is not None else None for t in given)
    assert x is not None
    asked = [t.requires_grad_() for t in (x, scale, shift) if t is not None]
    found = how(x, scale, shift, mean, var)
    gradients = torch.autograd.grad(found[0], asked, g)
    return [t.detach() for t in (*found, mean, var, *gradients) if t is not None]


def _torch(x: Tensor, scale: Tensor, shift: Tensor, mean: Tensor, var: Tensor) -> tuple[Tensor, ...]:
    return torch.native_batch_norm(x, scale, shift, mean, var, True, 0.03, 1e-4)


def _ours(x: Tensor, scale: Tensor, shift: Tensor, mean: Tensor, var: Tensor) -> tuple[Tensor, ...]:
    x = x.contiguous(memory_format=torch.channels_last)
    return norms.normalised(x, scale, shift, (mean, var), 0.03, 1e-4)


def _part_of_a_wider(x: Tensor, *others: Tensor) -> tuple[Tensor, ...]:
    wide = torch.full((len(x), x.shape[1] + 3, *x.shape[2:]), torch.nan, dtype=x.dtype)
    wide = wide.contiguous(memory_format=torch.channels_last)
    wide[:, 1:-2] = x
    scale, shift, mean, var = others
    return norms.normalised(wide[:, 1:-2], scale, shift, (mean, var), 0.03, 1e-4)


def _errors(found: list[Tensor], exact: list[Tensor]) -> list[float]:
    return [
        float((a.double() - b).norm() / b.norm().clamp_min(1e-30)) for a, b in zip(found, exact, strict=True)
    ]


@pytest.mark.parametrize("how", [_ours, _part_of_a_wider])
@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("extents", EXTENTS)
@pytest.mark.parametrize("channels", [1, 7, 16, 117])
def test_a_norm_in_double_is_torchs(
    channels: int, extents: tuple[int, int, int], affine: bool, how: Callable[..., tuple[Tensor, ...]]
) -> None:
    given = _inputs(extents, channels, affine)
    exact = _computed(_torch, given, torch.float64)
    found = _computed(how, given, torch.float64)
    limits = [1e-12] * 5 + [1e-9] * (len(exact) - 5)  # of two pixels gradients cancel
    assert all(error < limit for error, limit in zip(_errors(found, exact), limits, strict=True))


@pytest.mark.parametrize("extents", [(3, 9, 7), (2, 33, 20), (2, 65, 65)])
def test_a_norm_in_float_is_as_exact_as_torchs_of_maps_with_pixels_innermost(
    extents: tuple[int, int, int],
) -> None:
    given = _inputs(extents, 48, True)
    exact = _computed(_torch, given, torch.float64)
    found = _errors(_computed(_ours, given, torch.float32), exact)
    stock = _errors(_computed(_torch, given, torch.float32), exact)
    assert all(a <= max(2e-7, 1.2 * b) for a, b in zip(found, stock, strict=True)), (found, stock)


def test_deviations_small_beside_the_mean_are_found() -> None:
    x = (torch.randn(2, 8, 40, 40, dtype=torch.float64) + 3000).float()
    x[:, :, :10] = 2990  # what lies first is not like the rest
    running = torch.zeros(8), torch.ones(8)
    x = x.contiguous(memory_format=torch.channels_last)
    _, mean, inverse = norms.normalised(x, None, None, running, 1.0, 0.0)
    var = x.double().var((0, 2, 3), unbiased=False)
    assert torch.allclose(mean.double(), x.double().mean((0, 2, 3)), rtol=1e-7)
    assert torch.allclose(inverse.double(), 1 / var.sqrt(), rtol=1e-6)
    assert torch.allclose(running[1].double(), x.double().var((0, 2, 3)), rtol=1e-6)


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_any_number_of_threads_sums_all_pixels(threads: int) -> None:
    before = torch.get_num_threads()
    given = _inputs((2, 33, 20), 19, True)
    torch.set_num_threads(threads)
    try:
        found = _computed(_ours, given, torch.float64)
    finally:
        torch.set_num_threads(before)
    assert max(_errors(found, _computed(_torch, given, torch.float64))) < 1e-12


@pytest.mark.parametrize("in_c", [True, False])
@pytest.mark.parametrize("affine", [True, False])
def test_a_map_is_made_again_to_the_bit_or_nearly(
    affine: bool, in_c: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(native.Settings, "wanted", in_c)
    x, scale, shift, *_ = (t.float() if t is not None else None for t in _inputs((2, 9, 7), 21, affine))
    assert x is not None
    x = x.contiguous(memory_format=torch.channels_last)
    found, mean, inverse = norms.normalised(x, scale, shift, (None, None), 0.1, 1e-5)
    repeated = norms.again(x, mean, inverse, scale, shift)
    assert torch.allclose(repeated, found, atol=0 if in_c else 1e-5, rtol=0)


def test_a_map_without_memory_or_of_lower_precision_is_normalised_too() -> None:
    none, x = torch.zeros(4), torch.randn(2, 4, 3, 3).contiguous(memory_format=torch.channels_last)
    meta = x.to("meta").requires_grad_()
    found, *_ = norms.normalised(meta, None, None, (None, None), 0.1, 1e-5)
    found.sum().backward()
    assert (found.shape, meta.grad.shape) == (x.shape, x.shape)  # type: ignore[union-attr]
    lowered, *_ = norms.normalised(x.bfloat16(), none + 1, none, (none.clone(), none + 1), 0.1, 1e-5)
    assert lowered.dtype == torch.bfloat16


def test_a_map_of_one_pixel_is_not_copied_and_others_keep_their_values() -> None:
    rows = torch.randn(6, 8)[:, 1:6]
    single = rows.view(6, 5, 1, 1)
    found = native.laid_out(single)
    assert found.data_ptr() == single.data_ptr()
    assert found.stride() == (8, 1, 8, 8)
    assert torch.equal(found, single)
    wide = torch.randn(2, 3, 4, 5)
    for x in (wide, wide[:, :1], wide[:1, :, :1], wide.mT, wide[..., ::2], wide.flip(2)[:, :, ::3], wide[:1]):
        for given in (x, x.contiguous(memory_format=torch.channels_last)):
            found = native.laid_out(given)
            _, channels, height, width = x.shape
            step = found.stride(3)
            assert step >= channels
            assert found.stride() == (height * width * step, 1, width * step, step)
            assert torch.equal(found, x)
