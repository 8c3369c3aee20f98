"""Operator templates as text, close to how a spec writes them: to compare and to show them."""

from collections import Counter
from collections.abc import Iterator
from typing import assert_never, final

from attrs import field, frozen

from hnas.ir.expr import Const, Expr, Fact, spell_expr
from hnas.ir.ops import PRIMITIVES
from hnas.ir.space import At, Join, Named, OverStates, Pipe, Prim, Repeat, Select, Space, Template


@final
@frozen
class Speller:
    """Spells templates of one space.

    An operator is spelled by its name and what it is called with, not by its body. `norm` is the
    norm the space has nearly everywhere; only one of another kind shows its attributes.
    """

    norm: tuple[tuple[str, Expr], ...] | None = field(default=None)

    def template(self, template: Template) -> str:
        """One template on one line."""
        match template:
            case Prim("norm", attrs) if attrs == self.norm:
                return "norm"
            case Prim():
                return self._prim(template)
            case Pipe(items):
                return " -> ".join(map(self.template, items))
            case Join(how, items):
                return f"{how}({', '.join(map(self.template, items))})"
            case Repeat(count, body):
                return f"{expression(count)} * {self._tight(body)}"
            case Select(test, then, other):
                return f"({self._tight(then)} if {expression(test)} else {self._tight(other)})"
            case Named(label, _, bindings):
                return _named(label, bindings)
            case OverStates(how, body):
                return f"{how}_over(stride, {self.template(body)})"
            case At(layer):
                return f"at(layer = {expression(layer)})"
            case _:
                assert_never(template)

    def _tight(self, template: Template) -> str:
        text = self.template(template)
        return f"({text})" if isinstance(template, Pipe | Repeat) else text

    def _prim(self, prim: Prim) -> str:
        attributes = PRIMITIVES[prim.name].attributes
        given = dict(prim.attrs)
        args: list[str] = []
        for position, attribute in enumerate(attributes):
            value = given.get(attribute.name)
            if value is None or (isinstance(value, Const) and value.value == attribute.default):
                continue
            # those without a default come first, and a spec gives them by position
            by_position = attribute.default is None and len(args) == position
            args.append(expression(value) if by_position else f"{attribute.name} = {expression(value)}")
        if prim.like is not None:
            args.append(f"like = {prim.like}")
        return f"{prim.name}({', '.join(args)})" if args else prim.name


def speller_of(space: Space) -> Speller:
    """The speller for a space: knows which norm is the usual one."""
    layers = (t for root in templates(space) for t in _walk(root) if isinstance(t, Prim))
    usual = Counter(layer.attrs for layer in layers if layer.name == "norm").most_common(1)
    return Speller(usual[0][0] if usual else None)


def templates(space: Space) -> Iterator[Template]:
    """Every template a space names."""
    yield from space.stem
    for cell in space.cells.values():
        yield from (option.template for option in cell.options)
    trellis = space.trellis
    yield from trellis.project.values()
    yield from (t for t in (trellis.finer, trellis.coarser, trellis.align) if not isinstance(t, str))
    yield space.head


def operators(space: Space, speller: Speller) -> dict[str, str]:
    """The body of every operator in use, by its label: what stands behind `=` in a spec."""
    found: dict[str, dict[str, None]] = {}
    for root in templates(space):
        for template in _walk(root):
            if isinstance(template, Named):
                found.setdefault(template.label, {})[speller.template(template.body)] = None
    return {label: "; ".join(bodies) for label, bodies in found.items()}


def _walk(template: Template) -> Iterator[Template]:
    yield template
    match template:
        case Pipe(items) | Join(_, items):
            for item in items:
                yield from _walk(item)
        case Repeat(_, body) | Named(_, body) | OverStates(_, body):
            yield from _walk(body)
        case Select(_, then, other):
            yield from _walk(then)
            yield from _walk(other)
        case Prim() | At():
            pass


def _named(label: str, bindings: tuple[tuple[str, Expr], ...]) -> str:
    """`aspp(rate = 96 / stride)`; a `step` that is the one of the place is not written in a spec either."""
    shown = [(n, e) for n, e in bindings if not (n == "@step" and e == Fact("step", span=e.span))]
    args = [f"{name[1:]} = {expression(value)}" for name, value in shown]
    if not args:
        return label
    return f"{label[:-1]}, {', '.join(args)})" if label.endswith(")") else f"{label}({', '.join(args)})"


def expression(expr: Expr) -> str:
    """An expression; the parameters of an operator, facts `@NAME` inside it, by their names."""
    return spell_expr(expr).replace("@", "")
