"""A prepared write is done as it would be, had it been parsed: whatever its rows and values, whoever asks."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backstay.errors import BackstayError
from backstay.frontends.http import Request
from compliance.rest.stock import Library
from databases import sqlite_url
from fixtures.rows import ADA, CALLERS

REPRESENTATION = "return=representation"


class Undone(Exception):
    """Raised with what a write came to."""

    def __init__(self, found: Any) -> None:
        self.found = found


class Undoing:
    """A database on which every write is rolled back, and answered all the same."""

    def __init__(self, database: Any) -> None:
        self._database = database

    def __getattr__(self, name: str) -> Any:
        return getattr(self._database, name)

    async def write(self, work: Callable[[Any], Awaitable[Any]], local: Any) -> Any:
        async def undone(transaction: Any) -> None:
            raise Undone(await work(transaction))

        try:
            await self._database.write(undone, local)
        except Undone as done:
            return done.found


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def library(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    url = request.param == "postgresql" and request.getfixturevalue("module_postgresql_url")
    with Library(url or sqlite_url(tmp_path_factory.mktemp("prepared"))) as library:
        road = library.app.assembly.road
        road.engine = replace(road.engine, database=Undoing(road.engine.database))  # type: ignore[arg-type]
        yield library
        road.engine = replace(road.engine, database=road.engine.database._database)  # type: ignore[attr-defined]


@dataclass
class Asking:
    """Asks a library in both ways."""

    library: Library
    method: str
    path: str
    headers: dict[str, str]
    caller: str = "service"
    prepared: int = 0

    def parsed(self, query: str, body: bytes) -> Any:
        """What a write is answered that is parsed."""
        request = Request(self.method, self.path, query, self.headers, body)
        return self._told(self.library.app.assembly.rest(request, CALLERS[self.caller]))

    def compare(self, query: str, body: bytes) -> Any:
        """See that a write is answered alike, if it is prepared; what it is answered then."""
        raw = {name.encode(): value.encode() for name, value in self.headers.items()}
        rest = self.library.app.assembly.rest

        async def ask() -> Any:
            found = rest.prepared_write(self.method, self.path, query, raw, body, CALLERS[self.caller])
            return None if found is None else await found

        answer = self._told(ask())
        if answer is not None:
            self.prepared += 1
            assert answer == self.parsed(query, body), f"{self.method} {self.path}?{query} {self.headers} {body!r}"
        return answer

    def _told(self, answering: Any) -> Any:
        try:
            response = self.library.run(answering)
        except BackstayError as error:
            return type(error), error.code, error.message, error.detail, error.hint, error.headers
        if response is None:
            return None
        headers = [each for each in response.headers if response.status != 204 or each[0] != "content-length"]
        return response.status, headers, response.body


TEXTS = st.one_of(
    st.sampled_from(["", "é", "x" * 30, "1", "null", "a\\b", '"', "\n", "\0", "2026-01-01", str(ADA)]),
    st.text(max_size=5),
)
ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXTS | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXTS, inner, max_size=2),
    max_leaves=4,
)
GOOD: dict[str, dict[str, st.SearchStrategy[Any]]] = {
    "authors": {
        "id": st.integers(1, 9),
        "name": st.sampled_from(["Ada", "Émile", "Ursula"]),
        "born": st.sampled_from([None, "1929-10-21"]),
    },
    "samples": {
        "id": st.integers(1, 6),
        "small": st.sampled_from([None, 1, "2", -32768]),
        "cents": st.sampled_from([None, "1.005", 2, 3.25]),
        "note": st.sampled_from(["a", "ü", None, "{}"]),
        "code": st.sampled_from(["ab", "abcde   ", None]),
        "uid": st.sampled_from([None, str(ADA), str(ADA).upper()]),
        "mood": st.sampled_from([None, "HAPPY", "happy"]),
        "doc": ANY,
        "flag": st.sampled_from([None, True, "t"]),
    },
}


def encoded(rows: Any) -> bytes:
    return json.dumps(rows, ensure_ascii=False).encode("utf-8", "surrogatepass")


def drawn_rows(data: st.DataObject, table: str, names: Sequence[str], *, wild: bool) -> list[dict[str, Any]]:
    """One row or a few, of these keys; wild: any value may stand anywhere."""
    return [
        {name: data.draw(ANY if wild and data.draw(st.booleans()) else GOOD[table][name]) for name in names}
        for _ in range(data.draw(st.integers(1, 3)))
    ]


def drawn_query(data: st.DataObject, method: str, table: str, names: Sequence[str]) -> list[str]:
    parts = data.draw(st.lists(st.sampled_from(["select=id", f"columns={','.join(names)}", "order=id"]), unique=True))
    if method == "POST" and data.draw(st.booleans()):
        parts.append("on_conflict=id")
    return [part for part in parts if part != "order=id" or "select=id" in parts]


PREFER = (
    *("return=minimal", REPRESENTATION, "resolution=merge-duplicates", "resolution=ignore-duplicates"),
    *("missing=default", "count=exact", "handling=strict", "max-affected=1", "return=headers-only"),
)
FILTERS = ("id=eq.{}", "id=in.({},2)", "id=gte.{}&note=neq.{}")


@settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large], max_examples=60)
@given(method=st.sampled_from(["POST", "PATCH"]), table=st.sampled_from(list(GOOD)), data=st.data())
def test_a_prepared_write_is_done_as_a_parsed_one(
    library: Library, method: str, table: str, data: st.DataObject
) -> None:
    headers = {"prefer": ",".join(data.draw(st.lists(st.sampled_from(PREFER), max_size=3, unique=True)))}
    if data.draw(st.booleans()):
        headers["accept"] = data.draw(st.sampled_from(["application/vnd.pgrst.object+json", "application/json"]))
    asking = Asking(library, method, f"/{table}", headers)
    names = data.draw(st.lists(st.sampled_from(list(GOOD[table])), min_size=1, unique=True))
    if method == "POST":
        names = ["id", *[name for name in names if name != "id"]]
    parts = drawn_query(data, method, table, names)
    form = data.draw(st.sampled_from(FILTERS if table == "samples" else FILTERS[:2])) if method == "PATCH" else ""

    def query(first: str, second: str) -> str:
        return "&".join([*parts, form.format(first, second)]).strip("&")

    for _ in range(2):
        asking.parsed(query("1", "x"), encoded(drawn_rows(data, table, names, wild=False)))
    for wild in (False, True, True):
        rows = drawn_rows(data, table, names, wild=wild)
        first, second = data.draw(st.sampled_from([("1", "x"), ("3", "a%20b"), ("abc", ""), ("%00", "%FF"), ("", "é")]))
        asking.compare(query(first, second), encoded(rows if len(rows) > 1 or data.draw(st.booleans()) else rows[0]))


BOOK = {"id": 50, "name": "Ada"}


@pytest.mark.parametrize(
    ("method", "query", "prefer", "status"),
    [
        ("POST", "", "", 201),
        ("POST", "select=id,name", REPRESENTATION, 201),
        ("POST", "columns=id,name", f"{REPRESENTATION},missing=default", 201),
        ("POST", "on_conflict=id", "resolution=merge-duplicates,count=exact", 201),
        ("PATCH", "id=eq.1", "", 204),
        ("PATCH", "id=eq.1&select=name", f"{REPRESENTATION},count=exact", 200),
    ],
)
def test_writes_of_a_structure_that_was_met_twice_are_prepared(
    library: Library, method: str, query: str, prefer: str, status: int
) -> None:
    asking = Asking(library, method, "/authors", {"prefer": prefer, "content-type": "application/json"})
    row = BOOK if method == "POST" else {"name": "Ada"}
    for _ in range(2):
        assert asking.compare(query, encoded(row)) is None
        assert asking.parsed(query, encoded(row))[0] == status
    for body in (row, [row], {**row, "name": "Bob"}, {**row, "name": None}, {**row, "name": 5}):
        assert asking.compare(query, encoded(body)) is not None
    if "columns" not in query:
        assert asking.compare(query, encoded({**row, "born": None})) is None, "other keys are another structure"
        assert asking.compare(query, encoded([row, {"born": None}])) is None
    for body in (b"", b"{", b"[]", b"5", b"[5]", encoded({**row, "name": "\0"})):
        assert asking.compare(query, body) is None, "what is no row is told by who reads"


@pytest.mark.parametrize("caller", ["anon", "ada", "bob", "bare-ada", "service"])
def test_the_rules_of_whoever_asks_hold(library: Library, caller: str) -> None:
    query, headers = "select=id,text", {"prefer": REPRESENTATION}
    row = {"id": 50, "book_id": 1, "member_id": str(ADA), "stars": 3, "text": "new", "public": True}
    asking = Asking(library, "POST", "/reviews", headers)
    for _ in range(2):
        assert asking.parsed(query, encoded(row))[0] == 201
    asking.caller = caller
    assert asking.compare(query, encoded(row)) is not None


@pytest.mark.parametrize(
    ("method", "query", "headers"),
    [
        ("POST", "", {"content-type": "text/csv"}),
        ("POST", "", {"prefer": "return=headers-only"}),
        ("POST", "", {"prefer": "handling=strict,max-affected=1"}),
        ("POST", "select=id", {"prefer": f"{REPRESENTATION},timezone=Europe/Berlin"}),
        ("POST", "select=id", {"prefer": REPRESENTATION, "accept": "text/csv"}),
        ("PUT", "id=eq.50", {}),
        ("DELETE", "id=eq.50", {}),
        ("POST", "c%6Flumns=id,name", {}),
        ("POST", "limit=5", {}),
    ],
)
def test_what_is_written_in_another_way_is_parsed_each_time(
    library: Library, method: str, query: str, headers: dict[str, str]
) -> None:
    asking = Asking(library, method, "/authors", headers)
    body = b"id,name\n50,Ada" if "content-type" in headers else encoded(BOOK)
    for _ in range(3):
        asking.parsed(query, body)
        assert asking.compare(query, body) is None
    assert asking.prepared == 0


def test_no_more_structures_of_writes_are_kept_than_plans() -> None:
    with Library("sqlite://", plan_cache=10) as library:
        asking = Asking(library, "PATCH", "/authors", {"prefer": REPRESENTATION})
        for number in range(30):
            asking.parsed(f"id=eq.1&select=n{number}:name", encoded({"name": "Ada"}))
        assert len(library.app.assembly.rest._writes) == 10
