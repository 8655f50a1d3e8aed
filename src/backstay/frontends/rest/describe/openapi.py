"""``openapi(offer, info) -> document``: the description in OpenAPI 3.1."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from backstay.frontends.rest.describe.calls import describe_call, describe_sql_call
from backstay.frontends.rest.describe.offer import Offer
from backstay.frontends.rest.describe.types import openapi_type
from backstay.frontends.rest.media import Media
from backstay.query.operators import OPERATORS, Takes
from backstay.schema.column import Column
from backstay.schema.relation import Name, Relation
from backstay.schema.served import Schema, Served

_JSON: Final = "application/json"
_ELSEWHERE: Final = (Takes.CONTAINER, Takes.RANGE, Takes.TERMS)
"""What only some columns of some databases can be asked."""
_OPERATOR: Final = "|".join(each.name for each in OPERATORS.values())
_FILTER: Final = rf"^(not\.)?({_OPERATOR})(\(\w+\))?\."
_TREE: Final = r"^[ \t]*\(.+\)[ \t]*$"
_ERROR: Final = {
    "type": "object",
    "required": ["code", "message", "details", "hint"],
    "properties": {
        "code": {"type": "string"},
        "message": {"type": "string"},
        "details": {},
        "hint": {"type": ["string", "null"]},
    },
}
_SHARED: Final[dict[str, dict[str, Any]]] = {
    "select": {"description": "Columns and embeds: `id,title,company(name)`", "schema": {"type": "string"}},
    "order": {"description": "`column.desc.nullslast,other`", "schema": {"type": "string", "minLength": 1}},
    "limit": {"description": "At most so many rows", "schema": {"type": "integer", "minimum": 0}},
    "offset": {"description": "Skip so many rows", "schema": {"type": "integer", "minimum": 0}},
    "or": {"description": "`(a.eq.1,b.gt.2)`: one of them holds", "schema": {"type": "string", "pattern": _TREE}},
    "and": {"description": "`(a.eq.1,b.gt.2)`: all of them hold", "schema": {"type": "string", "pattern": _TREE}},
    "columns": {"description": "Which keys of the body to take", "schema": {"type": "string", "minLength": 1}},
    "on_conflict": {"description": "Columns that tell a duplicate", "schema": {"type": "string"}},
}


def openapi(offer: Offer, schema: Schema, info: Mapping[str, str], *, open: Offer | None = None) -> dict[str, Any]:
    """The OpenAPI document.

    Arguments:
        offer: what the caller may call.
        schema: what is served to anybody.
        info: title and version.
        open: what whoever shows no key may call; None: nothing.
    """
    names = offer.names
    resources = [served for served, _ in offer.resources]
    freely = {} if open is None else {served.name: methods for served, methods in open.resources}
    paths = {
        f"/{served.name[1]}": _path(served, methods, freely.get(served.name, ())) for served, methods in offer.resources
    }
    paths |= {f"/rpc/{each.name[1]}": describe_sql_call(each, names) for each in offer.sql_functions}
    paths |= {f"/rpc/{each.name[1]}": describe_call(each, schema, names) for each in offer.functions}
    return {
        "openapi": "3.1.0",
        "info": dict(info),
        "servers": [{"url": "/rest/v1"}],
        "security": _KEYS if open is None else [*_KEYS, {}],
        "paths": paths,
        "components": {
            "schemas": {
                **{served.name[1]: _row(served, names) for served in resources},
                **{f"{served.name[1]}.insert": _body(served, inserting=True) for served in resources},
                **{f"{served.name[1]}.update": _body(served, inserting=False) for served in resources},
                "error": _ERROR,
            },
            "parameters": {name: {"name": name, "in": "query", **each} for name, each in _SHARED.items()},
            "securitySchemes": {
                "apikey": {"type": "apiKey", "in": "header", "name": "apikey"},
                "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
            },
            "responses": {
                "error": {
                    "description": "What was wrong",
                    "content": {_JSON: {"schema": {"$ref": "#/components/schemas/error"}}},
                }
            },
        },
    }


# Resources ---------------------------------------------------------------------------------------------------


def _path(served: Served, operations: Sequence[str], open: Sequence[str]) -> dict[str, Any]:
    name = served.name[1]
    filters = [_filter(column) for column in served.visible.values()]
    shared = [_parameter(each) for each in ("select", "order", "limit", "offset", "or", "and")]
    rows = {"type": "array", "items": {"$ref": f"#/components/schemas/{name}"}}
    described: dict[str, dict[str, Any]] = {
        "get": {
            "summary": f"Select rows of {name}",
            "parameters": [*filters, *shared],
            "responses": _responses(rows),
        },
        "post": {
            "summary": f"Insert rows into {name}",
            "parameters": [_parameter("select"), _parameter("columns"), _parameter("on_conflict"), _PREFER],
            "requestBody": _request(f"{name}.insert", many=True),
            "responses": _INSERTED,
        },
        "put": {
            "summary": f"Insert or replace the row of {name} that the primary key names",
            "parameters": [*[_equals(served.columns[key]) for key in served.key], _parameter("select"), _PREFER],
            "requestBody": _request(f"{name}.insert", many=False),
            "responses": {**_INSERTED, "204": {"description": "Done; no row was asked back"}},
        },
        "patch": {
            "summary": f"Update rows of {name}",
            "parameters": [*filters, _parameter("select"), _parameter("or"), _parameter("and"), _PREFER],
            "requestBody": _request(f"{name}.update", many=False),
            "responses": _responses(rows),
        },
        "delete": {
            "summary": f"Delete rows of {name}",
            "parameters": [*filters, _parameter("select"), _parameter("or"), _parameter("and"), _PREFER],
            "responses": _responses(rows),
        },
    }
    common: dict[str, Any] = {"tags": [name]}
    if served.comment:
        common["description"] = served.comment
    return {
        method: {
            **described[method],
            **common,
            "operationId": f"{method}_{name}",
            **({} if method in _with_put(open, served) else {"security": _KEYS}),
        }
        for method in _with_put(operations, served)
    }


def _with_put(operations: Sequence[str], served: Served) -> Sequence[str]:
    """Whoever may insert and update may do either as it turns out, where a key tells which."""
    return [*operations, "put"] if served.key and {"post", "patch"} <= set(operations) else operations


_KEYS: Final[list[dict[str, list[str]]]] = [{"apikey": []}, {"bearer": []}]
_INSERTED: Final = {
    # Without Prefer the answer has no body, which OpenAPI cannot say of a status that may have one.
    "201": {"description": "Inserted; with `Prefer: return=representation` the rows"},
    "200": {"description": "An upsert that inserted nothing; with `Prefer: return=representation` the rows"},
    "default": {"$ref": "#/components/responses/error"},
}
_PREFER: Final = {
    "name": "Prefer",
    "in": "header",
    "description": "`return=representation`, `count=exact`, `resolution=merge-duplicates`, ...",
    "schema": {"type": "string"},
}


def _parameter(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/parameters/{name}"}


def _filter(column: Column) -> dict[str, Any]:
    operators = ", ".join(each.name for each in OPERATORS.values() if each.takes not in _ELSEWHERE)
    return {
        "name": column.name,
        "in": "query",
        "description": f"A filter: `eq.value`; operators: {operators}",
        "schema": {"type": "string", "pattern": _FILTER},
    }


def _equals(column: Column) -> dict[str, Any]:
    return {
        "name": column.name,
        "in": "query",
        "required": True,
        "description": "The row's key: `eq.value`",
        "schema": {"type": "string", "pattern": r"^eq\."},
    }


def _request(name: str, *, many: bool) -> dict[str, Any]:
    one: dict[str, Any] = {"$ref": f"#/components/schemas/{name}"}
    schema = {"oneOf": [one, {"type": "array", "items": one}]} if many else one
    return {"required": True, "content": {_JSON: {"schema": schema}}}


def _responses(schema: dict[str, Any]) -> dict[str, Any]:
    text = {"schema": {"type": "string"}}
    content = {_JSON: {"schema": schema}, Media.CSV.value: text, Media.LINES.value: text}
    return {
        "200": {"description": "The rows", "content": content},
        "204": {"description": "Done; no rows were asked back"},
        "206": {"description": "A part of the rows", "content": content},
        "default": {"$ref": "#/components/responses/error"},
    }


def _row(served: Served, offered: frozenset[Name]) -> dict[str, Any]:
    properties = {column.name: _property(column) for column in served.visible.values()}
    for key, relation in _embeds(served, offered):
        target: dict[str, Any] = {"$ref": f"#/components/schemas/{relation.target[1]}"}
        one = {"anyOf": [target, {"type": "null"}]}
        properties[key] = one if relation.cardinality.to_one else {"type": "array", "items": target}
    return {"type": "object", "properties": properties}


def _embeds(served: Served, offered: frozenset[Name]) -> Iterator[tuple[str, Relation]]:
    for relation in served.relations:
        if relation.target in offered:
            key = relation.attribute or relation.target[1]
            if key not in served.visible:
                yield key, relation


def _body(served: Served, *, inserting: bool) -> dict[str, Any]:
    columns = [
        column for column in served.visible.values() if column.stored and not column.generated and not column.readonly
    ]
    body: dict[str, Any] = {
        "type": "object",
        "properties": {column.name: _property(column) for column in columns},
        "additionalProperties": False,
    }
    required = [column.name for column in columns if column.required]
    if inserting and required:
        body["required"] = required
    return body


def _property(column: Column) -> dict[str, Any]:
    found = openapi_type(column.kind, nullable=column.nullable)
    notes = [column.comment] if column.comment else []
    if column.primary:
        notes.append("Primary key.")
    if notes:
        found["description"] = " ".join(notes)
    if column.readonly or column.generated:
        found["readOnly"] = True
    return found
