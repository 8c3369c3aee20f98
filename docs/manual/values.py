"""What a value of each type looks like, in a few words."""

from collections.abc import Sequence
from typing import assert_never

from hnas.schema import blocks, training
from hnas.schema import types as t
from manual.markdown import code, slug

SHARED: tuple[tuple[t.Calls, str, str], ...] = (
    (training.SCHEDULE, "Schedules", "a schedule"),
    (training.TRANSFORM, "Elements of augment", "an element"),
    (blocks.NORM, "Norms", "a norm"),
)
"""Calls that have a section of their own: its heading, and how tables call a value."""


_UNBOUND = t.Whole().most


def described(kind: t.Type) -> str:
    """A value of the type in words, as a cell of a table."""
    match kind:
        case t.Whole(least, most):
            return f"a whole number {_range(least, most if most < _UNBOUND else None)}"
        case t.Real(least, most):
            low = None if least == float("-inf") else least
            high = None if most == float("inf") else most
            return f"a number {_range(low, high)}".rstrip()
        case t.Flag():
            return "`true` or `false`"
        case t.Word(words):
            return _either(words)
        case t.Static(facts, selected):
            by_place = ", or a map by place" if selected else ""
            return f"a number{by_place}; may use {', '.join(map(code, facts))}"
        case t.Calls():
            return _calls(kind)
        case t.Listed(of, length, single):
            each = described(of)
            return f"{each}, or a list of {length}" if single else f"a list of {length}, each {each}"
        case t.Many(of):
            return f"a list, each {described(of)}"
        case t.Either(of):
            return f"`none`, or {described(of)}"
        case t.Nested():
            return "a block"
        case t.Operator(listed, words):
            others = ["a list of them"] if listed else [_either(words)] if words else []
            return ", or ".join(["an operator", *others])
        case t.Maps(words):
            return f"{_either(words)}, or a map made of nodes: `concat(a, b)`"
        case t.Shared(scopes):
            return _either([f'{scope}("name")' if scope == "group" else scope for scope in scopes])
        case (
            t.Text()
            | t.Classes()
            | t.Strides()
            | t.Entered()
            | t.Moves()
            | t.Path()
            | t.Options()
            | t.PerInput()
            | t.PerMove()
            | t.Inputs()
            | t.Skips()
            | t.Kept()
        ):
            return _first_line(kind)
        case _:
            assert_never(kind)


def signature(name: str, attributes: tuple[t.Attribute, ...]) -> str:
    """A call as it can be written: `cosine(start, end = 0)`."""
    given = (a.name if a.default is None else f"{a.name} = {a.default}" for a in attributes)
    return f"{name}({', '.join(given)})"


def _calls(kind: t.Calls) -> str:
    for shared, heading, words in SHARED:
        if kind == shared:
            return f"[{words}](#{slug(heading)})"
    forms = (f"{name}({', '.join(a.name for a in given)})" for name, given in kind.forms.items())
    return _either([*kind.words, *forms])


def _first_line(kind: object) -> str:
    """What the docstring of the type says; it is written for this place too."""
    text = (type(kind).__doc__ or "").strip().split("\n")[0].rstrip(".")
    return text[0].lower() + text[1:]


def _range(least: float | None, most: float | None) -> str:
    low = "" if least is None else f"from {_number(least)}"
    return low if most is None else f"{low} to {_number(most)}".lstrip()


def _number(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:g}"


def _either(words: Sequence[str]) -> str:
    return ", ".join(map(code, words))
