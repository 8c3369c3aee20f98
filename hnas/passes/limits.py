"""limits: what a network costs beside what its space allows."""

from collections.abc import Sequence

from hnas.diag import HnasError, Note, Span
from hnas.ir.cost import Cost
from hnas.ir.space import Limit
from hnas.passes.errors import NoImageSize, OverLimit

Over = tuple[tuple[Limit, int], ...]
"""Limits that are not kept, each with what the network costs instead."""


def over_limits(limits: Sequence[Limit], costs: Cost) -> Over:
    """The limits that a network of these costs does not keep.

    Raises:
        HnasError: Multiply-adds are limited, and no size of image is known to count them for.
    """
    found: list[tuple[Limit, int]] = []
    for limit in limits:
        figure = costs.parameters if limit.figure == "parameters" else costs.multiply_adds
        if figure is None:
            raise HnasError(NoImageSize(limit.span))
        if figure > limit.most:
            found.append((limit, figure))
    return tuple(found)


def limit_errors(over: Over, name: str, span: Span) -> tuple[OverLimit, ...]:
    """An error for each limit that the network `name` does not keep."""
    return tuple(
        OverLimit(
            span,
            name=name,
            figure=limit.figure,
            found=found,
            most=limit.most,
            notes=(Note("the limit", limit.span),),
        )
        for limit, found in over
    )
