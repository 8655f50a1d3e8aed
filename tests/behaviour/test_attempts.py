"""Limits and locks, counted in the database."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from backstay.auth.limits.attempts import sweep
from backstay.auth.limits.gate import Gate
from backstay.auth.limits.limit import Limit, Lock
from backstay.dialects.connect import connect
from backstay.dialects.dialect import Database
from backstay.errors import SignInError, TooManyMails, TooManyRequests
from backstay.settings import Settings

METADATA = sa.MetaData()
ATTEMPTS = sa.Table(
    "auth_attempts",
    METADATA,
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("count", sa.Integer, nullable=False),
    sa.Column("began_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("blocked_until", sa.DateTime(timezone=True)),
    sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
)

THREE = Limit("sign_in", 3, timedelta(minutes=5))
PAUSE = Limit("mail_pause", 1, timedelta(seconds=60), TooManyMails)
LOCK = Lock("lock", 3, timedelta(minutes=1), timedelta(minutes=5))


@dataclass
class Turnstile:
    """Two workers' gates at one database, and a clock."""

    database: Database
    now: datetime = datetime(2026, 11, 26, 12, tzinfo=UTC)
    gates: list[Gate] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.gates = [Gate(ATTEMPTS, self.database.session, b"secret") for _ in range(2)]

    async def refusal(self, *counted: Any, worker: int = 0) -> SignInError | None:
        """How an attempt is refused; None where it passes."""
        try:
            await self.gates[worker].admit(self.now, *counted)
        except SignInError as error:
            return error
        return None

    async def wait(self, *counted: Any, worker: int = 0) -> int:
        """The seconds that an attempt is told to wait; 0 where it passes."""
        error = await self.refusal(*counted, worker=worker)
        return 0 if error is None else int(error.headers["retry-after"])

    async def forgive(self, lock: Lock, who: str, worker: int = 0) -> None:
        """Tell that somebody guessed right."""
        async with self.database.session() as session:
            await self.gates[worker].forgive(session, lock, who)

    async def rows(self) -> list[Any]:
        """All that is counted."""
        async with self.database.session(readonly=True) as session:
            return list((await session.execute(sa.select(ATTEMPTS).order_by(ATTEMPTS.c.key))).all())


@pytest.fixture
async def gate(database_url: str) -> AsyncIterator[Turnstile]:
    """Gates at a database without any attempt."""
    database = connect(database_url, settings=Settings(), metadata=METADATA).database
    await database.start()
    async with database.session() as session:
        await (await session.connection()).run_sync(METADATA.create_all)
    yield Turnstile(database)
    await database.close()


async def test_a_limit_admits_so_many_and_tells_the_next_one_when_to_come_back(gate: Turnstile) -> None:
    assert [await gate.wait((THREE, "a")) for _ in range(3)] == [0, 0, 0]
    gate.now += timedelta(seconds=100)
    error = await gate.refusal((THREE, "a"))
    assert isinstance(error, TooManyRequests)
    assert (error.message, error.headers) == ("Request rate limit reached", {"retry-after": "200"})


async def test_a_limit_begins_anew_when_its_time_is_over(gate: Turnstile) -> None:
    assert [await gate.wait((THREE, "a")) for _ in range(5)] == [0, 0, 0, 300, 300]
    gate.now += timedelta(minutes=5)
    assert [await gate.wait((THREE, "a")) for _ in range(4)] == [0, 0, 0, 300]


async def test_a_limit_is_shared_by_all_workers(gate: Turnstile) -> None:
    assert [await gate.wait((THREE, "a"), worker=number % 2) for number in range(4)] == [0, 0, 0, 300]


async def test_limits_of_others_and_of_other_things_are_not_touched(gate: Turnstile) -> None:
    assert [await gate.wait((THREE, "a")) for _ in range(4)] == [0, 0, 0, 300]
    assert await gate.wait((THREE, "b")) == 0
    assert await gate.wait((Limit("verify", 3, THREE.per), "a")) == 0


@pytest.mark.asvs("2.4.1")
async def test_attempts_at_the_same_time_are_all_counted(gate: Turnstile) -> None:
    waits = await asyncio.gather(*(gate.wait((THREE, "a"), worker=number % 2) for number in range(40)))
    assert sorted(waits)[:4] == [0, 0, 0, 300]


async def test_a_limit_of_zero_is_none(gate: Turnstile) -> None:
    off = Limit("sign_in", 0, THREE.per), Lock("lock", 0, LOCK.first, LOCK.longest)
    assert [await gate.wait((off[0], "a"), (off[1], "b")) for _ in range(5)] == [0] * 5
    assert await gate.rows() == []


async def test_a_mail_is_refused_in_the_words_of_the_protocol(gate: Turnstile) -> None:
    assert await gate.refusal((PAUSE, "a")) is None
    gate.now += timedelta(seconds=18)
    error = await gate.refusal((PAUSE, "a"))
    assert isinstance(error, TooManyMails)
    assert error.message == "For security purposes, you can only request this after 42 seconds."
    gate.now += timedelta(seconds=42)
    assert await gate.refusal((PAUSE, "a")) is None


async def test_what_comes_after_a_refusal_is_not_counted(gate: Turnstile) -> None:
    assert [await gate.wait((THREE, "a")) for _ in range(3)] == [0, 0, 0]
    assert await gate.wait((THREE, "a"), (PAUSE, "b")) == 300
    assert await gate.wait((PAUSE, "b")) == 0


@pytest.mark.asvs("6.3.1")
async def test_wrong_passwords_lock_an_account_for_ever_longer(gate: Turnstile) -> None:
    assert [await gate.wait((LOCK, "a")) for _ in range(3)] == [0, 0, 0]
    for pause in (60, 120, 240, 300, 300):
        gate.now += timedelta(seconds=1)
        assert await gate.wait((LOCK, "a")) == pause - 1
        gate.now += timedelta(seconds=pause - 1)
        assert await gate.wait((LOCK, "a")) == 0
    assert await gate.wait((LOCK, "b")) == 0


@pytest.mark.asvs("6.3.1")
async def test_guesses_at_the_same_time_get_no_further_than_one_by_one(gate: Turnstile) -> None:
    waits = await asyncio.gather(*(gate.wait((LOCK, "a"), worker=number % 2) for number in range(40)))
    assert sorted(waits)[:4] == [0, 0, 0, 60]


async def test_a_right_password_forgets_the_wrong_ones(gate: Turnstile) -> None:
    for _ in range(4):
        assert [await gate.wait((LOCK, "a")) for _ in range(2)] == [0, 0]
        await gate.forgive(LOCK, "a")
    assert await gate.rows() == []


async def test_a_lock_that_another_worker_opened_is_open_within_seconds(gate: Turnstile) -> None:
    assert [await gate.wait((LOCK, "a")) for _ in range(4)] == [0, 0, 0, 60]
    await gate.forgive(LOCK, "a", worker=1)
    gate.now += timedelta(seconds=5)
    assert await gate.wait((LOCK, "a")) == 0


async def test_wrong_passwords_are_forgotten_after_a_day(gate: Turnstile) -> None:
    assert [await gate.wait((LOCK, "a")) for _ in range(2)] == [0, 0]
    gate.now += timedelta(days=1)
    assert [await gate.wait((LOCK, "a")) for _ in range(4)] == [0, 0, 0, 60]


async def test_the_first_wrong_password_may_lock(gate: Turnstile) -> None:
    strict = Lock("lock", 1, timedelta(minutes=1), timedelta(minutes=1))
    assert [await gate.wait((strict, "a")) for _ in range(2)] == [0, 60]
    gate.now += timedelta(minutes=1)
    assert [await gate.wait((strict, "a")) for _ in range(2)] == [0, 60]


async def test_a_flood_of_what_is_refused_writes_nothing(gate: Turnstile) -> None:
    assert [await gate.wait((THREE, "a")) for _ in range(4)] == [0, 0, 0, 300]
    before = await gate.rows()
    assert [await gate.wait((THREE, "a"), (LOCK, "b")) for _ in range(50)] == [300] * 50
    assert await gate.rows() == before


async def test_nobody_is_named_in_the_table(gate: Turnstile) -> None:
    await gate.wait((THREE, "192.0.2.7"), (LOCK, "alice@example.com"))
    rows = await gate.rows()
    assert len(rows) == 2
    assert not any("192.0.2.7" in str(row) or "alice" in str(row) for row in rows)


async def test_old_attempts_are_swept_away(gate: Turnstile) -> None:
    await gate.wait((THREE, "a"), (LOCK, "a"))
    gate.now += timedelta(hours=20)
    await gate.wait((LOCK, "b"))
    gate.now += timedelta(hours=6)
    async with gate.database.session() as session:
        await sweep(session, ATTEMPTS, gate.now)
    assert len(await gate.rows()) == 1


async def test_a_refusal_is_told_once_in_its_time_by_one_of_all_workers(gate: Turnstile) -> None:
    told: list[str] = []

    async def tell(session: Any, limit: Limit, until: datetime) -> None:
        told.append(f"{limit.name} {until - gate.now}")

    async def ask(worker: int) -> None:
        with contextlib.suppress(SignInError):
            await gate.gates[worker].admit(gate.now, (THREE, "a"), (PAUSE, "b"), tell=tell)

    for expected in (["mail_pause 0:01:00", "sign_in 0:05:00"], ["mail_pause 0:01:00", "sign_in 0:05:00"]):
        await asyncio.gather(*(ask(number % 2) for number in range(20)))
        await asyncio.gather(*(ask(number % 2) for number in range(20)))
        assert sorted(told) == expected
        told.clear()
        gate.now += timedelta(minutes=5)


async def test_a_guess_tells_how_long_it_locks(gate: Turnstile) -> None:
    locks = [await gate.gates[0].admit(gate.now, (THREE, "x"), (LOCK, "a")) for _ in range(3)]
    assert locks == [None, None, gate.now + timedelta(minutes=1)]


async def test_who_is_known_is_known_to_all_workers_until_then(gate: Turnstile) -> None:
    for _ in range(2):
        async with gate.database.session() as session:
            await gate.gates[0].know(session, "a", gate.now, gate.now + timedelta(days=30))
    assert await gate.gates[1].knows("a", gate.now)
    assert not await gate.gates[1].knows("b", gate.now)
    async with gate.database.session() as session:
        await sweep(session, ATTEMPTS, gate.now + timedelta(days=29))
    assert await gate.gates[1].knows("a", gate.now + timedelta(days=29))
    assert not await gate.gates[1].knows("a", gate.now + timedelta(days=30))


async def test_when_the_database_is_down_nobody_passes(gate: Turnstile) -> None:
    async with gate.database.session() as session:
        await session.execute(sa.text("DROP TABLE auth_attempts"))
    with pytest.raises(Exception, match="auth_attempts"):
        await gate.gates[0].admit(gate.now, (THREE, "a"))
