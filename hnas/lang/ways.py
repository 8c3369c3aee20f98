"""Strides, moves, entry, paths and links of a trellis."""

from collections.abc import Sequence
from typing import Literal, final

from attrs import frozen

from hnas.diag import Sink, Span, did_you_mean
from hnas.ir import expr as ir
from hnas.ir import space as s
from hnas.ir import template as tm
from hnas.ir.types import Stride, canonical, order, ratio, spell_stride, whole
from hnas.lang import ast
from hnas.lang.definitions import JOINS
from hnas.lang.errors import BadCall, RepeatedOption, WrongValue
from hnas.lang.evaluate import choice_args, constant
from hnas.lang.operators import Operators
from hnas.lang.values import Converter, bind
from hnas.lang.walk import kind_of, ungroup
from hnas.schema import types as t
from hnas.schema.blocks import MOST_LAYERS

_MOVES = ("finer", "same", "coarser")
_SKIPS = ("earlier", "back", "mirror")

Strides = list[tuple[Stride, Span]]


@final
@frozen
class Ways:
    """Reads what a trellis says about the ways through it."""

    operators: Operators
    constants: Converter
    sink: Sink

    def stride(self, node: ast.Expr | ast.Range, what: str) -> Stride | None:
        """A stride: a whole number, or one for each axis; None after a diagnostic."""
        value = constant(node, self.constants.names, self.sink)
        if value is None:
            return None
        if isinstance(value, tuple) and all(whole(v) for v in value):
            return canonical(tuple(int(v) for v in value))
        number = whole(value)
        if number is None or number > 2**20:
            needed = "a whole number of pixels, or a tuple with one for each axis"
            self.sink.add(WrongValue(node.span, what=what, needed=needed, found=f"this is {ir.spell(value)}"))
            return None
        return number

    def strides(self, node: ast.Expr | None) -> Strides:
        """The strides, fine to coarse; none after diagnostics."""
        if node is None:
            return []
        value = ungroup(node)
        if not isinstance(value, ast.List) or not value.items:
            self.constants.wrong(node, "strides", "a list of strides, fine to coarse, like [4, 8, 16, 32]")
            return []
        found: Strides = []
        for item in value.items:
            stride = self.stride(item, "a stride")
            if stride is None:
                return []
            if found:
                last = found[-1][0]
                if order(last, stride) != "finer" or ratio(stride, last) is None:
                    needed = f"a multiple of the one before, {spell_stride(last)}"
                    shown = f"this is {spell_stride(stride)}"
                    self.sink.add(WrongValue(item.span, what="a stride", needed=needed, found=shown))
                    return []
            found.append((stride, item.span))
        return found

    # --- moves -----------------------------------------------------------------------------------

    def moves(self, node: ast.Expr) -> s.Moves | None:
        """`one_of { ... }`, `some_of { ... }`, a list, or a single move; None after diagnostics."""
        value = ungroup(node)
        how: Literal["one", "some", "all"] = "all"
        least, most = 1, None
        listed: Sequence[ast.Expr | ast.Range]
        match value:
            case ast.Choice():
                given = choice_args(value, (), self.sink)
                if given is None:
                    return None
                listed = [option.value for option in value.options]
                how = "one" if value.word == "one_of" else "some"
                if how == "some" and given.least is not None:
                    least, most = given.least, given.most
            case ast.List(items):
                listed = items
            case _:
                listed = [value]
        found: list[s.Move] = []
        for item in listed:
            move = self._move(item)
            if move is None:
                return None
            if move in found:
                self.sink.add(RepeatedOption(item.span, option=move.label))
                return None
            found.append(move)
        if not found:
            self.constants.wrong(node, "moves", "one_of { finer, same, coarser }")
            return None
        return s.Moves(tuple(found), how, least, most, span=node.span)

    def _move(self, item: ast.Expr | ast.Range, within: bool = False) -> s.Move | None:
        bare = ungroup(item) if not isinstance(item, ast.Range) else item
        by = 1
        name = bare.name if isinstance(bare, ast.Ref) else ""
        if isinstance(bare, ast.Call) and isinstance(bare.callee, ast.Ref) and len(bare.args) == 1:
            name = bare.callee.name
            if name == "within" and not within:
                return self._move(bare.args[0].value, within=True)
            by = self.constants.convert(bare.args[0].value, t.Whole(1, 64), f"{name}(...)")
        if name not in _MOVES or (name == "same" and (by != 1 or within)):
            advice = did_you_mean(name, _MOVES) if name else ""
            needed = "finer, same or coarser, coarser(2) for two strides, within(coarser) inside a layer"
            self.constants.wrong(item, "a move", needed, advice)
            return None
        return None if by is None else s.Move(name, by, within)

    def enter(self, node: ast.Expr | None, strides: Strides) -> s.Enter | None:
        """The strides of layer 1; None after diagnostics."""
        if node is None:
            return s.Enter()
        value = ungroup(node)
        how: Literal["one", "some", "all"] = "all"
        listed: Sequence[ast.Expr | ast.Range] = [node]
        if isinstance(value, ast.Choice):
            if value.args:
                self.constants.wrong(node, "enter", "a stride, or one_of { 4, 8 }")
                return None
            how, listed = "one" if value.word == "one_of" else "some", [o.value for o in value.options]
        elif isinstance(value, ast.List):
            listed = value.items
        found: list[Stride] = []
        for item in listed:
            stride = self.stride(item, "enter")
            if stride is None:
                return None
            known = [known for known, _ in strides]
            if known and stride not in known:
                needed = f"one of the strides {', '.join(map(spell_stride, known))}"
                shown = f"this is {spell_stride(stride)}"
                self.sink.add(WrongValue(item.span, what="enter", needed=needed, found=shown))
                return None
            if stride in found:
                self.sink.add(RepeatedOption(item.span, option=spell_stride(stride)))
                return None
            found.append(stride)
        if not found:
            self.constants.wrong(node, "enter", "a stride, or one_of { 4, 8 }")
            return None
        return s.Enter(tuple(found), how)

    def branches(self, node: ast.Expr) -> int | None:
        """How many states `keep` leaves: 1 for a path; None after a diagnostic."""
        value = ungroup(node)
        if isinstance(value, ast.Ref) and value.name == "path":
            return 1
        match value:
            case ast.Call(ast.Ref("branches"), (ast.Arg(None),)):
                return self.constants.convert(value.args[0].value, t.Whole(2, 64), "branches(...)")
            case _:
                pass
        self.constants.wrong(node, "keep", "path, or branches(2)")
        return None

    # --- paths -----------------------------------------------------------------------------------

    def path(self, node: ast.Expr | None, strides: Strides) -> tuple[Stride, ...] | None:
        """A stride for each layer; None where it is not given, or after diagnostics."""
        if node is None:
            return None
        elements = self._path_elements(node)
        if elements is None:
            return None
        known = [stride for stride, _ in strides]
        path: list[Stride] = []
        for item in elements:
            stride = self.stride(item, "a stride of the path")
            if stride is None:
                return None
            if known and stride not in known:
                needed = f"one of {', '.join(map(spell_stride, known))}"
                shown = f"this is {spell_stride(stride)}"
                self.sink.add(WrongValue(item.span, what="a stride of the path", needed=needed, found=shown))
                return None
            path.append(stride)
        return tuple(path)

    def _path_elements(self, node: ast.Expr) -> list[ast.Expr] | None:
        """A list, lists added up, lists repeated."""
        match ungroup(node):
            case ast.List(items):
                for item in items:
                    if isinstance(item, ast.Range):
                        self.constants.wrong(item, "a stride of the path", "a stride, one for each layer")
                        return None
                return [i for i in items if not isinstance(i, ast.Range)]
            case ast.Binary("+", left, right):
                a, b = self._path_elements(left), self._path_elements(right)
                return None if a is None or b is None else a + b
            case ast.Binary("*", left, right):
                times_node, list_node = (
                    (left, right) if isinstance(ungroup(right), ast.List) else (right, left)
                )
                times = self.constants.convert(times_node, t.Whole(0, MOST_LAYERS), "a repetition")
                elements = self._path_elements(list_node)
                if times is None or elements is None:
                    return None
                if times * len(elements) > MOST_LAYERS:
                    needed = f"at most {MOST_LAYERS} layers"
                    self.sink.add(WrongValue(node.span, what="path", needed=needed, found="these are more"))
                    return None
                return elements * times
            case other:
                self.constants.wrong(other, "path", "a list of strides, one for each layer")
                return None

    # --- links -----------------------------------------------------------------------------------

    def skips(self, node: ast.Expr) -> tuple[s.Skip, ...] | None:
        """Links to earlier layers; None after diagnostics."""
        value = ungroup(node)
        if isinstance(value, ast.Ref) and value.name == "none":
            return ()
        items = value.items if isinstance(value, ast.List) else (node,)
        found: list[s.Skip] = []
        for item in items:
            skip = self._skip(item)
            if skip is None:
                return None
            found.append(skip)
        return tuple(found)

    def _skip(self, node: ast.Expr | ast.Range) -> s.Skip | None:
        bare = ungroup(node) if not isinstance(node, ast.Range) else node
        call = ast.Call(bare, (), span=bare.span) if isinstance(bare, ast.Ref) else bare
        if (
            not isinstance(call, ast.Call)
            or not isinstance(call.callee, ast.Ref)
            or call.callee.name not in _SKIPS
        ):
            advice = ""
            if isinstance(call, ast.Call) and isinstance(call.callee, ast.Ref):
                advice = did_you_mean(call.callee.name, _SKIPS)
            needed = "earlier, back(3) or mirror, with an operator and join = sum | concat if need be"
            self.constants.wrong(node, "skips", needed, advice)
            return None
        name = call.callee.name
        words = ("layers", "op", "join") if name == "back" else ("op", "join")
        bound = bind(call, name, words, self.sink)
        if bound is None:
            return None
        back = 0
        if name == "back":
            if "layers" not in bound:
                advice = "back(3): layer l - 3"
                self.sink.add(
                    BadCall(call.span, callee="back", why="needs a number of layers", advice=advice)
                )
                return None
            number = self.constants.convert(bound["layers"].value, t.Whole(2, MOST_LAYERS), "back(...)")
            if number is None:
                return None
            back = number
        operator: tm.Template | None = tm.Prim("skip", (), span=node.span)
        if "op" in bound:
            given = bound["op"].value
            if isinstance(given, ast.Range):
                self.constants.wrong(given, f"op of {name}", "an operator")
                return None
            operator = self.operators.template(given)
        how = "sum"
        if "join" in bound:
            word = bound["join"].value
            how = word.name if isinstance(word, ast.Ref) else ""
            if how not in JOINS:
                needed, found = " or ".join(JOINS), f"this is {kind_of(word)}"
                self.sink.add(WrongValue(word.span, what="join", needed=needed, found=found))
                return None
        if operator is None:
            return None
        assert how in ("sum", "concat", "product")
        return s.Skip(name, back, operator, how, span=node.span)
