"""What tells two spaces apart, and two architectures: by meaning, not by text.

A space and its settings are a table of facts, `trellis.strides` to `[4, 8, 16]`; two tables are
compared entry by entry. A fact that is different only because a parameter is, like a width of
`F * stride / 4`, follows from it and is left out: the table of the first space with the parameters
of the second one tells.
"""

from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Any, cast, final

import attrs
from attrs import frozen

from hnas.diag import InternalError
from hnas.ir.decisions import Architecture, Decision, DecisionTable, Pick
from hnas.ir.expr import Axes, Binary, Cond, Const, Fact, Searched, Sharing, Unary, Value, spell
from hnas.ir.select import Selected
from hnas.ir.space import Applied, Cell, Enter, Joined, Move, Moves, OneOfMaps, Read, Skip, Space, Take
from hnas.ir.spell import Speller, expression, operators, speller_of
from hnas.ir.template import TEMPLATES
from hnas.ir.types import spell_stride
from hnas.schema.classes import ClassName
from hnas.schema.settings import (
    ArchOptimizer,
    Crop,
    Cutout,
    DataSettings,
    DecodeSettings,
    Flip,
    Gdas,
    Pad,
    Scale,
    Schedule,
    SearchSettings,
    Softmax,
    Validation,
    WeightOptimizer,
)

Entry = str | tuple[str, ...]
"""A fact: a text, or a set of things of which some may be added and taken away."""

Facts = Mapping[str, Entry]

PARAM = "param "
"""How the name of a fact begins that is a parameter."""


@final
@frozen
class Change:
    """A fact that differs. None: it is not there."""

    name: str
    before: Entry | None
    after: Entry | None


def facts_of(
    space: Space, data: DataSettings, search: SearchSettings | None, decode: DecodeSettings
) -> Facts:
    """Everything that tells one space from another, by name, in the order specs have it.

    Not among them: the name of the space, and what follows from the data set.
    """
    speller = speller_of(space)
    found: dict[str, Entry] = {f"{PARAM}{name}": spell(value) for name, value in space.params.items()}
    if speller.norm is not None:
        found.update((f"norm.{name}", expression(value)) for name, value in speller.norm)
    found["norm.update"] = "both" if space.arch_step_updates_stats else "weights"
    found["dims"] = str(space.dims)
    found.update((f"op {label}", body) for label, body in operators(space, speller).items())
    for cell in space.cells.values():
        found.update(_cell(cell, speller))
    found["stem"] = _text(space.stem, speller)
    found.update(_fields("trellis", space.trellis, speller))
    if not space.trellis.enter.strides:
        found["trellis.enter"] = "the stride of the stem"
    found["head"] = speller.template(space.head)
    found["data"] = data.name
    found.update(_fields("data", data, speller, leave=("name", "folder")))
    if data.folder is not None:
        found.update(_fields("data", data.folder, speller))
    if search is not None:
        found["search"] = f"{search.epochs} epochs"
        found.update(_fields("search", search, speller, leave=("updates_stats",)))  # said as norm.update
    found.update(_fields("decode", decode, speller))
    if decode.edges is None:
        found["decode.edges"] = "as many as each cell takes"
    return found


def changes(before: Facts, after: Facts, rebased: Facts | None = None) -> tuple[Change, ...]:
    """What differs, in order.

    Args:
        before: The facts of the one space.
        after: The facts of the other one.
        rebased: The facts of the one with the parameters of the other, where they could be had.
    """
    found: list[Change] = []
    for name in dict.fromkeys((*before, *after)):
        a, b = before.get(name), after.get(name)
        one_sided = a is None or b is None
        if a == b or (_detail(name) if one_sided else _presence(name)):
            continue
        if rebased is not None and not name.startswith(PARAM) and rebased.get(name) == b:
            continue
        found.append(Change(name, a, b))
    return tuple(sorted(found, key=_order))  # stable; what only one of the two has joins its kind


_ORDER = ("param", "norm", "dims", "op", "cell", "stem", "trellis", "head", "data", "search", "decode")


def _order(change: Change) -> int:
    return _ORDER.index(change.name.replace(".", " ").partition(" ")[0])


def _presence(name: str) -> bool:
    """Whether a fact only says that something is there; facts of its own say what it is."""
    return name == "search" or (name.startswith("cell ") and "." not in name)


def _detail(name: str) -> bool:
    """Whether a fact says more about something whose presence is a fact itself."""
    return name.startswith(("op ", "search.")) or (name.startswith("cell ") and "." in name)


def network_changes(
    before: tuple[DecisionTable, Architecture], after: tuple[DecisionTable, Architecture]
) -> tuple[Change, ...]:
    """What differs between two architectures: the stride of each layer, then what each node sums.

    The order of what a node sums means nothing.
    """
    (table_a, a), (table_b, b) = before, after
    found: list[Change] = []
    path_a, path_b = _path(table_a, a), _path(table_b, b)
    for layer in range(max(len(path_a), len(path_b))):
        found.append(Change(f"layer {layer + 1}", _at(path_a, layer), _at(path_b, layer)))
    nodes_a, nodes_b = _nodes(table_a, a), _nodes(table_b, b)
    names = dict.fromkeys((*nodes_a, *nodes_b))
    found += [Change(name, nodes_a.get(name), nodes_b.get(name)) for name in names]
    return tuple(change for change in found if change.before != change.after)


def _path(table: DecisionTable, architecture: Architecture) -> tuple[str, ...]:
    """The strides alive in each layer."""
    taken = table.trellis.taken(architecture.picks)
    layers = (taken.layer(number) for number in range(1, len(table.trellis.layers) + 1))
    return tuple(" + ".join(map(spell_stride, strides)) for strides in layers)


def _at(path: tuple[str, ...], layer: int) -> str | None:
    return path[layer] if layer < len(path) else None


def _nodes(table: DecisionTable, architecture: Architecture) -> dict[str, tuple[str, ...]]:
    """What is picked at every decision but those of the way, by its id."""
    return {
        d.id: tuple(sorted(_picked(d, pick) for pick in architecture.picks[d.id]))
        for d in table.decisions
        if d.kind in ("node", "choice") and d.id in architecture.picks
    }


def _picked(decision: Decision, pick: Pick) -> str:
    """`sep(3)(prev)` of a node; the option of any other decision."""
    source, option = pick
    edge = decision.kind == "node" and decision.take.how != "pairs"
    return f"{option}({source})" if edge else option


# --- facts out of structures ---------------------------------------------------------------------


def _cell(cell: Cell, speller: Speller) -> Iterator[tuple[str, Entry]]:
    name = f"cell {cell.name}"
    yield name, f"{cell.nodes} nodes"
    yield f"{name}.op", tuple(option.label for option in cell.options)
    for option in cell.options:
        # differs where the name is given on the spot: { far: conv(3, dilation = 4), ... }
        yield f"{name}.op {option.label}", speller.template(option.template)
    yield from _fields(name, cell, speller, leave=("name", "options"))


def _fields(
    name: str, value: attrs.AttrsInstance, speller: Speller, leave: tuple[str, ...] = ()
) -> Iterator[tuple[str, Entry]]:
    """Every field that takes part in equality, nested ones under dotted names."""
    for field in attrs.fields(type(value)):
        if field.eq and field.name not in leave:
            inner = f"{name}.{field.name}"
            yield from _entries(_SPELLED_AS.get(inner, inner), getattr(value, field.name), speller)


_SPELLED_AS = {"trellis.cells": "trellis.cell", "data.listed": "data.classes"}
"""Fields that a spec calls otherwise."""


def _entries(name: str, value: Any, speller: Speller) -> Iterator[tuple[str, Entry]]:
    if isinstance(value, Selected):
        for entry in cast("Selected[Any]", value).entries:
            key = str(entry.when)
            yield (name if key == "other" else f"{name} {key}"), _text(entry.value, speller)
    elif isinstance(value, Mapping):
        for key, item in cast("Mapping[str, Any]", value).items():
            yield (name if key == "*" else f"{name} {key}"), _text(item, speller)
    elif isinstance(value, WeightOptimizer | ArchOptimizer | Validation):
        yield from _fields(name, value, speller)
    else:
        yield name, _text(value, speller)


def _text(value: Any, speller: Speller) -> str:
    match value:
        case None:
            return "none"
        case Move():
            return value.label
        case Take() | Sharing():
            return str(value)
        case Moves():
            word = {"one": "one_of ", "some": f"some_of({value.least}..{value.most or ''}) ", "all": ""}[
                value.how
            ]
            labels = ", ".join(move.label for move in value.moves)
            return f"{word}{{ {labels} }}" if word else f"[{labels}]"
        case Enter():
            word = {"one": "one_of ", "some": "some_of ", "all": ""}[value.how]
            strides = ", ".join(map(spell_stride, value.strides))
            return f"{word}{{ {strides} }}" if len(value.strides) > 1 else strides
        case Skip():
            kind = f"back({value.back}" if value.kind == "back" else f"{value.kind}("
            comma = ", " if value.kind == "back" else ""
            return f"{kind}{comma}{speller.template(value.operator)}, join = {value.how})"
        case Read() | Applied() | Joined() | OneOfMaps():
            return speller.map(value)
        case Schedule():
            second = {"poly": value.power, "cosine": value.end, "linear": value.end}.get(value.kind)
            shown = (value.start, second) if second is not None else (value.start,)
            return f"{value.kind}({', '.join(_text(number, speller) for number in shown)})"
        case Softmax():
            return "softmax"
        case Gdas(tau):
            return f"gdas({_text(tau, speller)})"
        case Pad() | Crop() | Scale() | Flip() | Cutout():
            given = [_text(getattr(value, a.name), speller) for a in attrs.fields(type(value))]
            return type(value).__name__.lower() + (f"({', '.join(given)})" if given else "")
        case ClassName(name, colour):
            return name if colour is None else f"{name}({', '.join(map(str, colour))})"
        case Const() | Fact() | Unary() | Binary() | Cond() | Axes() | Searched():
            return expression(value)
        case _ if isinstance(value, TEMPLATES):
            return speller.template(value)
        case tuple():
            return f"[{', '.join(_item(item, speller) for item in cast('tuple[Any, ...]', value))}]"
        case bool() | int() | Fraction():
            return spell(value)
        case float():
            return f"{value:.12g}"
        case str():
            return value
        case _:
            raise InternalError(f"no spelling for {type(value)}")


def _item(value: Any, speller: Speller) -> str:
    """An element of a list: a tuple in it is a stride with a number per axis."""
    return spell(cast(Value, value)) if isinstance(value, tuple) else _text(value, speller)
