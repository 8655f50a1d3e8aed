"""``parse(request, settings) -> Asked``: what a request to PostgREST's wire asks for.

The checks come in the wire's order: path, schema, method, query string, ranges, body. What needs the schema is looked
up later, by ``plan.resolve``; what concerns the answer (media type, preferences) comes after that, so it is only noted.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final, TypeAlias
from urllib.parse import unquote

from backstay.dialects.local import request_of
from backstay.errors import (
    CallMethodNotAllowed,
    DatabaseFault,
    MethodNotAllowed,
    NotEmbedded,
    PutRange,
    RequestError,
    UnknownPath,
    UnknownSchema,
)
from backstay.frontends.http import Request, Spooled
from backstay.frontends.rest.asked import Asked, Target
from backstay.frontends.rest.body import JSON, content_type, gather, read_arguments, read_rows
from backstay.frontends.rest.grammar.embed import Level, attach, relate
from backstay.frontends.rest.grammar.parameters import Parameters, read_pairs, read_parameters
from backstay.frontends.rest.grammar.scan import Budget
from backstay.frontends.rest.long.rows import read_long_rows
from backstay.frontends.rest.media import ANY, Format, read_accept, unacceptable, verify_format
from backstay.frontends.rest.page import ALL, read_page
from backstay.frontends.rest.prefer import NOTHING, Preferences, Returning, read_preferences, verify_preferences
from backstay.query.batched import Batched
from backstay.query.nodes import Call, Delete, Insert, Item, Missing, Order, Page, Query, Resolution, Select, Update
from backstay.settings import Settings

Write: TypeAlias = Insert | Update | Delete

_READS: Final = frozenset({"GET", "HEAD"})
_PROFILED: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"})
CALL_METHODS: Final = ("OPTIONS", "GET", "HEAD", "POST")


def parse(request: Request, settings: Settings) -> Asked:
    """Read a request for rows or for a function's answer.

    OPTIONS, and the root ``/``, ask for no query: they are answered before this.

    Arguments:
        request: its path stands without the front end's prefix: ``/notes``, ``/rpc/name``.
        settings: ``schemas``, ``max_depth``, ``max_items``, ``require_where``,
            ``transaction_override``, ``plan_media`` and ``legacy_target_names`` count here.

    Raises:
        RequestError: one of its subclasses, and nothing else, whatever the request.
    """
    target = locate(request.path)
    schema, profile = choose_schema(request, settings)
    _check_method(request.method, target)
    pairs = read_pairs(request.query)
    budget = Budget(settings.max_depth, settings.max_items)
    reading = request.method in _READS
    read = read_parameters(pairs, budget, calling=target.function and reading)
    read.renamed = {} if settings.legacy_target_names else None
    page = read_page(
        read.root.limit, read.root.offset, request.headers.get("range") if request.method == "GET" else None
    )
    if request.method == "PUT" and page != ALL:
        raise PutRange
    preferences = read_preferences(request.headers.get("prefer"), override=settings.transaction_override)
    form = read_accept(request.headers.get("accept"), plans=settings.plan_media)
    query: Query
    try:
        if target.function:
            query = _call(request, target.name, schema, read, page, preferences, form)
        elif reading:
            items, order = _shown(read)
            query = Select(target.name, schema, items, tuple(read.root.where), order, page, preferences.count)
        else:
            query = _write(request, target.name, schema, read, preferences, budget)
    except NotEmbedded as refusal:
        return Asked(_named(request, target, schema, read), refusal=refusal)
    wrong = _refusal(query, preferences, form, settings)
    return Asked(
        query,
        preferences,
        form,
        request.method == "HEAD",
        profile,
        pairs,
        wrong,
        renamed=tuple((read.renamed or {}).items()),
        local=request_of(request) if settings.database_roles else (),
    )


# Path, schema, method ----------------------------------------------------------------------------------------


def locate(path: str) -> Target:
    """What a path names: ``/notes`` a resource, ``/rpc/name`` a function.

    Raises:
        UnknownPath: it is of neither form.
    """
    segments = path.removeprefix("/").split("/")
    function = len(segments) == 2 and segments[0] == "rpc"
    if len(segments) != 1 and not function:
        raise UnknownPath
    name = segments[-1]
    try:
        if not name.isascii():
            name.encode("utf-8")
        name = unquote(name, errors="strict") if "%" in name else name
    except UnicodeError:
        raise UnknownPath from None
    if not name or "\0" in name:
        raise UnknownPath
    return Target(name, function)


def choose_schema(request: Request, settings: Settings) -> tuple[str, str | None]:
    """The schema that is asked, and how the answer names it (None: not at all).

    Raises:
        UnknownSchema: a profile header names another than those that are served.
    """
    header = "accept-profile" if request.method in _PROFILED else "content-profile"
    asked = request.headers.get(header)
    schemas = settings.schemas
    if asked is None:
        return schemas[0], schemas[0] if len(schemas) > 1 else None
    if asked in schemas:
        return asked, asked
    if asked == "public":
        # The official clients name `public` when nobody told them otherwise: it always means the default schema.
        return schemas[0], schemas[0]
    raise UnknownSchema(
        f"Invalid schema: {asked}", hint=f"Only the following schemas are exposed: {', '.join(schemas)}"
    )


def _check_method(method: str, target: Target) -> None:
    if target.function and method not in CALL_METHODS:
        raise CallMethodNotAllowed(f"Cannot use the {method} method on RPC", allow=CALL_METHODS)
    if method not in _METHODS:
        raise MethodNotAllowed(f"Unsupported HTTP method: {method}")


# The kinds of query ------------------------------------------------------------------------------------------


def _shown(read: Parameters) -> tuple[tuple[Item, ...], tuple[Order, ...]]:
    """The items with what is said of their embeds, and the order of the root."""
    items = attach(read.items, read.levels, read.renamed)
    return items, relate(read.root.order, items) if read.root.order else ()


def _named(request: Request, target: Target, schema: str, read: Parameters) -> Query:
    """What is left of a query that says something of an embed which is not there: the names that are told of before."""
    if not target.function:
        return Select(target.name, schema, read.items)
    return _call(request, target.name, schema, replace(read, levels={}, root=Level()), ALL, NOTHING, ANY)


def _write(
    request: Request, resource: str, schema: str, read: Parameters, preferences: Preferences, budget: Budget
) -> Write:
    rows: tuple[dict[str, Any], ...] | Batched = ()
    columns: tuple[str, ...] = ()
    if request.__class__ is Spooled and request.method == "POST":
        rows, columns = read_long_rows(request, read.columns)
        budget.spend(len(columns))
    elif request.method != "DELETE":
        rows, columns = read_rows(request, read.columns if request.method != "PUT" else None)
        budget.spend(len(columns))
    # What is said of embeds must make sense even where no rows are answered: a filter that goes unheeded is worse.
    items, order = _shown(read)
    returning = Select(resource, schema, items, order=order) if preferences.representation else None
    where = tuple(read.root.where)
    if request.method == "DELETE":
        return Delete(resource, schema, where, returning)
    if request.method == "PATCH":
        return Update(resource, schema, next(iter(rows), {}), columns, where, returning)
    if request.method == "PUT":
        return Insert(resource, schema, rows, columns, Resolution.MERGE, returning=returning, single=True, where=where)
    return Insert(
        resource,
        schema,
        rows,
        columns,
        # An empty on_conflict= names no columns that could be in conflict.
        None if read.conflict == () else preferences.resolution,
        read.conflict or (),
        preferences.missing or Missing.NULL,
        returning,
        keyed=preferences.returning is Returning.HEADERS,
    )


def _call(
    request: Request,
    function: str,
    schema: str,
    read: Parameters,
    page: Page,
    preferences: Preferences,
    form: Format,
) -> Call:
    body: bytes | None = None
    media: str | None = None
    if request.method == "POST":
        arguments, literal = read_arguments(request, read.columns)
        kind = content_type(request)
        body, media = request.body or b"{}", None
        if kind != JSON:
            body, media = request.body, kind
    else:
        arguments, literal = gather(read.arguments), True
    items, order = _shown(read)
    return Call(
        function,
        schema,
        arguments,
        tuple(sorted(arguments)),
        literal,
        readonly=request.method != "POST",
        body=body,
        returning=Select(function, schema, items, tuple(read.root.where), order, page, preferences.count),
        media=media,
        preferred=form.preferred,
        request=request,
    )


# Last checks -------------------------------------------------------------------------------------------------


def _refusal(query: Query, preferences: Preferences, form: Format, settings: Settings) -> RequestError | None:
    """Why there can be no answer of the kind that is asked for, whatever the names mean."""
    try:
        if isinstance(query, Select):
            verify_format(form)
        verify_preferences(preferences)
        # What a function answers with is known only when it has answered.
        if isinstance(query, Insert | Update | Delete):
            verify_format(form)
        elif isinstance(query, Call) and form.explaining is not None:
            raise unacceptable(form)
    except RequestError as refusal:
        return refusal
    if settings.require_where and isinstance(query, Update | Delete) and not query.where:
        return DatabaseFault(f"{type(query).__name__.upper()} requires a WHERE clause", state="21000")
    return None
