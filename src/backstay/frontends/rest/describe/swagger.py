"""``swagger(offer, info, labels) -> document``: the description in Swagger 2.0, with PostgREST's keys and notes.

Clients read the primary and foreign keys of a table out of the notes, so they stand there to the letter.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, TypeAlias
from urllib.parse import quote

from backstay.dialects.call.labels import Labels
from backstay.frontends.rest.describe.annotation import kind_of_annotation
from backstay.frontends.rest.describe.calls import body_media
from backstay.frontends.rest.describe.default import default_of
from backstay.frontends.rest.describe.offer import Offer
from backstay.frontends.rest.describe.types import swagger_type
from backstay.frontends.rest.media import Media
from backstay.schema.column import Column
from backstay.schema.kind import Kind
from backstay.schema.kind.array import Array
from backstay.schema.relation import Name, Relation
from backstay.schema.served import Argument, Function, Served, SQLArgument, SQLFunction

Document: TypeAlias = dict[str, Any]
Arguments: TypeAlias = Sequence[tuple[Argument | SQLArgument, Kind]]

OPENAPI: Final = "application/openapi+json"
_OBJECTS: Final = (f"{Media.OBJECT.value};nulls=stripped", Media.OBJECT.value)
_MEDIA: Final = (Media.JSON.value, *_OBJECTS, Media.CSV.value)
_PREFER: Final[Mapping[str, tuple[str, ...]]] = {
    "preferParams": (),
    "preferReturn": ("return=representation", "return=minimal", "return=none"),
    "preferCount": ("count=none",),
    "preferPost": (
        "return=representation",
        "return=minimal",
        "return=none",
        "resolution=ignore-duplicates",
        "resolution=merge-duplicates",
    ),
}
_SHARED: Final[Mapping[str, Document]] = {
    "select": {"name": "select", "description": "Filtering Columns", "in": "query"},
    "on_conflict": {"name": "on_conflict", "description": "On Conflict", "in": "query"},
    "order": {"name": "order", "description": "Ordering", "in": "query"},
    "range": {"name": "Range", "description": "Limiting and Pagination", "in": "header"},
    "rangeUnit": {
        "name": "Range-Unit",
        "description": "Limiting and Pagination",
        "in": "header",
        "default": "items",
    },
    "offset": {"name": "offset", "description": "Limiting and Pagination", "in": "query"},
    "limit": {"name": "limit", "description": "Limiting and Pagination", "in": "query"},
}
_READING: Final = ("select", "order", "range", "rangeUnit", "offset", "limit", "preferCount")


def swagger(offer: Offer, info: Mapping[str, str], labels: Labels) -> Document:
    """The document, without the host that it is asked of.

    Arguments:
        offer: what the caller may call.
        info: title, version and description.
        labels: of the members of enumerations.
    """
    resources = [served for served, _ in offer.resources]
    paths = {"/": _ROOT}
    paths |= {f"/{served.name[1]}": _path(served, methods) for served, methods in offer.resources}
    paths |= {f"/rpc/{each.name[1]}": _call_database(each) for each in offer.sql_functions}
    paths |= {f"/rpc/{each.name[1]}": _call(each, labels) for each in offer.functions}
    return {
        "swagger": "2.0",
        "info": dict(info),
        "paths": paths,
        "definitions": {served.name[1]: _definition(served, offer.names) for served in resources},
        "parameters": dict(_parameters(resources)),
        "consumes": list(_MEDIA),
        "produces": list(_MEDIA),
    }


_ROOT: Final[Document] = {
    "get": {
        "tags": ["Introspection"],
        "summary": "OpenAPI description (this document)",
        "produces": [OPENAPI, Media.JSON.value],
        "responses": {"200": {"description": "OK"}},
    }
}


# Definitions -------------------------------------------------------------------------------------------------


def columns_of(served: Served) -> list[Column]:
    """The columns of a row as it comes unasked: all but those that only their name selects."""
    return [column for column in served.visible.values() if column.starred]


def _definition(served: Served, offered: frozenset[Name]) -> Document:
    columns = columns_of(served)
    found: Document = {"description": served.comment} if served.comment else {}
    required = [column.name for column in columns if not column.nullable]
    if required:
        found["required"] = required
    keys = _foreign_keys(served, offered)
    found["properties"] = {column.name: _property(column, keys.get(column.name)) for column in columns}
    found["type"] = "object"
    return found


def _foreign_keys(served: Served, offered: frozenset[Name]) -> dict[str, tuple[str, str]]:
    """The columns that are a foreign key by themselves, and what each refers to: a table rather than a view of it."""
    found: dict[str, tuple[str, str]] = {}
    for relation in sorted(served.relations, key=_is_to_view):
        if relation.owning and len(relation.pairs) == 1 and relation.target in offered:
            ((ours, theirs),) = relation.pairs
            found.setdefault(ours, (relation.target[1], theirs))
    return found


def _is_to_view(relation: Relation) -> bool:
    return relation.to_view


def _property(column: Column, reference: tuple[str, str] | None) -> Document:
    notes = ["This is a Primary Key.<pk/>"] if column.primary else []
    if reference is not None:
        table, theirs = reference
        notes.append(f"This is a Foreign Key to `{table}.{theirs}`.<fk table='{table}' column='{theirs}'/>")
    parts = [column.comment] if column.comment else []
    if notes:
        parts.append("\n".join(("Note:", *notes)))
    found: Document = {"description": "\n\n".join(parts)} if parts else {}
    for value in default_of(column):
        found["default"] = value
    found |= swagger_type(column.kind)
    if column.readonly or column.generated:
        found["readOnly"] = True
    return found


# Parameters --------------------------------------------------------------------------------------------------


def _parameters(resources: Sequence[Served]) -> Iterator[tuple[str, Document]]:
    for name, values in _PREFER.items():
        prefer: Document = {"name": "Prefer", "description": "Preference", "required": False, "in": "header"}
        yield name, {**prefer, "type": "string", **({"enum": list(values)} if values else {})}
    for name, shared in _SHARED.items():
        yield name, {**shared, "required": False, "type": "string"}
    for served in resources:
        name = served.name[1]
        body = {"name": name, "description": name, "required": False, "in": "body"}
        yield f"body.{name}", {**body, "schema": _reference("definitions", name)}
        for column in columns_of(served):
            described = {"description": column.comment} if column.comment else {}
            where = {"name": column.name, **described, "required": False, "in": "query", "type": "string"}
            yield f"rowFilter.{name}.{column.name}", where


def _reference(kind: str, name: str) -> Document:
    pointer = quote(name.replace("~", "~0").replace("/", "~1"), safe="!$&'()*+,;=:@-._~")
    return {"$ref": f"#/{kind}/{pointer}"}


# Resources ---------------------------------------------------------------------------------------------------


def _path(served: Served, methods: Sequence[str]) -> Document:
    name = served.name[1]
    filters = [f"rowFilter.{name}.{column.name}" for column in columns_of(served)]
    rows = {"type": "array", "items": _reference("definitions", name)}
    told: dict[str, tuple[Sequence[str], Document]] = {
        "get": (
            (*filters, *_READING),
            {"200": {"description": "OK", "schema": rows}, "206": {"description": "Partial Content"}},
        ),
        "post": ((f"body.{name}", "select", "preferPost"), {"201": {"description": "Created"}}),
        "patch": ((*filters, f"body.{name}", "preferReturn"), {"204": {"description": "No Content"}}),
        "delete": ((*filters, "preferReturn"), {"204": {"description": "No Content"}}),
    }
    common = {"tags": [name], **_summary(served.comment)}
    return {
        method: {
            **common,
            "parameters": [_reference("parameters", each) for each in told[method][0]],
            "responses": told[method][1],
        }
        for method in methods
    }


def _summary(comment: str | None) -> Document:
    """The first line, and the rest."""
    first, _, rest = (comment or "").partition("\n")
    found = {"summary": first, "description": rest.lstrip("\n")}
    return {key: text for key, text in found.items() if text}


# Functions ---------------------------------------------------------------------------------------------------


def _call(function: Function, labels: Labels) -> Document:
    if function.body is not None:
        whole = swagger_type(kind_of_annotation(function.body.type, labels))
        return _function(function, (), whole, reads=not function.body.required)
    kinds = [(each, kind_of_annotation(each.type, labels)) for each in function.arguments]
    return _function(function, kinds, _object(function, kinds), reads=True)


def _call_database(function: SQLFunction) -> Document:
    if body_media(function):
        return _function(function, (), swagger_type(function.arguments[0].kind), reads=False)
    kinds = [(each, each.kind) for each in function.arguments if each.name]
    return _function(function, kinds, _object(function, kinds), reads=not function.volatile)


def _function(function: Function | SQLFunction, arguments: Arguments, schema: Document, *, reads: bool) -> Document:
    common: Document = {
        "tags": [f"(rpc) {function.name[1]}"],
        **_summary(function.description),
        "produces": [Media.JSON.value, *_OBJECTS],
        "responses": {"200": {"description": "OK"}},
    }
    body = {"name": "args", "required": True, "in": "body", "schema": schema}
    post = {**common, "parameters": [body, _reference("parameters", "preferParams")]}
    if media := body_media(function):
        post["consumes"] = list(media)
    get = {**common, "parameters": [_argument(argument, kind) for argument, kind in arguments]}
    return {"get": get, "post": post} if reads else {"post": post}


def _object(function: Function | SQLFunction, arguments: Arguments) -> Document:
    """The body that has the arguments by their names."""
    found: Document = {"description": function.description} if function.description else {}
    required = [argument.name for argument, _ in arguments if argument.required]
    if required:
        found["required"] = required
    return found | {"properties": {each.name: swagger_type(kind) for each, kind in arguments}, "type": "object"}


def _argument(argument: Argument | SQLArgument, kind: Kind) -> Document:
    found: Document = {"name": argument.name, "required": argument.required, "in": "query"}
    if isinstance(kind, Array):
        if argument.variadic:
            return {**found, "type": "array", "items": _plain(kind.of), "collectionFormat": "multi"}
        # An array's literal in braces is a text.
        return {**found, "type": "string", "format": swagger_type(kind)["format"]}
    return {**found, **_plain(kind)}


def _plain(kind: Kind) -> Document:
    """A kind as a parameter in the query string is told, which must have a type."""
    return {"type": "string", **{key: value for key, value in swagger_type(kind).items() if key != "maxLength"}}
