"""Keys of programs: made by those who signed in, shown once, and good until they end, are rotated or revoked."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
import sqlalchemy as sa

from asking import Agency
from backstay.auth.keys import digest
from backstay.auth.programs.ask import MOST_KEYS
from backstay.auth.programs.key import generate_key, read_id
from behaviour.door import Answer
from fixtures.agency import ADA, BOB, SECRET_KEY, Invoice, User
from in_time import in_time

MINE = "/auth/v1/user/keys"
ALL = "/auth/v1/admin/keys"
READ = "/rest/v1/invoices?select=id&order=id"
BODY = {"name": "nightly export", "scopes": ["invoices:read"]}


def is_good(agency: Agency, key: str) -> bool:
    """Whether a key is good now, whatever was known of it before."""
    agency.forget()
    answer = agency.ask("GET", READ, key=key)
    assert answer.status in (200, 401), answer.body
    if answer.status == 401:
        assert answer.json["message"] == "Invalid API key"
    return answer.status == 200


def refusal(answer: Answer) -> tuple[int, str]:
    return answer.status, answer.json["error_code"]


def change(agency: Agency, id: str, **values: Any) -> None:
    keys = agency.tables.api_keys
    agency.execute(sa.update(keys).where(keys.c.id == id).values(**values))


# Making ------------------------------------------------------------------------------------------------------


def test_a_user_makes_a_key_and_is_shown_it_once(agency: Agency) -> None:
    token = agency.sign_up("eve@example.com")
    answer = agency.ask("POST", MINE, BODY, key=token)
    made = answer.json
    assert (answer.status, answer.headers["cache-control"]) == (201, "no-store")
    key = made.pop("key")
    assert read_id(key) == made["id"]
    assert (made["name"], made["scopes"], made["tenant"]) == ("nightly export", ["invoices:read"], None)
    assert made["last_used_at"] is made["previous_until"] is None
    life = datetime.fromisoformat(made["expires_at"]) - datetime.fromisoformat(made["created_at"])
    assert life == timedelta(days=365)
    shown = agency.ask("GET", MINE, key=token)
    assert shown.json["keys"] == [made]
    assert {"name": "invoices:read", "description": "Read invoices."} in shown.json["scopes"]
    assert key not in shown.body.decode()
    assert agency.ask("GET", READ, key=key).json == [{"id": 1}, {"id": 2}, {"id": 3}]
    assert agency.ask("GET", READ, apikey=key).json == [{"id": 1}, {"id": 2}, {"id": 3}]


def test_what_a_key_writes_is_its_owners(agency: Agency) -> None:
    key = agency.key("invoices:open", user=BOB)
    new = {"id": 50, "customer_id": 1, "amount": 5}
    assert agency.ask("POST", "/rest/v1/invoices", new, key=key).status == 201
    assert agency.rows(sa.select(Invoice.author_id, Invoice.org_id).where(Invoice.id == 50)) == [(BOB, 1)]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"name": "x"},
        {"scopes": ["*"]},
        {**BODY, "name": ""},
        {**BODY, "name": "x" * 101},
        {**BODY, "name": 7},
        {**BODY, "scopes": []},
        {**BODY, "scopes": ["unknown"]},
        {**BODY, "scopes": ["invoices:read", "INVOICES:READ"]},
        {**BODY, "scopes": "invoices:read"},
        {**BODY, "scopes": [None]},
        {**BODY, "expires_in": 0},
        {**BODY, "expires_in": -1},
        {**BODY, "expires_in": 366 * 24 * 3600},
        {**BODY, "expires_in": 10**20},
        {**BODY, "expires_in": "1"},
    ],
)
def test_a_key_that_cannot_be_is_not_made(module_agency: Agency, body: Any) -> None:
    before = module_agency.rows(sa.select(module_agency.tables.api_keys.c.id))
    answer = module_agency.ask("POST", ALL, {**body, "user_id": str(ADA)}, key=SECRET_KEY)
    assert refusal(answer) == (400, "validation_failed")
    assert module_agency.rows(sa.select(module_agency.tables.api_keys.c.id)) == before


def test_the_secret_key_makes_keys_of_users_and_tenants(agency: Agency) -> None:
    ada = agency.make({**BODY, "user_id": str(ADA)})
    tenant = agency.make({**BODY, "tenant": 2})
    assert (ada["user_id"], ada["tenant"], tenant["user_id"], tenant["tenant"]) == (str(ADA), None, None, 2)
    assert [row["id"] for row in agency.ask("GET", READ, key=tenant["key"]).json] == [4]
    listed = agency.ask("GET", ALL, key=SECRET_KEY).json["keys"]
    assert {each["id"] for each in listed} == {ada["id"], tenant["id"]}
    assert [each["id"] for each in agency.ask("GET", f"{ALL}?user_id={ADA}", key=SECRET_KEY).json["keys"]] == [
        ada["id"]
    ]


def test_the_keys_of_everybody_come_in_pages(agency: Agency) -> None:
    made = [agency.make({**BODY, "user_id": str(ADA), "name": name})["id"] for name in "abc"]

    def page(query: str) -> list[str]:
        return [each["id"] for each in agency.ask("GET", f"{ALL}?{query}", key=SECRET_KEY).json["keys"]]

    assert [page("per_page=2"), page("per_page=2&page=2"), page("page=2")] == [made[:2], made[2:], []]
    for query in ("page=0", "page=x", "per_page=-1", "per_page=0", "page=9999999"):
        assert refusal(agency.ask("GET", f"{ALL}?{query}", key=SECRET_KEY)) == (400, "validation_failed")


@pytest.mark.parametrize(
    ("owner", "expected"),
    [
        ({}, (400, "validation_failed")),
        ({"user_id": str(ADA), "tenant": 1}, (400, "validation_failed")),
        ({"tenant": "one"}, (400, "validation_failed")),
        ({"tenant": {"id": 1}}, (400, "validation_failed")),
        ({"user_id": "ada"}, (404, "user_not_found")),
        ({"user_id": str(uuid4())}, (404, "user_not_found")),
    ],
)
def test_a_key_has_one_owner_who_is_there(agency: Agency, owner: Any, expected: tuple[int, str]) -> None:
    assert refusal(agency.ask("POST", ALL, {**BODY, **owner}, key=SECRET_KEY)) == expected


def test_nobody_has_more_keys_than_may_be(agency: Agency) -> None:
    agency.make({**BODY, "user_id": str(ADA)})
    keys = agency.tables.api_keys
    now = datetime.now(UTC)
    more = [
        {
            "id": generate_key().id,
            "user_id": ADA,
            "name": "x",
            "digest": "",
            "scopes": [],
            "created_at": now,
            "expires_at": now,
        }
        for _ in range(MOST_KEYS - 1)
    ]
    agency.execute(sa.insert(keys).values(more))
    answer = agency.ask("POST", ALL, {**BODY, "user_id": str(ADA)}, key=SECRET_KEY)
    assert refusal(answer) == (422, "too_many_api_keys")
    # What cannot be is told first.
    answer = agency.ask("POST", ALL, {**BODY, "user_id": str(ADA), "expires_in": 0}, key=SECRET_KEY)
    assert refusal(answer) == (400, "validation_failed")
    agency.make({**BODY, "user_id": str(BOB)})


# Who may -----------------------------------------------------------------------------------------------------


@pytest.mark.asvs("6.3.4")
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", MINE),
        ("POST", MINE),
        ("PATCH", f"{MINE}/abc"),
        ("DELETE", f"{MINE}/abc"),
        ("POST", f"{MINE}/abc/rotate"),
        ("GET", "/auth/v1/user"),
        ("PUT", "/auth/v1/user"),
        ("GET", "/auth/v1/reauthenticate"),
        ("POST", "/auth/v1/logout"),
    ],
)
def test_a_key_can_neither_make_keys_nor_change_its_owner(agency: Agency, method: str, path: str) -> None:
    key = agency.key("*")
    for headers in ({"key": key}, {"apikey": key}):
        answer = agency.ask(method, path, {**BODY, "password": "nine brown horses", "email": "a@b.de"}, **headers)
        assert refusal(answer) == (403, "api_key_not_allowed")


def test_what_is_for_the_secret_key_is_for_no_other(agency: Agency) -> None:
    made = agency.make({**BODY, "user_id": str(ADA), "scopes": ["*"]})
    token = agency.sign_up("eve@example.com")
    one = f"{ALL}/{made['id']}"
    for method, path in (
        ("GET", ALL),
        ("POST", ALL),
        ("PATCH", one),
        ("DELETE", one),
        ("POST", f"{one}/rotate"),
    ):
        for key, expected in ((made["key"], 403), (token, 403), (None, 401)):
            assert agency.ask(method, path, BODY, key=key).status == expected
    assert is_good(agency, made["key"])


def test_keys_are_their_owners_only(agency: Agency) -> None:
    eve, mal = agency.sign_up("eve@example.com"), agency.sign_up("mal@example.com")
    made = agency.ask("POST", MINE, BODY, key=eve).json
    one = f"{MINE}/{made['id']}"
    for method, path in (("PATCH", one), ("DELETE", one), ("POST", f"{one}/rotate")):
        assert refusal(agency.ask(method, path, {"name": "mine"}, key=mal)) == (404, "api_key_not_found")
    assert agency.ask("GET", MINE, key=mal).json["keys"] == []
    assert agency.ask("GET", MINE, key=eve).json["keys"][0]["name"] == "nightly export"
    assert is_good(agency, made["key"])


def test_the_token_of_an_ended_session_makes_no_keys(agency: Agency) -> None:
    token = agency.sign_up("eve@example.com")
    agency.execute(sa.update(agency.tables.sessions).values(ended_at=datetime.now(UTC)))
    assert refusal(agency.ask("POST", MINE, BODY, key=token)) == (403, "session_not_found")


def test_who_has_a_second_factor_shows_it_to_make_keys(agency: Agency) -> None:
    token = agency.sign_up("eve@example.com")
    made = agency.ask("POST", MINE, BODY, key=token).json
    now = datetime.now(UTC)
    (user_id,) = agency.rows(sa.select(User.id).where(User.email == "eve@example.com"))[0]
    factor = {"id": uuid4(), "user_id": user_id, "kind": "totp", "status": "verified"}
    agency.execute(sa.insert(agency.tables.factors).values(**factor, created_at=now, updated_at=now))
    one = f"{MINE}/{made['id']}"
    for method, path in (("POST", MINE), ("PATCH", one), ("POST", f"{one}/rotate")):
        assert refusal(agency.ask(method, path, BODY, key=token)) == (401, "insufficient_aal")
    assert agency.ask("GET", MINE, key=token).status == 200
    assert agency.ask("DELETE", one, key=token).status == 204, "to have fewer keys takes no second factor"


# Changing ----------------------------------------------------------------------------------------------------


def test_a_key_is_given_other_scopes(agency: Agency) -> None:
    made = agency.make({**BODY, "user_id": str(ADA)})
    one = f"{ALL}/{made['id']}"
    changed = agency.ask("PATCH", one, {"name": "weekly", "scopes": ["team"], "expires_in": 60}, key=SECRET_KEY)
    assert (changed.json["name"], changed.json["scopes"]) == ("weekly", ["team"])
    agency.forget()
    assert agency.ask("GET", READ, key=made["key"]).status == 403
    assert agency.ask("GET", "/rest/v1/customers?select=id", key=made["key"]).status == 200
    for body in ({}, {"scopes": []}, {"scopes": ["x"]}, {"expires_in": 0}, {"name": ""}):
        assert refusal(agency.ask("PATCH", one, body, key=SECRET_KEY)) == (400, "validation_failed")


def test_a_scope_that_is_declared_no_more_lets_nothing(agency: Agency) -> None:
    made = agency.make({**BODY, "user_id": str(ADA)})
    change(agency, made["id"], scopes=["invoices:gone"])
    agency.forget()
    assert agency.ask("GET", READ, key=made["key"]).status == 403


# Ending ------------------------------------------------------------------------------------------------------


def test_a_key_ends(agency: Agency) -> None:
    made = agency.make({**BODY, "user_id": str(ADA), "expires_in": 60})
    assert is_good(agency, made["key"])
    change(agency, made["id"], expires_at=datetime.now(UTC) - timedelta(seconds=1))
    assert not is_good(agency, made["key"])


@pytest.mark.asvs("7.4.1")
def test_a_revoked_key_is_good_nowhere_within_a_second(agency: Agency) -> None:
    token = agency.sign_up("eve@example.com")
    for watch in in_time(1):
        made = agency.ask("POST", MINE, BODY, key=token).json
        assert agency.ask("GET", READ, key=made["key"]).status == 200
        assert agency.ask("DELETE", f"{MINE}/{made['id']}", key=token).status == 204
        with watch:
            while agency.ask("GET", READ, key=made["key"]).status == 200:
                watch.check()
                time.sleep(0.02)
    assert agency.ask("GET", READ, key=made["key"]).status == 401
    assert agency.ask("GET", "/api/me", key=made["key"]).status == 401
    assert refusal(agency.ask("DELETE", f"{MINE}/{made['id']}", key=token)) == (404, "api_key_not_found")


Ending = Callable[[Agency], None]


def _ban(agency: Agency) -> None:
    _credentials(agency, banned_until=datetime.now(UTC) + timedelta(hours=1))


def _delete_softly(agency: Agency) -> None:
    _credentials(agency, deleted_at=datetime.now(UTC))


def _delete(agency: Agency) -> None:
    agency.execute(sa.delete(User).where(User.email == "eve@example.com"))


def _credentials(agency: Agency, **values: Any) -> None:
    credentials = agency.tables.credentials
    who = sa.select(User.id).where(User.email == "eve@example.com")
    agency.execute(sa.update(credentials).where(credentials.c.user_id.in_(who)).values(**values))


@pytest.mark.parametrize("end", [_ban, _delete_softly, _delete])
def test_a_key_ends_with_its_owner(agency: Agency, end: Ending) -> None:
    key = agency.ask("POST", MINE, BODY, key=agency.sign_up("eve@example.com")).json["key"]
    assert is_good(agency, key)
    end(agency)
    assert not is_good(agency, key)


# Rotating ----------------------------------------------------------------------------------------------------


def test_a_rotated_key_has_two_secrets_for_a_while(agency: Agency) -> None:
    token = agency.sign_up("eve@example.com")
    made = agency.ask("POST", MINE, BODY, key=token).json
    rotated = agency.ask("POST", f"{MINE}/{made['id']}/rotate", {"overlap": 60}, key=token)
    assert (rotated.status, rotated.headers["cache-control"]) == (200, "no-store")
    assert rotated.json["id"] == made["id"]
    assert rotated.json["previous_until"] is not None
    assert rotated.json["key"] != made["key"]
    assert is_good(agency, made["key"])
    assert is_good(agency, rotated.json["key"])
    change(agency, made["id"], previous_until=datetime.now(UTC) - timedelta(seconds=1))
    assert not is_good(agency, made["key"])
    assert is_good(agency, rotated.json["key"])


def test_a_key_is_rotated_without_overlap(agency: Agency) -> None:
    made = agency.make({**BODY, "user_id": str(ADA)})
    rotated = agency.ask("POST", f"{ALL}/{made['id']}/rotate", {"overlap": 0}, key=SECRET_KEY).json
    assert not is_good(agency, made["key"])
    assert is_good(agency, rotated["key"])


def test_only_the_last_secret_is_good_beside_the_new_one(agency: Agency) -> None:
    first = agency.make({**BODY, "user_id": str(ADA)})
    rotate = f"{ALL}/{first['id']}/rotate"
    second, third = (agency.ask("POST", rotate, {}, key=SECRET_KEY).json for _ in range(2))
    assert [is_good(agency, each["key"]) for each in (first, second, third)] == [False, True, True]


def test_rotating_revives_no_secret_that_had_ended(agency: Agency) -> None:
    made = agency.make({**BODY, "user_id": str(ADA)})
    change(agency, made["id"], expires_at=datetime.now(UTC) - timedelta(seconds=1))
    rotated = agency.ask("POST", f"{ALL}/{made['id']}/rotate", {}, key=SECRET_KEY).json
    assert not is_good(agency, made["key"])
    assert is_good(agency, rotated["key"])


def test_an_overlap_is_not_for_ever(agency: Agency) -> None:
    made = agency.make({**BODY, "user_id": str(ADA)})
    for body in ({"overlap": 8 * 24 * 3600}, {"overlap": -1}, {"overlap": "1"}, {"expires_in": 0}):
        answer = agency.ask("POST", f"{ALL}/{made['id']}/rotate", body, key=SECRET_KEY)
        assert refusal(answer) == (400, "validation_failed")


def test_of_many_rotations_at_once_one_secret_is_the_last(agency: Agency) -> None:
    made = agency.make({**BODY, "user_id": str(ADA)})
    rotate = f"{ALL}/{made['id']}/rotate"

    async def together() -> list[Answer]:
        asking = [agency.asking("POST", rotate, {}, key=SECRET_KEY) for _ in range(20)]
        return list(await asyncio.gather(*asking))

    answers = agency.run(together())
    assert {each.status for each in answers} == {200}
    assert sum(is_good(agency, each.json["key"]) for each in answers) == 2, "the last, and the one before"


# What is kept ------------------------------------------------------------------------------------------------


def test_the_last_use_is_written_soon_and_by_the_minute(agency: Agency) -> None:
    made = agency.make({**BODY, "user_id": str(ADA)})
    keys = agency.tables.api_keys
    last = sa.select(keys.c.last_used_at).where(keys.c.id == made["id"])
    programs = agency.app.assembly._programs
    assert programs is not None
    assert agency.ask("GET", READ, key=made["key"]).status == 200
    assert agency.rows(last) == [(None,)], "not on the way of the request"
    agency.run(programs.stop())
    ((used,),) = agency.rows(last)
    assert abs((datetime.now(UTC) - used).total_seconds()) < 10
    for ago, is_written in ((50, False), (70, True)):
        before = datetime.now(UTC) - timedelta(seconds=ago)
        change(agency, made["id"], last_used_at=before)
        is_good(agency, made["key"])
        agency.run(programs.stop())
        ((used,),) = agency.rows(last)
        assert (used > before + timedelta(seconds=1)) is is_written
    assert agency.ask("GET", ALL, key=SECRET_KEY).json["keys"][0]["last_used_at"] is not None


@pytest.mark.invariant("I20")
def test_what_is_stored_of_a_key_is_good_for_nothing(agency: Agency) -> None:
    token = agency.sign_up("eve@example.com")
    made = agency.ask("POST", MINE, BODY, key=token).json
    rotated = agency.ask("POST", f"{MINE}/{made['id']}/rotate", {}, key=token).json
    stored = {
        str(value)
        for table in agency.app.schema.metadata.tables.values()
        for row in agency.rows(sa.select(table))
        for value in row
    }
    text = "\n".join(stored)
    for key in (made["key"], rotated["key"]):
        secret = key.rpartition("_")[2]
        assert key not in text
        assert secret not in text
        assert secret[:30] not in text
    for hashed in (digest(made["key"]).hex(), digest(rotated["key"]).hex()):
        assert hashed in text
        for shown in (hashed, f"bsk_{made['id']}_{hashed}", f"bsk_{made['id']}_{hashed[:36]}"):
            for headers in ({"key": shown}, {"apikey": shown}):
                agency.forget()
                assert agency.ask("GET", READ, **headers).status == 401


@pytest.mark.asvs("16.3.1")
def test_what_happens_to_keys_is_on_the_trail(agency: Agency) -> None:
    token = agency.sign_up("eve@example.com")
    made = agency.ask("POST", MINE, BODY, key=token).json
    one = f"{MINE}/{made['id']}"
    rotated = agency.ask("POST", f"{one}/rotate", {}, key=token).json
    agency.ask("PATCH", one, {"name": "weekly"}, key=token)
    agency.ask("DELETE", f"{ALL}/{made['id']}", key=SECRET_KEY)
    audit = agency.tables.audit
    rows = agency.rows(
        sa.select(audit.c.action, audit.c.by, audit.c.user_id, audit.c.detail)
        .where(audit.c.action.startswith("api_key"))
        .order_by(audit.c.id)
    )
    owner = made["user_id"]
    assert [tuple(row[:3]) for row in rows] == [
        ("api_key_made", owner, owner),
        ("api_key_rotated", owner, owner),
        ("api_key_changed", owner, owner),
        ("api_key_revoked", "service_role", owner),
    ]
    assert {row[3]["id"] for row in rows} == {made["id"]}
    assert made["key"] not in str(rows)
    assert rotated["key"] not in str(rows)


def test_a_wrong_key_is_told_apart_by_nothing(agency: Agency) -> None:
    made = agency.make({**BODY, "user_id": str(ADA)})
    guesses = [generate_key(made["id"]).text, generate_key().text, f"{made['key']}x", made["key"][:-1], "bsk_"]
    answers = [agency.ask("GET", READ, key=each) for each in guesses]
    assert {each.status for each in answers} == {401}
    assert len({each.body for each in answers}) == 1
    assert agency.ask("GET", READ, key=made["key"]).status == 200


def test_a_key_says_of_its_owner_what_their_token_says(agency: Agency) -> None:
    token = agency.sign_up("eve@example.com")
    agency.execute(sa.update(User).where(User.email == "eve@example.com").values(team="sales"))
    made = agency.ask("POST", MINE, BODY, key=token).json
    programs = agency.app.assembly._programs
    assert programs is not None
    record = agency.run(programs._store.find(made["id"]))
    assert record is not None
    payload = token.split(".")[1]
    said = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    known = ("sub", "email", "phone", "app_metadata", "user_metadata", "role", "is_anonymous")
    claims = record.caller().claims
    assert {name: claims[name] for name in known} == {name: said[name] for name in known}
    assert claims["team"] == "sales"
    assert claims["aal"] == said["aal"] == "aal1"


@pytest.mark.asvs("7.4.1")
def test_a_key_revoked_at_one_worker_ends_at_another(agency: Agency, module_database_url: str) -> None:
    other = Agency(module_database_url)
    other.run(other.app.start())
    try:
        for watch in in_time(1):
            made = agency.make({**BODY, "user_id": str(ADA)})
            assert other.ask("GET", READ, key=made["key"]).status == 200
            assert agency.ask("DELETE", f"{ALL}/{made['id']}", key=SECRET_KEY).status == 204
            with watch:
                while other.ask("GET", READ, key=made["key"]).status == 200:
                    watch.check()
                    time.sleep(0.02)
    finally:
        other.__exit__()


# Guessing ----------------------------------------------------------------------------------------------------


@pytest.mark.asvs("2.4.1", "16.3.3")
def test_who_shows_many_wrong_keys_is_sent_away_and_told_of(database_url: str) -> None:
    here, there = "192.0.2.7", "198.51.100.9"
    with Agency(database_url, api_key_limit=3) as agency:
        key = agency.key("invoices:read")
        assert agency.ask("GET", READ, key=key, address=here).status == 200

        def guess(address: str, **headers: str) -> int:
            return agency.ask("GET", READ, key=generate_key().text, address=address, **headers).status

        assert [guess(here) for _ in range(3)] == [401] * 3
        refused = agency.ask("GET", READ, key=generate_key(read_id(key)).text, address=here)
        assert refused.status == 429
        assert 1 <= int(refused.headers["retry-after"]) <= 300
        assert [guess(here, x_forwarded_for=there, user_agent="another") for _ in range(2)] == [429] * 2
        assert guess(there) == 401
        assert agency.ask("GET", READ, key=key, address=here).status == 200, "a key that was good goes on"
        (event,) = [
            each
            for each in agency.ask("GET", "/auth/v1/admin/audit", key=SECRET_KEY).json
            if each["payload"]["action"] == "rate_limited"
        ]
        assert (event["ip_address"], event["payload"]["traits"]["limit"]) == (here, "api_keys")
