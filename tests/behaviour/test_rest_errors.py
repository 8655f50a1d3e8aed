"""Every error of PostgREST's table that a request can provoke: the same answer on every database."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from backstay.auth.mint import mint
from backstay.errors import DatabaseFault, DatabaseUnavailable, PoolTimeout, SchemaBehind
from backstay.schema.caller import Role
from behaviour.door import SECRET, Answer, Door, call
from fixtures import gallery
from fixtures.gallery import Style

STRICT = "handling=strict"
SINGLE = "application/vnd.pgrst.object+json"


async def fail(session: AsyncSession, state: str, message: str = "said", detail: str | None = None) -> None:
    """Raise as a function of a database would."""
    raise DatabaseFault(message, state=state, detail=detail)


async def outage(session: AsyncSession, kind: str) -> None:
    """Raise what a database that is not there raises."""
    raise {"down": DatabaseUnavailable, "late": PoolTimeout, "behind": SchemaBehind}[kind]()


async def add_style(session: AsyncSession) -> None:
    """Write."""
    session.add(Style(id=99, name="new"))


@pytest.fixture(scope="module")
def module_errors(module_database_url: str) -> Iterator[Door]:
    app = gallery.build(module_database_url)
    for function in (fail, outage, add_style):
        app.function(function)
    with Door(app, gallery.fill) as door:
        yield door


@pytest.fixture
def art(module_errors: Door) -> Door:
    module_errors.restore()
    return module_errors


def told(answer: Answer) -> tuple[Any, ...]:
    """Status, code, message, details and hint; and what every answer that is an error must have."""
    body = answer.json
    assert list(body) == ["code", "message", "details", "hint"]
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    assert answer.headers["content-length"] == str(len(answer.body))
    assert answer.headers["proxy-status"] == f"PostgREST; error={body['code']}"
    return (answer.status, *body.values())


# What PostgREST itself says ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "url", "body", "headers", "expected"),
    [
        ("GET", "/styles?id=abc.1", None, {},
         (400, "PGRST100", '"failed to parse filter (abc.1)" (line 1, column 1)',
          'unexpected "a" expecting "not" or operator (eq, gt, ...)', None)),
        ("PUT", "/rpc/add", None, {}, (405, "PGRST101", "Cannot use the PUT method on RPC", None, None)),
        ("POST", "/styles", b"", {}, (400, "PGRST102", "Empty or invalid json", None, None)),
        ("POST", "/styles", b"x", {"content_type": "image/png"},
         (400, "PGRST102", "Content-Type not acceptable: image/png", None, None)),
        ("POST", "/styles", b'[{"id":7},{"name":"x"}]', {},
         (400, "PGRST102", "All object keys must match", None, None)),
        ("POST", "/styles", b"id,name\n1", {"content_type": "text/csv"},
         (400, "PGRST102", "All lines must have same number of fields", None, None)),
        ("GET", "/styles?limit=-1", None, {},
         (416, "PGRST103", "Requested range not satisfiable", "Limit should be greater than or equal to zero.", None)),
        ("GET", "/styles", None, {"range": "5-2"},
         (416, "PGRST103", "Requested range not satisfiable",
          "The lower boundary must be lower than or equal to the upper boundary in the Range header.", None)),
        ("GET", "/styles?offset=9", None, {"prefer": "count=exact"},
         (416, "PGRST103", "Requested range not satisfiable",
          "An offset of 9 was requested, but there are only 3 rows.", None)),
        ("PUT", "/styles?name=eq.x", {"id": 1}, {},
         (405, "PGRST105", "Filters must include all and only primary key columns with 'eq' operators", None, None)),
        ("GET", "/styles", None, {"accept_profile": "nowhere"},
         (406, "PGRST106", "Invalid schema: nowhere", None, "Only the following schemas are exposed: public")),
        ("GET", "/styles", None, {"accept": "image/png, text/plain"},
         (406, "PGRST107", "None of these media types are available: image/png, text/plain", None, None)),
        ("GET", "/styles?paintings.id=eq.1", None, {},
         (400, "PGRST108", "'paintings' is not an embedded resource in this request", None,
          "Verify that 'paintings' is included in the 'select' query parameter.")),
        ("PUT", "/styles?id=eq.1&limit=1", {"id": 1}, {},
         (400, "PGRST114", "limit/offset querystring parameters are not allowed for PUT", None, None)),
        ("PUT", "/styles?id=eq.1", {"id": 2, "name": "x"}, {},
         (400, "PGRST115", "Payload values do not match URL in primary key column(s)", None, None)),
        ("PUT", "/styles?id=eq.1", [{"id": 1, "name": "x"}, {"id": 1, "name": "y"}], {},
         (400, "PGRST115", "Payload values do not match URL in primary key column(s)", None, None)),
        ("GET", "/styles", None, {"accept": SINGLE},
         (406, "PGRST116", "Cannot coerce the result to a single JSON object", "The result contains 3 rows", None)),
        ("LINK", "/styles", None, {}, (405, "PGRST117", "Unsupported HTTP method: LINK", None, None)),
        ("GET", "/paintings?select=id,styles(id)&order=styles(id)", None, {},
         (400, "PGRST118", "A related order on 'styles' is not possible",
          "'paintings' and 'styles' do not form a many-to-one or one-to-one relationship", None)),
        ("GET", "/styles", None, {"prefer": f"{STRICT}, a=b, c"},
         (400, "PGRST122", "Invalid preferences given with handling=strict", "Invalid preferences: a=b, c", None)),
        ("GET", "/styles?select=id.sum()", None, {},
         (400, "PGRST123", "Use of aggregate functions is not allowed", None, None)),
        ("DELETE", "/profiles", None, {"prefer": f"{STRICT}, max-affected=1"},
         (400, "PGRST124", "Query result exceeds max-affected preference constraint", "The query affects 2 rows",
          None)),
        ("GET", "/a/b", None, {}, (404, "PGRST125", "Invalid path specified in request URL", None, None)),
        ("POST", "/rpc/add", {"a": 1}, {"prefer": f"{STRICT}, max-affected=1"},
         (400, "PGRST128",
          "Function must return SETOF or TABLE when max-affected preference is used with handling=strict", None,
          None)),
        ("GET", "/styles?select=rooms(label)", None, {},
         (400, "PGRST200", "Could not find a relationship between 'styles' and 'rooms' in the schema cache",
          "Searched for a foreign key relationship between 'styles' and 'rooms' in the schema 'public', but no matches "
          "were found.", None)),
        ("POST", "/rpc/ad", {"a": 1}, {},
         (404, "PGRST202", "Could not find the function public.ad(a) in the schema cache",
          "Searched for the function public.ad with parameter a or with a single unnamed json/jsonb parameter, but no "
          "matches were found in the schema cache.", "Perhaps you meant to call the function public.add")),
        ("POST", "/styles", {"nosuch": 1}, {},
         (400, "PGRST204", "Could not find the 'nosuch' column of 'styles' in the schema cache", None, None)),
        ("GET", "/style", None, {},
         (404, "PGRST205", "Could not find the table 'public.style' in the schema cache", None,
          "Perhaps you meant the table 'public.styles'")),
    ],
)  # fmt: skip
def test_codes_of_postgrest(
    art: Door, method: str, url: str, body: Any, headers: dict[str, str], expected: tuple[Any, ...]
) -> None:
    raw = body if isinstance(body, bytes) else None
    answer = art.ask(method, url, None if raw is not None else body, raw=raw, **headers)
    assert told(answer) == expected
    assert answer.headers.get("content-range") == ("*/3" if "count=exact" in headers.get("prefer", "") else None)


def test_an_ambiguous_embed_tells_the_choices(art: Door) -> None:
    status, code, message, details, hint = told(art.get("/paintings?select=artists(name)"))
    assert (status, code) == (300, "PGRST201")
    assert message == ("Could not embed because more than one relationship was found for 'paintings' and 'artists'")
    assert details == [
        {
            "cardinality": "many-to-one",
            "embedding": "paintings with artists",
            "relationship": f"paintings_{column}_fkey using paintings({column}) and artists(id)",
        }
        for column in ("artist_id", "owner_id")
    ]
    assert hint == (
        "Try changing 'artists' to one of the following: 'artists!paintings_artist_id_fkey', "
        "'artists!paintings_owner_id_fkey'. Find the desired relationship in the 'details' key."
    )


# Tokens ------------------------------------------------------------------------------------------------------


TOMORROW = time.time() + 86_400
"""Later than any run of the tests takes."""


def token(**claims: Any) -> str:
    return mint(SECRET, user="ada", role=Role.AUTHENTICATED, claims=claims)


@pytest.mark.parametrize(
    ("shown", "code", "message", "details"),
    [
        ("", "PGRST301", "Empty JWT is sent in Authorization header", None),
        ("nonsense", "PGRST301", "Expected 3 parts in JWT; got 1", None),
        ("a.b", "PGRST301", "Expected 3 parts in JWT; got 2", None),
        ("a.b.c.d.e", "PGRST301", "Expected 3 parts in JWT; got 5", None),
        ("a.b.c", "PGRST301", "JWT cryptographic operation failed", None),
        (f"{token()[:-6]}AAAAAA", "PGRST301", "No suitable key or wrong key type",
         "None of the keys was able to decode the JWT"),
        (token(exp=1), "PGRST303", "JWT expired", None),
        (token(nbf=TOMORROW), "PGRST303", "JWT not yet valid", None),
        (token(iat=TOMORROW), "PGRST303", "JWT issued at future", None),
        (token(exp="x"), "PGRST303", "The JWT 'exp' claim must be a number", None),
        (token(nbf="x"), "PGRST303", "The JWT 'nbf' claim must be a number", None),
        (token(iat="x"), "PGRST303", "The JWT 'iat' claim must be a number", None),
        (token(aud=1), "PGRST303", "The JWT 'aud' claim must be a string or an array of strings", None),
    ],
)  # fmt: skip
def test_bad_tokens(art: Door, shown: str, code: str, message: str, details: str | None) -> None:
    answer = art.get("/styles", authorization=f"Bearer {shown}")
    assert told(answer) == (401, code, message, details, None)
    described = f'Bearer error="invalid_token", error_description="{message}"'
    assert answer.headers["www-authenticate"] == described


def test_the_scheme_of_a_token_is_read_in_any_case_and_clocks_may_differ(art: Door) -> None:
    late = token(exp=time.time() - 20, nbf=time.time() + 20, iat=time.time() + 20)
    for scheme in ("Bearer", "bearer", "BEARER"):
        assert art.get("/styles", authorization=f"{scheme} {late}").status == 200


def test_tokens_and_anonymous_callers_by_settings(module_database_url: str, art: Door) -> None:
    def asked(settings: dict[str, Any], **headers: str) -> Answer:
        app = gallery.build(module_database_url)
        app.configure(**settings)
        sent = [(b"host", b"localhost"), *[(name.encode(), value.encode()) for name, value in headers.items()]]

        async def answered() -> Answer:
            await app.start()
            try:
                return await call(app, "GET", b"/rest/v1/styles", b"", sent, b"")
            finally:
                await app.stop()

        return art.run(answered())

    lacking = told(asked({}, authorization=f"Bearer {token()}"))
    assert lacking[:3] == (500, "PGRST300", "Server lacks JWT secret")
    refused = asked({"jwt_secret": SECRET, "anonymous": False})
    assert told(refused) == (401, "PGRST302", "Anonymous access is disabled", None, None)
    assert refused.headers["www-authenticate"] == "Bearer"
    other = asked({"jwt_secret": SECRET, "jwt_audience": "us"}, authorization=f"Bearer {token(aud='them')}")
    assert told(other) == (401, "PGRST303", "JWT not in audience", None, None)
    ours = asked({"jwt_secret": SECRET, "jwt_audience": "us"}, authorization=f"Bearer {token(aud=['us', 'them'])}")
    assert ours.status == 200


# What a database says ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "url", "body", "expected"),
    [
        ("POST", "/styles", {"id": 1, "name": "x"},
         (409, "23505", 'duplicate key value violates unique constraint "styles_pkey"', "Key (id)=(1) already exists.",
          None)),
        ("PATCH", "/artists?id=eq.1", {"name": "Dou"},
         (409, "23505", 'duplicate key value violates unique constraint "artists_name_key"',
          "Key (name)=(Dou) already exists.", None)),
        ("POST", "/rooms", {"building": "main", "number": 1},
         (409, "23505", 'duplicate key value violates unique constraint "rooms_pkey"',
          "Key (building, number)=(main, 1) already exists.", None)),
        ("POST", "/profiles", {"artist_id": 99, "bio": "x"},
         (409, "23503",
          'insert or update on table "profiles" violates foreign key constraint "profiles_artist_id_fkey"',
          'Key (artist_id)=(99) is not present in table "artists".', None)),
        ("DELETE", "/artists?id=eq.2", None,
         (409, "23503",
          'update or delete on table "artists" violates foreign key constraint "paintings_artist_id_fkey" on table '
          '"paintings"', 'Key (id)=(2) is still referenced from table "paintings".', None)),
        ("POST", "/styles", {"id": 9, "name": None},
         (400, "23502", 'null value in column "name" of relation "styles" violates not-null constraint', None, None)),
        ("PATCH", "/paintings?id=eq.1", {"year": -1},
         (400, "23514", 'new row for relation "paintings" violates check constraint "paintings_year_check"', None,
          None)),
        ("GET", "/styles?id=eq.x", None,
         (400, "22P02", 'invalid input syntax for type integer: "x"', None, None)),
        ("POST", "/styles", {"id": "x"},
         (400, "22P02", 'invalid input syntax for type integer: "x"', None, None)),
        ("PATCH", "/specimens?id=eq.1", {"code": "123456"},
         (400, "22001", "value too long for type character varying(5)", None, None)),
        ("GET", "/styles?id=eq.99999999999", None,
         (400, "22003", 'value "99999999999" is out of range for type integer', None, None)),
        ("PATCH", "/specimens?id=eq.1", {"cents": 123456789},
         (400, "22003", "numeric field overflow",
          "A field with precision 10, scale 2 must round to an absolute value less than 10^8.", None)),
        ("GET", "/specimens?day=eq.x", None,
         (400, "22007", 'invalid input syntax for type date: "x"', None, None)),
        ("GET", "/specimens?day=eq.2026-02-30", None,
         (400, "22008", 'date/time field value out of range: "2026-02-30"', None, None)),
        ("GET", "/styles?nam=eq.x", None,
         (400, "42703", "column styles.nam does not exist", None,
          'Perhaps you meant to reference the column "styles.name".')),
        ("GET", "/styles?select=id::nosuch", None, (400, "42704", 'type "nosuch" does not exist', None, None)),
        ("GET", "/styles?name=is.true", None,
         (400, "42804", "argument of IS TRUE must be type boolean, not type character varying", None, None)),
        ("GET", "/rpc/add_style", None,
         (405, "25006", "cannot execute INSERT in a read-only transaction", None, None)),
    ],
)  # fmt: skip
def test_states_of_the_database(art: Door, method: str, url: str, body: Any, expected: tuple[Any, ...]) -> None:
    assert told(art.ask(method, url, body)) == expected


@pytest.mark.parametrize(
    ("state", "status"),
    [
        ("08006", 503), ("09000", 500), ("0L000", 403), ("0P000", 403), ("21000", 500), ("22023", 400), ("25001", 500),
        ("25006", 405), ("28000", 403), ("2D000", 500), ("38000", 500), ("39000", 500), ("3B000", 500), ("40001", 500),
        ("53100", 503), ("53400", 500), ("54000", 500), ("55000", 500), ("57014", 500), ("57P01", 503), ("58000", 500),
        ("F0000", 500), ("HV000", 500), ("P0001", 400), ("P0002", 500), ("XX000", 500), ("42883", 404), ("42P01", 404),
        ("42P17", 500), ("42501", 403), ("PT402", 402), ("PT599", 599), ("23000", 400), ("ZZ999", 400),
    ],
)  # fmt: skip
def test_a_state_has_a_status(art: Door, state: str, status: int) -> None:
    answer = art.ask("POST", "/rpc/fail", {"state": state, "detail": "told"})
    assert told(answer) == (status, state, "said", "told", None)
    assert answer.headers.get("retry-after") == ("1" if status == 503 else None)


def test_what_is_denied_may_be_had_by_signing_in(art: Door) -> None:
    answer = art.ask("POST", "/rpc/fail", {"state": "42501"}, caller="anon")
    assert told(answer) == (401, "42501", "said", None, None)
    assert answer.headers["www-authenticate"] == "Bearer"
    assert told(art.ask("POST", "/rpc/fail", {"state": "22023", "message": 'role "x" does not exist'}))[0] == 401
    assert told(art.ask("POST", "/rpc/fail", {"state": "21000", "message": "DELETE requires a WHERE clause"}))[0] == 400


def test_a_function_may_say_the_whole_answer(art: Door) -> None:
    said = '{"code":"123","message":"Payment Required","details":"Quota exceeded","hint":"Upgrade your plan"}'
    detail = '{"status":402,"headers":{"X-Powered-By":"Nerd Rage"}}'
    answer = art.ask("POST", "/rpc/fail", {"state": "PGRST", "message": said, "detail": detail})
    assert told(answer) == (402, "123", "Payment Required", "Quota exceeded", "Upgrade your plan")
    assert answer.headers["x-powered-by"] == "Nerd Rage"
    unread = told(art.ask("POST", "/rpc/fail", {"state": "PGRST", "message": "no JSON", "detail": detail}))
    assert unread[:3] == (500, "PGRST121", "Could not parse JSON in the \"RAISE SQLSTATE 'PGRST'\" error")


@pytest.mark.parametrize(
    ("kind", "expected", "retry"),
    [
        ("down", (503, "PGRST000", "Database connection error.", None, None), "1"),
        ("late", (504, "PGRST003", "Timed out acquiring connection from connection pool.", None, None), None),
        ("behind", (503, "PGRST002", "The database's schema is behind the application's.", None, None), "1"),
    ],
)
def test_outages(art: Door, kind: str, expected: tuple[Any, ...], retry: str | None) -> None:
    answer = art.ask("POST", "/rpc/outage", {"kind": kind})
    assert told(answer) == expected
    assert answer.headers.get("retry-after") == retry


def test_head_tells_an_error_by_its_headers(art: Door) -> None:
    answer = art.ask("HEAD", "/styles?id=eq.x")
    assert (answer.status, answer.body, answer.headers["proxy-status"]) == (400, b"", "PostgREST; error=22P02")


def test_a_statement_that_takes_too_long(module_database_url: str, art: Door) -> None:
    app = gallery.build(module_database_url)
    app.configure(statement_timeout=timedelta(milliseconds=60), jwt_secret=SECRET)
    slow = {
        "postgresql": "SELECT pg_sleep(5)",
        "sqlite": "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n",
    }

    async def dawdle(session: AsyncSession) -> None:
        await session.execute(sa.text(slow[(await session.connection()).dialect.name]))

    app.function(dawdle)

    async def answered() -> Answer:
        await app.start()
        try:
            service = f"Bearer {mint(SECRET, role=Role.SERVICE)}".encode()
            headers = [(b"host", b"localhost"), (b"content-length", b"2"), (b"authorization", service)]
            return await call(app, "POST", b"/rest/v1/rpc/dawdle", b"", headers, b"{}")
        finally:
            await app.stop()

    assert told(art.run(answered()))[:3] == (500, "57014", "canceling statement due to statement timeout")
