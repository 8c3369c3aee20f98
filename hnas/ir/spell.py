"""Operator templates as text, close to how a spec writes them: to compare and to show them."""

from collections import Counter
from collections.abc import Iterator
from typing import assert_never, final

from attrs import field, frozen

from hnas.ir.expr import Const, Expr, Fact, spell_expr
from hnas.ir.ops import PRIMITIVES
from hnas.ir.space import Applied, Cell, Joined, MapExpr, OneOfMaps, Read, Space
from hnas.ir.template import (
    At,
    CellOp,
    Choose,
    EachState,
    Extern,
    Factor,
    FoldStates,
    Join,
    Named,
    OverStates,
    Pipe,
    Prim,
    Repeat,
    Select,
    Template,
)


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
            case FoldStates(body, how):
                return f"fold_over(stride, {self.template(body)}, join = {how})"
            case EachState(body):
                return f"each(stride, {self.template(body)})"
            case At(layer, stride):
                at = f", stride = {expression(stride)}" if stride is not None else ""
                return f"at(layer = {expression(layer)}{at})"
            case Choose():
                return self._choose(template)
            case CellOp(cell, inputs):
                given = ", ".join(f"{name} = {self.template(item)}" for name, item in inputs)
                return f"{cell}({given})" if given else cell
            case Extern(name, _, args):
                given = ", ".join(f"{key} = {expression(value)}" for key, value in args)
                return f"{name}({given})" if given else name
            case _:
                assert_never(template)

    def _choose(self, choose: Choose) -> str:
        """A choice: the factors by their options, and for a bare one what the options are."""
        if choose.label:
            factors = ", ".join(f"{f.name} = {_factor(f)}" for f in choose.factors)
            return f"{choose.label}({factors})"
        (factor,) = choose.factors
        shown = [self._option(*pair) for pair in zip(factor.labels, choose.options, strict=True)]
        most = "" if choose.most is None else str(choose.most)
        word = "one_of" if choose.one else f"some_of({choose.least}..{most})"
        return f"{word} {{ {', '.join(shown)} }}"

    def _option(self, label: str, template: Template) -> str:
        text = self.template(template)
        return text if text == label else f"{label}: {text}"

    def map(self, node: MapExpr) -> str:
        """What an explicit node is made of."""
        match node:
            case Read(name):
                return name
            case Applied(operator, inner):
                return f"{self._tight(operator)}({self.map(inner)})"
            case Joined(how, items):
                return f"{how}({', '.join(map(self.map, items))})"
            case OneOfMaps(_, options):
                return f"one_of {{ {', '.join(map(self.map, options))} }}"

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
        yield from templates_of(cell)
    trellis = space.trellis
    yield from trellis.project.values()
    yield from (t for t in (trellis.finer, trellis.coarser, trellis.align) if not isinstance(t, str))
    yield from (skip.operator for skip in trellis.skips)
    yield space.head


def operators(space: Space, speller: Speller) -> dict[str, str]:
    """The body of every operator in use, by its label: what stands behind `=` in a spec."""
    found: dict[str, dict[str, None]] = {}
    for root in templates(space):
        for template in _walk(root):
            if isinstance(template, Named):
                found.setdefault(template.label, {})[speller.template(template.body)] = None
    return {label: "; ".join(bodies) for label, bodies in found.items()}


def templates_of(cell: Cell) -> Iterator[Template]:
    """Every operator a cell may apply."""
    yield from (option.template for option in cell.options)
    nodes = [node for _, node in cell.equations]
    for node in (*nodes, cell.result) if cell.result is not None else nodes:
        for inner in maps_in(node):
            if isinstance(inner, Applied):
                yield inner.operator


def maps_in(node: MapExpr) -> Iterator[MapExpr]:
    """A map expression and every one it is made of."""
    yield node
    match node:
        case Read():
            pass
        case Applied(_, inner):
            yield from maps_in(inner)
        case Joined(_, items) | OneOfMaps(_, items):
            for item in items:
                yield from maps_in(item)


def _walk(template: Template) -> Iterator[Template]:
    yield template
    match template:
        case Pipe(items) | Join(_, items) | Choose(_, _, items):
            for item in items:
                yield from _walk(item)
        case Repeat(_, body) | Named(_, body) | OverStates(_, body) | FoldStates(body) | EachState(body):
            yield from _walk(body)
        case Select(_, then, other):
            yield from _walk(then)
            yield from _walk(other)
        case CellOp(_, inputs):
            for _, item in inputs:
                yield from _walk(item)
        case Prim() | At() | Extern():
            pass


def _factor(factor: Factor) -> str:
    return factor.name if factor.named else f"one_of {{ {', '.join(factor.labels)} }}"


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
