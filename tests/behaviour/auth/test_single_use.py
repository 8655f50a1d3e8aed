"""Whatever is good once is good once, by however many requests at the same moment, whichever worker they reach."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from backstay.auth.limits.limit import Lock
from backstay.auth.store import codes
from backstay.auth.store.codes import Purpose
from backstay.auth.store.tables import Tables
from in_time import until
from issuer import Issuer
from one_time.house import House, Kind, outcome
from one_time.kinds import KINDS
from one_time.proofs import change_email, email_of, mailed

FIFTY = 50
MAGIC_LINK = next(kind for kind in KINDS if kind.name == "magic link")


@pytest.fixture(scope="module")
def house(module_database_url: str) -> Iterator[House]:
    with Issuer() as issuer, House(module_database_url, issuer) as opened:
        yield opened


@pytest.fixture(autouse=True)
def no_lock(monkeypatch: pytest.MonkeyPatch) -> None:
    # Or most of those who come with one code would be sent away before it is looked at.
    lock = Lock("second factor", after=0, first=timedelta(0), longest=timedelta(0))
    monkeypatch.setattr("backstay.auth.factors.verify.LOCK", lock)


@pytest.mark.invariant("I22")
@pytest.mark.asvs("6.5.1")
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_of_fifty_uses_at_once_one_succeeds(house: House, kind: Kind) -> None:
    thing = kind.make(house)
    effects, sessions = house.count(kind, thing)
    answers = house.at_once(thing.uses, FIFTY)
    told = [outcome(each.status, each.headers, each.body) for each in answers]
    assert told.count("") == 1
    assert set(told) <= {"", *kind.refused}
    assert house.count(kind, thing) == (effects + 1, sessions + kind.sessions)


def test_a_code_that_is_looked_up_before_it_is_used_up_is_found_out(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    thing = MAGIC_LINK.make(house)
    looked: list[Any] = []

    # The same by the mistake that others made: nothing in the statement that uses a code says that it was not used.
    async def redeem(
        db: AsyncSession, tables: Tables, now: datetime, which: Any, fresh: Any, purposes: Iterable[Purpose]
    ) -> sa.RowMapping | None:
        kept = tables.codes
        query = sa.select(kept).where(which, fresh, kept.c.used_at.is_(None))
        row = (await db.execute(query)).mappings().first()
        looked.append(row)
        await until(lambda: len(looked) > 1)
        if row is not None:
            await db.execute(sa.update(kept).where(kept.c.id == row["id"]).values(used_at=now))
        return row

    async def hold(*_: object) -> None: ...

    monkeypatch.setattr(codes, "_redeem", redeem)
    monkeypatch.setattr(codes, "_hold_users", hold)
    answers = house.at_once(thing.uses, FIFTY)
    assert [outcome(each.status, each.headers, each.body) for each in answers].count("") > 1


def test_both_proofs_of_a_new_address_at_once_change_it(house: House) -> None:
    person, old, new = change_email(house)
    ways = [
        each for pair in zip(mailed("email_change", old), mailed("email_change", new), strict=True) for each in pair
    ]
    answers = house.at_once(ways, FIFTY)
    told = [outcome(each.status, each.headers, each.body) for each in answers]
    assert sorted(told) == ["", "", *["otp_expired"] * (FIFTY - 2)]
    users = house.tables.users.c
    assert house.rows(sa.select(users.email).where(users.id == UUID(person.id))) == [(new.to,)]


def test_two_links_of_one_user_at_once_do_not_wait_for_each_other(house: House) -> None:
    person = house.person()
    email, ways = email_of(person), []
    for kind, path in (("magiclink", "/otp"), ("recovery", "/recover")):
        house.ok("POST", path, {"email": email})
        ways.append(mailed(kind, house.mail(email)))
    answers = house.at_once([each for pair in zip(*ways, strict=True) for each in pair], FIFTY)
    told = [outcome(each.status, each.headers, each.body) for each in answers]
    # The first one makes the other worthless.
    assert sorted(told) == ["", *["otp_expired"] * (FIFTY - 1)]
