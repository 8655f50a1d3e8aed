"""The arguments of a call of a database's function, as text that its types are read from."""

from __future__ import annotations

from typing import Any

from backstay.dialects.postgresql.types import spell
from backstay.errors import BodyError
from backstay.query.nodes import Call
from backstay.schema.kind.array import Array
from backstay.schema.kind.encode import half_surrogate, is_unicode, json_text
from backstay.schema.kind.texts import Foreign
from backstay.schema.served import SQLArgument, SQLFunction


def take_arguments(function: SQLFunction, query: Call) -> tuple[tuple[str, ...], dict[str, str | None]]:
    """The names of the arguments that a call gives, and their values.

    A function with one parameter that has no name takes the whole body.

    Arguments:
        function: what the call means.
        query: the call.

    Raises:
        DataFault, DatabaseFault: a value is not of its parameter's type.
        BodyError: the body is no text.
    """
    if [argument.name for argument in function.arguments] == [""]:
        return ("",), {"": _body(query, function.arguments[0])}
    given = query.arguments or {}
    chosen = [argument for argument in function.arguments if argument.name in given]
    values = {argument.name: _value(argument, given[argument.name], literal=query.literal) for argument in chosen}
    return tuple(values), values


def _body(query: Call, argument: SQLArgument) -> str | None:
    body = query.body or b""
    if argument.type == "bytea":
        return "\\x" + body.hex()
    try:
        return body.decode()
    except UnicodeDecodeError:
        raise BodyError from None


def is_foreign(argument: SQLArgument) -> bool:
    """Whether an argument is of a type that only the database knows (or an array of such), and has a name."""
    kind = argument.kind.of if isinstance(argument.kind, Array) else argument.kind
    return bool(argument.name) and isinstance(kind, Foreign)


def _value(argument: SQLArgument, value: Any, *, literal: bool) -> str | None:
    kind = argument.kind
    if is_foreign(argument):
        return _foreign(argument, value, literal=literal)
    if not literal:
        return spell(kind.take(value))
    if isinstance(kind, Array):
        texts = value if isinstance(value, list | tuple) else None
        if texts is None and argument.variadic and not value.startswith("{"):
            texts = [value]
        if texts is not None:
            return spell([kind.of.read(text) for text in texts])
    return spell(kind.read(value[-1] if isinstance(value, list | tuple) else value))


def _foreign(argument: SQLArgument, value: Any, *, literal: bool) -> str:
    """A value as JSON, from which the database reads rows as well as the texts of its own types."""
    if literal and isinstance(argument.kind, Array):
        if isinstance(value, str) and argument.variadic and not value.startswith("{"):
            value = [value]
    elif literal and isinstance(value, list):
        value = value[-1]
    text = json_text(value)
    if not is_unicode(text):
        raise half_surrogate()
    return text
