"""What one worker revokes, another refuses on every door within a second, though it remembers the caller."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterator
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from backstay.auth.protocol.incoming import Incoming
from backstay.auth.steps.entry import turn_out
from backstay.auth.store.user_row import change
from backstay.schema.caller import SERVICE
from backstay.schema.exchange import Request
from behaviour.door import Answer, call
from fixtures.club import guest
from in_time import Watch, in_time
from signing_in import PASSWORD, Club, Person

PERSON = {"email": "eve@example.com", "password": PASSWORD}


@pytest.fixture(scope="module", autouse=True)
def cheap_hashes() -> None:
    """Not here, where it matters how long a hash takes."""


class Workers:
    """Two workers of one application, in one event loop."""

    def __init__(self, one: Club, two: Club) -> None:
        self.one = one
        self.two = two

    def statuses(self, worker: Club, token: str) -> set[int]:
        """What a worker answers to a token on its doors: reads that are prepared and not, a write, sign-in, a guest."""
        headers = [(b"host", b"club.example"), (b"authorization", f"Bearer {token}".encode())]
        return {
            self.run(call(worker.app, "GET", b"/guest/", b"", headers, b"")).status,
            worker.ask("GET", "/rest/v1/notes?select=id", token=token).status,
            worker.ask("GET", "/rest/v1/notes?select=id,text&order=id&limit=3", token=token).status,
            worker.ask("POST", "/rest/v1/notes", {"text": "Hi"}, token=token).status,
            worker.ask("GET", "/user", token=token).status,
        }

    def assert_good(self, *people: Person) -> None:
        for person in people:
            for worker in (self.one, self.two):
                for _ in range(2):
                    assert self.statuses(worker, person.token) <= {200, 201}

    def tries(self) -> Iterator[Watch]:
        """What is refused within a second is seen with new people each time."""
        for watch in in_time(1.0):
            self.two.settle()
            self.one.restore()
            yield watch

    def assert_refused(self, watch: Watch, *people: Person) -> None:
        with watch:
            while any(
                self.statuses(worker, person.token) & {200, 201} for person in people for worker in (self.one, self.two)
            ):
                watch.check()
                self.one.run(asyncio.sleep(0.02))
        for person in people:
            for worker in (self.one, self.two):
                assert self.statuses(worker, person.token) == {401, 403}

    def run(self, work: Awaitable[Any]) -> Any:
        return self.one.run(work)


@pytest.fixture
def workers(club: Club) -> Iterator[Workers]:
    url = club.app.settings.database
    one, two = Club(url), Club(url)
    for worker in (one, two):
        worker.app.mount("/guest", guest())
        worker._runner.close()
        worker._runner = club._runner
        worker.run(worker.app.start())
    try:
        yield Workers(one, two)
    finally:
        for worker in (one, two):
            worker.settle()
            worker.run(worker.app.stop())


def incoming() -> Incoming:
    return Incoming(request=Request("POST", "/", "", {}, b""), caller=SERVICE)


async def banish(club: Club, person: Person, **columns: Any) -> None:
    """Turn a user out, as an administrator does."""
    sign_in, now = club.sign_in, incoming()
    async with sign_in.session() as db:
        user_id = (await db.execute(sa.select(sign_in.tables.credentials.c.user_id))).scalars().all()
        own = next(each for each in user_id if str(each) == person.id)
        await change(db, sign_in.tables, own, now.now, **columns)
        await turn_out(db, sign_in, now, own, by="administrator")


@pytest.mark.invariant("I23")
@pytest.mark.asvs("7.4.1")
@pytest.mark.parametrize("scope", ["local", "global", "others"])
def test_log_out(workers: Workers, scope: str) -> None:
    for watch in workers.tries():
        workers.one.member()
        own, other = workers.one.enter(), workers.two.enter()
        workers.assert_good(own, other)
        assert workers.one.ask("POST", f"/logout?scope={scope}", token=own.token).status == 204
        ended = {"local": [own], "global": [own, other], "others": [other]}[scope]
        workers.assert_refused(watch, *ended)
        workers.assert_good(*[each for each in (own, other) if each not in ended])


@pytest.mark.invariant("I23")
@pytest.mark.asvs("7.4.2", "7.4.5")
def test_a_ban(workers: Workers) -> None:
    for watch in workers.tries():
        ada, eve = workers.one.member("ada@example.com"), workers.one.member("eve@example.com")
        workers.assert_good(ada, eve)
        workers.run(banish(workers.one, eve, banned_until=incoming().now + timedelta(hours=1)))
        workers.assert_refused(watch, eve)
        workers.assert_good(ada)
        for worker in (workers.one, workers.two):
            again = worker.ask("POST", "/token?grant_type=password", {"email": "eve@example.com", "password": PASSWORD})
            assert (again.status, again.json["code"]) == (400, "user_banned")
            refreshed = worker.ask("POST", "/token?grant_type=refresh_token", {"refresh_token": eve.refresh_token})
            assert refreshed.status == 400
        workers.run(banish(workers.one, eve, banned_until=None))
        workers.assert_good(workers.one.enter("eve@example.com"))


@pytest.mark.invariant("I23")
@pytest.mark.asvs("7.4.2")
def test_a_deletion(workers: Workers) -> None:
    for watch in workers.tries():
        ada, eve = workers.one.member("ada@example.com"), workers.one.member("eve@example.com")
        workers.assert_good(ada, eve)
        workers.run(banish(workers.one, eve, deleted_at=incoming().now))
        workers.assert_refused(watch, eve)
        workers.assert_good(ada)


@pytest.mark.invariant("I23")
@pytest.mark.asvs("6.2.2", "7.4.3")
def test_a_new_password(workers: Workers) -> None:
    for watch in workers.tries():
        workers.one.member()
        own, other = workers.one.enter(), workers.two.enter()
        workers.assert_good(own, other)
        assert workers.one.ask("PUT", "/user", {"password": "eight brown horses"}, token=own.token).status == 200
        workers.assert_refused(watch, other)
        workers.assert_good(own, workers.two.enter(password="eight brown horses"))


@pytest.mark.invariant("I21", "I23")
@pytest.mark.asvs("10.4.5")
def test_a_refresh_token_used_twice(workers: Workers) -> None:
    for watch in workers.tries():
        ada = workers.one.member()
        eve = workers.one.member("eve@example.com")
        workers.assert_good(ada, eve)
        ages = workers.one.tables.sessions
        for worker in (workers.one, workers.two):
            assert (
                worker.ask("POST", "/token?grant_type=refresh_token", {"refresh_token": ada.refresh_token}).status
                == 200
            )
        later = sa.update(ages).values(refreshed_at=incoming().now - timedelta(seconds=60))
        workers.one.execute(later)
        again = workers.two.ask("POST", "/token?grant_type=refresh_token", {"refresh_token": ada.refresh_token})
        assert (again.status, again.json["code"]) == (400, "refresh_token_already_used")
        workers.assert_refused(watch, ada)
        workers.assert_good(eve)


def test_whoever_signs_in_in_the_very_second_of_a_ban_s_end_is_in(workers: Workers) -> None:
    eve = workers.one.member("eve@example.com")
    for _ in range(3):
        workers.run(banish(workers.one, eve, banned_until=None))
        for worker in (workers.two, workers.one):
            workers.assert_good(worker.enter("eve@example.com"))


@pytest.mark.invariant("I23")
@pytest.mark.asvs("7.4.2")
@pytest.mark.parametrize("columns", ["banned_until", "deleted_at", "password"])
def test_nobody_slips_in_while_they_are_turned_out(workers: Workers, columns: str) -> None:
    workers.one.member("eve@example.com")
    sign_in = workers.one.sign_in
    values: dict[str, Any] = {
        "banned_until": incoming().now + timedelta(hours=1),
        "deleted_at": incoming().now,
        "password": "another hash",
    }

    async def race() -> Answer:
        begun = asyncio.Event()

        async def enter() -> Answer:
            await begun.wait()
            return await workers.two.asking("POST", "/token?grant_type=password", PERSON)

        entering = asyncio.create_task(enter())
        async with sign_in.session() as db:
            user_id = (await db.execute(sa.select(sign_in.tables.credentials.c.user_id))).scalars().one()
            await change(db, sign_in.tables, user_id, incoming().now, **{columns: values[columns]})
            begun.set()
            # Long enough for the password to be checked, and the rest to wait.
            await asyncio.sleep(0.5)
            await turn_out(db, sign_in, incoming(), user_id, by="administrator")
        return await entering

    answer = workers.run(race())
    assert answer.status == 400
    assert answer.json["code"] == ("user_banned" if columns == "banned_until" else "invalid_credentials")


@pytest.mark.invariant("I23")
def test_who_slipped_in_before_is_turned_out(workers: Workers) -> None:
    for watch in workers.tries():
        workers.one.member("eve@example.com")

        async def race() -> list[Answer]:
            people = [workers.two.asking("POST", "/token?grant_type=password", PERSON) for _ in range(10)]
            entering = [asyncio.create_task(each) for each in people]
            await asyncio.sleep(0.05)
            sign_in = workers.one.sign_in
            async with sign_in.session() as db:
                user_id = (await db.execute(sa.select(sign_in.tables.credentials.c.user_id))).scalars().one()
                await turn_out(db, sign_in, incoming(), user_id, by="administrator")
                await change(
                    db, sign_in.tables, user_id, incoming().now, banned_until=incoming().now + timedelta(hours=1)
                )
            return list(await asyncio.gather(*entering))

        entered = [Person(answer.json) for answer in workers.run(race()) if answer.status == 200]
        workers.assert_refused(watch, *entered)
