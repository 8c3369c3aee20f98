"""Syntax tree to text: canonical, without comments, and read back as the same tree."""

from collections.abc import Sequence
from typing import assert_never

from hnas.lang import ast

WIDTH = 100
_ONE_LINE = 72
"""Blocks of plain settings that fit into so many columns are kept on one line."""

# how tightly each construct binds, as in the grammar, loosest first
_IF, _OR, _AND, _NOT, _COMPARE, _PIPE, _SUM, _PRODUCT, _UNARY, _POSTFIX, _ATOM = range(11)
_LEVELS: dict[str, int] = {
    "or": _OR,
    "and": _AND,
    "->": _PIPE,
    "+": _SUM,
    "-": _SUM,
    "*": _PRODUCT,
    "/": _PRODUCT,
    "//": _PRODUCT,
}


def print_file(file: ast.File) -> str:
    """A whole file; ends with a line break."""
    lines = [f"hnas {file.version}"]
    for item in file.items:
        if isinstance(item, ast.Block | ast.Extern) or len(lines) == 1:
            lines.append("")
        lines += print_item(item)
    return "\n".join(lines) + "\n"


def print_item(item: ast.Item, indent: int = 0) -> list[str]:
    """The lines of one item, indented by `indent` columns."""
    space = " " * indent
    match item:
        case ast.Use(path):
            return [f"{space}use {print_expr(path)}"]
        case ast.Set(key, op, value):
            return _assignment(f"{space}{'.'.join(key)} {op} ", value, indent)
        case ast.Decl(kind, name, value):
            return _assignment(f"{space}{kind} {name} = ", value, indent)
        case ast.Define(kind, name, params, value):
            return _assignment(f"{space}{kind} {name}{_params(params)} = ", value, indent)
        case ast.Extern(kind, name, params, items):
            return _block(f"{space}extern {kind} {name}{_params(params)}", items, indent)
        case ast.Limit(word, value):
            return _assignment(f"{space}{word} ", value, indent)
        case ast.Block(kind, name, relation, at, items):
            head = space + kind + (f" {name}" if name is not None else "")
            head += f" {relation.word} {relation.name}" if relation is not None else ""
            head += f" at {_at_least(at, _POSTFIX)}" if at is not None else ""
            return _block(head, items, indent)
        case _:
            assert_never(item)


def print_expr(expr: ast.Expr | ast.Range) -> str:
    """An expression on one line; parentheses are added where the tree needs them."""
    match expr:
        case ast.Number(text):
            return text
        case ast.String(value):
            escaped = value.replace("\\", "\\\\").replace('"', '\\"')
            return f'"{escaped}"'
        case ast.Bool(value):
            return "true" if value else "false"
        case ast.Ref(name):
            return name
        case ast.Group(inner):
            return f"({print_expr(inner)})"
        case ast.Tuple(items):
            return f"({', '.join(map(print_expr, items))}{',' if len(items) == 1 else ''})"
        case ast.List(items):
            return f"[{', '.join(map(print_expr, items))}]"
        case ast.Range(low, high):
            return f"{_at_least(low, _SUM)}..{_at_least(high, _SUM)}"
        case ast.Map(entries):
            return _braces("", [f"{_at_least(e.key, _POSTFIX)}: {print_expr(e.value)}" for e in entries])
        case ast.Call(callee, args):
            return f"{_at_least(callee, _POSTFIX)}({_args(args)})"
        case ast.Choice(word, args, options):
            head = f"{word}({_args(args)}) " if args else f"{word} "
            return _braces(head, [_option(option) for option in options])
        case ast.Unary("-", operand):
            return f"-{_at_least(operand, _UNARY)}"
        case ast.Unary(_, operand):
            return f"not {_at_least(operand, _NOT)}"
        case ast.Binary(op, left, right):
            return _binary(op, left, right)
        case ast.IfElse(then, test, other):
            # `a if b else c -> d` reads as if the pipeline went on: the grammar ends it in `other`
            return f"{_at_least(then, _OR)} if {_at_least(test, _OR)} else {print_expr(other)}"
        case _:
            assert_never(expr)


def _binary(op: str, left: ast.Expr, right: ast.Expr) -> str:
    """Left-associative; comparisons do not chain, so both their sides bind tighter."""
    level = _LEVELS.get(op, _COMPARE)
    left_level = level + 1 if level == _COMPARE else level
    parts = [f"{op} {_at_least(right, level + 1)}"]
    while isinstance(left, ast.Binary) and _LEVELS.get(left.op) == level:
        parts.append(f"{left.op} {_at_least(left.right, level + 1)}")
        left = left.left
    return f"{_at_least(left, left_level)} {' '.join(reversed(parts))}"


def _level(expr: ast.Expr) -> int:
    match expr:
        case ast.IfElse():
            return _IF
        case ast.Binary(op):
            return _LEVELS.get(op, _COMPARE)
        case ast.Unary(op):
            return _UNARY if op == "-" else _NOT
        case ast.Call():
            return _POSTFIX
        case _:
            return _ATOM


def _at_least(expr: ast.Expr, level: int) -> str:
    text = print_expr(expr)
    return text if _level(expr) >= level else f"({text})"


def _braces(head: str, parts: Sequence[str]) -> str:
    return f"{head}{{ {', '.join(parts)} }}" if parts else f"{head}{{}}"


def _option(option: ast.Option) -> str:
    text = print_expr(option.value)
    return text if option.name is None else f"{option.name}: {text}"


def _args(args: tuple[ast.Arg, ...]) -> str:
    return ", ".join(
        f"{a.name} = {print_expr(a.value)}" if a.name is not None else print_expr(a.value) for a in args
    )


def _params(params: tuple[ast.Param, ...]) -> str:
    shown = [p.name if p.default is None else f"{p.name} = {print_expr(p.default)}" for p in params]
    return f"({', '.join(shown)})"


def _assignment(head: str, value: ast.Expr, indent: int) -> list[str]:
    """`head value`, a long pipeline or list broken into lines that are indented deeper."""
    line = head + print_expr(value)
    if len(line) <= WIDTH:
        return [line]
    deeper = " " * (indent + 4)
    if isinstance(value, ast.Binary) and value.op == "->":
        steps: list[str] = []
        chain: ast.Expr = value
        while isinstance(chain, ast.Binary) and chain.op == "->":
            steps.append(_at_least(chain.right, _SUM))
            chain = chain.left
        return [head + _at_least(chain, _PIPE), *(f"{deeper}-> {step}" for step in reversed(steps))]
    if isinstance(value, ast.List) and len(value.items) > 1:
        rows = [f"{deeper}{print_expr(item)}," for item in value.items]
        return [f"{head}[", *rows, " " * indent + "]"]
    if isinstance(value, ast.Choice) and not value.args:
        rows = [f"{deeper}{_option(option)}," for option in value.options]
        return [f"{head}{value.word} {{", *rows, " " * indent + "}"]
    return [line]


def _block(head: str, items: tuple[ast.Item, ...], indent: int) -> list[str]:
    if not items:
        return [f"{head} {{}}"]
    plain = all(isinstance(item, ast.Set | ast.Block) for item in items) and len(items) <= 4
    lines = [line for item in items for line in print_item(item, indent + 2)]
    one_line = f"{head} {{ {'  '.join(line.strip() for line in lines)} }}"
    if plain and len(lines) == len(items) and len(one_line) <= _ONE_LINE:
        return [one_line]
    found = [f"{head} {{"]
    for item in items:
        rows = print_item(item, indent + 2)
        if len(found) > 1 and (len(rows) > 1 and isinstance(item, ast.Block)):
            found.append("")
        found += rows
    return [*found, f"{' ' * indent}}}"]
