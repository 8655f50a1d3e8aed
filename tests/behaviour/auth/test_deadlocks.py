"""A transaction of sign-in that PostgreSQL ends for another's sake is done again: once in all that it does."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from backstay.auth.store import transact
from behaviour.door import Answer
from fixtures.club import SECRET_KEY
from signing_in import PASSWORD, Club, Person

USERS = "SELECT FROM users FOR UPDATE"
CREDENTIALS = "SELECT FROM auth_credentials FOR UPDATE"


@pytest.fixture(scope="module")
def module_club(module_postgresql_url: str) -> Iterator[Club]:
    """The club, on PostgreSQL alone: on SQLite nobody waits for anybody who waits for them."""
    with Club(module_postgresql_url) as club:
        yield club


class Scene:
    """Ada, who is signed in twice, and a transaction beside that goes the other way."""

    def __init__(self, club: Club) -> None:
        self.club = club
        self.ada = club.member()
        self.second = club.enter()
        club.settle()
        club.post.mails.clear()

    def collide(self, request: Callable[[], Awaitable[Answer]], first: str, second: str) -> Answer:
        """The answer to a request that holds what a transaction wants, which holds what the request wants."""

        async def meet() -> Answer:
            import asyncpg

            rival = await asyncpg.connect(self.club.app.settings.database)
            try:
                # Who looks first whether they wait for each other is the one that is ended.
                await rival.execute("SET deadlock_timeout = '20s'")
                async with rival.transaction():
                    await rival.execute(first)
                    asking = asyncio.ensure_future(request())
                    await self._until_somebody_waits(rival)
                    await rival.execute(second)
                answer = await asking
            finally:
                await rival.close()
            # What is done behind the answer is part of it.
            await self.club.sign_in.finish()
            return answer

        return self.club.run(meet())

    async def _until_somebody_waits(self, rival: Any) -> None:
        async with asyncio.timeout(10):
            while not await rival.fetchval(
                "SELECT count(*) FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY(pg_blocking_pids(pid))"
            ):
                await asyncio.sleep(0.01)

    def count(self, table: str, **where: Any) -> int:
        """How many rows there are."""
        rows = getattr(self.club.tables, table)
        query = sa.select(sa.func.count()).select_from(rows).where(*(rows.c[name] == at for name, at in where.items()))
        return int(self.club.rows(query)[0][0])

    def mails(self) -> list[str]:
        """What kinds of mails were sent."""
        self.club.settle()
        return [mail.kind for mail in self.club.post.mails]


@pytest.fixture
def scene(club: Club) -> Scene:
    return Scene(club)


def enter(scene: Scene) -> Answer:
    body = {"email": "ada@example.com", "password": PASSWORD}
    return scene.collide(lambda: scene.club.asking("POST", "/token?grant_type=password", body), USERS, CREDENTIALS)


def test_a_password(scene: Scene) -> None:
    answer = enter(scene)
    assert answer.status == 200, answer.body
    assert scene.club.ask("GET", "/user", token=Person(answer.json).token).status == 200
    assert scene.count("sessions") == 3
    assert scene.count("audit", action="signed_in") == 3


def test_without_another_try_it_is_an_error(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """So the transactions of these tests do wait for each other."""
    monkeypatch.setattr(transact, "TIMES", 1)
    assert enter(scene).status == 500
    assert scene.count("sessions") == 2


def test_a_code_is_used_once(scene: Scene) -> None:
    assert scene.club.ask("POST", "/otp", {"email": "ada@example.com", "create_user": False}).status == 200
    shown = {"type": "email", "email": "ada@example.com", "token": scene.club.mail("ada@example.com").code}
    answer = scene.collide(lambda: scene.club.asking("POST", "/verify", shown), USERS, CREDENTIALS)
    assert answer.status == 200, answer.body
    assert scene.club.ask("GET", "/user", token=Person(answer.json).token).status == 200
    again = scene.club.ask("POST", "/verify", shown)
    assert (again.status, again.json["code"]) == (403, "otp_expired")
    assert scene.count("sessions") == 3
    assert len(scene.mails()) == 1


@pytest.mark.parametrize("path", ["/otp", "/recover"])
def test_a_mail_is_sent_once(scene: Scene, path: str) -> None:
    body = {"email": "ada@example.com"}
    assert scene.collide(lambda: scene.club.asking("POST", path, body), USERS, CREDENTIALS).status == 200
    assert len(scene.mails()) == 1
    assert scene.count("audit", action="code_made") == 2  # one when she signed up
    kind = "recovery" if path == "/recover" else "email"
    shown = {"type": kind, "email": "ada@example.com", "token": scene.club.mail("ada@example.com").code}
    assert scene.club.ask("POST", "/verify", shown).status == 200


def test_a_mail_of_a_transaction_that_fails_is_not_sent(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transact, "TIMES", 1)
    scene.collide(lambda: scene.club.asking("POST", "/otp", {"email": "ada@example.com"}), USERS, CREDENTIALS)
    assert scene.mails() == []


def test_a_new_password(scene: Scene) -> None:
    sessions = "SELECT FROM auth_sessions WHERE ended_at IS NULL ORDER BY created_at FOR UPDATE"
    body = {"password": "eight brown horses"}
    change = lambda: scene.club.asking("PUT", "/user", body, token=scene.second.token)  # noqa: E731
    answer = scene.collide(change, sessions, CREDENTIALS)
    assert answer.status == 200, answer.body
    assert scene.mails() == ["password_changed"]
    assert scene.count("audit", action="password_changed") == 1
    assert scene.club.ask("GET", "/user", token=scene.ada.token).status == 403
    assert scene.club.ask("GET", "/user", token=scene.second.token).status == 200
    scene.club.enter(password="eight brown horses")


@pytest.mark.parametrize("softly", [False, True])
def test_deleting_a_user(scene: Scene, softly: bool) -> None:
    path, body = f"/admin/users/{scene.ada.id}", {"should_soft_delete": softly}
    answer = scene.collide(lambda: scene.club.asking("DELETE", path, body, key=SECRET_KEY), USERS, CREDENTIALS)
    assert answer.status == 200, answer.body
    assert scene.count("users") == int(softly)
    assert scene.count("audit", action="user_deleted") == 1
    assert scene.club.ask("GET", "/user", token=scene.ada.token).status == 403


def test_what_is_counted_is_counted_once(scene: Scene) -> None:
    club, gate = scene.club, scene.club.sign_in.gate
    from datetime import UTC, datetime

    now, counted = datetime.now(UTC), [(club.sign_in.limits.sign_in, who) for who in ("one", "other")]
    club.run(gate.admit(now, *counted))
    one, other = (f"'{gate._key(limit.name, who)}'" for limit, who in counted)
    row = "SELECT FROM auth_attempts WHERE key = {} FOR UPDATE"

    async def count() -> Answer:
        await gate.admit(now, *counted)
        return Answer(200, {}, b"")

    scene.collide(count, row.format(other), row.format(one))
    kept = club.tables.attempts.c
    found = club.rows(sa.select(kept.count).where(kept.key.in_([one.strip("'"), other.strip("'")])))
    assert [each for (each,) in found] == [2, 2]


@pytest.mark.parametrize("times", [1, transact.TIMES])
def test_a_database_of_stricter_isolation(
    postgresql_url: str, monkeypatch: pytest.MonkeyPatch, cheap_hashes: None, times: int
) -> None:
    """What was changed since a transaction began is no error to whoever signs in (40001)."""
    monkeypatch.setattr(transact, "TIMES", times)
    _strict(postgresql_url)
    with Club(postgresql_url) as club:
        scene = Scene(club)
        changed = "UPDATE auth_credentials SET updated_at = now()"
        body = {"email": "ada@example.com", "password": PASSWORD}
        answer = scene.collide(lambda: club.asking("POST", "/token?grant_type=password", body), changed, "SELECT 1")
        assert answer.status == (200 if times > 1 else 500)
        assert scene.count("sessions") == (3 if times > 1 else 2)


def _strict(url: str) -> None:
    async def change() -> None:
        import asyncpg

        connection = await asyncpg.connect(url)
        name = await connection.fetchval("SELECT quote_ident(current_database())")
        await connection.execute(f"ALTER DATABASE {name} SET default_transaction_isolation = 'repeatable read'")
        await connection.close()

    asyncio.run(change())
