"""Rows that a function made up are answered as the same rows of a table are; and no call is ever a 5xx."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import AsyncSession

from behaviour.door import Answer, Door, call
from fixtures import calls, gallery, rows, workspace
from fixtures.gallery import Shelf, Specimen
from properties.asking import headers, parameters, quoted, texts, values

TABLES = {"specimens": "loose_specimens", "shelves": "loose_shelves"}


async def loose(session: AsyncSession, model: type[Any]) -> list[Any]:
    """Rows that the session no longer holds, so that only what they hold is known."""
    found = list((await session.scalars(sa.select(model).order_by(model.id))).all())
    session.expunge_all()
    return found


async def loose_specimens(session: AsyncSession) -> list[Specimen]:
    return await loose(session, Specimen)


async def loose_shelves(session: AsyncSession) -> list[Shelf]:
    return await loose(session, Shelf)


@pytest.fixture(scope="module")
def art(module_database_url: str) -> Iterator[Door]:
    app = gallery.build(module_database_url)
    for function in (loose_specimens, loose_shelves):
        app.function(function)
    with Door(app, gallery.fill) as door:
        yield door


def ask(door: Door, method: str, path: str, query: str, sent: dict[str, bytes], body: bytes = b"") -> Answer:
    found = [(b"host", b"localhost"), *[(name.encode(), value) for name, value in sent.items()]]
    if body:
        found.append((b"content-length", str(len(body)).encode()))
    return door.run(call(door.app, method, f"/rest/v1/{path}".encode(), query.encode(), found, body))


def told(answer: Answer, *, ordered: bool) -> Any:
    """The body in a form that equal answers share; ``ordered``: the order of the rows counts."""
    try:
        body = answer.json
    except ValueError:
        lines = answer.body.split(b"\n")
        return lines if ordered else [lines[0], *sorted(lines[1:])]
    if isinstance(body, list) and not ordered:
        return sorted(body, key=lambda row: json.dumps(row, sort_keys=True))
    return body


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data(), table=st.sampled_from(list(TABLES)), sent=headers())
def test_rows_of_no_table_are_answered_as_a_tables(art: Door, data: st.DataObject, table: str, sent: Any) -> None:
    query = data.draw(parameters(table))
    if "prefer" in sent:
        # It counts for what functions answer, and not for what is read.
        sent = {**sent, "prefer": sent["prefer"].replace(b"max-affected=1", b"")}
    one, other = (ask(art, "GET", path, query, sent) for path in (table, f"rpc/{TABLES[table]}"))
    if one.status >= 400:
        # Of two mistakes another one may be told: what is no operator expression is an argument here.
        assert 400 <= other.status < 500, (one.body, other.body)
        return
    assert other.status == one.status, (one.body, other.body)
    assert (other.range, other.headers["content-type"]) == (one.range, one.headers["content-type"])
    ordered = "order=id" in query
    if ordered or not ("limit=" in query or "offset=" in query or "range" in sent):
        assert told(other, ordered=ordered) == told(one, ordered=ordered)


# Never a 5xx -------------------------------------------------------------------------------------------------

ARGUMENTS = {
    **dict.fromkeys(("upload", "shout", "anything", "point", "numbers", "perhaps"), ("body",)),
    **dict.fromkeys(("all_things", "points", "pairs", "boxes", "drafts", "countdown", "untold", "own"), ()),
    "total": ("xs",),
    "joined": ("first", "sep", "rest", "upper"),
    "keywords": ("a", "b"),
    "reserved": ("select", "limit", "order", "id"),
    "asked": ("a", "request"),
    "one_thing": ("number",),
    "word": ("value",),
    "blob": (),
    "made": ("number",),
    "page": (),
    "image": ("number",),
}
"""The functions that are right, whatever they are given; those that say what cannot be said are 500 by design."""

SHAPES = [
    *("", "select=number", "select=*", "order=number.desc", "number=gt.1", "price=lt.50", "name=is.null", "limit=1"),
    *("offset=1", "pgrst_scalar=eq.2", "order=pgrst_scalar", "words=cs.{a}", "inner->a=eq.2", "anything->z->>0=eq.1"),
    *("select=number,parent(number)", "select=inner->a,span::text", "or=(ok.is.true,number.eq.1)", "x.y=eq.1"),
    *("level=eq.HIGH", "level=eq.NONE", "raw=eq.\\x01ff", "moment=gt.now", "day=eq.never", "select=number.sum()"),
]
KINDS = ["application/json", "text/plain", "text/xml", "application/octet-stream", "application/x-www-form-urlencoded"]


@pytest.fixture(scope="module")
def desk(module_database_url: str) -> Iterator[Door]:
    app = workspace.build(module_database_url)
    calls.declare(app)
    with Door(app, rows.fill) as door:
        yield door


@st.composite
def asked(draw: st.DrawFn) -> tuple[str, str, str, dict[str, bytes], bytes]:
    name = draw(st.sampled_from(list(ARGUMENTS)))
    known = st.sampled_from([*ARGUMENTS[name], *ARGUMENTS[name], "other", ""])
    shape = draw(st.lists(st.sampled_from(SHAPES), max_size=3))
    sent = draw(headers())
    if draw(st.booleans()):
        given_ = draw(st.dictionaries(known, texts(), max_size=3))
        shape += [f"{quoted(key)}={quoted(value)}" for key, value in given_.items()]
        return draw(st.sampled_from(["GET", "HEAD"])), name, "&".join(shape), sent, b""
    sent["content-type"] = draw(st.sampled_from(KINDS)).encode()
    arguments = st.dictionaries(known, values(), max_size=3)
    body = draw(
        st.one_of(st.binary(max_size=20), st.one_of(arguments, values()).map(lambda each: json.dumps(each).encode()))
    )
    return "POST", name, "&".join(shape), sent, body


@given(request=asked())
def test_no_call_is_a_fault_of_ours(desk: Door, request: tuple[str, str, str, dict[str, bytes], bytes]) -> None:
    method, name, query, sent, body = request
    answer = ask(desk, method, f"rpc/{name}", query, sent, body)
    assert answer.status < 500, answer.body
    if answer.status >= 400 and method != "HEAD":
        assert set(answer.json) == {"code", "message", "details", "hint"}
