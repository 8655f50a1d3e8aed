"""A prepared request is answered as it would be, had it been parsed: whatever its values, whoever asks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backstay.errors import BackstayError
from backstay.frontends.http import Request, Response
from backstay.frontends.rest.grammar.skim import join, operators, skim
from compliance.rest.stock import Library
from databases import sqlite_url
from fixtures.rows import CALLERS
from properties.wire import Level, read_headers, reads

WORDS = [
    "1",
    "2",
    "0",
    "-1",
    "007",
    "1.5",
    "abc",
    "ABC",
    "null",
    "true",
    "a%20b",
    "a+b",
    "%2B",
    "%",
    "%00",
    "%zz",
    "%C3%A9",
    "é",
    "%FF",
    "a,b",
    "(1,2)",
    "(1)",
    "()",
    "(,)",
    '("a,b",c)',
    "(1,+2)",
    "(a%20b,c)",
    "{1,2}",
    "*a*",
    "eq.1",
    "not.eq.1",
    "a.b",
    "2024-01-01",
    "2024-01-01T00%3A00%3A00Z",
    "12:30",
    "a=b",
    "a%26b",
    "'",
    '"',
    "\\",
    "a%0Ab",
    "~._-",
    "(1,2))",
    "999999999999999",
    "9999999999999999",
    "00000000-0000-4000-8000-000000000001",
]
RAW = st.one_of(
    st.sampled_from(["", *WORDS]),
    st.text(alphabet=st.characters(exclude_characters="&\0#", exclude_categories=["Cs"]), max_size=8),
)
NUMBERS = st.one_of(st.integers(0, 12).map(str), st.sampled_from(["0", "00", "007", "999999999999999"]))


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def library(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    url = request.param == "postgresql" and request.getfixturevalue("module_postgresql_url")
    with Library(url or sqlite_url(tmp_path_factory.mktemp("prepared")), aggregates=True) as library:
        yield library


class Asking:
    """Asks a library in both ways."""

    def __init__(self, library: Library, headers: dict[str, str]) -> None:
        self.library = library
        self.rest = library.app.assembly.rest
        self.caller = CALLERS[headers.get("as", "ada")]
        self.headers = {name: value for name, value in headers.items() if name != "as"}
        self.prepared = 0

    def parsed(self, path: str, query: str) -> Any:
        """What a request is answered that is parsed."""
        return self._told(self.rest(Request("GET", path, query, self.headers), self.caller))

    def compare(self, path: str, query: str) -> None:
        """See that a request is answered alike, if it is prepared."""
        raw = {name.encode(): value.encode() for name, value in self.headers.items()}

        async def ask() -> Any:
            found = self.rest.prepared(path, query, raw, self.caller)
            return found if found is None or isinstance(found, Response) else await found

        answer = self._told(ask())
        if answer is not None:
            self.prepared += 1
            assert answer == self.parsed(path, query), f"{path}?{query} {self.headers}"

    def _told(self, answering: Any) -> Any:
        try:
            response = self.library.run(answering)
        except BackstayError as error:
            return type(error), error.code, error.message, error.detail, error.hint, error.headers
        return None if response is None else (response.status, response.headers, response.body)


@settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(level=reads(), headers=read_headers(), data=st.data())
def test_a_prepared_request_is_answered_as_a_parsed_one(
    library: Library, level: Level, headers: dict[str, str], data: st.DataObject
) -> None:
    asking = Asking(library, headers)
    path, _, query = level.target().partition("?")
    for _ in range(2):
        asking.parsed(path, query)
    asking.compare(path, query)
    structure, values = skim(query)
    assert join(structure, values) == query
    for _ in range(3):
        raw = [data.draw(RAW if operator else NUMBERS) for operator in operators(structure)]
        asking.compare(path, join(structure, raw))
        # Most values are of the wrong type: with all but one kept, more is answered than errors.
        kept = [own if data.draw(st.booleans()) else other for own, other in zip(values, raw, strict=True)]
        asking.compare(path, join(structure, kept))


PLAIN = "id=eq.1&select=id,title&order=id&limit=5"


@pytest.mark.parametrize(
    ("query", "others"),
    [
        ("", [""]),
        ("select=id,title", ["select=id,title"]),
        (PLAIN, ["id=eq.2&select=id,title&order=id&limit=0", "id=eq.%32&select=id,title&order=id&limit=007"]),
        ("id=in.(1,2)&select=id", ["id=in.(3)&select=id", "id=in.(1,2,3,4)&select=id", "id=in.%281%2C2%29&select=id"]),
        ("title=eq.a%20b&id=gt.0", ["title=eq.a+b&id=gt.1", "title=eq.%C3%A9&id=gt.-1", "title=eq.é&id=gt.1"]),
        ("limit=2&offset=1&order=id", ["limit=3&offset=0&order=id", "limit=0&offset=2&order=id"]),
        ("select=id,author:author_id(id)&author.id=eq.1", ["select=id,author:author_id(id)&author.id=eq.2"]),
    ],
)
def test_requests_of_a_structure_that_was_met_twice_are_prepared(
    library: Library, query: str, others: list[str]
) -> None:
    asking = Asking(library, {"prefer": "count=exact"})
    for _ in range(2):
        assert asking.parsed("/books", query)[0] in (200, 206)
    for other in others:
        asking.compare("/books", other)
    assert asking.prepared == len(others)


@pytest.mark.parametrize(
    ("query", "headers"),
    [
        ("select=id", {"accept": "text/csv"}),
        ("select=id", {"range": "0-1"}),
        ("select=id", {"prefer": "timezone=Europe/Berlin"}),
        ("select=id", {"accept": "application/vnd.pgrst.array+json;nulls=stripped"}),
        ("select=id&title=eq." + 2048 * "x", {}),
    ],
)
def test_what_is_answered_in_another_form_is_parsed_each_time(
    library: Library, query: str, headers: dict[str, str]
) -> None:
    asking = Asking(library, headers)
    for _ in range(3):
        assert asking.parsed("/books", query)[0] in (200, 206)
    asking.compare("/books", query)
    assert asking.prepared == 0


@pytest.mark.parametrize(
    "other",
    [
        "id=in.(1,)&select=id",
        'id=in.("1",2)&select=id',
        "id=in.(1,2&select=id",
        "id=in.%28%FF%29&select=id",
        "id=in.&select=id",
    ],
)
def test_a_list_that_must_be_read_is_read(library: Library, other: str) -> None:
    asking = Asking(library, {})
    for _ in range(2):
        asking.parsed("/books", "id=in.(1,2)&select=id")
    asking.compare("/books", other)
    assert asking.prepared == 0


def test_no_more_structures_are_kept_than_plans() -> None:
    with Library("sqlite://", plan_cache=10) as library:
        asking = Asking(library, {})
        for number in range(30):
            asking.parsed("/books", f"select=id,n{number}:title")
        assert len(library.app.assembly.rest._reads) == 10
