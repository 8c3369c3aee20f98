"""What is searched inside an operator: choices of operators, depths, weighed or as they are picked."""

from typing import TYPE_CHECKING

from attrs import evolve

from hnas.diag import Span
from hnas.ir import graph as g
from hnas.ir import template as t
from hnas.ir.decisions import When
from hnas.ir.expr import Value, searched_in
from hnas.ir.space import Take
from hnas.ir.table import Table
from hnas.ir.types import MapType, searched_apart
from hnas.passes.choices import combinations, under
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
    after, outer = [source], body.recorded.when
    for number in range(1, max(depths) + 1):
        body.recorded.when = (*outer, *_reaching(count, number))
        after.append(builder.emit(template.body, body, after[-1], place, f"{prefix}{number}."))
        builder.within_bound(body, template.span)
    body.recorded.when = outer
    if not isinstance(count, Table):
        return after[-1]
    weights = tuple(
        tuple((axis.group, option) for axis, option in zip(count.axes, options, strict=True))
        for options, _ in count.entries()
    )
    operands = tuple(after[depth] for depth in depths)
    return mixed(builder, weights, operands, body, f"{prefix}depth", template.span, place)


def _reaching(count: Value | Table, number: int) -> When:
    """The condition that a repetition is taken: for each decision the depth depends on, what allows it."""
    if not isinstance(count, Table):
        return ()
    found: list[tuple[str, tuple[int, ...]]] = []
    for position, axis in enumerate(count.axes):
        reaching = {
            options[position]
            for options, depth in count.entries()
            if isinstance(depth, int) and depth >= number
        }
        if len(reaching) < axis.count:
            found.append((axis.group, tuple(sorted(reaching))))
    return tuple(found)


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
            advice = searched_apart(types[0], other)
            raise builder.fail(
                OptionsApart(span, first=first, second=second, where=place.text, advice=advice)
            )
    put = body.put if name in body.reserved else body.add
    return put(name, g.Mix(weights), operands, types[0], span)


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
    groups = _decided(builder, template, body, place, at, root=root)
    weights = combinations(template.factors, groups)
    taken = [n for n, weight in enumerate(weights) if _is_taken(builder, weight)]
    if not taken:
        raise builder.fail(NotChosen(template.span, id=groups[0]))
    values: dict[int, str] = {}
    outer = body.recorded.when
    for number in taken:
        option = template.options[number]
        if not is_none(option):
            body.recorded.when = (*outer, *under(weights[number]))
            name = _joined(at, _option_name(template.factors, weights[number]))
            values[number] = builder.call(option, body, source, place, name)
    body.recorded.when = outer
    # zeros are of the type that the other options give
    wanted = (
        body.types[next(iter(values.values()))]
        if values
        else _type_of(builder, template, body, source, place)
    )
    for number in taken:
        if number not in values:
            name = _joined(at, _option_name(template.factors, weights[number]))
            values[number] = body.add(name, g.Op("none"), (source,), wanted, template.options[number].span)
    operands = tuple(values[number] for number in taken)
    if builder.choices.picked is not None:
        return builder.join("sum", operands, body, _joined(at, "sum"), place, template.span)
    kept = tuple(weights[number] for number in taken)
    return mixed(builder, kept, operands, body, at or "mixed", template.span, place)


def _decided(
    builder: "Builder", template: t.Choose, body: "Body", place: "Place", at: str, *, root: bool
) -> tuple[str, ...]:
    """Record the decisions of a choice; the ids of their groups."""
    bare = not template.label and not root
    most = template.most if template.most is not None else len(template.options)
    none = tuple(n for n, option in enumerate(template.options) if is_none(option))
    groups: list[str] = []
    for factor in template.factors:
        # a bare choice is named by the place it was given, `op` or `op_2`
        own = evolve(factor, name=at.rpartition(".")[2]) if bare and not factor.named else factor
        groups.append(
            builder.choices.decide(
                own,
                place.facts,
                at.rpartition(".")[0] if bare else at,
                template.span,
                body.recorded,
                take=Take("some", template.least, most),
                none=none if len(template.factors) == 1 else (),
            )
        )
    return tuple(groups)


def _type_of(builder: "Builder", template: t.Choose, body: "Body", source: str, place: "Place") -> MapType:
    """The type a choice gives of which a network takes nothing but `none`: what its other options give."""
    given = body.types[source]
    other = next((option for option in template.options if not is_none(option)), None)
    if other is None:
        return given
    found = builder.apart().function(other, given, place)
    result = found.types[found.result]
    picked = builder.choices.picked
    if not result.live or picked is None:
        return result
    try:
        return result.with_channels(sum(segment.count(picked) for segment in result.live))
    except KeyError as error:
        raise builder.fail(NotChosen(template.span, id=str(error.args[0]))) from None


def _is_taken(builder: "Builder", weight: g.Weight) -> bool:
    """Whether an option is taken; every one is in a super-network."""
    taken = ((builder.choices.taken(group), option) for group, option in weight)
    return all(found is None or found.get(option, 0) > 0 for found, option in taken)


def _joined(at: str, name: str) -> str:
    return f"{at}.{name}" if at else name


def _option_name(factors: tuple[t.Factor, ...], weight: g.Weight) -> str:
    """What tells an option's weights from those of the others."""
    parts = [(f, f.labels[option]) for f, (_, option) in zip(factors, weight, strict=True)]
    if len(parts) == 1 and not plain(parts[0][1]).isdigit():
        return plain(parts[0][1]) or "option"
    return "_".join(f"{f.name}{plain(label)}" for f, label in parts)
