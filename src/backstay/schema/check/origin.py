"""Where in the program a class, one of its attributes, or a function is written."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable
from typing import Any, Final
from weakref import WeakKeyDictionary

from backstay.schema.rule import Place


def place_of(model: Any, attribute: str | None = None) -> Place | None:
    """Where a class is written, or the attribute in it or in a class it inherits from; None where no source is."""
    for owner in getattr(model, "__mro__", ()):
        if attribute is None or attribute in vars(owner):
            lines = _lines(owner)
            if lines is not None and (attribute is None or attribute in lines.attributes):
                return Place(lines.file, lines.attributes.get(attribute or "", lines.first))
    return None


def place_of_function(call: Callable[..., Any]) -> Place | None:
    """Where a function is written; None for what is none of Python's."""
    code = getattr(inspect.unwrap(call), "__code__", None)
    return None if code is None else Place(code.co_filename, code.co_firstlineno)


class _Lines:
    """The lines of a class: where it begins, and where each of its attributes is."""

    def __init__(self, file: str, first: int, source: str) -> None:
        self.file = file
        self.first = first
        self.attributes: dict[str, int] = {}
        (body,) = ast.parse(textwrap.dedent(source)).body
        assert isinstance(body, ast.ClassDef)
        for statement in body.body:
            for name in _names(statement):
                self.attributes.setdefault(name, first + statement.lineno - 1)


def _names(statement: ast.stmt) -> list[str]:
    match statement:
        case ast.AnnAssign(target=ast.Name(id=name)) | ast.FunctionDef(name=name):
            return [name]
        case ast.Assign(targets=targets):
            return [target.id for target in targets if isinstance(target, ast.Name)]
        case _:
            return []


_KNOWN: Final[WeakKeyDictionary[type[Any], _Lines | None]] = WeakKeyDictionary()


def _lines(owner: type[Any]) -> _Lines | None:
    if owner not in _KNOWN:
        _KNOWN[owner] = _read(owner)
    return _KNOWN[owner]


def _read(owner: type[Any]) -> _Lines | None:
    try:
        source, first = inspect.getsourcelines(owner)
        return _Lines(inspect.getsourcefile(owner) or "?", first, "".join(source))
    except (OSError, TypeError, SyntaxError, ValueError, AssertionError):
        return None
