"""Choices of operators: `one_of { ... }` where an operator stands, and searched arguments."""

from collections.abc import Callable, Mapping, Sequence
from itertools import product
from math import prod
from typing import TYPE_CHECKING

from hnas.diag import Note, Sink, Span
from hnas.ir import expr as ir
from hnas.ir import template as t
from hnas.ir.ops import PRIMITIVES
from hnas.lang import ast
from hnas.lang.errors import NoEffect, RepeatedOption, TooLarge, WrongValue
from hnas.lang.evaluate import ChoiceArgs, Names, choice_args
from hnas.lang.walk import label_text, ungroup

if TYPE_CHECKING:
    from hnas.lang.operators import Operators

MOST_COMBINATIONS = 1_024
"""Options of a choice: arguments that are searched apart, multiplied out."""


def is_number(node: ast.Expr, names: Names) -> bool:
    """Whether an option is a number, or another plain value, rather than an operator."""
    match ungroup(node):
        case ast.Number() | ast.Bool() | ast.String() | ast.Unary():
            return True
        case ast.Tuple():
            return True
        case ast.Ref(name):
            return name in names.known() and name not in PRIMITIVES
        case ast.Binary(op, left, right):
            return op != "->" and is_number(left, names) and is_number(right, names)
        case _:
            return False


def is_searched_number(node: ast.Expr, names: Names) -> bool:
    """Whether `node` is a choice of numbers, or names one."""
    bare = ungroup(node)
    if isinstance(bare, ast.Ref):
        return isinstance(names.values.get(bare.name), ir.Searched)
    return isinstance(bare, ast.Choice) and bool(bare.options) and is_number(bare.options[0].value, names)


def chosen_operator(
    operators: "Operators", node: ast.Choice, names: Names, head: bool, *, name: str | None = None
) -> t.Template | None:
    """A choice of operators as a template; `name`, if the spec gave it one. None after diagnostics."""
    sink = operators.sink
    given = choice_args(node, ("share",), sink)
    if given is None:
        return None
    if not node.options:
        sink.add(
            WrongValue(node.span, what=node.word, needed="at least one operator", found="nothing to choose")
        )
        return None
    options: list[t.Template] = []
    labels: dict[str, Span] = {}
    failed = False
    for option in node.options:
        template = operators.template(option.value, names, head=head)
        label = option.name or label_of(template, option.value)
        if label in labels:
            notes = (Note("first here", labels[label]),)
            sink.add(RepeatedOption(option.span, option=label, notes=notes))
            failed = True
        labels.setdefault(label, option.span)
        if template is None:
            failed = True
        else:
            options.append(template)
    if failed:
        return None
    told_alike(node.options, sink)
    if len(options) == 1:
        sink.add(NoEffect(node.span, what=node.word, why="there is a single option, nothing is searched"))
        return options[0]
    factor = t.Factor(name or "op", tuple(labels), given.share, name is not None)
    least, most = taken(node, given)
    return t.Choose("", (factor,), tuple(options), least, most, span=node.span)


def told_alike(options: Sequence[ast.Option], sink: Sink) -> None:
    """Warn of options that are written alike under several names: a search cannot tell them apart."""
    first: dict[str, ast.Option] = {}
    for option in options:
        text = label_text(option.value)
        other = first.setdefault(text, option)
        if other is not option:
            what, notes = f"the option {option.name or text}", (Note("first here", other.span),)
            why = "an option above is the same operator"
            sink.add(NoEffect(option.span, what=what, why=why, notes=notes))


def taken(node: ast.Choice, given: ChoiceArgs) -> tuple[int, int | None]:
    """How many options a choice takes: one, or of some_of from one to all, unless it says."""
    if node.word == "one_of":
        return 1, 1
    return (1, None) if given.least is None else (given.least, given.most)


def label_of(template: t.Template | None, node: ast.Expr) -> str:
    """How found networks spell an option: an operator's name with what it is given, or the text."""
    if isinstance(template, t.Named | t.Choose) and template.label:
        return template.label
    return label_text(node)


def hoisted(
    searched: tuple[ir.Searched, ...],
    build: Callable[[Mapping[ir.Searched, ir.Expr]], t.Template | None],
    label: str,
    span: Span,
    sink: Sink,
) -> t.Template | None:
    """The choice between what `build` gives for every combination of searched arguments."""
    if prod(len(s.values) for s in searched) > MOST_COMBINATIONS:
        sink.add(TooLarge(span, what=f"the options of {label}", bound=f"{MOST_COMBINATIONS:,} combinations"))
        return None
    options: list[t.Template] = []
    for values in product(*(s.values for s in searched)):
        template = build(dict(zip(searched, values, strict=True)))
        if template is None:
            return None
        options.append(template)
    factors = tuple(t.Factor(s.name, tuple(map(ir.spell_expr, s.values)), s.share, s.named) for s in searched)
    return t.Choose(label, factors, tuple(options), span=span)
