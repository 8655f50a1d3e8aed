"""Aggregates: groups by columns, embeds and spreads, with PostgreSQL's types, digits and refusals on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from behaviour.door import Door
from fixtures import gallery, rows, workspace


@pytest.fixture(scope="module")
def counting(module_database_url: str) -> Iterator[Door]:
    """The gallery, where callers may aggregate."""
    app = gallery.build(module_database_url)
    app.configure(aggregates=True)
    with Door(app, gallery.fill) as door:
        yield door


def groups(door: Door, url: str, caller: str = "ada") -> list[dict[str, Any]]:
    """The answer, in an order of its own where none is asked for."""
    found: list[dict[str, Any]] = door.rows(url, caller)
    return found if "order=" in url else sorted(found, key=repr)


@pytest.mark.parametrize(
    ("url", "found"),
    [
        # of all rows
        ("/paintings?select=count()", [{"count": 5}]),
        ("/paintings?select=n:count()::text", [{"n": "5"}]),
        ("/paintings?select=count()&id=eq.99", [{"count": 0}]),
        ("/paintings?select=year.count(),year.max()&id=eq.99", [{"count": 0, "max": None}]),
        ("/paintings?select=year.sum(),year.avg(),year.min()", [{"sum": 6611, "avg": 1652.75, "min": 1642}]),
        ("/paintings?select=price.sum(),of:price.count()", [{"sum": 2050.60, "of": 3}]),
        ("/paintings?select=letters.sum(),century.max()", [{"sum": 49, "max": 17}]),
        # casts on either side
        ("/paintings?select=total:price::integer.sum()::text", [{"total": "2051"}]),
        ("/paintings?select=id::text.max()", [{"max": "5"}]),
        ("/specimens?select=x:data->>n::int.sum()::text", [{"x": "5"}]),
        # grouped by columns, aliased, cast, computed, paths
        (
            "/paintings?select=artist_id,count(),price.sum()&order=artist_id.desc",
            [
                {"artist_id": 4, "count": 2, "sum": 700.10},
                {"artist_id": 2, "count": 1, "sum": None},
                {"artist_id": 1, "count": 2, "sum": 1350.50},
            ],
        ),
        ("/paintings?select=by:artist_id::text,count()&artist_id=eq.1", [{"by": "1", "count": 2}]),
        (
            "/paintings?select=century,letters.sum()&order=century",
            [{"century": 17, "sum": 41}, {"century": None, "sum": 8}],
        ),
        ("/specimens?select=data->n,count()&order=data->n", [{"n": 5, "count": 1}, {"n": None, "count": 2}]),
        (
            "/specimens?select=mood,count()&order=mood.desc&mood=not.is.null",
            [{"mood": "HAPPY", "count": 1}, {"mood": "SAD", "count": 1}],
        ),
        ("/paintings?select=id,count()&id=eq.99", []),
        # ordered by what follows from the keys
        ("/paintings?select=id,count()&order=title&limit=1", [{"id": 4, "count": 1}]),
        # grouped by embeds: their JSON
        (
            "/paintings?select=artist(name),count()",
            [
                {"artist": {"name": "Dou"}, "count": 1},
                {"artist": {"name": "Rembrandt"}, "count": 2},
                {"artist": {"name": "Vermeer"}, "count": 2},
            ],
        ),
        ("/paintings?select=count(),shown_in(building)&id=in.(1,2)", [{"count": 2, "shown_in": {"building": "main"}}]),
        ("/styles?select=count(),paintings(id)&id=eq.3", [{"count": 1, "paintings": []}]),
        # kept and dropped by embeds
        ("/paintings?select=count(),owner()&owner=not.is.null", [{"count": 3}]),
        ("/paintings?select=count(),owner!inner()&owner.name=eq.Vermeer", [{"count": 2}]),
        ("/paintings?select=count(),owner(),styles()&or=(owner.is.null,styles.is.null)", [{"count": 3}]),
        # inside embeds
        (
            "/artists?select=name,paintings!artist_id(price.sum(),count())&order=id&id=lt.4",
            [
                {"name": "Rembrandt", "paintings": [{"sum": 1350.50, "count": 2}]},
                {"name": "Dou", "paintings": [{"sum": None, "count": 1}]},
                {"name": "Flinck", "paintings": [{"sum": None, "count": 0}]},
            ],
        ),
        (
            "/rooms?select=paintings(artist_id,count())&order=building,number&paintings.order=artist_id&building=eq.main",
            [
                {"paintings": [{"artist_id": 1, "count": 1}, {"artist_id": 2, "count": 1}]},
                {"paintings": [{"artist_id": 1, "count": 1}]},
            ],
        ),
        (
            "/rooms?select=paintings(artist_id,count())&label=eq.Hall&paintings.order=artist_id.desc&paintings.limit=1",
            [{"paintings": [{"artist_id": 2, "count": 1}]}],
        ),
        ("/paintings?select=owner(count(),name.max())&id=eq.1", [{"owner": {"count": 0, "max": None}}]),
        # inside a spread of one row: of the rows around
        (
            "/paintings?select=...artist(name,born.max()),count()&order=artist(name)",
            [
                {"name": "Dou", "max": "1613-04-07", "count": 1},
                {"name": "Rembrandt", "max": "1606-07-15", "count": 2},
                {"name": "Vermeer", "max": "1632-10-31", "count": 2},
            ],
        ),
        ("/paintings?select=...artist(born.min())", [{"min": "1606-07-15"}]),
        ("/paintings?select=count(),...owner(owned:count())", [{"count": 5, "owned": 3}]),
        (
            "/paintings?select=...owner(who:name,count())&order=owner(who)",
            [
                {"who": "Rembrandt", "count": 1},
                {"who": "Vermeer", "count": 2},
                {"who": None, "count": 0},
            ],
        ),
        (
            "/paintings?select=...artist(...mentor(of:name,count()),paid:count())",
            [{"of": "Rembrandt", "count": 1, "paid": 1}, {"of": None, "count": 0, "paid": 4}],
        ),
        (
            "/paintings?select=...artist(profile(bio)),price.sum()",
            [
                {"profile": None, "sum": None},
                {"profile": {"bio": "of Delft"}, "sum": 700.10},
                {"profile": {"bio": "of Leiden"}, "sum": 1350.50},
            ],
        ),
        # a spread of one row inside an embed
        (
            "/styles?select=name,paintings(...artist(name),count())&order=id&paintings.order=artist(name)&id=lt.3",
            [
                {"name": "baroque", "paintings": [{"name": "Rembrandt", "count": 2}, {"name": "Vermeer", "count": 1}]},
                {"name": "genre", "paintings": [{"name": "Dou", "count": 1}, {"name": "Vermeer", "count": 1}]},
            ],
        ),
        # grouped by a spread of many rows: its arrays
        ("/styles?select=count(),...paintings(title)&id=eq.3", [{"count": 1, "title": []}]),
    ],
)
def test_groups(counting: Door, url: str, found: list[dict[str, Any]]) -> None:
    assert groups(counting, url) == found


@pytest.mark.parametrize(
    ("column", "name", "found"),
    [
        ("small", "sum", -32761),
        ("small", "avg", "-16380.500000000000"),
        ("big", "sum", "9007199254741000"),
        ("big", "avg", "4503599627370500.0000"),
        ("ratio", "sum", 2.6),
        ("ratio", "avg", 1.3),
        ("ratio::real", "sum", 2.6),
        ("ratio::real", "avg", 1.300000000745058),
        ("exact", "sum", "12345678901234567889.623456789"),
        ("exact", "avg", "6172839450617283944.811728395"),
        ("cents", "avg", "9.7500000000000000"),
        ("span", "sum", "1 day 02:00:04.5"),
        ("span", "avg", "13:00:02.25"),
        ("clock", "sum", "23:59:59"),
        ("clock", "avg", "11:59:59.5"),
        ("exact", "max", "12345678901234567890.123456789"),
        ("cents", "max", "10.50"),
        ("note", "max", "plain"),
        ("code", "min", "ab"),
        ("day", "min", "1999-12-31"),
        ("moment", "max", "2026-02-28T23:59:59.12"),
        ("instant", "max", "2026-02-28T23:59:59.12+00:00"),
        ("clock", "min", "00:00:00"),
        ("span", "max", "1 day 02:00:03.5"),
        ("mood", "max", "HAPPY"),
        ("mood", "min", "SAD"),
        ("words", "max", ["a", "b c", 'd"e', "f,g"]),
        ("data", "count", 2),
        ("data->n", "count", 1),
        ("flag", "count", 2),
    ],
)
def test_aggregates_have_the_types_and_digits_of_postgresql(counting: Door, column: str, name: str, found: Any) -> None:
    if isinstance(found, str) and found.replace(".", "").replace("-", "").isdigit() and column != "day":
        # Digit by digit: the number stands in the body as it is.
        assert counting.get(f"/specimens?select={column}.{name}()").body.decode().endswith(f":{found}}}]")
    else:
        assert counting.rows(f"/specimens?select=x:{column}.{name}()") == [{"x": found}]


UNKNOWN = "No function matches the given name and argument types. You might need to add explicit type casts."


@pytest.mark.parametrize(
    ("url", "status", "code", "message"),
    [
        *(
            (f"/specimens?select={column}.{name}()", 404, "42883", f"function {name}({type_}) does not exist")
            for column, name, type_ in [
                ("flag", "max", "boolean"),
                ("uid", "min", "uuid"),
                ("blob", "max", "bytea"),
                ("data", "min", "json"),
                ("data->n", "max", "jsonb"),
                ("note", "sum", "character varying"),
                ("mood", "avg", "mood"),
                ("words", "sum", "text[]"),
                ("day", "avg", "date"),
                ("instant", "sum", "timestamp with time zone"),
                ("flag", "sum", "boolean"),
            ]
        ),
        (
            "/specimens?select=data,count()",
            404,
            "42883",
            "could not identify an equality operator for type json",
        ),
        ("/paintings?select=artist_id,count()&order=year", 400, "42803", "paintings.year"),
        ("/paintings?select=count()&order=id", 400, "42803", "paintings.id"),
        ("/paintings?select=count(),artist(name)&order=artist(name)", 400, "42803", "artists.name"),
        ("/artists?select=id,paintings!artist_id(count())&paintings.order=id", 400, "42803", "paintings.id"),
        ("/paintings?select=id,count", 400, "42803", "paintings.id"),
        ("/paintings?select=count,artist(name)", 400, "42803", "artist"),
        ("/artists?select=...paintings!artist_id(year.max())", 400, "PGRST127", "Feature not implemented"),
        ("/styles?select=id,...paintings(count())", 400, "PGRST127", "Feature not implemented"),
        ("/artists?select=...paintings!artist_id(...artist(name.max()))", 400, "PGRST127", "Feature not implemented"),
        ("/paintings?select=nosuch.sum()", 400, "42703", "column paintings.nosuch does not exist"),
        ("/paintings?select=year.median()", 400, "PGRST100", "failed to parse select parameter"),
        ("/paintings?select=year.sum()::nosuch", 400, "42704", 'type "nosuch" does not exist'),
    ],
)
def test_what_cannot_be_aggregated_is_refused(counting: Door, url: str, status: int, code: str, message: str) -> None:
    answer = counting.get(url)
    assert (answer.status, answer.code) == (status, code), answer.json
    assert message in answer.json["message"]
    if code == "PGRST127":
        assert answer.json["details"] == ("Aggregates are not implemented for one-to-many or many-to-many spreads.")
    if message.startswith("function"):
        assert answer.json["hint"] == UNKNOWN


@pytest.mark.parametrize(
    ("query", "range_", "status"),
    [
        ("select=artist_id,count()&order=artist_id", "0-2/3", 200),
        ("select=artist_id,count()&order=artist_id&limit=2", "0-1/3", 206),
        ("select=artist_id,count()&order=artist_id&limit=2&offset=2", "2-2/3", 206),
        ("select=...artist(name,count())&order=artist(name)&offset=1", "1-2/3", 206),
        ("select=artist(name),count()", "0-2/3", 200),
        ("select=count()", "0-0/1", 200),
        ("select=count()&id=eq.99", "0-0/1", 200),
    ],
)
def test_total_of_groups_is_how_many_groups_there_are(counting: Door, query: str, range_: str, status: int) -> None:
    answer = counting.get(f"/paintings?{query}", prefer="count=exact")
    assert (answer.range, answer.status) == (range_, status)


def test_written_rows_can_be_aggregated(counting: Door) -> None:
    answer = counting.ask(
        "PATCH",
        "/paintings?select=count(),year.max(),...artist(by:name)&artist_id=eq.1",
        {"year": 1700},
        prefer="return=representation",
    )
    assert answer.json == [{"count": 2, "max": 1700, "by": "Rembrandt"}]
    counting.restore(anyway=True)


# Rules -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def working(module_database_url: str) -> Iterator[Door]:
    """The workspace, where callers may aggregate."""
    app = workspace.build(module_database_url)
    app.configure(aggregates=True)
    with Door(app, rows.fill) as door:
        yield door


@pytest.mark.parametrize("column", ["secret.max()", "secret,count()", "...parent(secret.max())"])
def test_hidden_column_is_neither_aggregated_nor_grouped_by(working: Door, column: str) -> None:
    answer = working.get(f"/notes?select={column}", "service")
    assert (answer.status, answer.json["message"]) == (400, "column notes.secret does not exist")


def test_aggregates_are_of_what_the_caller_may_see(working: Door) -> None:
    # Bob's private note 4 answers 3, which both may see.
    assert working.rows("/notes?select=count(),...parent(answers:count())", "ada") == [{"count": 3, "answers": 2}]
    assert working.rows("/notes?select=replies(count())&number=eq.3", "ada") == [{"replies": [{"count": 0}]}]
    assert working.rows("/notes?select=replies(count())&number=eq.3", "bob") == [{"replies": [{"count": 1}]}]
