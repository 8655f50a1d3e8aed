"""Keys of programs: their text, whom they speak for, and how seldom the database is asked for them."""

from __future__ import annotations

import asyncio
import math
import re
import time
from collections.abc import Mapping
from typing import Any

import pytest

from backstay.auth.identify import identify, shown_keys
from backstay.auth.keys import Keys, digest, generate_jwt_secret, read_keys
from backstay.auth.mint import mint
from backstay.auth.programs.key import NewKey, generate_key, read_id
from backstay.auth.programs.met import FRESH, PATIENCE, MetKeys
from backstay.auth.programs.record import Record
from backstay.auth.programs.uses import EXACT, Uses
from backstay.auth.verified import VerifiedTokens
from backstay.errors import InvalidKey, InvalidToken, TooManyRequests, TooSlow
from backstay.schema.caller import Caller, Role
from backstay.settings import Settings
from in_time import until

USER = "a0000000-0000-4000-8000-000000000001"
NOBODY = Keys()


def record(key: NewKey, **changed: Any) -> Record:
    given = {"expires": time.time() + 60, "scopes": frozenset({"notes:read"}), "user": USER, **changed}
    return Record(id=key.id, digest=key.digest, **given)


class Store:
    """The keys there are, and how often they were asked for."""

    def __init__(self, *records: Record) -> None:
        self.records = {each.id: each for each in records}
        self.asked: list[str] = []
        self.noted: list[str] = []
        self.gate = asyncio.Event()
        self.gate.set()

    async def find(self, id: str) -> Record | None:
        self.asked.append(id)
        await self.gate.wait()
        return self.records.get(id)

    def note(self, record: Record, now: float) -> None:
        self.noted.append(record.id)

    def met(self, capacity: int = 100) -> MetKeys:
        return MetKeys(self.find, self.note, capacity=capacity)


class Guard:
    """Counts wrong keys, and refuses after some."""

    def __init__(self, most: int = 100) -> None:
        self.most = most
        self.count_of = 0

    def look(self) -> None:
        if self.count_of > self.most:
            raise TooManyRequests

    async def count(self) -> None:
        self.count_of += 1
        self.look()


# The text ----------------------------------------------------------------------------------------------------


@pytest.mark.asvs("11.5.1")
def test_a_key_has_a_prefix_an_id_and_a_long_secret() -> None:
    keys = [generate_key() for _ in range(100)]
    assert all(re.fullmatch(r"bsk_[0-9A-Za-z]{12}_[0-9A-Za-z]{36}", key.text) for key in keys)
    assert len({key.text for key in keys}) == len({key.id for key in keys}) == 100
    assert math.log2(62**30) > 128, "characters of the secret"


def test_the_text_of_a_key_tells_its_id() -> None:
    key = generate_key()
    assert read_id(key.text) == key.id
    assert key.digest == digest(key.text)


def test_a_key_with_a_slip_is_none() -> None:
    text = generate_key().text
    for place in range(len(text)):
        other = "b" if text[place] == "a" else "a"
        assert read_id(text[:place] + other + text[place + 1 :]) is None
    for wrong in ("", "bsk_", text + "a", text[:-1], text + "\n", text.upper(), f" {text}", text.replace("_", "-")):
        assert read_id(wrong) is None


def test_a_new_secret_keeps_the_id() -> None:
    old = generate_key()
    new = generate_key(old.id)
    assert (new.id, new.text != old.text, read_id(new.text)) == (old.id, True, old.id)


def test_what_is_printed_of_a_key_is_no_secret() -> None:
    key = generate_key()
    shown = repr((key, record(key, old_digest=key.digest)))
    assert key.text not in shown
    assert repr(key.digest) not in shown


# Whom it speaks for ------------------------------------------------------------------------------------------


def test_a_key_of_a_user_is_the_user_within_its_scopes() -> None:
    caller = record(generate_key(), claims={"app_metadata": {"team": 7}}).caller()
    assert (caller.id, caller.role, caller.scopes) == (USER, Role.AUTHENTICATED, frozenset({"notes:read"}))
    assert caller.claims["sub"] == USER
    assert caller.claims["aal"] == "aal1"
    assert caller.claims["amr"] == [{"method": "api_key"}]
    assert caller.claims["app_metadata"] == {"team": 7}


def test_no_claim_makes_more_of_a_key_than_it_is() -> None:
    claimed = {"sub": "somebody", "role": "service_role", "aal": "aal2", "amr": [{"method": "password"}]}
    caller = record(generate_key(), claims=claimed).caller()
    assert (caller.id, caller.role, caller.claims["sub"]) == (USER, Role.AUTHENTICATED, USER)
    assert (caller.claims["role"], caller.claims["aal"]) == ("authenticated", "aal1")


def test_a_key_of_a_tenant_is_nobody_of_that_tenant() -> None:
    caller = record(generate_key(), user=None, claims={"org_id": 7}).caller()
    assert (caller.id, caller.claims["org_id"], caller.signed_in) == (None, 7, True)
    assert "sub" not in caller.claims


def test_scopes_are_asked_for_by_name() -> None:
    within = Caller(USER, {}, Role.AUTHENTICATED, scopes=frozenset({"notes:read"}))
    assert within.holds("notes:read")
    assert within.holds("notes:write", "notes:read")
    assert not within.holds("notes:write")
    assert not within.holds()
    assert Caller(USER, {}, Role.AUTHENTICATED, scopes=frozenset({"*"})).holds("notes:write")
    assert Caller(USER, {}, Role.AUTHENTICATED).holds("notes:write"), "who shows no key has all scopes"
    assert not Caller(USER, {}, Role.AUTHENTICATED, scopes=frozenset()).holds("*")


# Meeting -----------------------------------------------------------------------------------------------------


async def test_a_key_that_was_met_is_known() -> None:
    key = generate_key()
    store = Store(record(key))
    met = store.met()
    await met.meet([key.text], Guard())
    assert met.recall(key.text, time.time()).caller.id == USER
    assert store.noted == [key.id]


async def test_the_database_is_asked_once_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    key = generate_key()
    store = Store(record(key))
    met = store.met()
    for _ in range(5):
        await met.meet([key.text], Guard())
    assert store.asked == [key.id]
    now = time.time() + FRESH
    monkeypatch.setattr(time, "time", lambda: now)
    store.records.clear()
    await met.meet([key.text], Guard())
    assert store.asked == [key.id, key.id]
    with pytest.raises(InvalidKey):
        met.recall(key.text, now)


async def test_many_requests_with_one_key_ask_once() -> None:
    key = generate_key()
    store = Store(record(key))
    met = store.met()
    store.gate.clear()
    asking = [asyncio.create_task(met.meet([key.text], Guard())) for _ in range(50)]
    await asyncio.sleep(0)
    asking[0].cancel()
    await asyncio.sleep(0)
    store.gate.set()
    results = await asyncio.gather(*asking, return_exceptions=True)
    assert [type(each) for each in results] == [asyncio.CancelledError] + [type(None)] * 49
    assert store.asked == [key.id]
    assert met.recall(key.text, time.time()).caller.id == USER


async def test_a_slow_database_makes_no_key_a_wrong_one(monkeypatch: pytest.MonkeyPatch) -> None:
    key = generate_key()
    now = time.time()
    asked = 0

    async def find(id: str) -> Record | None:
        nonlocal asked
        asked += 1
        monkeypatch.setattr(time, "time", lambda: now + 5 * asked)
        return record(key, expires=now + 60)

    met = MetKeys(find, lambda record, now: None, capacity=10)
    for _ in range(2):
        await met.meet([key.text], Guard())
        assert identify({"apikey": key.text}, NOBODY, VerifiedTokens(10), met=met).id == USER
    assert asked == 2, "what took so long is true no longer"


@pytest.mark.asvs("2.4.1")
async def test_wrong_keys_are_counted_once_each_and_refused_unasked_in_the_end() -> None:
    good, old = generate_key(), generate_key()
    store, guard = Store(record(good)), Guard(most=3)
    met = store.met()
    await met.meet([good.text], guard)
    for _ in range(9):
        await met.meet([old.text], guard)
        await met.meet([generate_key(good.id).text[:-1] + "-", "bsk_nonsense"], guard)
    assert guard.count_of == 1, "a script that goes on with an old key is no guesser"
    for _ in range(2):
        await met.meet([generate_key(good.id).text], guard)
    with pytest.raises(TooManyRequests):
        await met.meet([generate_key().text], guard)
    asked = len(store.asked)
    with pytest.raises(TooManyRequests):
        await met.meet([generate_key().text], guard)
    assert len(store.asked) == asked
    await met.meet([good.text], guard)
    assert met.recall(good.text, time.time()).caller.id == USER


async def test_a_database_that_fails_fails_the_request_and_is_asked_again() -> None:
    key = generate_key()
    failing = True

    async def find(id: str) -> Record | None:
        if failing:
            raise TooSlow
        return record(key)

    met = MetKeys(find, lambda record, now: None, capacity=10)
    with pytest.raises(TooSlow):
        await met.meet([key.text], Guard())
    failing = False
    await met.meet([key.text], Guard())
    assert met.recall(key.text, time.time()).caller.id == USER


async def test_an_unknown_or_wrong_key_is_never_known() -> None:
    key = generate_key()
    store = Store(record(key))
    met = store.met()
    guessed, unknown, mistyped = generate_key(key.id).text, generate_key().text, key.text[:-1] + "-"
    hashed = f"bsk_{key.id}_{key.digest.hex()}"
    for text in (guessed, unknown, mistyped, hashed, "bsk_", ""):
        await met.meet([text], Guard())
        with pytest.raises(InvalidKey):
            met.recall(text, time.time())
    assert store.asked == [key.id, read_id(unknown)], "what is no key is not looked up"
    assert store.noted == []


async def test_an_expired_key_is_refused_and_none_outlives_its_end() -> None:
    key = generate_key()
    now = time.time()
    met = Store(record(key, expires=now - 1)).met()
    await met.meet([key.text], Guard())
    with pytest.raises(InvalidKey):
        met.recall(key.text, now)
    met = Store(record(key, expires=now + 0.3)).met()
    await met.meet([key.text], Guard())
    assert met.recall(key.text, now).until == pytest.approx(now + 0.3)
    with pytest.raises(InvalidKey):
        met.recall(key.text, now + 0.31)


async def test_after_a_rotation_both_secrets_are_good_for_a_while() -> None:
    old = generate_key()
    new = generate_key(old.id)
    now = time.time()
    met = Store(record(new, old_digest=old.digest, old_until=now + 0.5)).met()
    await met.meet([old.text, new.text], Guard())
    assert met.recall(old.text, now).until == pytest.approx(now + 0.5)
    assert met.recall(new.text, now).until == pytest.approx(now + FRESH, abs=0.2)
    met = Store(record(new, old_digest=old.digest, old_until=now - 0.1)).met()
    await met.meet([old.text], Guard())
    with pytest.raises(InvalidKey):
        met.recall(old.text, now)


async def test_an_old_secret_does_not_outlive_the_key() -> None:
    old = generate_key()
    new = generate_key(old.id)
    now = time.time()
    met = Store(record(new, old_digest=old.digest, old_until=now + 60, expires=now - 1)).met()
    await met.meet([old.text], Guard())
    with pytest.raises(InvalidKey):
        met.recall(old.text, now)


async def test_no_more_keys_are_kept_than_there_is_room_for() -> None:
    keys = [generate_key() for _ in range(5)]
    met = Store(*(record(each) for each in keys)).met(capacity=2)
    await met.meet([each.text for each in keys], Guard())
    for each in keys[:3]:
        with pytest.raises(InvalidKey):
            met.recall(each.text, time.time())
    for each in keys[3:]:
        met.recall(each.text, time.time())


# Identifying -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["authorization", "apikey"])
@pytest.mark.parametrize("kept", [0, 10])
async def test_a_key_tells_who_asks_in_either_header(name: str, kept: int) -> None:
    key = generate_key()
    met = Store(record(key)).met()
    headers = {name: key.text if name == "apikey" else f"bearer  {key.text} "}
    assert shown_keys(headers) == [key.text]
    await met.meet(shown_keys(headers), Guard())
    for _ in range(2):
        caller = identify(headers, NOBODY, VerifiedTokens(kept), met=met)
        assert (caller.id, caller.scopes) == (USER, frozenset({"notes:read"}))


async def test_a_whole_request_is_remembered_no_longer_than_its_key() -> None:
    key = generate_key()
    met, verified = Store(record(key)).met(), VerifiedTokens(10)
    await met.meet([key.text], Guard())
    now = time.time()
    raw = {b"apikey": key.text.encode()}
    caller = identify({"apikey": key.text}, NOBODY, verified, met=met)
    assert verified.recall(raw, now) is caller
    assert verified.recall(raw, now + FRESH) is None
    with pytest.raises(InvalidKey):
        identify({"apikey": key.text}, NOBODY, verified, met=met, now=now + FRESH + PATIENCE)


async def test_a_key_beside_a_token_gives_nothing_but_must_be_good() -> None:
    key = generate_key()
    met = Store(record(key)).met()
    secret = generate_jwt_secret()
    keys = read_keys(Settings(jwt_secret=secret))
    headers = {"authorization": f"Bearer {mint(secret, user='bob')}", "apikey": key.text}
    with pytest.raises(InvalidKey):
        identify(headers, keys, met=met)
    await met.meet(shown_keys(headers), Guard())
    caller = identify(headers, keys, met=met)
    assert (caller.id, caller.scopes) == ("bob", None)


async def test_where_there_are_no_such_keys_none_is_good() -> None:
    for headers in ({"apikey": generate_key().text}, {"authorization": f"Bearer {generate_key().text}"}):
        with pytest.raises(InvalidKey):
            identify(headers, NOBODY)
        with pytest.raises(InvalidKey):
            identify(headers, read_keys(Settings(jwt_secret=generate_jwt_secret())), VerifiedTokens(10))


async def test_only_what_begins_like_a_key_is_looked_up() -> None:
    assert shown_keys({}) == []
    assert shown_keys({"authorization": "Basic bsk_x", "apikey": "sb_secret_bsk_"}) == []
    secret = generate_jwt_secret()
    assert shown_keys({"authorization": f"Bearer {mint(secret, user='ada')}"}) == []
    with pytest.raises(InvalidToken):
        identify({"authorization": "Bearer BSK_x"}, read_keys(Settings(jwt_secret=secret)))


# Last uses ---------------------------------------------------------------------------------------------------


async def test_uses_are_written_together_and_not_on_the_way_of_requests() -> None:
    written: list[Mapping[str, float]] = []

    async def write(used: Mapping[str, float]) -> None:
        written.append(used)

    uses = Uses(write, delay=0.01)
    first, second = record(generate_key()), record(generate_key())
    for now in (1.0, 2.0, 3.0):
        uses.note(first, now)
        uses.note(second, now)
    assert written == []
    await until(lambda: written)
    assert written == [{first.id: 3.0, second.id: 3.0}]
    await uses.stop()
    assert len(written) == 1


async def test_a_use_within_the_minute_is_not_written() -> None:
    written: list[Mapping[str, float]] = []

    async def write(used: Mapping[str, float]) -> None:
        written.append(used)

    uses = Uses(write, delay=60)
    key = generate_key()
    uses.note(record(key, used=1000.0), 1000.0 + EXACT - 1)
    await uses.stop()
    assert written == []
    uses.note(record(key, used=1000.0), 1000.0 + EXACT)
    await uses.stop()
    assert written == [{key.id: 1060.0}], "what is left is written at the end"


async def test_a_use_that_cannot_be_written_harms_nobody() -> None:
    tried = 0

    async def write(used: Mapping[str, float]) -> None:
        nonlocal tried
        tried += 1
        raise TooSlow

    uses = Uses(write, delay=0.001)
    uses.note(record(generate_key()), 1.0)
    await until(lambda: tried)
    uses.note(record(generate_key()), 2.0)
    await uses.stop()
    assert tried == 2
