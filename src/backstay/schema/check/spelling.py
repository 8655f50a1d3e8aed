"""Rules written with Python's ``and``, ``or``, ``not``: it asks the truth of an expression, and drops a part unseen."""

from __future__ import annotations

import ast
import linecache
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from backstay.schema.check.finding import Finding
from backstay.schema.rule import Place

_RULES: Final = ("select", "write", "insert", "update", "delete")
_INSTEAD: Final = {ast.And: ("and", "&"), ast.Or: ("or", "|")}


@dataclass(frozen=True, slots=True)
class _Program:
    """The text of a program, as far as it is read here.

    Arguments:
        calls: the calls that give rules.
        names: what the names of a module stand for, where they are assigned once.
    """

    calls: tuple[ast.Call, ...]
    names: dict[str, ast.expr]


class Spelling:
    """How the rules of declarations are written; every file is read once, and forgotten with this."""

    def __init__(self) -> None:
        self._programs: dict[str, _Program | None] = {}

    def pythonic_rules(self, place: Place) -> Iterator[Finding]:
        """Findings about how the rules of the declaration at a place are written, in the program's own text."""
        if place.file not in self._programs:
            self._programs[place.file] = _read(place.file)
        program = self._programs[place.file]
        if program is None:
            return
        reading = _Reading(program.names, place.file)
        for call in _innermost(program.calls, place.line):
            for keyword in call.keywords:
                if keyword.arg in _RULES:
                    yield from reading.read(keyword.value)


def _read(file: str) -> _Program | None:
    source = "".join(linecache.getlines(file))
    try:
        tree = ast.parse(source) if source else None
    except SyntaxError:
        return None
    return None if tree is None else _Program(tuple(_calls(tree)), _assigned(tree))


def _calls(tree: ast.Module) -> Iterator[ast.Call]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and any(keyword.arg in _RULES for keyword in node.keywords):
            yield node


def _innermost(calls: Sequence[ast.Call], line: int) -> list[ast.Call]:
    """The innermost of calls that span a line."""
    spanning = [call for call in calls if call.lineno <= line <= (call.end_lineno or call.lineno)]
    return sorted(spanning, key=lambda call: (call.end_lineno or 0) - call.lineno)[:1]


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


class _Reading:
    """One rule being read: what names stand for, and the file it is written in."""

    def __init__(self, names: dict[str, ast.expr], file: str) -> None:
        self.names = names
        self.file = file

    def read(self, node: ast.expr, *, inside: bool = False, seen: frozenset[str] = frozenset()) -> Iterator[Finding]:
        """Walk an expression, through the names it uses.

        Arguments:
            node: the expression.
            inside: whether it is an argument of a call, where any Python may stand.
            seen: the names it was reached through.
        """
        found = self.fault(node, inside)
        if found is not None:
            yield self.finding(node, *found)
            return
        if isinstance(node, ast.Name):
            if node.id in self.names and node.id not in seen:
                yield from self.read(self.names[node.id], inside=inside, seen=seen | {node.id})
            return
        for part in _parts(node):
            yield from self.read(part, inside=inside or isinstance(node, ast.Call), seen=seen)

    def fault(self, node: ast.expr, inside: bool) -> tuple[str, str] | None:
        """What is wrong with an expression itself, and what to write instead."""
        match node:
            case ast.BoolOp(op=operator, values=values) if any(self.is_sql(each, inside) for each in values[:-1]):
                word, sign = _INSTEAD[type(operator)]
                why = f"Python's `{word}` keeps one side and drops the other"
                return f": {why}", f"Write `{sign}`, with each side in parentheses."
            case ast.UnaryOp(op=ast.Not(), operand=operand) if self.is_sql(operand, inside):
                return " asks Python whether there is an expression", "Write `~(...)`."
            case ast.Compare(ops=operators) if len(operators) > 1:
                why = "Python's chained comparison keeps only one of its parts"
                return f": {why}", "Write `.between(...)`, or two comparisons and `&`."
            case _:
                return None

    def finding(self, node: ast.expr, message: str, hint: str) -> Finding:
        """The finding about an expression."""
        return Finding("BS104", f"`{ast.unparse(node)}`{message}", hint, Place(self.file, node.lineno))

    def is_sql(self, node: ast.expr, inside: bool) -> bool:
        """Whether Python text looks like an SQL expression: a comparison, an attribute of a class, one of `&|~`."""
        match node:
            case ast.Name(id=name):
                meant = self.names.get(name)
                # A name for names is not followed: it may be one for itself.
                is_clear = meant is not None and not isinstance(meant, ast.Name | ast.BoolOp)
                return self.is_sql(meant, inside) if meant is not None and is_clear else not inside
            case ast.BinOp(op=ast.BitAnd() | ast.BitOr()) | ast.UnaryOp(op=ast.Invert()):
                return True
            case ast.Compare(left=left):
                return not inside or _is_of_class(left)
            case ast.Attribute(value=value) | ast.Call(func=value):
                return _is_of_class(value)
            case ast.BoolOp(values=values):
                return any(self.is_sql(each, inside) for each in values)
            case _:
                return False


def _parts(node: ast.expr) -> list[ast.expr]:
    """The expressions that an expression is made of, as far as they are part of a rule."""
    match node:
        case ast.BinOp(left=left, right=right):
            return [left, right]
        case ast.UnaryOp(operand=operand):
            return [operand]
        case ast.IfExp(body=body, orelse=orelse):
            return [body, orelse]
        case ast.Call(args=arguments, keywords=keywords):
            return [*arguments, *(keyword.value for keyword in keywords)]
        case _:
            return []


def _is_of_class(node: ast.expr) -> bool:
    while isinstance(node, ast.Attribute | ast.Call | ast.Subscript):
        node = node.func if isinstance(node, ast.Call) else node.value
    return isinstance(node, ast.Name) and (node.id[:1].isupper() or node.id in ("me", "sa"))
