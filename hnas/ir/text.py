"""The stages as text: what `--emit` prints and what tests of passes compare."""

from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import cast, final

import attrs
from attrs import frozen

from hnas.ir.decisions import Decision, DecisionTable
from hnas.ir.expr import Axes, Binary, Cond, Const, Fact, Searched, Sharing, Unary, spell, spell_expr
from hnas.ir.graph import Attrs, Call, Function, Graph, Join, Kind, Mask, Mix, Node, Op, Weight
from hnas.ir.table import Table
from hnas.ir.types import MapType, spell_stride


def print_graph(graph: Graph) -> str:
    """Every function, callees first."""
    return "\n\n".join(print_function(function) for function in graph.functions) + "\n"


def print_function(function: Function) -> str:
    """One function: a line a node, `NAME = KIND operands : channels x stride`."""
    params = ", ".join(f"{name}: {spell_type(t)}" for name, t in function.params)
    lines = [f"function {function.name}({params}) -> {spell_type(function.types[function.result])} {{"]
    lines += [f"  {_node(node)}" for node in function.nodes]
    lines += [f"  return {', '.join(function.results)}", "}"]
    return "\n".join(lines)


def print_decisions(table: DecisionTable) -> str:
    """Every decision with its groups and options, then the ways out of every state."""
    return "\n".join(_decisions(table)) + "\n"


def _decisions(table: DecisionTable) -> Iterator[str]:
    yield f'choices "{table.digest}"'
    for decision in table.decisions:
        share = f", share {decision.share}" if decision.share is not None else ""
        yield f"{decision.kind} {decision.id}: take {decision.take}{share}{_when(table, decision)}"
        for group in decision.groups:
            name = f"{group.name}: " if group.name else ""
            yield f"  {name}{', '.join(group.options)}"
    for state, ways in table.trellis.exits.items():
        yield f"{state.id} -> {', '.join(f'{way.label} {way.target.id}' for way in ways)}"


def _when(table: DecisionTable, decision: Decision) -> str:
    """The options under which a decision matters."""
    options = {group.id: group.options for group in table.groups()}
    shown = [
        f"{group} = {' or '.join(options[group][option] for option in one_of)}"
        for group, one_of in decision.when
    ]
    return f", when {' and '.join(shown)}" if shown else ""


def spell_type(t: MapType) -> str:
    """Channels and stride of a map, `8@4`."""
    live = "~" if t.live else ""  # some of the channels are searched
    return f"{t.channels}{live}@{'1px' if t.stride is None else spell_stride(t.stride)}"


def _node(node: Node) -> str:
    return f"{node.name} = {_kind(node.kind)} {', '.join(node.operands)} : {spell_type(node.type)}"


def _kind(kind: Kind) -> str:
    match kind:
        case Op(primitive, attrs, kernel, extern):
            return spell_layer(primitive, attrs, kernel, extern)
        case Call(function, weights, stats, choices):
            scopes = f"weights {weights}" if weights == stats else f"weights {weights}, stats {stats}"
            return f"call {function} [{scopes}{f', choices {choices}' if choices is not None else ''}]"
        case Mix(weights):
            return f"mix [{', '.join(map(spell_weight, weights))}]"
        case Mask():
            return "mask"
        case Join(how):
            return how


def spell_layer(name: str, attrs: Attrs, kernel: Table | None = None, extern: str | None = None) -> str:
    """A layer with its attributes, `conv(k = 3, stride = 2)`."""
    listed = [f"{attribute} = {spell(value)}" for attribute, value in attrs]
    if kernel is not None:
        sizes = ", ".join(map(spell, kernel.values))
        listed.append(f"one of {sizes} by {' * '.join(axis.group for axis in kernel.axes)}")
    shown = name if extern is None else f'{name} "{extern}"'
    return f"{shown}({', '.join(listed)})" if listed else shown


def spell_weight(weight: Weight) -> str:
    """A product of the weights of options, `layer1.moves#0 * dense.x1#2`."""
    return " * ".join(f"{group}#{option}" for group, option in weight)


# --- any structure -------------------------------------------------------------------------------

_WIDTH = 110


def print_tree(value: object) -> str:
    """Any structure of the compiler, a node a line, as `--emit ast` and `--emit space` show it.

    Places are left out; what fits stands on one line.
    """
    return "\n".join(_lines(_outline(value), "", "")) + "\n"


@final
@frozen
class _Outline:
    """A structure as text: on one line, or as a head with parts below it, each with its name."""

    text: str
    head: str = ""
    parts: tuple[tuple[str, "_Outline"], ...] = ()


def _outline(value: object) -> _Outline:
    match value:
        case Const() | Fact() | Unary() | Binary() | Cond() | Axes() | Searched():
            return _Outline(spell_expr(value))
        case Sharing():
            return _Outline(str(value))
        case Mapping():
            entries = cast("Mapping[object, object]", value)
            return _joined("{", "}", tuple((f"{key}: ", _outline(item)) for key, item in entries.items()))
        case tuple() | list():
            elements = cast("tuple[object, ...]", value)
            return _joined("[", "]", tuple(("", _outline(item)) for item in elements))
        case _ if attrs.has(type(value)):
            fields = [a for a in attrs.fields(type(value)) if a.repr]
            parts = tuple((f"{a.name} = ", _outline(getattr(value, a.name))) for a in fields)
            return _joined(f"{type(value).__name__}(", ")", parts)
        case Fraction():
            return _Outline(spell(value))
        case _:
            return _Outline(repr(value))


def _joined(head: str, tail: str, parts: tuple[tuple[str, _Outline], ...]) -> _Outline:
    text = head + ", ".join(f"{name}{part.text}" for name, part in parts) + tail
    # what is too long for a line is never asked for again as one
    return _Outline(text if len(text) <= _WIDTH else " " * (_WIDTH + 1), head.rstrip("("), parts)


def _lines(outline: _Outline, indent: str, name: str) -> Iterator[str]:
    if len(indent) + len(name) + len(outline.text) <= _WIDTH or not outline.parts:
        yield f"{indent}{name}{outline.text}"
        return
    yield f"{indent}{name}{outline.head}".rstrip()
    for part_name, part in outline.parts:
        yield from _lines(part, indent + "  ", part_name)
