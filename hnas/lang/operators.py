"""Operators of a spec to templates: pipelines, joins, repetition, conditions, calls of other operators.

Every operator is applied by putting its arguments into its body; equal applications are one object,
so templates form a graph whose size is that of the text, whatever they would expand to.
"""

from collections.abc import Mapping
from typing import final

from attrs import define, field, frozen

from hnas.diag import Note, Sink, Span, did_you_mean
from hnas.ir import expr as ir
from hnas.ir import space as s
from hnas.ir.layer import Attribute, Primitive, TypeRuleError, check_value
from hnas.ir.ops import PRIMITIVES
from hnas.lang import ast
from hnas.lang.errors import (
    BadCall,
    GivenTwice,
    HidesName,
    MissingKey,
    NotAnOperator,
    NotSearchable,
    Recursive,
    TooLarge,
    UnknownName,
    WrongValue,
)
from hnas.lang.evaluate import Names, to_expr
from hnas.lang.values import bind
from hnas.lang.walk import kind_of, ungroup

_PLACE_FACTS = frozenset(("channels", "width", "stride", "layer", "classes", "searching"))
MOST_TERMS = 10_000
"""Terms a default may have when the parameters it uses are written out."""
_JOINS = ("sum", "concat", "product")
_OVER = {"sum_over": "sum", "concat_over": "concat"}
_SPECIAL = (*_JOINS, *_OVER, "at")


_Applied = tuple[str, tuple[ir.Expr, ...], tuple[tuple[str, ir.Expr], ...], bool]
"""What tells applications of an operator apart: its name, arguments, bindings, and whether in a head."""


@final
@frozen
class OpDef:
    """An operator as the spec defines it."""

    name: str
    params: tuple[ast.Param, ...]
    body: ast.Expr
    span: Span = field(eq=False)


@final
@define
class Operators:
    """Turns expressions into templates.

    Attributes:
        ops: The operators of the space by name.
        values: Its parameters.
        norm: What `norm` means where it is not said otherwise: attributes by name.
        head: Whether heads may be built here: `sum_over`, `at`.
    """

    ops: Mapping[str, OpDef]
    values: Mapping[str, ir.Expr]
    norm: Mapping[str, ir.Expr]
    sink: Sink
    _memo: dict[_Applied, s.Template | None] = field(factory=dict[_Applied, s.Template | None])
    _active: list[str] = field(factory=list[str])

    def template(
        self, node: ast.Expr, names: Names | None = None, *, head: bool = False
    ) -> s.Template | None:
        """`node` as a template, or None after diagnostics.

        Args:
            node: The expression.
            names: What names mean; by default the space's parameters and the facts of a place.
            head: Whether `sum_over`, `concat_over` and `at` may be used.
        """
        names = names or Names(self.values, _PLACE_FACTS)
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
                self.sink.add(NotSearchable(node.span))
                return None
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

    # --- structure -------------------------------------------------------------------------------

    def _pipe(self, items: list[s.Template | None], span: Span) -> s.Template | None:
        found = [i for i in items if i is not None]
        return s.Pipe(tuple(found), span=span) if len(found) == len(items) else None

    def _repeat(
        self, left: ast.Expr, right: ast.Expr, names: Names, span: Span, head: bool
    ) -> s.Template | None:
        number_first = not isinstance(ungroup(right), ast.Number)
        count_node, body_node = (left, right) if number_first else (right, left)
        count = to_expr(count_node, names, self.sink)
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
        return None if count is None or body is None else s.Repeat(count, body, span=span)

    def _select(
        self, then: ast.Expr, test: ast.Expr, other: ast.Expr, names: Names, span: Span, head: bool
    ) -> s.Template | None:
        condition = to_expr(test, names, self.sink)
        if isinstance(condition, ir.Const) and isinstance(condition.value, bool):
            return self.template(then if condition.value else other, names, head=head)
        a, b = self.template(then, names, head=head), self.template(other, names, head=head)
        return None if condition is None or a is None or b is None else s.Select(condition, a, b, span=span)

    # --- application -----------------------------------------------------------------------------

    def _apply(self, call: ast.Call, name: str, names: Names, head: bool, *, bare: bool) -> s.Template | None:
        if name in self.ops:
            return self._operator(call, self.ops[name], names, head)
        if name in PRIMITIVES:
            return self._primitive(call, PRIMITIVES[name], names)
        if name in _JOINS and not bare:
            return self._join(call, name, names, head)
        if name in (*_OVER, "at") and not bare:
            if not head:
                self.sink.add(
                    NotAnOperator(
                        call.span, found=f"{name} reads maps of the trellis; it stands in a head only"
                    )
                )
                return None
            return self._at(call, names) if name == "at" else self._over(call, name, names)
        if bare and name in names.known():
            self.sink.add(NotAnOperator(call.span, found=f"`{name}` is a number or a fact"))
            return None
        known = (*self.ops, *PRIMITIVES, *_SPECIAL)
        self.sink.add(UnknownName(call.callee.span, name=name, advice=did_you_mean(name, known)))
        return None

    def _operator(self, call: ast.Call, op: OpDef, names: Names, head: bool) -> s.Template | None:
        params = tuple(p.name for p in op.params)
        bound = bind(call, op.name, params, self.sink)
        if bound is None:
            return None
        # arguments that depend on facts are evaluated where the operator is used, not in its body
        values: dict[str, ir.Expr] = {}
        bindings: list[tuple[str, ir.Expr]] = []
        for param in op.params:
            arg = bound.get(param.name)
            value = self._argument(param, arg, op, call, names, values)
            if value is None:
                return None
            outer = arg is not None or (param.name == "step" and isinstance(value, ir.Fact))
            if outer and not isinstance(value, ir.Const):
                bindings.append((f"@{param.name}", value))
                value = ir.Fact(f"@{param.name}", span=value.span)
            values[param.name] = value
        key = (op.name, tuple(values[p] for p in params), tuple(bindings), head)
        if key in self._memo:
            return self._memo[key]
        if op.name in self._active:
            way = self._active[self._active.index(op.name) :]
            notes = (Note(f"by way of {' and '.join(way)}"),) if len(way) > 1 else ()
            self.sink.add(Recursive(call.span, what="operator", name=op.name, notes=notes))
            return None
        self._active.append(op.name)
        try:
            inner = Names({**self.values, **values}, _PLACE_FACTS)
            body = self.template(op.body, inner, head=head)
        finally:
            self._active.pop()
        shown = [ir.spell(v.value) for p in params if p != "step" and isinstance(v := values[p], ir.Const)]
        given = [p.name for p in op.params if p.name in bound and p.name != "step"]
        label = f"{op.name}({', '.join(shown[: len(given)])})" if given and shown else op.name
        named = None if body is None else s.Named(label, body, tuple(bindings), span=call.span)
        self._memo[key] = named
        return named

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
            return to_expr(arg.value, names, self.sink)
        if param.name == "step" and not self._active:
            # the place decides by how much its map must shrink: an operator of a cell, a projection
            return ir.Fact("step", span=param.span)
        if param.default is None:
            why = f"needs {param.name}"
            notes = (Note("defined here", op.span),)
            self.sink.add(BadCall(call.span, callee=op.name, why=why, notes=notes, advice=_signature(op)))
            return None
        value = to_expr(param.default, Names({**self.values, **earlier}, _PLACE_FACTS), self.sink)
        if value is not None and self._terms(value) > MOST_TERMS:
            what = f"{param.name} of {op.name}"
            self.sink.add(TooLarge(param.span, what=what, bound=f"{MOST_TERMS:,} terms"))
            return None
        return value

    def _terms(self, expr: ir.Expr) -> int:
        """Terms of an expression written out; what it shares counts each time."""
        match expr:
            case ir.Unary(_, operand):
                return 1 + self._terms(operand)
            case ir.Binary(_, left, right):
                return 1 + self._terms(left) + self._terms(right)
            case ir.Cond(then, test, other):
                return 1 + self._terms(then) + self._terms(test) + self._terms(other)
            case ir.Const() | ir.Fact():
                return 1

    def _primitive(self, call: ast.Call, primitive: Primitive, names: Names) -> s.Template | None:
        allowed = [a.name for a in primitive.attributes]
        like = None
        if primitive.name == "resize":
            allowed.append("like")
        bound = bind(call, primitive.name, allowed, self.sink)
        if bound is None:
            return None
        attrs: dict[str, ir.Expr] = dict(self.norm) if primitive.name == "norm" else {}
        for a in primitive.attributes:
            arg = bound.get(a.name)
            if arg is None:
                if a.name not in attrs and a.default is not None:
                    attrs[a.name] = ir.Const(a.default, span=call.span)
                elif a.name not in attrs and not a.optional:
                    why = f"{a.name}: {a.doc}"
                    self.sink.add(MissingKey(call.span, place=primitive.name, key=a.name, doc=why))
                    return None
                continue
            value = self._attribute(arg, a, primitive.name, names)
            if value is None:
                return None
            if isinstance(value, ir.Const):
                try:
                    value = ir.Const(check_value(a, value.value), span=value.span)
                except TypeRuleError as error:
                    needed = str(error).removeprefix(f"{a.name} must be ").split(", this is")[0]
                    found = f"this is {ir.spell(value.value)}"
                    what = f"{a.name} of {primitive.name}"
                    self.sink.add(WrongValue(arg.value.span, what=what, needed=needed, found=found))
                    return None
            attrs[a.name] = value
        if "like" in bound:
            node = bound["like"].value
            if not isinstance(node, ast.Ref) or node.name != "input":
                advice = "like = input: the map the operator got"
                self.sink.add(UnknownName(node.span, name=kind_of(node).strip("`"), advice=advice))
                return None
            like = "input"
        if primitive.name == "resize" and sum((like is not None, "to" in attrs, "scale" in attrs)) != 1:
            why = "needs one of a stride, like = input, or scale"
            self.sink.add(
                BadCall(call.span, callee="resize", why=why, advice="resize(1) is the size of the image")
            )
            return None
        return s.Prim(primitive.name, tuple(attrs.items()), like, span=call.span)

    def _attribute(self, arg: ast.Arg, attribute: Attribute, layer: str, names: Names) -> ir.Expr | None:
        words = attribute.words or (("same",) if attribute.kind == "pad" else ())
        if words and isinstance(arg.value, ast.Ref) and arg.value.name not in names.known():
            if arg.value.name in words:
                return ir.Const(arg.value.name, span=arg.value.span)
            needed = " or ".join(words) + (" or a whole number from 0" if attribute.kind == "pad" else "")
            what, found = f"{attribute.name} of {layer}", f"this is `{arg.value.name}`"
            advice = did_you_mean(arg.value.name, words) if len(words) > 1 else ""
            self.sink.add(WrongValue(arg.value.span, what=what, needed=needed, found=found, advice=advice))
            return None
        return to_expr(arg.value, names, self.sink)

    def _join(self, call: ast.Call, how: str, names: Names, head: bool) -> s.Template | None:
        items: list[s.Template | None] = []
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
        assert how in ("sum", "concat", "product")
        return s.Join(how, found, span=call.span)

    def _over(self, call: ast.Call, name: str, names: Names) -> s.Template | None:
        bound = bind(call, name, ("over", "operator"), self.sink)
        if bound is None:
            return None
        over, operator = bound.get("over"), bound.get("operator")
        if (
            over is None
            or operator is None
            or not (isinstance(over.value, ast.Ref) and over.value.name == "stride")
        ):
            advice = f"{name}(stride, operator): the operator on the map of every stride of the last layer"
            self.sink.add(BadCall(call.span, callee=name, why="needs stride and an operator", advice=advice))
            return None
        if isinstance(operator.value, ast.Range):
            self.sink.add(NotAnOperator(operator.span, found="this is a range"))
            return None
        body = self.template(operator.value, names)
        how = "sum" if name == "sum_over" else "concat"
        return None if body is None else s.OverStates(how, body, span=call.span)

    def _at(self, call: ast.Call, names: Names) -> s.Template | None:
        bound = bind(call, "at", ("layer",), self.sink)
        if bound is None:
            return None
        if "layer" not in bound:
            self.sink.add(BadCall(call.span, callee="at", why="needs a layer", advice="at(layer = 3)"))
            return None
        layer = to_expr(bound["layer"].value, names, self.sink)
        return None if layer is None else s.At(layer, span=call.span)


def collect(items: tuple[ast.Item, ...], params: Mapping[str, Span], sink: Sink) -> dict[str, OpDef]:
    """The operators a space defines, by name; names that mean something already are reported."""
    ops: dict[str, OpDef] = {}
    for item in items:
        if not isinstance(item, ast.Decl | ast.Define) or item.kind != "op":
            continue
        own = item.params if isinstance(item, ast.Define) else ()
        taken = _taken(item.name, params)
        if taken:
            sink.add(HidesName(item.name_span, name=item.name, what=taken))
            continue
        for position, param in enumerate(own):
            if param.name in [p.name for p in own[:position]]:
                sink.add(GivenTwice(param.span, what=f"the parameter {param.name}"))
            what = _taken(param.name, {}) or ("the map the operator gets" if param.name == "input" else "")
            if what and param.name != "step":
                sink.add(HidesName(param.span, name=param.name, what=what))
        ops[item.name] = OpDef(item.name, own, item.value, item.name_span)
    return ops


def _taken(name: str, params: Mapping[str, Span]) -> str:
    if name in PRIMITIVES:
        return "a layer"
    if name in _SPECIAL:
        return "a way to join maps"
    if name in ir.FACTS:
        return ir.FACTS[name]
    return "a parameter of the space" if name in params else ""


def _signature(op: OpDef) -> str:
    shown = ", ".join(p.name if p.default is None else f"{p.name} = ..." for p in op.params)
    return f"it is {op.name}({shown})"
