"""An application that nobody holds any more is forgotten with its tables: a suite of tests makes thousands of them."""

from __future__ import annotations

import gc
import weakref

from sqlalchemy import MetaData, select

from backstay.schema.caller import Caller, Role
from signing_in import Club


def used(url: str) -> weakref.ref[MetaData]:
    """The tables of an application that was asked in every way."""
    with Club(url) as club:
        person = club.member()
        assert club.ask("POST", "/rest/v1/notes", {"text": "Hi"}, key=person.token).status == 201
        for _ in range(3):
            assert club.ask("GET", "/rest/v1/notes?select=text", key=person.token).json == [{"text": "Hi"}]

        async def read() -> None:
            async with club.app.session(Caller(person.id, {}, Role.AUTHENTICATED)) as session:
                (model,) = [each.model for each in club.app.schema.resources.values() if each.name[1] == "notes"]
                assert model is not None
                assert len((await session.scalars(select(model))).all()) == 1

        club.run(read())
        return weakref.ref(club.app.schema.metadata)


def test_an_application_that_was_used_is_forgotten(database_url: str) -> None:
    metadata = used(database_url)
    gc.collect()
    assert metadata() is None
