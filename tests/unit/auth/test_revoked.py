"""Revoked tokens are refused by every worker within a second, and nobody pays for it while none is."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from backstay.auth import revoked
from backstay.auth.identify import identify
from backstay.auth.keys import read_keys
from backstay.auth.mint import mint
from backstay.auth.revoked import Revocations, Revoked
from backstay.auth.store.tables import declare
from backstay.auth.verified import VerifiedTokens
from backstay.dialects.connect import connect
from backstay.dialects.dialect import Database, Row
from backstay.errors import DatabaseUnavailable, RevocationsUnknown, SessionEnded
from backstay.observe import RevocationsFound, RevocationsLost, subscribe
from backstay.schema.caller import Caller
from backstay.settings import Settings
from in_time import in_time, until

SECRET = "the secret that only the server of these tests knows"
KEYS = read_keys(Settings(jwt_secret=SECRET, publishable_key="sb_publishable_x"))


class Worker:
    """What a worker has: a database, what it remembers, and what it knows to be revoked."""

    def __init__(self, database: Database, table: sa.Table) -> None:
        self.database = database
        self.verified = VerifiedTokens(100)
        self.revocations = Revocations(table, database, self.verified)

    def ask(self, token: str) -> Caller:
        headers = {"authorization": f"Bearer {token}"}
        warm = self.verified.recall({b"authorization": f"Bearer {token}".encode()}, time.time())
        return warm or identify(headers, KEYS, self.verified, revoked=self.revocations)

    def refuses(self, token: str) -> bool:
        try:
            self.ask(token)
        except SessionEnded:
            return True
        return False

    async def revoke(self, kind: Revoked, subject: str, *, at: float | None = None, lasting: float = 3600) -> None:
        now = datetime.fromtimestamp(time.time() if at is None else at, UTC)
        async with self.database.session(local=()) as session:
            await self.revocations.note(session, kind, subject, now=now, until=now + timedelta(seconds=lasting))


Workers = Callable[[], Any]


@pytest.fixture
async def worker(module_database_url: str) -> AsyncIterator[Workers]:
    """Starts workers on one database."""
    async with AsyncExitStack() as stack:
        made = False

        async def start(*, reading: bool = True) -> Worker:
            nonlocal made
            metadata = sa.MetaData()
            users = sa.Table("users", metadata, sa.Column("id", sa.Uuid(), primary_key=True))
            table = declare(users).revocations
            engine = connect(module_database_url, settings=Settings(), metadata=metadata)
            await engine.database.start()
            stack.push_async_callback(engine.database.close)
            if not made:
                async with engine.database.session(local=()) as session:
                    await session.run_sync(lambda each: metadata.create_all(each.connection()))
                    await session.execute(sa.delete(table))
                made = True
            worker = Worker(engine.database, table)
            if reading:
                await worker.revocations.start()
                stack.push_async_callback(worker.revocations.stop)
            return worker

        yield start


def token(user: str = "ada", session: str = "s1", *, issued: float | None = None) -> str:
    return mint(SECRET, user=user, claims={"session_id": session}, now=issued)


@pytest.mark.invariant("I23")
@pytest.mark.asvs("7.4.1")
async def test_a_session_that_one_worker_ends_is_refused_by_all_within_a_second(worker: Workers) -> None:
    one, two = await worker(), await worker()
    other = token(session="other")
    for number, watch in enumerate(in_time(1.0)):
        ended = token(session=f"s{number}")
        for each in (one, two):
            assert [each.ask(ended).id, each.ask(ended).id, each.ask(other).id] == ["ada"] * 3
        await one.revoke(Revoked.SESSION, f"s{number}")
        await until(lambda ended=ended: one.refuses(ended) and two.refuses(ended), watch)
    assert not one.refuses(other) and not two.refuses(other)


@pytest.mark.invariant("I23")
@pytest.mark.asvs("7.4.2")
async def test_a_user_who_is_turned_out_is_refused_by_all_within_a_second(worker: Workers) -> None:
    one, two = await worker(), await worker()
    for number, watch in enumerate(in_time(1.0)):
        eve = f"eve{number}"
        tokens = [token(eve, "s1"), token(eve, "s2"), mint(SECRET, user=eve)]
        for each in (one, two):
            assert [each.ask(one).id for one in tokens] == [eve] * 3
        await one.revoke(Revoked.USER, eve)
        await until(lambda these=tokens: all(each.refuses(one) for each in (one, two) for one in these), watch)
    assert not one.refuses(token("ada", "s3"))


async def test_tokens_that_are_issued_later_are_good(worker: Workers) -> None:
    one = await worker()
    await one.revoke(Revoked.USER, "ada", at=time.time() - 10)
    await one.revocations.refresh()
    assert one.refuses(token(issued=time.time() - 11))
    assert not one.refuses(token())


async def test_a_token_of_the_very_second_is_dead_and_the_next_one_issued_is_not(worker: Workers) -> None:
    one = await worker()
    now = time.time()
    await one.revoke(Revoked.USER, "ada", at=now)
    await one.revocations.refresh()
    assert one.refuses(token(issued=now))
    later = one.revocations.issue_at("ada", now)
    assert now < later <= now + 1
    assert not one.refuses(token(issued=later))
    assert one.revocations.issue_at("eve", now) == now
    assert one.revocations.issue_at("ada", now + 5) == now + 5


async def test_what_is_rolled_back_is_not_revoked(worker: Workers) -> None:
    one = await worker()
    with pytest.raises(ZeroDivisionError):
        async with one.database.session(local=()) as session:
            now = datetime.now(UTC)
            await one.revocations.note(session, Revoked.SESSION, "s1", now=now, until=now + timedelta(hours=1))
            raise ZeroDivisionError
    await one.revocations.refresh()
    assert not one.refuses(token())


async def test_a_worker_that_starts_later_knows_it(worker: Workers) -> None:
    one = await worker()
    await one.revoke(Revoked.SESSION, "s1")
    two = await worker()
    assert two.refuses(token())


async def test_refreshing_makes_it_so_at_once(worker: Workers) -> None:
    one, two = await worker(), await worker()
    two.ask(token())
    await one.revoke(Revoked.SESSION, "s1")
    await two.revocations.refresh()
    assert two.refuses(token())


@pytest.mark.parametrize("module_database_url", ["postgresql"], indirect=True)
async def test_a_row_that_is_committed_after_a_greater_number_is_not_missed(worker: Workers) -> None:
    one, two = await worker(), await worker()
    now = datetime.now(UTC)
    async with one.database.session(local=()) as slow:
        await one.revocations.note(slow, Revoked.SESSION, "slow", now=now, until=now + timedelta(hours=1))
        await two.revoke(Revoked.SESSION, "fast")
        await two.revocations.refresh()
        assert two.refuses(token(session="fast"))
        assert not two.refuses(token(session="slow"))
    await two.revocations.refresh()
    assert two.refuses(token(session="slow"))


async def test_only_new_rows_are_read_again(worker: Workers) -> None:
    one = await worker()
    old = time.time() - 100
    for number in range(5):
        await one.revoke(Revoked.SESSION, f"old{number}", at=old)
    ((last,),) = await one.database.fetch("SELECT max(id) FROM auth_revocations", [], ())
    await one.revoke(Revoked.SESSION, "new")
    await one.revocations.refresh()
    asked: list[Sequence[Any]] = []
    fetch = one.database.fetch

    def counting(text: str, parameters: Sequence[Any], local: Any = ()) -> Any:
        asked.append(parameters)
        return fetch(text, parameters, local)

    one.database.fetch = counting
    await one.revocations.refresh()
    assert asked == [[last]]
    assert one.refuses(token(session="old3")) and one.refuses(token(session="new"))


async def test_rows_that_had_their_time_are_deleted_and_their_numbers_never_used_again(
    worker: Workers, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = await worker()
    for number in range(3):
        await one.revoke(Revoked.SESSION, f"old{number}", at=time.time() - 1000, lasting=10)
    ((last,),) = await one.database.fetch("SELECT max(id) FROM auth_revocations", [], ())
    monkeypatch.setattr(revoked, "_ANEW", 0.0)
    await one.revocations.refresh()
    monkeypatch.undo()
    left: list[Row] = await one.database.fetch("SELECT id FROM auth_revocations", [], ())
    assert left == []
    await one.revoke(Revoked.SESSION, "new")
    ((number,),) = await one.database.fetch("SELECT id FROM auth_revocations", [], ())
    assert number == last + 1
    await one.revocations.refresh()
    assert one.refuses(token(session="new"))


async def test_a_warm_request_asks_nothing(worker: Workers, monkeypatch: pytest.MonkeyPatch) -> None:
    one = await worker()
    one.ask(token())
    monkeypatch.setattr(Revocations, "check", lambda *_: pytest.fail("asked"))
    monkeypatch.setattr(Revocations, "is_dead", lambda *_: pytest.fail("asked"))
    assert one.ask(token()).id == "ada"


async def test_of_what_is_remembered_only_the_revoked_is_forgotten(worker: Workers) -> None:
    one = await worker()
    for number in range(10):
        one.ask(token(f"user{number}", f"s{number}"))
    await one.revoke(Revoked.USER, "user3")
    await one.revoke(Revoked.SESSION, "s7")
    await one.revocations.refresh()
    assert len(one.verified) == 8


# When it cannot be read ------------------------------------------------------------------------------------------


@pytest.mark.asvs("16.5.3")
async def test_while_it_cannot_be_read_users_are_refused_and_keys_are_not(worker: Workers) -> None:
    one = await worker()
    blind = Worker(one.database, one.revocations._table)
    told: list[Any] = []
    end = subscribe(told.append, RevocationsLost, RevocationsFound)
    await rename(one.database, "until", "gone")
    try:
        await blind.revocations.refresh()
        await blind.revocations.refresh()
    finally:
        end()
        await rename(one.database, "gone", "until")
    assert [type(each) for each in told] == [RevocationsLost]
    assert not blind.revocations.is_current
    with pytest.raises(RevocationsUnknown):
        blind.ask(token())
    assert identify({"apikey": "sb_publishable_x"}, KEYS, blind.verified, revoked=blind.revocations).id is None


async def rename(database: Database, old: str, new: str) -> None:
    async with database.session(local=()) as session:
        await session.execute(sa.text(f"ALTER TABLE auth_revocations RENAME COLUMN {old} TO {new}"))


async def test_where_nobody_ever_signed_in_there_is_nothing_to_know(database_url: str) -> None:
    metadata = sa.MetaData()
    table = declare(sa.Table("users", metadata, sa.Column("id", sa.Uuid(), primary_key=True))).revocations
    engine = connect(database_url, settings=Settings(), metadata=metadata)
    await engine.database.start()
    try:
        worker = Worker(engine.database, table)
        await worker.revocations.refresh()
        assert worker.ask(token()).id == "ada"
    finally:
        await engine.database.close()


@pytest.mark.asvs("16.5.3")
@pytest.mark.invariant("I29")
async def test_users_are_served_through_a_short_outage_and_refused_in_a_long_one(
    worker: Workers, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = await worker(reading=False)
    await one.revoke(Revoked.SESSION, "s2")
    await one.revocations.refresh()
    one.ask(token())
    fetch = one.database.fetch

    async def fail(*_: Any) -> Any:
        raise DatabaseUnavailable

    one.database.fetch = fail
    await one.revocations.refresh()
    assert one.revocations.is_current
    assert one.ask(token()).id == "ada"
    monkeypatch.setattr(revoked, "_PATIENCE", 0.0)
    await one.revocations.refresh()
    with pytest.raises(RevocationsUnknown):
        one.ask(token())
    assert one.refuses(token(session="s2"))
    one.database.fetch = fetch
    await one.revocations.refresh()
    assert one.ask(token()).id == "ada"
