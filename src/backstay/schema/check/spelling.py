"""Rules written with Python's ``and``, ``or``, ``not``: it asks the truth of an expression, and drops a part unseen."""

from __future__ import annotations

import ast
import linecache
from collections.abc import Iterator
from functools import cache
from typing import Final

from backstay.schema.check.finding import Finding
from backstay.schema.rule import Place

_RULES: Final = ("select", "write", "insert", "update", "delete")
_INSTEAD: Final = {ast.And: ("and", "&"), ast.Or: ("or", "|")}


def pythonic_rules(place: Place) -> Iterator[Finding]:
    """Findings about how the rules of the declaration at a place are written, in the text of the program itself."""
    tree = _tree(place.file)
    if tree is None:
        return
    names = _assigned(tree)
    for call in _calls(tree, place.line):
        for keyword in call.keywords:
            if keyword.arg in _RULES:
                yield from _read(keyword.value, names, place.file, frozenset())


@cache
def _tree(file: str) -> ast.Module | None:
    source = "".join(linecache.getlines(file))
    try:
        return ast.parse(source) if source else None
    except SyntaxError:
        return None


def _calls(tree: ast.Module, line: int) -> list[ast.Call]:
    """The innermost call that spans a line and gives rules."""
    calls = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and node.lineno <= line <= (node.end_lineno or node.lineno)
        and any(keyword.arg in _RULES for keyword in node.keywords)
    ]
    return sorted(calls, key=lambda call: (call.end_lineno or 0) - call.lineno)[:1]


def _assigned(tree: ast.Module) -> dict[str, ast.expr]:
    """What the names of a module stand for, where they are assigned once."""
    found: dict[str, list[ast.expr]] = {}
    for statement in tree.body:
        match statement:
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                found.setdefault(name, []).append(value)
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                found.setdefault(name, []).append(value)
            case _:
                pass
    return {name: values[0] for name, values in found.items() if len(values) == 1}


def _read(node: ast.expr, names: dict[str, ast.expr], file: str, seen: frozenset[str]) -> Iterator[Finding]:
    """Walk a rule, through the names it uses."""
    match node:
        case ast.Name(id=name) if name in names and name not in seen:
            yield from _read(names[name], names, file, seen | {name})
        case ast.BoolOp(op=operator, values=values) if any(map(_is_sql, values[:-1])):
            word, sign = _INSTEAD[type(operator)]
            message = f"`{ast.unparse(node)}`: Python's `{word}` keeps one side and drops the other"
            yield Finding("BS104", message, f"Write `{sign}`, with each side in parentheses.", Place(file, node.lineno))
        case ast.UnaryOp(op=ast.Not(), operand=operand) if _is_sql(operand):
            message = f"`{ast.unparse(node)}` asks Python whether there is an expression"
            yield Finding("BS104", message, "Write `~(...)`.", Place(file, node.lineno))
        case ast.Compare(ops=operators) if len(operators) > 1:
            message = f"`{ast.unparse(node)}`: Python's chained comparison keeps only its last part"
            yield Finding(
                "BS104", message, "Write `.between(...)`, or two comparisons and `&`.", Place(file, node.lineno)
            )
        case ast.BinOp(left=left, right=right):
            yield from _read(left, names, file, seen)
            yield from _read(right, names, file, seen)
        case ast.UnaryOp(operand=operand):
            yield from _read(operand, names, file, seen)
        case ast.IfExp(body=body, orelse=orelse):
            yield from _read(body, names, file, seen)
            yield from _read(orelse, names, file, seen)
        case ast.Call(args=arguments, keywords=keywords):
            for each in (*arguments, *(keyword.value for keyword in keywords)):
                yield from _read(each, names, file, seen)
        case _:
            pass


def _is_sql(node: ast.expr) -> bool:
    """Whether Python text looks like an SQL expression: a comparison, an attribute of a class, or one of `&|~`."""
    match node:
        case ast.Compare() | ast.Name():
            return True
        case ast.BinOp(op=ast.BitAnd() | ast.BitOr()) | ast.UnaryOp(op=ast.Invert()):
            return True
        case ast.Attribute(value=value) | ast.Call(func=value):
            return _is_of_class(value)
        case ast.BoolOp(values=values):
            return any(map(_is_sql, values))
        case _:
            return False


def _is_of_class(node: ast.expr) -> bool:
    while isinstance(node, ast.Attribute | ast.Call | ast.Subscript):
        node = node.func if isinstance(node, ast.Call) else node.value
    return isinstance(node, ast.Name) and (node.id[:1].isupper() or node.id in ("me", "sa"))
