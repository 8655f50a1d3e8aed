"""``respond(asked, reply) -> Response``, and ``check(asked, reply)`` before a write is committed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final, TypeAlias
from urllib.parse import quote

import msgspec

from backstay.dialects.reply import Reply
from backstay.errors import (
    MaxAffectedOnCall,
    NotAcceptable,
    NotSingular,
    PutMismatch,
    RangeNotSatisfiable,
    TooManyAffected,
)
from backstay.frontends.http import Response
from backstay.frontends.rest.asked import Asked
from backstay.frontends.rest.forms.document import read_document, strip_nulls, write_document
from backstay.frontends.rest.forms.lines import write_lines
from backstay.frontends.rest.forms.record import write_csv
from backstay.frontends.rest.grammar.form import write_form
from backstay.frontends.rest.media import Media, verify_format
from backstay.frontends.rest.page import content_range
from backstay.frontends.rest.prefer import Returning, applied
from backstay.query.nodes import Call, Count, Delete, Insert, Page, Resolution, Select, Update

Headers: TypeAlias = list[tuple[str, str]]

_BODILESS: Final = (204, 205, 304)
_SPECIAL: Final = re.compile(r'["\\]')
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
_VARY: Final = ("vary", "Accept, Prefer, Range")
_ENCODER: Final = msgspec.json.Encoder(decimal_format="number")


# Before the commit -------------------------------------------------------------------------------------------


def check(asked: Asked, reply: Reply) -> None:
    """Refuse an answer that is not what was asked for; a write or call must be rolled back then.

    Arguments:
        asked: the request.
        reply: what the database answered.

    Raises:
        NotSingular: one row was asked for, and there are none or many.
        TooManyAffected, MaxAffectedOnCall: against ``Prefer: max-affected``.
        PutMismatch: a PUT wrote no row.
        NotAcceptable: a function answered with a media type that the caller does not take.
        RangeNotSatisfiable: the page begins after the last row.
    """
    query = asked.query
    if isinstance(query, Insert) and query.single and reply.affected != 1:
        raise PutMismatch
    if asked.preferences.strict and asked.preferences.max_affected is not None:
        _check_affected(asked, reply, asked.preferences.max_affected)
    if isinstance(query, Call) and not reply.void:
        _check_media(asked, reply)
    if asked.format.singular and not (reply.scalar or reply.void or reply.media):
        check_single(_count(asked, reply))
    if isinstance(query, Select | Call):
        check_page(_page(query).offset, reply)


def _check_affected(asked: Asked, reply: Reply, most: int) -> None:
    if isinstance(asked.query, Call) and (reply.scalar or reply.void):
        raise MaxAffectedOnCall
    if isinstance(asked.query, Update | Delete | Call):
        rows = reply.rows if reply.affected is None else reply.affected
        if rows > most:
            raise TooManyAffected(detail=f"The query affects {rows} rows")


def _check_media(asked: Asked, reply: Reply) -> None:
    if reply.media is None:
        verify_format(asked.format)
    elif not reply.suits and not asked.format.accepts(reply.media):
        raise NotAcceptable(f"None of these media types are available: {', '.join(asked.format.accepted)}")


def check_single(rows: int) -> None:
    """NotSingular where one row was asked for, and there are none or many."""
    if rows != 1:
        raise NotSingular(detail=f"The result contains {rows} rows")


def check_page(first: int, reply: Reply) -> None:
    """RangeNotSatisfiable where a page begins after the last row."""
    if reply.total is not None and first > reply.total and not reply.rows:
        raise RangeNotSatisfiable(
            headers={"content-range": content_range(0, 0, reply.total)},
            detail=f"An offset of {first} was requested, but there are only {reply.total} rows.",
        )


def _count(asked: Asked, reply: Reply) -> int:
    """How many rows the answer is about: those it holds, or those that were written where it holds none."""
    if isinstance(asked.query, Insert | Update | Delete) and not asked.preferences.representation:
        return reply.affected or 0
    return reply.rows


def _page(query: Select | Call) -> Page:
    if isinstance(query, Select):
        return query.page
    return query.returning.page if query.returning is not None else Page()


# The response ------------------------------------------------------------------------------------------------


def respond(asked: Asked, reply: Reply, *, keyed: bool = True) -> Response:
    """The response that carries a reply which passed :func:`check`.

    Arguments:
        asked: the request.
        reply: what the database answered.
        keyed: whether the resource has a primary key, without which no duplicates were resolved.
    """
    query = asked.query
    preference = applied(asked.preferences, query, keyed=keyed)
    headers: Headers = [] if preference is None else [("preference-applied", preference)]
    if asked.renamed:
        headers.append(("warning", _warning(asked.renamed)))
    if isinstance(query, Select):
        return _respond_rows(asked, query, reply, headers)
    if isinstance(query, Call):
        return _respond_call(asked, query, reply, headers)
    if isinstance(query, Insert):
        return _respond_insert(asked, query, reply, headers)
    return _respond_change(asked, query, reply, headers)


def _warning(renamed: Sequence[tuple[str, str]]) -> str:
    """What PostgREST 16 says of relations that are named in the place of an alias."""
    changes = ", ".join(f"`{name}` to `{alias}`" for name, alias in renamed)
    text = (
        "Embedded resource was referenced by relation name even though it has an alias. This is deprecated and will "
        f"stop working in a future release. Update {changes} in query string filters, orders or limits."
    )
    quoted = _CONTROL.sub("?", _SPECIAL.sub(r"\\\g<0>", text))
    return f'299 PostgRESTv16 "{quoted}"'


def respond_plan(asked: Asked, reply: Reply) -> Response:
    """The response that carries the plan of a query instead of its answer."""
    return _with_body(asked, reply, 200, [])


def describe(methods: Sequence[str]) -> Response:
    """The response to OPTIONS: what may be done here.

    Arguments:
        methods: in the order ``OPTIONS GET HEAD POST PUT PATCH DELETE``.
    """
    allow = ",".join(methods)
    return Response(200, (("access-control-allow-origin", "*"), ("allow", allow), ("content-length", "0")))


def _respond_rows(asked: Asked, query: Select, reply: Reply, headers: Headers) -> Response:
    status, span = span_of(query.page.offset, reply, reply.rows)
    location = content_location(query, asked.parameters)
    return _with_body(asked, reply, status, [("content-range", span), ("content-location", location), *headers, _VARY])


def content_location(query: Select, parameters: Sequence[tuple[str, str | None]]) -> str:
    """Where rows are to be found: the path, and the parameters in the order of their names.

    Arguments:
        query: what was asked.
        parameters: the decoded query string.
    """
    written = write_form(sorted(parameters, key=lambda pair: pair[0]))
    return f"/{quote(query.resource, safe='')}{'?' if written else ''}{written}"


def _respond_call(asked: Asked, query: Call, reply: Reply, headers: Headers) -> Response:
    status, span = span_of(_page(query).offset, reply, 1 if reply.scalar or reply.void else reply.rows)
    headers = [("content-range", span), *headers, _VARY]
    if reply.void:
        return _overridden(Response(204, tuple(headers)), reply)
    return _overridden(_with_body(asked, reply, status, headers), reply)


def _overridden(response: Response, reply: Reply) -> Response:
    """A response with what the function itself says of it."""
    if reply.status is None and not reply.headers:
        return response
    status = response.status if reply.status is None else reply.status
    said = {name for name, _ in reply.headers}
    if status in _BODILESS:
        said |= {"content-type", "content-length"}
    kept = [header for header in response.headers if header[0] not in said]
    return Response(status, (*kept, *reply.headers), b"" if status in _BODILESS else response.body)


def span_of(first: int, reply: Reply, rows: int) -> tuple[int, str]:
    """The status and the Content-Range of ``rows`` rows from row number ``first``."""
    partial = reply.total is not None and rows < reply.total
    return 206 if partial else 200, content_range(first, rows, reply.total)


def _respond_insert(asked: Asked, query: Insert, reply: Reply, headers: Headers) -> Response:
    representation = asked.preferences.representation
    if query.single:
        if not representation:
            return Response(204, tuple(headers))
        return _with_body(asked, reply, 201 if reply.inserted else 200, headers)
    # An upsert that only found rows that were there has created nothing.
    status = 200 if query.resolution is Resolution.MERGE and reply.inserted == 0 else 201
    headers = [("content-range", content_range(0, 0, _total(asked, reply))), *headers]
    if asked.preferences.returning is Returning.HEADERS and len(reply.keys) == 1:
        headers.insert(0, ("location", _location(query.resource, reply.keys[0])))
    if representation:
        return _with_body(asked, reply, status, headers)
    return Response(status, (*headers, ("content-length", "0")))


def _respond_change(asked: Asked, query: Update | Delete, reply: Reply, headers: Headers) -> Response:
    rows = (reply.affected or 0) if isinstance(query, Update) else 0
    headers = [("content-range", content_range(0, rows, _total(asked, reply))), *headers]
    if asked.preferences.representation:
        return _with_body(asked, reply, 200, headers)
    return Response(204, tuple(headers))


def _total(asked: Asked, reply: Reply) -> int | None:
    counted = asked.preferences.count in (Count.EXACT, Count.ESTIMATED)
    return (reply.affected or 0) if counted else None


def _location(resource: str, key: dict[str, Any]) -> str:
    pairs = [(name, "is.null" if value is None else f"eq.{_text(value)}") for name, value in key.items()]
    return f"/{quote(resource, safe='')}?{write_form(pairs)}"


def _text(value: Any) -> str:
    return value if isinstance(value, str) else _ENCODER.encode(value).decode()


# The body ----------------------------------------------------------------------------------------------------


def _with_body(asked: Asked, reply: Reply, status: int, headers: Headers) -> Response:
    headers.append(("content-type", reply.media or asked.format.content_type))
    if asked.profile is not None:
        headers.append(("content-profile", asked.profile))
    if asked.head:
        return Response(status, tuple(headers))
    if reply.spool is not None:
        headers.append(("content-length", str(reply.spool.length)))
        return Response(status, tuple(headers), spool=reply.spool)
    body = reply.body if reply.media or reply.laid else _body(asked, reply)
    headers.append(("content-length", str(len(body))))
    return Response(status, tuple(headers), body)


def _body(asked: Asked, reply: Reply) -> bytes:
    media = asked.format.media
    if media is Media.CSV:
        return write_csv(reply.body, asked.kinds)
    if media is Media.LINES:
        return write_lines(reply.body)
    # Exactly one row, as `check` saw: without its brackets the array is the object.
    body = single(reply.body) if media is Media.OBJECT and not reply.scalar else reply.body
    return write_document(strip_nulls(read_document(body))).encode() if asked.format.stripped else body


def single(body: bytes) -> bytes:
    """The one row of an array."""
    return body.strip()[1:-1]
