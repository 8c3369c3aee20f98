"""Operators of a spec to templates: pipelines, joins, repetition, conditions, calls of other operators.

Every operator is applied by putting its arguments into its body; equal applications are one object,
so templates form a graph whose size is that of the text, whatever they would expand to.
"""

from collections.abc import Mapping
from typing import final

from attrs import define, evolve, field

from hnas.diag import Note, Sink, Span, did_you_mean
from hnas.ir import expr as ir
from hnas.ir import template as t
from hnas.ir.ops import PRIMITIVES
from hnas.lang import ast
from hnas.lang.choosing import chosen_operator, hoisted, is_searched_number
from hnas.lang.definitions import JOINS, OVER, SPECIAL, OpDef, signature
from hnas.lang.errors import (
    BadCall,
    MissingKey,
    NoEffect,
    NotAnOperator,
    NoValue,
    Recursive,
    TooLarge,
    UnknownName,
    WrongValue,
)
from hnas.lang.evaluate import Names, to_expr
from hnas.lang.over import at_layer, over_states
from hnas.lang.primitives import primitive
from hnas.lang.values import bind
from hnas.lang.walk import kind_of, ungroup

PLACE_FACTS = frozenset(("channels", "width", "stride", "layer", "classes", "searching"))
MOST_TERMS = 10_000
"""Terms a default may have when the parameters it uses are written out."""

_Applied = tuple[str, tuple[ir.Expr, ...], tuple[tuple[str, ir.Expr], ...], bool]
"""What tells applications of an operator apart: its name, arguments, bindings, and whether in a head."""


@final
@define
class Operators:
    """Turns expressions into templates.

    Attributes:
        ops: The operators of the space by name.
        values: Its parameters, and named choices of numbers.
        norm: What `norm` means where it is not said otherwise: attributes by name.
        choices: Named choices of operators.
        cells: The inputs of the cells that may stand where an operator stands.
    """

    ops: Mapping[str, OpDef]
    values: Mapping[str, ir.Expr]
    norm: Mapping[str, ir.Expr]
    sink: Sink
    choices: Mapping[str, ast.Choice] = field(factory=dict[str, ast.Choice])
    cells: dict[str, tuple[str, ...]] = field(factory=dict[str, tuple[str, ...]])
    _memo: dict[_Applied, t.Template | None] = field(factory=dict[_Applied, t.Template | None])
    _active: list[str] = field(factory=list[str])
    _chosen: set[str] = field(factory=set[str])

    def template(
        self, node: ast.Expr, names: Names | None = None, *, head: bool = False
    ) -> t.Template | None:
        """`node` as a template, or None after diagnostics.

        Args:
            node: The expression.
            names: What names mean; by default the space's parameters and the facts of a place.
            head: Whether `sum_over`, `concat_over`, `fold_over`, `each` and `at` may be used.
        """
        names = names or Names(self.values, PLACE_FACTS)
        match node:
            case ast.Group(inner):
                return self.template(inner, names, head=head)
            case ast.Binary("->"):
                steps = list[ast.Expr]()
                chain: ast.Expr = node
                while isinstance(chain, ast.Binary) and chain.op == "->":
                    steps.append(chain.right)
                    chain = chain.left
                steps.append(chain)
                return self._pipe([self.template(n, names, head=head) for n in reversed(steps)], node.span)
            case ast.Binary("*", left, right):
                return self._repeat(left, right, names, node.span, head)
            case ast.IfElse(then, test, other):
                return self._select(then, test, other, names, node.span, head)
            case ast.Ref(name):
                return self._apply(ast.Call(node, (), span=node.span), name, names, head, bare=True)
            case ast.Call(ast.Ref(name)):
                return self._apply(node, name, names, head, bare=False)
            case ast.Choice():
                return chosen_operator(self, node, names, head)
            case ast.Binary("+", _, _):
                self.sink.add(
                    NotAnOperator(
                        node.span,
                        found="maps are joined by sum",
                        advice="write sum(a, b) for operators in parallel",
                    )
                )
                return None
            case _:
                self.sink.add(NotAnOperator(node.span, found=f"this is {kind_of(node)}"))
                return None

    def check_unused(self) -> None:
        """Report what is wrong in choices and operators that nothing names, whatever their parameters are."""
        for name in self.choices.keys() - self._chosen:
            choice = self.choices[name]
            chosen_operator(self, choice, Names(self.values, PLACE_FACTS), True, name=name)
        applied = {name for name, *_ in self._memo}
        for op in self.ops.values():
            if op.name in applied:
                continue
            values: dict[str, ir.Expr] = {}
            for param in op.params:
                if param.default is not None:
                    names = Names({**self.values, **values}, PLACE_FACTS, param.name)
                    to_expr(param.default, names, self.sink)
                values[param.name] = ir.Fact(f"@{param.name}", span=param.span)
            call = ast.Call(ast.Ref(op.name, span=op.span), (), span=op.span)
            self._applied(call, op, values, frozenset(), head=True)

    # --- structure -------------------------------------------------------------------------------

    def _pipe(self, items: list[t.Template | None], span: Span) -> t.Template | None:
        found = [i for i in items if i is not None]
        return t.Pipe(tuple(found), span=span) if len(found) == len(items) else None

    def _repeat(
        self, left: ast.Expr, right: ast.Expr, names: Names, span: Span, head: bool
    ) -> t.Template | None:
        last = ungroup(right)
        number_last = isinstance(last, ast.Number) or is_searched_number(last, names)
        count_node, body_node = (right, left) if number_last else (left, right)
        count = to_expr(count_node, evolve(names, searching="depth"), self.sink)
        body = self.template(body_node, names, head=head)
        if isinstance(count, ir.Const):
            value = count.value
            if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 10_000:
                needed = "a whole number from 1 to 10000"
                self.sink.add(
                    WrongValue(
                        count_node.span,
                        what="a repetition",
                        needed=needed,
                        found=f"this is {ir.spell(value)}",
                    )
                )
                return None
        return None if count is None or body is None else t.Repeat(count, body, span=span)

    def _select(
        self, then: ast.Expr, test: ast.Expr, other: ast.Expr, names: Names, span: Span, head: bool
    ) -> t.Template | None:
        condition = to_expr(test, names, self.sink)
        if isinstance(condition, ir.Const) and isinstance(condition.value, bool):
            return self.template(then if condition.value else other, names, head=head)
        if isinstance(condition, ir.Const):
            why = f"if needs a condition, this is {ir.spell(condition.value)}"
            self.sink.add(NoValue(test.span, why=why, advice=ir.COMPARE))
            return None
        a, b = self.template(then, names, head=head), self.template(other, names, head=head)
        return None if condition is None or a is None or b is None else t.Select(condition, a, b, span=span)

    # --- application -----------------------------------------------------------------------------

    def _apply(self, call: ast.Call, name: str, names: Names, head: bool, *, bare: bool) -> t.Template | None:
        if name in self.ops:
            return self._operator(call, self.ops[name], names, head)
        if name in PRIMITIVES:
            return primitive(call, PRIMITIVES[name], names, self.norm, self.sink)
        if name in self.cells:
            return self._cell(call, name, names, head)
        if bare and name in self.choices:
            self._chosen.add(name)
            return chosen_operator(self, self.choices[name], names, head, name=name)
        if name in JOINS and not bare:
            return self._join(call, name, names, head)
        if name in (*OVER, "at") and not bare:
            if not head:
                self.sink.add(
                    NotAnOperator(
                        call.span, found=f"{name} reads maps of the trellis; it stands in a head only"
                    )
                )
                return None
            if name == "at":
                return at_layer(call, names, self.sink)
            return over_states(self, call, name, names)
        if bare and name in names.known():
            self.sink.add(NotAnOperator(call.span, found=f"`{name}` is a number or a fact"))
            return None
        known = (*self.ops, *self.cells, *self.choices, *PRIMITIVES, *SPECIAL)
        self.sink.add(UnknownName(call.callee.span, name=name, advice=did_you_mean(name, known)))
        return None

    def _operator(self, call: ast.Call, op: OpDef, names: Names, head: bool) -> t.Template | None:
        params = tuple(p.name for p in op.params)
        bound = bind(call, op.name, params, self.sink)
        if bound is None:
            return None
        values: dict[str, ir.Expr] = {}
        for param in op.params:
            value = self._argument(param, bound.get(param.name), op, call, names, values)
            if value is None:
                return None
            values[param.name] = value
        given = frozenset(bound)

        def applied(chosen: Mapping[ir.Searched, ir.Expr]) -> t.Template | None:
            put_in = {name: _folded(ir.substituted(value, chosen)) for name, value in values.items()}
            return self._applied(call, op, put_in, given, head)

        searched = (s for value in values.values() for s in ir.searched_in(value))
        apart = tuple(dict.fromkeys(s for s in searched if not s.nested))
        label = _label(op, values, given)
        return hoisted(apart, applied, label, call.span, self.sink) if apart else applied({})

    def _applied(
        self, call: ast.Call, op: OpDef, given: Mapping[str, ir.Expr], named: frozenset[str], head: bool
    ) -> t.Template | None:
        """An operator with its arguments put in.

        Arguments that depend on facts or decisions are evaluated where it is used, not in its body.
        """
        values = dict(given)
        bindings: list[tuple[str, ir.Expr]] = []
        for name, value in given.items():
            outer = name in named or (name == "step" and isinstance(value, ir.Fact))
            if (outer or ir.searched_in(value)) and not isinstance(value, ir.Const):
                bindings.append((f"@{name}", value))
                values[name] = ir.Fact(f"@{name}", span=value.span)
        key = (op.name, tuple(values.values()), tuple(bindings), head)
        if key in self._memo:
            return self._memo[key]
        if op.name in self._active:
            way = self._active[self._active.index(op.name) :]
            notes = (Note(f"by way of {' and '.join(way)}"),) if len(way) > 1 else ()
            self.sink.add(Recursive(call.span, what="operator", name=op.name, notes=notes))
            return None
        inner = Names({**self.values, **values}, PLACE_FACTS)
        self._active.append(op.name)
        try:
            body = (
                self.template(op.body, inner, head=head)
                if op.extern is None
                else self._extern(op, values, inner, call.span)
            )
        finally:
            self._active.pop()
        label = _label(op, values, named)
        found = None if body is None else t.Named(label, body, tuple(bindings), span=call.span)
        self._memo[key] = found
        return found

    def _extern(
        self, op: OpDef, values: Mapping[str, ir.Expr], names: Names, span: Span
    ) -> t.Template | None:
        assert op.extern is not None
        channels = to_expr(op.extern.channels, names, self.sink)
        stride = to_expr(op.extern.stride, names, self.sink) if op.extern.stride else ir.Const(1, span=span)
        if channels is None or stride is None:
            return None
        return t.Extern(op.name, op.extern.target, tuple(values.items()), channels, stride, span=span)

    def _argument(
        self,
        param: ast.Param,
        arg: ast.Arg | None,
        op: OpDef,
        call: ast.Call,
        names: Names,
        earlier: Mapping[str, ir.Expr],
    ) -> ir.Expr | None:
        if arg is not None:
            return to_expr(arg.value, evolve(names, searching=param.name), self.sink)
        if param.name == "step" and not self._active:
            # the place decides by how much its map must shrink: an operator of a cell, a projection
            return ir.Fact("step", span=param.span)
        if param.default is None:
            why = f"needs {param.name}"
            notes = (Note("defined here", op.span),)
            self.sink.add(BadCall(call.span, callee=op.name, why=why, notes=notes, advice=signature(op)))
            return None
        inner = Names({**self.values, **earlier}, PLACE_FACTS, param.name)
        value = to_expr(param.default, inner, self.sink)
        if value is not None and _terms(value) > MOST_TERMS:
            what = f"{param.name} of {op.name}"
            self.sink.add(TooLarge(param.span, what=what, bound=f"{MOST_TERMS:,} terms"))
            return None
        return value

    def _cell(self, call: ast.Call, name: str, names: Names, head: bool) -> t.Template | None:
        """A cell where an operator stands."""
        first, *others = self.cells[name]
        bound = bind(call, name, others, self.sink)
        if bound is None:
            return None
        inputs: list[tuple[str, t.Template]] = []
        for other in others:
            arg = bound.get(other)
            if arg is None or isinstance(arg.value, ast.Range):
                doc = f"{other}: a map; {first} is the one it gets"
                self.sink.add(MissingKey(call.span, place=name, key=other, doc=doc))
                return None
            template = self.template(arg.value, names, head=head)
            if template is None:
                return None
            inputs.append((other, template))
        return t.CellOp(name, tuple(inputs), span=call.span)

    def _join(self, call: ast.Call, how: str, names: Names, head: bool) -> t.Template | None:
        items: list[t.Template | None] = []
        for arg in call.args:
            if arg.name is not None or isinstance(arg.value, ast.Range):
                self.sink.add(BadCall(arg.span, callee=how, why="takes operators only"))
                return None
            items.append(self.template(arg.value, names, head=head))
        found = tuple(i for i in items if i is not None)
        if not items:
            self.sink.add(BadCall(call.span, callee=how, why="needs at least one operator"))
        if len(found) != len(items) or not items:
            return None
        none = next((a for a, i in zip(call.args, found, strict=True) if _is_none(i)), None)
        if none is not None and how != "concat" and len(found) > 1:
            why = "it adds nothing" if how == "sum" else "the product is zero whatever the others give"
            self.sink.add(NoEffect(none.span, what=f"none in {how}", why=why))
        assert how in ("sum", "concat", "product")
        return t.Join(how, found, span=call.span)


def _label(op: OpDef, values: Mapping[str, ir.Expr], given: frozenset[str]) -> str:
    """How a spec writes an application: the arguments given that are known, `sep(3)`."""
    shown = [
        ir.spell(v.value)
        for p in op.params
        if p.name in given and p.name != "step" and isinstance(v := values[p.name], ir.Const)
    ]
    return f"{op.name}({', '.join(shown)})" if shown else op.name


def _is_none(template: t.Template) -> bool:
    return isinstance(template, t.Prim) and template.name == "none"


def _folded(value: ir.Expr) -> ir.Expr:
    """A constant where nothing is left open."""
    if isinstance(value, ir.Const) or ir.facts_of(value) or ir.searched_in(value):
        return value
    try:
        return ir.Const(ir.evaluate(value, {}), span=value.span)
    except ir.EvaluationError:
        return value  # said where it is used


def _terms(expr: ir.Expr) -> int:
    """Terms of an expression written out; what it shares counts each time."""
    match expr:
        case ir.Unary(_, operand):
            return 1 + _terms(operand)
        case ir.Binary(_, left, right):
            return 1 + _terms(left) + _terms(right)
        case ir.Cond(then, test, other):
            return 1 + _terms(then) + _terms(test) + _terms(other)
        case ir.Axes(items) | ir.Searched(_, items):
            return 1 + sum(map(_terms, items))
        case ir.Const() | ir.Fact():
            return 1
