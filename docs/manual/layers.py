"""The primitive layers and their attributes."""

from fractions import Fraction

from hnas.ir.expr import spell
from hnas.ir.layer import Attribute
from hnas.ir.ops import PRIMITIVES
from manual.markdown import code, prose, table

_KINDS = {
    "whole": "a whole number from 1",
    "whole_or_zero": "a whole number from 0",
    "number": "a number from 0",
    "flag": "`true` or `false`",
    "pad": "`same`, or a whole number from 0",
}


def layers() -> str:
    """A line for each layer: how it is called, and what it does."""
    rows = [(code(_signature(each.name, each.attributes)), prose(each.doc)) for each in PRIMITIVES.values()]
    return table(("layer", "what it does"), rows)


def attributes() -> str:
    """A row for each layer, and one for each of its attributes."""
    rows: list[tuple[str, ...]] = []
    for layer in PRIMITIVES.values():
        rows.append((code(layer.name), "", "", "", prose(layer.doc)))
        rows += [("", code(a.name), _value(a), _default(a), prose(a.doc)) for a in layer.attributes]
    return table(("layer", "attribute", "value", "default", "meaning"), rows)


def _signature(name: str, attributes: tuple[Attribute, ...]) -> str:
    if not attributes:
        return name
    given = (a.name if a.default is None else f"{a.name} = {_spelled(a)}" for a in attributes)
    return f"{name}({', '.join(given)})"


def _value(attribute: Attribute) -> str:
    kind = ", ".join(map(code, attribute.words)) if attribute.kind == "word" else _KINDS[attribute.kind]
    return f"{kind}, or a tuple of them" if attribute.per_axis else kind


def _default(attribute: Attribute) -> str:
    if attribute.default is None:
        return "" if attribute.optional else "required"
    return code(_spelled(attribute))


def _spelled(attribute: Attribute) -> str:
    value = attribute.default
    assert value is not None
    # 1 / 100000 is exact, but 1e-5 is what people write
    return f"{float(value):g}" if isinstance(value, Fraction) else spell(value)
