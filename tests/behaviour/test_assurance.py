"""A rule that asks for a second factor holds on every door, and only the token says whether there was one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa
from sqlalchemy import select
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from backstay import Auth, AuthUser, Backstay, Caller, current, system
from backstay.errors import InvalidClaims
from backstay.schema.caller import ANONYMOUS, Role
from backstay.testing import Client, client


class Base(DeclarativeBase): ...


class User(AuthUser, Base):
    __tablename__ = "users"


me = current(User)
ADA = UUID(int=1)
CASUAL = Caller(str(ADA), {}, Role.AUTHENTICATED)
SURE = Caller(str(ADA), {"aal": "aal2"}, Role.AUTHENTICATED)


class Paper(Base):
    """Seen by those whose sign-in is sure enough for it; signed only after a second factor."""

    __tablename__ = "papers"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    needs: Mapped[int] = mapped_column(default=me.aal)
    signed: Mapped[bool] = mapped_column(default=False)


@pytest.fixture
async def backend(database_url: str) -> AsyncIterator[Client]:
    app = Backstay(database_url, auth=Auth(User))
    is_plain = Paper.signed.is_(False)
    app.resource(
        Paper,
        select=Paper.needs <= me.aal,
        insert=(me.aal >= 2) | is_plain,
        update=(me.aal >= 2) | is_plain,
        delete=me.aal >= 2,
    )
    async with client(app, database=database_url) as asking:
        async with app.session(system) as db:
            db.add(User(id=ADA))
            await db.flush()
            db.add_all([Paper(id=UUID(int=needs), needs=needs) for needs in (1, 2, 3)])
        yield asking


async def seen(asking: Client) -> list[int]:
    answer = await asking.get("/rest/v1/papers?select=needs&order=needs")
    assert answer.status == 200, answer.text
    return [row["needs"] for row in answer.json()]


async def test_rows_are_compared_with_the_assurance_of_the_caller(backend: Client) -> None:
    assert await seen(backend.as_(ADA)) == [1]
    assert await seen(backend.as_(ADA, aal="aal1")) == [1]
    assert await seen(backend.as_(ADA, aal="aal2")) == [1, 2]
    assert await seen(backend) == []
    assert await seen(backend.as_(system)) == [1, 2, 3]


async def test_what_needs_a_second_factor_is_refused_without_one(backend: Client) -> None:
    casual, sure = backend.as_(ADA), backend.as_(ADA, aal="aal2")
    assert (await casual.delete("/rest/v1/papers?needs=eq.1")).status == 403
    answer = await casual.patch("/rest/v1/papers?needs=eq.1", {"signed": True})
    assert (answer.status, answer.json()["code"]) == (403, "42501")
    assert (await sure.patch("/rest/v1/papers?needs=eq.1", {"signed": True})).status == 200
    assert (await casual.patch("/rest/v1/papers?needs=eq.1", {"signed": False})).json() == []
    assert (await sure.delete("/rest/v1/papers?needs=eq.1")).status == 200


async def test_a_new_row_takes_the_assurance_it_was_made_with(backend: Client) -> None:
    for claims, needs in (({}, 1), ({"aal": "aal2"}, 2)):
        answer = await backend.as_(ADA, **claims).post("/rest/v1/papers", {})
        assert [row["needs"] for row in answer.json()] == [needs]


async def test_sessions_know_the_assurance_of_their_caller(backend: Client) -> None:
    for caller, needs in ((CASUAL, [1]), (SURE, [1, 2]), (ANONYMOUS, [])):
        async with backend.app.session(caller) as db:
            papers = await db.scalars(select(Paper).order_by(Paper.needs))
            assert [paper.needs for paper in papers] == needs
            asked = select(sa.func.count()).select_from(Paper).where(me.aal >= 2)
            assert await db.scalar(asked) == (2 if caller is SURE else 0)


async def test_a_claim_that_names_no_assurance_level_is_a_bad_token(backend: Client) -> None:
    answer = await backend.as_(ADA, aal="aal9").get("/rest/v1/papers")
    assert (answer.status, answer.json()["code"]) == (401, "PGRST303")
    with pytest.raises(InvalidClaims):
        async with backend.app.session(Caller(str(ADA), {"aal": "aal9"}, Role.AUTHENTICATED)) as db:
            await db.scalars(select(Paper))
