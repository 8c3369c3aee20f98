"""Weighted sums: the kernels in C against torch's own calls, and those against sums member by member."""

import pytest
import torch
from torch import Tensor

from hnas.runtime import native
from hnas.runtime.sums import WeightedSum

SHAPES = [
    ([(1, 1)], [True]),
    ([(3, 1)], [False]),
    ([(1, 2), (2, 3), (1, 1), (1, 4)], [True, False, False, True]),
    ([(1, 3), (1, 4)], [True, True]),
]
EXTENTS = [(1, 1, 1), (2, 5, 7), (3, 9, 1), (2, 17, 16)]


def _inputs(
    shape: list[tuple[int, int]], weighted: list[bool], channels: int, extents: tuple[int, int, int]
) -> tuple[list[Tensor | None], list[Tensor]]:
    torch.manual_seed(channels)
    weights = [torch.randn(channels, dtype=torch.float64) if w else None for w in weighted]
    count, height, width = extents
    maps = [torch.randn(count, k * channels // r, height, width, dtype=torch.float64) for k, r in shape]
    return weights, maps


def _by_hand(shape: list[tuple[int, int]], weights: list[Tensor | None], maps: list[Tensor]) -> Tensor:
    total: Tensor | None = None
    for (kinds, repeats), weight, x in zip(shape, weights, maps, strict=True):
        term = torch.cat([sum(x.chunk(kinds, 1), torch.zeros(()))] * repeats, 1)
        term = term if weight is None else term * weight.view(-1, 1, 1)
        total = term if total is None else total + term
    assert total is not None
    return total


def _part_of_a_wider(x: Tensor) -> Tensor:
    """The same map, channels innermost, as a part of one that has more."""
    wide = torch.full((len(x), x.shape[1] + 5, *x.shape[2:]), torch.nan, dtype=x.dtype)
    wide = wide.contiguous(memory_format=torch.channels_last)
    wide[:, 2:-3] = x
    return wide[:, 2:-3]


def _asking(weights: list[Tensor | None], maps: list[Tensor]) -> list[Tensor | None]:
    return [t.detach().requires_grad_() if t is not None else None for t in (*weights, *maps)]


@pytest.mark.parametrize("in_c", [True, False])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("extents", EXTENTS)
@pytest.mark.parametrize("channels", [12, 36, 180])
def test_a_sum_and_its_gradients_are_those_of_its_terms(
    channels: int,
    extents: tuple[int, int, int],
    dtype: torch.dtype,
    in_c: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(native.Settings, "wanted", in_c)
    for shape, weighted in SHAPES:
        weights, maps = _inputs(shape, weighted, channels, extents)
        plain = _asking(weights, maps)
        expected = _by_hand(shape, plain[: len(shape)], [x for x in plain[len(shape) :] if x is not None])
        g = torch.randn_like(expected)
        wanted = torch.autograd.grad(expected, [t for t in plain if t is not None], g)
        lowered = [w.to(dtype) if w is not None else None for w in weights]
        given = _asking(lowered, [_part_of_a_wider(x.to(dtype)) for x in maps])
        found = WeightedSum.apply(shape, *given)
        gradients = torch.autograd.grad(found, [t for t in given if t is not None], g.to(dtype))
        for a, b in zip((found, *gradients), (expected, *wanted), strict=True):
            assert a.shape == b.shape
            assert a.dtype == dtype
            error = (a.double() - b).norm() / b.norm()
            assert error < (1e-14 if dtype == torch.float64 else 1e-6)


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_any_number_of_threads_sums_all_pixels(threads: int) -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        weights, maps = _inputs([(1, 2)], [True], 6, (2, 15, 14))
        weight, x = _asking(weights, maps)
        assert weight is not None
        assert x is not None
        found = WeightedSum.apply([(1, 2)], weight, x)
        found.sum().backward()
        assert torch.allclose(found, torch.cat([x, x], 1) * weight.view(-1, 1, 1), rtol=1e-14)
        assert weight.grad is not None
        assert torch.allclose(weight.grad, x.sum((0, 2, 3)).repeat(2), rtol=1e-12)
    finally:
        torch.set_num_threads(before)


def test_only_what_is_asked_for_is_computed_and_kept() -> None:
    weights, maps = _inputs([(1, 1), (1, 1)], [True, True], 8, (1, 3, 3))
    weight, _, x, y = _asking(weights, maps)
    assert y is not None
    assert weights[1] is not None
    kept: list[Tensor] = []
    with torch.autograd.graph.saved_tensors_hooks(lambda t: kept.append(t) or t, lambda t: t):
        found = WeightedSum.apply([(1, 1), (1, 1)], weight, weights[1], x, y.detach())
    assert [t.dim() for t in kept] == [1, 1, 4]
    found.sum().backward()
    assert y.grad is None
    assert weight is not None
    assert x is not None
    assert torch.allclose(weight.grad, x.sum((0, 2, 3)))  # type: ignore[arg-type]


def test_a_map_of_two_precisions_or_one_axis_is_summed_too() -> None:
    line = torch.randn(2, 4, 9, dtype=torch.float64)
    weight = torch.randn(8, dtype=torch.float64)
    found = WeightedSum.apply([(1, 2)], weight, line)
    assert torch.allclose(found, torch.cat([line, line], 1) * weight.view(-1, 1))
    x = torch.randn(2, 4, 3, 3).bfloat16()
    found = WeightedSum.apply([(1, 1), (1, 1)], torch.ones(4), None, x, x)
    assert torch.equal(found, x + x)


def test_a_map_without_memory_has_its_sum_without_memory() -> None:
    x = torch.randn(2, 4, 3, 3, device="meta").contiguous(memory_format=torch.channels_last)
    x.requires_grad_()
    weight = torch.ones(8, device="meta", requires_grad=True)
    found = WeightedSum.apply([(1, 2)], weight, x)
    found.sum().backward()
    assert x.grad is not None
    assert (found.shape, x.grad.shape) == ((2, 8, 3, 3), x.shape)
