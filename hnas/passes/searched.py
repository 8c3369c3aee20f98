"""What is searched inside an operator: choices of operators, depths, weighed or as they are picked."""

from typing import TYPE_CHECKING

from attrs import evolve

from hnas.diag import Span
from hnas.ir import graph as g
from hnas.ir import template as t
from hnas.ir.expr import searched_in
from hnas.ir.space import Take
from hnas.ir.table import Table
from hnas.passes.choices import combinations
from hnas.passes.errors import DoesNotFit, NotChosen, OptionsApart
from hnas.passes.layers import is_none, plain

if TYPE_CHECKING:
    from hnas.passes.build import Body, Builder, Place


def repeated(
    builder: "Builder", template: t.Repeat, body: "Body", source: str, place: "Place", prefix: str
) -> str:
    """One after the other; where the depth is searched, what the depths give is weighed."""
    span = template.count.span
    at = prefix.rstrip(".")
    count = builder.searched(template.count, place, "a repetition", body.recorded, at)
    values = list(count.values) if isinstance(count, Table) else [count]
    depths = [v for v in values if isinstance(v, int) and not isinstance(v, bool) and 0 <= v <= 10_000]
    if len(depths) < len(values) or (depths == [0] and not searched_in(template.count)):
        why = "a repetition needs a whole number from 1 to 10000"
        raise builder.fail(DoesNotFit(span, operator="*", why=why, where=place.text))
    after = [source]
    for number in range(1, max(depths) + 1):
        after.append(builder.emit(template.body, body, after[-1], place, f"{prefix}{number}."))
    if not isinstance(count, Table):
        return after[-1]
    weights = tuple(
        tuple((axis.group, option) for axis, option in zip(count.axes, options, strict=True))
        for options, _ in count.entries()
    )
    operands = tuple(after[depth] for depth in depths)
    return mixed(builder, weights, operands, body, f"{prefix}depth", template.span, place)


def mixed(
    builder: "Builder",
    weights: tuple[g.Weight, ...],
    operands: tuple[str, ...],
    body: "Body",
    name: str,
    span: Span,
    place: "Place",
) -> str:
    """The weighted sum of maps, which must be of one type."""
    types = [body.types[value] for value in operands]
    for other in types[1:]:
        if other != types[0]:
            first, second = str(types[0]), str(other)
            raise builder.fail(OptionsApart(span, first=first, second=second, where=place.text))
    return body.add(name, g.Mix(weights), operands, types[0], span)


def choose(
    builder: "Builder",
    template: t.Choose,
    body: "Body",
    source: str,
    place: "Place",
    prefix: str,
    *,
    root: bool = False,
) -> str:
    """A choice of operators: each option a call of its own, weighed; or what is picked of them."""
    at = "" if root else body.reserve(prefix + (plain(template.label) or template.factors[0].name))
    local = at if template.label or root else at.rpartition(".")[0]
    one = len(template.factors) == 1
    least = template.least
    most = template.most if template.most is not None else len(template.options)
    groups: list[str] = []
    for factor in template.factors:
        none = tuple(n for n, o in enumerate(template.options) if one and is_none(o))
        inner = local
        if not factor.named and not template.label and not root:
            factor = evolve(factor, name=at.rpartition(".")[2])
        groups.append(
            builder.choices.decide(
                factor,
                place.facts,
                inner,
                template.span,
                body.recorded,
                take=Take("some", least, most),
                none=none,
            )
        )
    values: list[str] = []
    weights: list[g.Weight] = []
    result_before = body.recorded.when
    for option, weight in zip(template.options, combinations(template.factors, tuple(groups)), strict=True):
        times = _times(builder, weight)
        if times == 0:
            continue
        name = ".".join(filter(None, (at, _option_name(template.factors, weight))))
        body.recorded.when = (*result_before, *weight)
        value = (
            body.add(name, g.Op("none"), (source,), body.types[source], option.span)
            if is_none(option)
            else builder.call(option, body, source, place, name)
        )
        body.recorded.when = result_before
        values.append(value)
        weights.append(weight)
    if not values:
        raise builder.fail(NotChosen(template.span, id=groups[0]))
    values = _alike_none(template, values, body)
    if builder.choices.picked is not None:
        return builder.join("sum", tuple(values), body, f"{at}.sum".lstrip("."), place, template.span)
    name = at or "mixed"
    types = {body.types[value] for value in values}
    if len(types) > 1:
        first, second = sorted(map(str, types))[:2]
        raise builder.fail(OptionsApart(template.span, first=first, second=second, where=place.text))
    put = body.put if at else body.add
    return put(name, g.Mix(tuple(weights)), tuple(values), body.types[values[0]], template.span)


def _alike_none(template: t.Choose, values: list[str], body: "Body") -> list[str]:
    """`none` gives zeros of the type the other options give."""
    others = [v for v in values if not _zero(body, v)]
    if others and len(others) < len(values):
        for position, node in enumerate(body.nodes):
            if node.name in values and _zero(body, node.name):
                body.nodes[position] = evolve(node, type=body.types[others[0]])
                body.types[node.name] = body.types[others[0]]
    return values


def _times(builder: "Builder", weight: g.Weight) -> int:
    """How often an option is taken; once in a super-network."""
    times = 1
    for group, option in weight:
        taken = builder.choices.taken(group)
        if taken is not None:
            times *= min(1, taken.get(option, 0))
    return times


def _zero(body: "Body", name: str) -> bool:
    return any(n.name == name and isinstance(n.kind, g.Op) and n.kind.primitive == "none" for n in body.nodes)


def _option_name(factors: tuple[t.Factor, ...], weight: g.Weight) -> str:
    """What tells an option's weights from those of the others."""
    parts = [(f, f.labels[option]) for f, (_, option) in zip(factors, weight, strict=True)]
    if len(parts) == 1 and not plain(parts[0][1]).isdigit():
        return plain(parts[0][1]) or "option"
    return "_".join(f"{f.name}{plain(label)}" for f, label in parts)
