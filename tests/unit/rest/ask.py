"""Short words for the tests of this room."""

from __future__ import annotations

from typing import Any, TypeVar

from backstay.errors import BackstayError
from backstay.frontends.http import Request, Response
from backstay.frontends.rest.asked import Asked
from backstay.frontends.rest.errors import render
from backstay.frontends.rest.parse import parse
from backstay.query.nodes import Call, Comparison, Delete, Embed, Field, Filter, Insert, Item, Select, Update
from backstay.settings import Settings

K = TypeVar("K", Select, Insert, Update, Delete, Call)


def ask(method: str, url: str, body: bytes = b"", settings: Settings | None = None, **headers: str) -> Asked:
    """Parse a request; ``url`` is path and query string as sent, header names have ``_`` for ``-``."""
    path, _, query = url.partition("?")
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return parse(Request(method, path, query, sent, body), settings or Settings())


def asked_as(kind: type[K], method: str, url: str, body: bytes = b"", **headers: str) -> K:
    """The query of a request, of the kind it must be."""
    query = ask(method, url, body, **headers).query
    assert isinstance(query, kind)
    return query


def get(query: str, **headers: str) -> Select:
    """The Select of ``GET /notes?query``."""
    return asked_as(Select, "GET", f"/notes?{query}", **headers)


def items(select: str) -> tuple[Item, ...]:
    """The items of a select parameter."""
    return get(f"select={select}").items


def embed(query: str) -> Embed:
    """The first embed of a GET."""
    return next(item for item in get(query).items if isinstance(item, Embed))


def where(query: str) -> tuple[Filter, ...]:
    """The filters of a GET."""
    return get(query).where


def comparison(name: str, operator: str, value: Any = None, **more: Any) -> Comparison:
    """A comparison with a plain column."""
    return Comparison(Field(name), operator, value, **more)


def refusal(
    method: str, url: str, body: bytes = b"", settings: Settings | None = None, **headers: str
) -> BackstayError:
    """The error that a request ends in."""
    try:
        asked = ask(method, url, body, settings, **headers)
    except BackstayError as error:
        return error
    if asked.refusal is not None:
        return asked.refusal
    raise AssertionError("the request was not refused")


def code(error: BackstayError) -> tuple[int, str]:
    """The status and the code with which an error is answered."""
    response = render(error)
    return response.status, header(response, "proxy-status").removeprefix("PostgREST; error=")


def header(response: Response, name: str) -> str:
    """The value of a response's header, empty where it has none."""
    return dict(response.headers).get(name, "")
