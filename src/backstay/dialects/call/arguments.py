"""``take_arguments(function, query, caller)``: what a function of Python is called with."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from inspect import Parameter
from typing import Any, Final

import msgspec

from backstay.dialects.call.convert import convert
from backstay.dialects.call.find import takes_text
from backstay.dialects.call.labels import Labels
from backstay.errors import BodyError, DatabaseFault
from backstay.query.nodes import Call
from backstay.schema.caller import Caller
from backstay.schema.exchange import Request
from backstay.schema.served import Argument, Function

_JSON: Final = msgspec.json.Decoder(float_hook=Decimal)


def take_arguments(function: Function, query: Call, caller: Caller, labels: Labels) -> tuple[list[Any], dict[str, Any]]:
    """The arguments by their places (the session, which comes first, left out) and those by their names.

    Arguments:
        function: what the call means.
        query: the call.
        caller: who calls.
        labels: of the members of enumerations.

    Raises:
        DataFault, DatabaseFault: a value is not what the annotation asks for.
        BodyError: the body is no text, or no JSON.
    """
    values = {**_known(function, query, caller), **_given(function, query, labels)}
    # What stands before `*values` can only be given by its place.
    variadic = any(argument.variadic for argument in function.arguments)
    named = (Parameter.KEYWORD_ONLY, *(() if variadic else (Parameter.POSITIONAL_OR_KEYWORD,)))
    places: list[Any] = []
    names: dict[str, Any] = {}
    for parameter in function.parameters:
        if parameter.kind is parameter.VAR_POSITIONAL:
            places += values.get(parameter.name, ())
        elif parameter.kind not in named:
            places.append(values.get(parameter.name, parameter.default))
        elif parameter.name in values:
            names[parameter.name] = values[parameter.name]
    return places, names


def _known(function: Function, query: Call, caller: Caller) -> Mapping[str, Any]:
    return {name: caller if kind is Caller else _request(query) for name, kind in function.known.items()}


def _request(query: Call) -> Request:
    return query.request or Request("GET" if query.readonly else "POST", f"/rpc/{query.function}")


def _given(function: Function, query: Call, labels: Labels) -> Mapping[str, Any]:
    given = query.arguments or {}
    body = function.body
    if body is not None:
        if query.readonly:
            return {}
        return {body.name: _body(body, query, labels)}
    return {
        argument.name: convert(
            _value(argument, given[argument.name], query), argument.type, labels, literal=query.literal
        )
        for argument in function.arguments
        if argument.name in given
    }


def _value(argument: Argument, value: Any, query: Call) -> Any:
    """One value in a URL for a parameter that takes many, as many."""
    one = argument.variadic and query.literal and isinstance(value, str) and not value.startswith("{")
    return [value] if one else value


def _body(argument: Argument, query: Call, labels: Labels) -> Any:
    body = query.body or b""
    if query.media is None:
        try:
            return convert(_JSON.decode(body), argument.type, labels)
        except ValueError:
            raise BodyError from None
    return _text(body) if takes_text(argument.type) else body


def _text(body: bytes) -> str:
    if b"\0" in body:
        raise DatabaseFault('invalid byte sequence for encoding "UTF8": 0x00', state="22021")
    try:
        return body.decode()
    except UnicodeDecodeError:
        raise BodyError('invalid byte sequence for encoding "UTF8"') from None
