"""Choices that a space gives a name: `choice w = one_of { 16, 24, 32 }`."""

from collections.abc import Mapping

from hnas.diag import Note, Sink, Span
from hnas.ir import expr as ir
from hnas.lang import ast
from hnas.lang.choosing import is_number
from hnas.lang.definitions import taken_names
from hnas.lang.errors import GivenTwice, HidesName, WrongValue
from hnas.lang.evaluate import Names, searched
from hnas.lang.walk import kind_of, ungroup


def named_choices(
    items: tuple[ast.Item, ...], defined: Mapping[str, Span], params: Mapping[str, ir.Expr], sink: Sink
) -> tuple[dict[str, ir.Expr], dict[str, ast.Choice]]:
    """The named choices of a space: those of numbers, and those of operators.

    Args:
        items: Of the space.
        defined: Names of its parameters and operators, with their places.
        params: Values of its parameters.
        sink: Gets the diagnostics.
    """
    numbers: dict[str, ir.Expr] = {}
    operators: dict[str, ast.Choice] = {}
    meaning = taken_names({})
    for item in items:
        if not isinstance(item, ast.Decl) or item.kind != "choice":
            continue
        if item.name in meaning:
            sink.add(HidesName(item.name_span, name=item.name, what=meaning[item.name]))
            continue
        if item.name in defined:
            notes = (Note("first here", defined[item.name]),)
            sink.add(GivenTwice(item.name_span, what=f"the name {item.name}", notes=notes))
            continue
        value = ungroup(item.value)
        if not isinstance(value, ast.Choice):
            needed, found = "one_of { ... }", f"this is {kind_of(item.value)}"
            sink.add(WrongValue(item.value.span, what=f"the choice {item.name}", needed=needed, found=found))
            continue
        names = Names({**params, **numbers})
        if value.options and is_number(value.options[0].value, names):
            number = searched(value, item.name, names, sink, named=True)
            # a choice with an error keeps a value, so that its uses are checked without noise
            numbers[item.name] = number if number is not None else ir.Const(1, span=value.span)
        else:
            operators[item.name] = value
    return numbers, operators
