"""Functions in OpenAPI 3.1: what they take, and what their annotations or the database say of what they answer."""

from __future__ import annotations

from collections.abc import Sequence, Set
from types import NoneType
from typing import Any, Final, get_origin

import msgspec

from backstay.dialects.call.returned import Returned, read_returned
from backstay.frontends.rest.describe.types import openapi_type
from backstay.schema.exchange import Response
from backstay.schema.kind import Kind
from backstay.schema.relation import Name
from backstay.schema.served import Argument, Function, Schema, Shape, SQLArgument, SQLFunction

_JSON: Final = "application/json"
_RAW: Final = {bytes: ("application/octet-stream",), str: ("text/plain", "text/xml")}
_RAW_SQL: Final = {"bytea": "application/octet-stream", "text": "text/plain", "xml": "text/xml"}
"""The media types of the bodies that a parameter without a name takes, by its type."""

_VOID: Final = {"204": {"description": "Done: the function returns nothing"}}


def describe_call(function: Function, schema: Schema, offered: Set[Name]) -> dict[str, Any]:
    """The methods of a function of Python.

    Arguments:
        function: what is called.
        schema: whose resources it may answer with rows of.
        offered: the resources that the caller is told of.
    """
    arguments = function.arguments
    properties = _properties(arguments)
    returned = read_returned(function.returns, schema)
    responses = _VOID if function.returns is NoneType else _answers(_of_python(returned, offered))
    if Response in (function.returns, get_origin(function.returns)):
        # It says itself what it answers with.
        responses = {"2XX": {"description": "What the function returns", "content": {"*/*": {}}}, **_VOID}
    body = function.body
    if body is None:
        return _describe(function, arguments, properties, responses, reads=True)
    media = _RAW.get(body.type)
    content = {each: {} for each in media} if media else {_JSON: {"schema": _properties([body])[body.name]}}
    return _describe(function, (), {}, responses, reads=not body.required, content=content)


def describe_sql_call(function: SQLFunction, offered: Set[Name]) -> dict[str, Any]:
    """The methods of a function of the database; see :func:`describe_call`."""
    arguments = [each for each in function.arguments if each.name]
    properties = {each.name: openapi_type(each.kind, nullable=True) for each in arguments}
    responses = _VOID if function.shape is Shape.VOID else _answers(_of_database(function, offered))
    if function.media is not None:
        responses = {"200": {"description": "What the function returns", "content": {function.media: {}, _JSON: {}}}}
    if [each.name for each in function.arguments] == [""]:
        content: dict[str, Any] = {_RAW_SQL.get(function.arguments[0].type, _JSON): {}}
        return _describe(function, (), {}, responses, reads=False, content=content)
    return _describe(function, arguments, properties, responses, reads=not function.volatile)


def body_media(function: Function | SQLFunction) -> tuple[str, ...]:
    """The media types of the body that a function takes whole; none where it takes arguments by their names."""
    if isinstance(function, Function):
        return () if function.body is None else _RAW.get(function.body.type, (_JSON,))
    if [each.name for each in function.arguments] == [""]:
        return (_RAW_SQL.get(function.arguments[0].type, _JSON),)
    return ()


# What it takes -----------------------------------------------------------------------------------------------


def _properties(arguments: Sequence[Argument]) -> dict[str, Any]:
    types = [each.type for each in arguments]
    schemas, parts = msgspec.json.schema_components(
        types, schema_hook=_unknown, ref_template="#/components/schemas/{name}"
    )
    return {each.name: _inline(schema, parts) for each, schema in zip(arguments, schemas, strict=True)}


def _unknown(kind: type[Any]) -> dict[str, Any]:
    """The schema of a type that msgspec does not know: a model of pydantic's is an object."""
    return {"type": "object"} if hasattr(kind, "model_fields") else {}


def _describe(
    function: Function | SQLFunction,
    arguments: Sequence[Argument | SQLArgument],
    properties: dict[str, Any],
    responses: dict[str, Any],
    *,
    reads: bool,
    content: dict[str, Any] | None = None,
) -> dict[str, Any]:
    name = function.name[1]
    body: dict[str, Any] = {"type": "object", "properties": properties, "additionalProperties": False}
    required = [each.name for each in arguments if each.required]
    if required:
        body["required"] = required
    common: dict[str, Any] = {
        "tags": ["functions"],
        "summary": function.description.partition("\n")[0] or f"Call {name}",
        "description": function.description,
        "responses": {**responses, "default": {"$ref": "#/components/responses/error"}},
    }
    get = {
        **common,
        "operationId": f"get_rpc_{name}",
        "parameters": [_parameter(each, properties[each.name]) for each in arguments],
    }
    post = {
        **common,
        "operationId": f"post_rpc_{name}",
        "requestBody": {
            "required": bool(required) or (content is not None and not reads),
            "content": content or {_JSON: {"schema": body}},
        },
    }
    return {"get": get, "post": post} if reads else {"post": post}


def _parameter(argument: Argument | SQLArgument, schema: dict[str, Any]) -> dict[str, Any]:
    if any(each.get("type") in ("array", ["array", "null"]) for each in schema.get("anyOf", [schema])):
        schema = {"type": "string", "pattern": r"^\{.*\}$", "description": "An array: `{1,2}`"}
    return {"name": argument.name, "in": "query", "required": argument.required, "schema": schema}


def _inline(schema: dict[str, Any], parts: dict[str, Any]) -> dict[str, Any]:
    """A schema with the parts it refers to in their place."""
    reference = schema.get("$ref")
    return dict(parts[reference.rpartition("/")[2]]) if isinstance(reference, str) else schema


# What it answers ---------------------------------------------------------------------------------------------


def _answers(schema: dict[str, Any]) -> dict[str, Any]:
    return {
        "200": {"description": "What the function returns", "content": {_JSON: {"schema": schema}}},
        "206": {"description": "A part of it", "content": {_JSON: {"schema": schema}}},
    }


def _of_python(returned: Returned | None, offered: Set[Name]) -> dict[str, Any]:
    if returned is None:
        return {}
    if returned.served is not None:
        return _rows(_reference(returned.served.name, offered), many=returned.many)
    if returned.scalar:
        return _rows(openapi_type(returned.columns[0][1], nullable=True), many=returned.many)
    return _rows(_object(returned.columns), many=returned.many)


def _of_database(function: SQLFunction, offered: Set[Name]) -> dict[str, Any]:
    many = function.shape in (Shape.SET, Shape.ROWS)
    if function.shape in (Shape.SCALAR, Shape.SET):
        return _rows(openapi_type(function.kind, nullable=True), many=many)
    if function.resource is not None:
        return _rows(_reference(function.resource, offered), many=many)
    return _rows(_object(function.columns), many=many)


def _reference(name: Name, offered: Set[Name]) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name[1]}"} if name in offered else {"type": "object"}


def _object(columns: Sequence[tuple[str, Kind]]) -> dict[str, Any]:
    return {"type": "object", "properties": {name: openapi_type(kind, nullable=True) for name, kind in columns}}


def _rows(schema: dict[str, Any], *, many: bool) -> dict[str, Any]:
    if many:
        return {"type": "array", "items": schema}
    # Any function may answer null.
    return schema if "type" in schema and schema["type"] != "object" else {"anyOf": [schema, {"type": "null"}]}
