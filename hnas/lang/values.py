"""Values of attributes, converted as the schema's types say; every mismatch is a diagnostic."""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any, final

from attrs import frozen

from hnas.diag import Sink, Source, Span, did_you_mean
from hnas.diag.source import DEFAULT
from hnas.ir import expr as ir
from hnas.lang import ast
from hnas.lang.errors import BadCall, MissingKey, WrongValue
from hnas.lang.evaluate import Names, constant, sharing, to_expr
from hnas.lang.parser import parse_assignment
from hnas.lang.walk import kind_of, ungroup
from hnas.schema import types as t
from hnas.schema.classes import ClassName, fault_of


@final
@frozen
class CallValue:
    """A converted call: which form, and its arguments by name."""

    form: str
    args: "Values"


@final
@frozen
class Values:
    """Converted attributes by name, with where each was given. Missing ones were reported already."""

    values: Mapping[str, Any]
    spans: Mapping[str, Span]

    def __getitem__(self, name: str) -> Any:
        return self.values[name]

    def __contains__(self, name: str) -> bool:
        return name in self.values

    def get(self, name: str) -> Any:
        """A value, or None where it was left out."""
        return self.values.get(name)

    def real(self, name: str) -> float:
        """A number as a float."""
        return float(self.values[name])


@final
@frozen
class Converter:
    """Converts expressions in the light of some names; operators and structure stay with the caller."""

    names: Names
    sink: Sink

    def convert(self, node: ast.Expr | ast.Range, kind: t.Type, what: str) -> Any:
        """`node` as `kind`, or None after a diagnostic (also None: the word `none` of Either)."""
        match kind:
            case t.Whole(least, most):
                return self._whole(node, least, most, what)
            case t.Real(least, most):
                return self._real(node, least, most, what)
            case t.Flag():
                value = constant(node, self.names, self.sink)
                return self._must(value, isinstance(value, bool), node, what, "true or false")
            case t.Word(words):
                return self.word(node, words, what)
            case t.Text():
                if isinstance(node, ast.String):
                    return node.value
                self.wrong(node, what, "a text in quotes")
                return None
            case t.Classes():
                return self._classes(node, what)
            case t.Static(facts):
                return to_expr(node, Names(self.names.values, frozenset(facts)), self.sink)
            case t.Shared(scopes):
                return sharing(node, scopes, what, self.sink)
            case t.Calls():
                return self.call(node, kind, what)
            case t.Listed(of, length, single):
                return self._listed(node, of, length, single, what)
            case t.Many(of):
                return self._many(node, of, what)
            case t.Either(of):
                bare = ungroup(node) if not isinstance(node, ast.Range) else node
                return (
                    None
                    if isinstance(bare, ast.Ref) and bare.name == "none"
                    else self.convert(node, of, what)
                )
            case _:
                raise AssertionError(kind)

    def word(self, node: ast.Expr | ast.Range, words: Sequence[str], what: str) -> str | None:
        """One of `words`, written bare."""
        if isinstance(node, ast.Ref) and node.name in words:
            return node.name
        advice = did_you_mean(node.name, words) if isinstance(node, ast.Ref) else ""
        self.wrong(node, what, " or ".join(words), advice)
        return None

    def wrong(self, node: ast.Expr | ast.Range, what: str, needed: str, advice: str = "") -> None:
        """Report that `node` is not what is needed."""
        self.sink.add(
            WrongValue(node.span, what=what, needed=needed, found=f"this is {kind_of(node)}", advice=advice)
        )

    def _must(self, value: Any, fits: bool, node: ast.Expr | ast.Range, what: str, needed: str) -> Any:
        if value is None or fits:
            return value
        found = kind_of(node) if isinstance(value, str) else ir.spell(value)
        self.sink.add(WrongValue(node.span, what=what, needed=needed, found=f"this is {found}"))
        return None

    def _whole(self, node: ast.Expr | ast.Range, least: int, most: int, what: str) -> int | None:
        value = constant(node, self.names, self.sink)
        fits = isinstance(value, int) and not isinstance(value, bool) and least <= value <= most
        if isinstance(value, Fraction):
            needed = "a whole number"
        elif most < 10**9:
            needed = f"a whole number from {least} to {most}"
        else:
            needed = f"a whole number from {least}"
        return self._must(value, fits, node, what, needed)

    def _real(
        self, node: ast.Expr | ast.Range, least: float, most: float, what: str
    ) -> Fraction | int | None:
        value = constant(node, self.names, self.sink)
        number = isinstance(value, int | Fraction) and not isinstance(value, bool)
        fits = number and isinstance(value, int | Fraction) and least <= value <= most
        needed = "a number" + (f" from {least:g}" if least != float("-inf") else "")
        needed += f" to {most:g}" if most != float("inf") else ""
        return self._must(value, fits, node, what, needed)

    def _listed(self, node: ast.Expr | ast.Range, of: t.Type, length: int, single: bool, what: str) -> Any:
        if isinstance(node, ast.List) and len(node.items) == length:
            values = [self.convert(item, of, what) for item in node.items]
            return None if None in values else tuple(values)
        if single and not isinstance(node, ast.List):
            value = self.convert(node, of, what)
            return None if value is None else (value,) * length
        self.wrong(node, what, f"a list of {length} values" + (" or one value" if single else ""))
        return None

    def _many(self, node: ast.Expr | ast.Range, of: t.Type, what: str) -> tuple[Any, ...] | None:
        if not isinstance(node, ast.List) or not node.items:
            self.wrong(node, what, "a list")
            return None
        values = [self.convert(item, of, f"an element of {what}") for item in node.items]
        return None if None in values else tuple(values)

    def _classes(self, node: ast.Expr | ast.Range, what: str) -> tuple[ClassName, ...] | None:
        if not isinstance(node, ast.List):
            self.wrong(node, what, 'a list like [road, "traffic light", void], or the file that lists them')
            return None
        listed = [self._class(item) for item in node.items]
        if None in listed:
            return None
        classes = tuple(each for each in listed if each is not None)
        fault = fault_of(classes)
        if fault is None:
            return classes
        at, why = fault
        span = node.items[at].span if at >= 0 else node.span
        self.sink.add(WrongValue(span, what=what, needed="names, each there once", found=why))
        return None

    def _class(self, node: ast.Expr | ast.Range) -> ClassName | None:
        """`road`, `"traffic light"`, or either with a colour behind it: `road(128, 64, 128)`."""
        name = node.callee if isinstance(node, ast.Call) else node
        if isinstance(name, ast.Ref | ast.String):
            word = name.name if isinstance(name, ast.Ref) else name.value
            if not isinstance(node, ast.Call):
                return ClassName(word)
            values = [self.convert(arg.value, t.Whole(0, 255), f"the colour of {word}") for arg in node.args]
            if len(values) == 3 and all(arg.name is None for arg in node.args):
                return None if None in values else ClassName(word, (values[0], values[1], values[2]))
        self.wrong(node, "a class", "its name, or its name and colour: road(128, 64, 128)")
        return None

    def call(self, node: ast.Expr | ast.Range, kind: t.Calls, what: str) -> CallValue | None:
        """A call of one of the forms of `kind`."""
        bare = ungroup(node) if not isinstance(node, ast.Range) else node
        if isinstance(bare, ast.Ref) and bare.name in kind.words:
            return CallValue(bare.name, Values({}, {}))
        if isinstance(bare, ast.Call) and isinstance(bare.callee, ast.Ref) and bare.callee.name in kind.forms:
            form = bare.callee.name
            args = self.arguments(bare, kind.forms[form])
            return None if args is None else CallValue(form, args)
        if isinstance(bare, ast.Ref) and bare.name in kind.forms:
            args = self.arguments(ast.Call(bare, (), span=bare.span), kind.forms[bare.name])
            return None if args is None else CallValue(bare.name, args)
        if kind.number is not None and not isinstance(bare, ast.Call | ast.Ref):
            call = ast.Call(
                ast.Ref(kind.number, span=node.span), (ast.Arg(None, node, span=node.span),), span=node.span
            )
            return self.call(call, kind, what)
        forms = [f"{name}(...)" for name in kind.forms] + list(kind.words)
        callee = bare.callee if isinstance(bare, ast.Call) else bare
        advice = did_you_mean(callee.name, (*kind.forms, *kind.words)) if isinstance(callee, ast.Ref) else ""
        self.wrong(node, what, " or ".join(forms), advice)
        return None

    def arguments(self, call: ast.Call, attributes: tuple[t.Attribute, ...]) -> Values | None:
        """The arguments of a call, positional ones in the order of `attributes`; None after an error."""
        callee = call.callee.name if isinstance(call.callee, ast.Ref) else kind_of(call.callee)
        given = bind(call, callee, tuple(a.name for a in attributes), self.sink)
        if given is None:
            return None
        nodes = {name: arg.value for name, arg in given.items()}
        return self.attributes(nodes, attributes, callee, call.span)

    def attributes(
        self,
        nodes: Mapping[str, ast.Expr | ast.Range],
        attributes: Sequence[t.Attribute],
        place: str,
        span: Span,
    ) -> Values | None:
        """Values of `attributes`, defaults filled in; None if a value is missing or wrong."""
        values: dict[str, Any] = {}
        spans: dict[str, Span] = {}
        failed = False
        for a in attributes:
            node = nodes.get(a.name)
            if node is None and a.default is not None:
                node = default_of(a)
            if node is None:
                if a.required:
                    self.sink.add(MissingKey(span, place=place, key=a.name, doc=f"{a.name}: {a.doc}"))
                    failed = True
                continue
            spans[a.name] = node.span
            before = len(self.sink.errors)
            values[a.name] = self.convert(node, a.type, f"{a.name} of {place}" if place else a.name)
            failed = failed or len(self.sink.errors) > before
        return None if failed else Values(values, spans)


def default_of(attribute: t.Attribute) -> ast.Expr:
    """The default of an attribute as an expression."""
    assert attribute.default is not None
    return parse_assignment(Source(DEFAULT, f"{attribute.name} = {attribute.default}")).value


def replaced_by(
    given: Mapping[str, ast.Expr | ast.Range], attributes: Sequence[t.Attribute]
) -> dict[str, str]:
    """The attributes that have no say because of another one, with the name of that one."""
    found: dict[str, str] = {}
    for a in attributes:
        value = given.get(a.name)
        if value is None or (isinstance(value, ast.Ref) and value.name == "none"):
            continue
        found.update(dict.fromkeys(a.replaces, a.name))
    return found


def bind(call: ast.Call, callee: str, names: Sequence[str], sink: Sink) -> dict[str, ast.Arg] | None:
    """Arguments by parameter name: positional ones first, in order; None after a diagnostic."""
    bound: dict[str, ast.Arg] = {}
    ok = True
    for position, arg in enumerate(call.args):
        if arg.name is None:
            if position >= len(names):
                takes = f"takes {len(names)} argument{'s' if len(names) != 1 else ''}"
                signature = f"{callee}({', '.join(names)})"
                sink.add(BadCall(arg.span, callee=callee, why=takes, advice=f"it is {signature}"))
                return None
            name = names[position]
        else:
            name = arg.name
        if name not in names:
            advice = did_you_mean(name, names)
            sink.add(BadCall(arg.span, callee=callee, why=f"has no argument `{name}`", advice=advice))
            ok = False
        elif name in bound:
            sink.add(BadCall(arg.span, callee=callee, why=f"is given {name} twice"))
            ok = False
        else:
            bound[name] = arg
    return bound if ok else None
