"""Shapes of the results of calls whose own meta kernels are slow Python.

Each gives what the call gives, as far as shape, type and layout go, on tensors without memory.
"""

import gc
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from hnas.planning.arithmetic import result_shape
from hnas.planning.layouts import dense, empty, format_of, like

_ATEN = torch.ops.aten


def _convolution(args: Sequence[Any]) -> Tensor:
    x, weight = args[0], args[1]
    shape = result_shape(x.shape, weight.shape, *args[3:9])
    return empty(x, shape, format_of(x, weight))


def _convolution_backward(args: Sequence[Any]) -> tuple[Tensor | None, ...]:
    grad, x, weight, asked = args[0], args[1], args[2], args[10]
    memory_format = format_of(x, weight)
    return (
        empty(x, x.shape, memory_format) if asked[0] else None,
        empty(weight, weight.shape, memory_format) if asked[1] else None,
        empty(grad, (grad.shape[1],), torch.contiguous_format) if asked[2] else None,
    )


def _batch_norm(args: Sequence[Any]) -> tuple[Tensor, ...]:
    x, scale, shift, mean, _, training = args[:6]
    wide = next((t for t in (scale, shift, mean) if t is not None), x)
    sizes = (x.shape[1],) if training else (0,)
    return like(x), *(empty(wide, sizes, torch.contiguous_format) for _ in range(2))


def _batch_norm_backward(args: Sequence[Any]) -> tuple[Tensor | None, ...]:
    x, scale, asked = args[1], args[2], args[9]
    wide = scale if scale is not None else x
    sizes = (x.shape[1],)
    return (
        like(x) if asked[0] else None,
        empty(wide, sizes, torch.contiguous_format) if asked[1] else None,
        empty(wide, sizes, torch.contiguous_format) if asked[2] else None,
    )


def _alike(args: Sequence[Any]) -> Tensor | None:
    """Elementwise: as the first operand of the result's shape lies; None where that is not plain to see."""
    given = [each for each in args if isinstance(each, Tensor)]
    first = max(given, key=lambda x: (x.dim(), x.numel()))
    shape, strides = first.shape, dense(first.shape, first.stride())
    expanded = 0 in first.stride()
    for x in given:
        if x.dtype != first.dtype and x.dim() > 0:
            return None
        if x.shape == shape:
            if expanded and dense(shape, x.stride()) != strides:
                return None
        elif any(a not in (1, b) for a, b in zip(reversed(x.shape), reversed(shape), strict=False)):
            return None
        elif x is given[0] and sum(extent > 1 for extent in x.shape) > 1:
            return None  # it has a say in how the result lies
    if strides is None or not first.is_floating_point():
        return None
    return torch.empty_strided(shape, strides, dtype=first.dtype, device="meta")


def _rectified(args: Sequence[Any]) -> Tensor | None:
    """The gradient of a rectifier lies as its operand does, which comes second."""
    return _alike((args[1], args[0]))


def _cat(args: Sequence[Any]) -> Tensor | None:
    given, axis = args[0], args[1] if len(args) > 1 else 0
    first = given[0]
    if any(x.dtype != first.dtype or x.dim() != first.dim() for x in given):
        return None
    formats = {format_of(x) for x in given}
    memory_format = formats.pop() if len(formats) == 1 else torch.contiguous_format
    shape = list(first.shape)
    shape[axis] = sum(x.shape[axis] for x in given)
    return empty(first, shape, memory_format)


def _product(args: Sequence[Any]) -> Tensor:
    left, right = args[0], args[1]
    return empty(left, (*left.shape[:-1], right.shape[-1]), torch.contiguous_format)


def _first(args: Sequence[Any]) -> Tensor:
    return like(args[0])


def _softmax(args: Sequence[Any]) -> Tensor | None:
    """Of the first operand's shape, without gaps whatever that has."""
    if args[2] is True:
        return None  # from half precision to single
    return empty(args[0], args[0].shape, torch.contiguous_format)


def _second(args: Sequence[Any]) -> Tensor:
    """The gradient of the second operand."""
    x = args[1]
    return empty(x, x.shape, format_of(x))


def _max_pool(args: Sequence[Any]) -> tuple[Tensor, Tensor] | None:
    dilation, ceil = args[4] if len(args) > 4 else (1,), args[5:6]
    found = None if any(ceil) or max(dilation) > 1 else _windows(*args[:4])
    if found is None:
        return None
    return found, torch.empty_strided(found.shape, found.stride(), dtype=torch.int64, device="meta")


def _avg_pool(args: Sequence[Any]) -> Tensor | None:
    return None if any(args[4:5]) else _windows(*args[:4])


def _windows(
    x: Tensor, kernel: Sequence[int], stride: Sequence[int], padding: Sequence[int] = (0, 0)
) -> Tensor | None:
    """A number for each window over images; torch itself refuses those that are smaller than a window."""
    if x.dim() != 4 or not len(kernel) == len(stride) == len(padding) == 2:
        return None
    shape = [(x.shape[n + 2] + 2 * padding[n] - kernel[n]) // stride[n] + 1 for n in range(2)]
    return empty(x, (*x.shape[:2], *shape), format_of(x)) if min(shape) > 0 else None


def _resized(args: Sequence[Any]) -> Tensor:
    x, pixels = args[0], args[1]
    return empty(x, (*x.shape[:2], *pixels), format_of(x))


def _resized_backward(args: Sequence[Any]) -> Tensor:
    grad, shape = args[0], args[2]
    return empty(grad, shape, format_of(grad))


def _sum(args: Sequence[Any]) -> Tensor | None:
    x, axes = args[0], {axis % args[0].dim() for axis in args[1]}
    if not x.is_floating_point():
        return None
    if any(args[2:3]):
        kept = [1 if axis in axes else extent for axis, extent in enumerate(x.shape)]
    else:
        kept = [extent for axis, extent in enumerate(x.shape) if axis not in axes]
    return empty(x, kept, torch.contiguous_format)


def _likelihood(args: Sequence[Any]) -> tuple[Tensor, Tensor]:
    """The loss, of each label or of all, and the weight of all labels."""
    scores, labels, reduction = args[0], args[1], args[3]
    shape = () if reduction else labels.shape
    return empty(scores, shape, torch.contiguous_format), empty(scores, (), torch.contiguous_format)


def _compared(args: Sequence[Any]) -> Tensor | None:
    strides = dense(args[0].shape, args[0].stride())
    if strides is None:
        return None
    return torch.empty_strided(args[0].shape, strides, dtype=torch.bool, device="meta")


def _where(args: Sequence[Any]) -> Tensor | None:
    condition, yes, no = args
    alike = condition.shape == yes.shape == no.shape and yes.dtype == no.dtype and yes.dim() < 2
    return like(yes) if alike else None


def _stack(args: Sequence[Any]) -> Tensor | None:
    """Of numbers or vectors, one below the other."""
    given = args[0]
    first = given[0]
    if any(args[1:]) or first.dim() > 1 or any(x.dtype != first.dtype for x in given):
        return None
    return empty(first, (len(given), *first.shape), torch.contiguous_format)


KERNELS: dict[Any, Callable[[Sequence[Any]], Any]] = {
    _ATEN.add.Tensor: _alike,
    _ATEN.sub.Tensor: _alike,
    _ATEN.mul.Tensor: _alike,
    _ATEN.div.Tensor: _alike,
    _ATEN.div.Scalar: _alike,
    _ATEN.addcmul.default: _alike,
    _ATEN.relu.default: _alike,
    _ATEN.threshold_backward.default: _rectified,
    _ATEN._softmax.default: _softmax,
    _ATEN._softmax_backward_data.default: _softmax,
    _ATEN._log_softmax.default: _softmax,
    _ATEN._log_softmax_backward_data.default: _softmax,
    _ATEN.flip.default: _first,
    _ATEN.index_add.default: _first,
    _ATEN.clone.default: _first,
    _ATEN.cat.default: _cat,
    _ATEN.stack.default: _stack,
    _ATEN.nll_loss_forward.default: _likelihood,
    _ATEN.nll_loss2d_forward.default: _likelihood,
    _ATEN.nll_loss_backward.default: _second,
    _ATEN.nll_loss2d_backward.default: _second,
    _ATEN.gt.Scalar: _compared,
    _ATEN.ne.Scalar: _compared,
    _ATEN.where.self: _where,
    _ATEN.bmm.default: _product,
    _ATEN.mm.default: _product,
    _ATEN.sum.dim_IntList: _sum,
    _ATEN.mean.dim: _sum,
    _ATEN.avg_pool2d.default: _avg_pool,
    _ATEN.avg_pool2d_backward.default: _second,
    _ATEN.max_pool2d_with_indices.default: _max_pool,
    _ATEN.max_pool2d_with_indices_backward.default: _second,
    _ATEN.upsample_bilinear2d.default: _resized,
    _ATEN.upsample_bilinear2d_backward.default: _resized_backward,
    _ATEN.convolution.default: _convolution,
    _ATEN.convolution_backward.default: _convolution_backward,
    _ATEN.native_batch_norm.default: _batch_norm,
    _ATEN.native_batch_norm_backward.default: _batch_norm_backward,
}
"""By call, of its arguments by place; what gives None is left to torch."""


def _made(args: Sequence[Any], named: Mapping[str, Any]) -> Tensor:
    return torch.empty(args[0], **named)


def _made_as(args: Sequence[Any], named: Mapping[str, Any]) -> Tensor | None:
    dtype = named.get("dtype") or args[0].dtype
    device = named.get("device")
    if device is not None and device.type != "meta":
        return None
    return torch.empty(args[1], dtype=dtype, device="meta")


def _made_like(args: Sequence[Any], named: Mapping[str, Any]) -> Tensor | None:
    if not named.keys() <= {"pin_memory", "memory_format"}:
        return None
    memory_format = named.get("memory_format") or torch.preserve_format
    return (
        like(args[0])
        if memory_format == torch.preserve_format
        else empty(args[0], args[0].shape, memory_format)
    )


def _alike_scaled(args: Sequence[Any], named: Mapping[str, Any]) -> Tensor | None:
    return _alike(args) if named.keys() <= {"alpha", "value"} else None


NAMED: dict[Any, Callable[[Sequence[Any], Mapping[str, Any]], Tensor | None]] = {
    _ATEN.empty.memory_format: _made,
    _ATEN.zeros.default: _made,
    _ATEN.ones.default: _made,
    _ATEN.randn.default: _made,
    _ATEN.new_empty.default: _made_as,
    _ATEN.new_zeros.default: _made_as,
    _ATEN.new_ones.default: _made_as,
    _ATEN.empty_like.default: _made_like,
    _ATEN.ones_like.default: _made_like,
    _ATEN.clone.default: _made_like,
    _ATEN.add.Tensor: _alike_scaled,
    _ATEN.sub.Tensor: _alike_scaled,
    _ATEN.addcmul.default: _alike_scaled,
}
"""By call, of its arguments by place and those by name; what gives None is left to torch."""


def shaped(func: Any, args: Sequence[Any], named: Mapping[str, Any] | None) -> Any:
    """What a call gives, on tensors without memory."""
    if named:
        with_names = NAMED.get(func)
        found = with_names(args, named) if with_names is not None else None
    else:
        kernel = KERNELS.get(func)
        found = kernel(args) if kernel is not None else None
    if found is not None:
        return found
    imported = len(sys.modules)
    found = func(*args, **(named or {}))
    if len(sys.modules) != imported:
        # imports leave tracebacks behind, and those the frames of a pass, which hold its maps
        gc.collect()
    return found
