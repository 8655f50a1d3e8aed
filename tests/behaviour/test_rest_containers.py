"""Arrays and documents: what they contain, what they are contained in, and steps into them, on either database."""

from __future__ import annotations

import json
from typing import Any

import pytest

from behaviour.door import Door

REPRESENTATION = "return=representation"


def ids(door: Door, query: str) -> list[int]:
    return [row["id"] for row in door.rows(f"/shelves?select=id&order=id&{query}")]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        # arrays: every element of the one is in the other, however often, in any order, however nested
        ("texts=cs.{a}", [1, 4]),
        ('texts=cs.{"b c",a,a}', [1]),
        ("texts=cs.{A}", []),
        ("texts=cs.{}", [1, 3, 4]),
        ("texts=cd.{a,z}", [3, 4]),
        ("texts=cd.{}", [3]),
        ("texts=ov.{z,a}", [1, 4]),
        ("texts=ov.{}", []),
        # NULL is in no array
        ("texts=cs.{NULL}", []),
        ("texts=ov.{NULL}", []),
        ('texts=cs.{"NULL"}', []),
        ('texts=cd.{a,"b c",NULL,"d\\"e"}', [3, 4]),
        # NULL contains nothing, and does not contain nothing
        ("texts=not.cs.{a}", [3]),
        ("texts=not.ov.{a}", [3]),
        ("or=(texts.not.cs.{a},texts.is.null)", [2, 3]),
        ("and=(texts.cs.{a},sizes.ov.{3,4})", [1]),
        ('or=(texts.ov."{z,\\"b c\\"}",id.eq.3)', [1, 3]),
        # each kind of element
        ("codes=cs.{ab}", [1]),
        ("codes=ov.{abcdefgh,c}", [1]),
        ("sizes=cs.{1}", [1, 4]),
        ("sizes=cs.{1,1,3}", [1]),
        ("bigs=cs.{9007199254740993}", [1]),
        ("bigs=cs.{9007199254740992}", []),
        ("grid=cs.{4}", [1, 4]),
        ("grid=cs.{{4,1}}", [1]),
        ("grid=ov.{{9},{2}}", [1]),
        ("grid=eq.{{1,2},{3,4}}", [1]),
        ("prices=cs.{1.5}", [1, 4]),
        ("prices=ov.{1.500}", [1, 4]),
        ("prices=eq.{1.50}", [4]),
        ('prices=eq(any).{"{1.500}"}', [4]),
        ("prices=cs.{12345678901234567890.1}", [1]),
        ("prices=cs.{12345678901234567890}", []),
        ("ratios=cs.{2}", [1]),
        ("ratios=cs.{0.1}", [1]),
        ("flags=cs.{t}", [1]),
        ("days=cs.{2026-02-28}", [1]),
        ('instants=cs.{"2026-02-28 02:02:03.5%2B01"}', [1]),
        ('spans=cs.{"1 day 00:00:02"}', [1]),
        ("uids=ov.{0E37DF36F69811E68DD4CB9CED3DF976}", [1]),
        ('blobs=cs.{"\\\\x00ff"}', [1]),
        ('blobs=cs.{"\\\\x"}', [1]),
        # documents
        ('doc=cs.{"a":[1]}', [1]),
        ('doc=cs.{"a":[2,1,1.0]}', [1]),
        ('doc=cs.{"a":[{"b":"c"}]}', [1]),
        ('doc=cs.{"a":1}', []),
        ('doc=cs.{"n":1}', [1]),
        ("doc=cs.{}", [1]),
        ("doc=cs.[]", [3]),
        ("doc=cs.[[3]]", [3]),
        ("doc=cs.[3]", []),
        ('doc=cs."x"', [3]),
        ("doc=cs.5", [4]),
        ("doc=cs.[5]", []),
        ("doc=cd.[5,6]", [4]),
        ('doc=cd.[1,2,[2,3],"x"]', [3]),
        ("doc=not.cs.{}", [3, 4]),
        ("doc->a=cs.[2]", [1]),
        ("doc->a=cs.2", [1]),
        ("doc->a->2=cd." + '{"b":"c","d":1}', [1]),
        ("or=(doc->a.cs.[2],doc.cs.5)", [1, 4]),
        # a column that is no document can be stepped into, as the document that it is shown as
        ("sizes->0=cs.3", [1]),
    ],
)
def test_container(art: Door, query: str, found: list[int]) -> None:
    assert ids(art, query) == found


@pytest.mark.parametrize(
    ("query", "status", "code", "message"),
    [
        ("texts=cs.a", 400, "22P02", 'malformed array literal: "a"'),
        ("sizes=ov.{a}", 400, "22P02", 'invalid input syntax for type integer: "a"'),
        ("sizes=cs.{1", 400, "22P02", 'malformed array literal: "{1"'),
        ("grid=cs.{{1},{2,3}}", 400, "22P02", 'malformed array literal: "{{1},{2,3}}"'),
        ("doc=cs.x", 400, "22P02", "invalid input syntax for type json"),
        ("doc=ov.{}", 404, "42883", "operator does not exist: jsonb && unknown"),
        ("doc=sl.{}", 404, "42883", "operator does not exist: jsonb << unknown"),
        ("id=cs.{1}", 404, "42883", "operator does not exist: integer @> unknown"),
        ("texts=adj.{1}", 404, "42883", "operator does not exist: text[] -|- unknown"),
        ("texts=like.x", 404, "42883", "operator does not exist: text[] ~~ unknown"),
        ("doc->>s=cs.x", 404, "42883", "operator does not exist: text @> unknown"),
        ("doc->>s->0=eq.x", 404, "42883", "operator does not exist: text -> integer"),
        ("doc->>s->a=eq.x", 404, "42883", "operator does not exist: text -> unknown"),
        ("doc->s=is.true", 400, "42804", "argument of IS TRUE must be type boolean, not type jsonb"),
        ("doc->>s=is.unknown", 400, "42804", "argument of IS UNKNOWN must be type boolean, not type text"),
        ("flags=is.false", 400, "42804", "argument of IS FALSE must be type boolean, not type boolean[]"),
        ("texts=cs(any).{a}", 400, "PGRST100", None),
    ],
)
def test_container_that_cannot_be_is_refused(
    art: Door, query: str, status: int, code: str, message: str | None
) -> None:
    answer = art.get(f"/shelves?{query}")
    assert (answer.status, answer.code) == (status, code), answer.json
    assert message is None or answer.json["message"] == message


@pytest.mark.parametrize(
    ("select", "value"),
    [
        ("doc->n->0", 1.0),
        ("doc->n->-1", 1.0),
        ("doc->n->1", None),
        ("doc->a->0", 1),
        ("doc->a->-1->b", "c"),
        ("doc->a->>-1", '{"b": "c"}'),
        ("doc->a->-4", None),
        ("doc->0", None),
        ('doc->"0"', "zero"),
        ('doc->>"0"', "zero"),
        ('doc->"$.a"', "path"),
        ('doc->"[0]"', None),
        ("doc->a->a", None),
        ("sizes->1", 1),
        ("sizes->-2", None),
        ("texts->>1", "b c"),
        ("grid->1->0", 3),
        ("prices->1", 12345678901234567890.1),
        ("prices->>0", "1.50"),
        ("flags->0", True),
        ("spans->0", "1 day 00:00:02"),
        ("blobs->0", "\\x00ff"),
        ("id->0", 1),
        ("id->>0", "1"),
        ("id->a", None),
        ("uids->0->0->-1", "0e37df36-f698-11e6-8dd4-cb9ced3df976"),
    ],
)
def test_step(art: Door, select: str, value: Any) -> None:
    (row,) = art.rows(f"/shelves?select=x:{select}&id=eq.1")
    if isinstance(value, str) and value.startswith("{"):
        row["x"] = row["x"].replace('":"', '": "')
    assert row == {"x": value}


def test_arrays_are_shown_as_they_were_given(art: Door) -> None:
    shown = art.rows("/shelves?id=eq.1")[0]
    assert shown["prices"] == [1.5, 12345678901234567890.1]
    assert b"12345678901234567890.1]" in art.get("/shelves?select=prices&id=eq.1").body
    assert (shown["spans"], shown["blobs"]) == (["1 day 00:00:02"], ["\\x00ff", "\\x"])
    body = art.get("/shelves?select=*&id=eq.1").body
    for numbers in ((9,), (10, 11)):
        rows = b",".join(body[1:-1].replace(b'{"id":1,', b'{"id":%d,' % number) for number in numbers)
        answer = art.ask("POST", "/shelves", raw=b"[" + rows + b"]", prefer=REPRESENTATION)
        assert (answer.status, answer.json) == (201, json.loads(b"[" + rows + b"]"))
    for name in ("texts", "sizes", "grid", "prices", "ratios", "flags", "days", "instants", "spans", "uids", "blobs"):
        first, *others = art.rows(f"/shelves?select={name}::text&id=in.(1,9,10)")
        assert others == [first, first], name


def test_arrays_are_ordered(art: Door) -> None:
    art.ask("POST", "/shelves", [{"id": 5, "grid": [[1], [2]]}, {"id": 6, "grid": [[1, 2]]}, {"id": 7, "grid": [1, 2]}])
    assert [row["id"] for row in art.rows("/shelves?select=id&order=grid,id")] == [3, 7, 6, 5, 1, 4, 2]
    art.ask("POST", "/shelves", [{"id": 8, "prices": [10]}, {"id": 9, "prices": [9.5]}])
    assert [row["id"] for row in art.rows("/shelves?select=id&order=prices,id&id=in.(4,8,9)")] == [4, 9, 8]
