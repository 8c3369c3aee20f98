"""The attributes of every block, and the calls that several of them take."""

from collections.abc import Iterator, Sequence

from hnas.lang.limits import FIGURES
from hnas.schema import types as t
from hnas.schema.blocks import BLOCKS
from manual.markdown import code, prose, table
from manual.values import SHARED, described, signature

_HEAD = ("attribute", "value", "default", "meaning")


def blocks() -> str:
    """A section for each block, then one for each kind of call that several attributes take."""
    parts: list[str] = []
    for block in BLOCKS.values():
        parts += [f"## {block.kind}", prose(block.doc), table(_HEAD, list(_rows(block.attributes)))]
    for calls, heading, _ in SHARED:
        parts += [f"## {heading}", table(("call", *_HEAD[1:]), list(_forms(calls)))]
    return "\n\n".join(parts)


def figures() -> str:
    """What a limit may bound."""
    return " or ".join(map(code, FIGURES))


def _rows(attributes: Sequence[t.Attribute], within: str = "") -> Iterator[tuple[str, ...]]:
    """A row for each attribute; below it the arguments of its calls, or the attributes of its block."""
    shared = [calls for calls, _, _ in SHARED]
    for a in attributes:
        name = f"{code(within)}: {code(a.name)}" if within else code(a.name)
        yield name, described(a.type), _default(a), prose(a.doc)
        match a.type:
            case t.Calls(forms) if a.type not in shared:
                for form, arguments in forms.items():
                    yield from _rows(arguments, form)
            case t.Nested(inner):
                yield from _rows(inner, a.name)
            case _:
                pass


def _forms(calls: t.Calls) -> Iterator[tuple[str, ...]]:
    """A row for each argument of each form, the call itself beside the first one."""
    for name, arguments in calls.forms.items():
        shown = code(signature(name, arguments))
        if calls.number == name:
            shown += ", or the number alone"
        for a in arguments:
            yield shown, f"{code(a.name)}: {described(a.type)}", _default(a), prose(a.doc)
            shown = ""
    yield from ((code(word), "", "", "") for word in calls.words)


def _default(attribute: t.Attribute) -> str:
    if attribute.required:
        return "required"
    return "" if attribute.default is None else code(attribute.default)
