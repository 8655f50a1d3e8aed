"""Sessions in threads: what they await is awaited in the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from contextvars import ContextVar
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from backstay import Backstay, system
from backstay.dialects.threads import Opening, call_in_loop, wait_in_thread
from backstay.errors import BackstayError, DeclarationError
from fixtures.rows import CALLERS, fill, uid
from fixtures.workspace import Note, build

SEEN: ContextVar[int] = ContextVar("seen", default=0)


@pytest.fixture
async def app(database_url: str) -> AsyncIterator[Backstay]:
    app = build(database_url)
    await app.start()
    await fill(app)
    yield app
    await app.stop()


def opening(app: Backstay, name: str = "ada") -> Opening:
    return Opening(asyncio.get_running_loop(), app.session(CALLERS[name]))


async def texts(app: Backstay) -> set[str]:
    async with app.session(system) as db:
        return set((await db.scalars(select(Note.text))).all())


async def test_what_is_set_meanwhile_is_set_in_the_thread() -> None:
    loop = asyncio.get_running_loop()

    async def work() -> int:
        SEEN.set(SEEN.get() + 1)
        return SEEN.get()

    def thread() -> tuple[int, int, bool]:
        first = wait_in_thread(loop, work())
        assert SEEN.get() == 1
        return first, wait_in_thread(loop, work()), call_in_loop(loop, lambda: asyncio.get_running_loop() is loop)

    assert await asyncio.to_thread(thread) == (1, 2, True)


async def test_a_thread_may_commit_by_itself_and_is_done_then(app: Backstay) -> None:
    def thread(opened: Opening) -> None:
        with opened as db:
            db.add(Note(number=7, text="mine"))
            db.commit()
            with pytest.raises(Exception, match="context manager"):
                db.scalars(select(Note.number)).all()

    await asyncio.to_thread(thread, opening(app))
    assert "mine" in await texts(app)


async def test_a_thread_that_rolls_back_keeps_nothing(app: Backstay) -> None:
    def thread(opened: Opening) -> None:
        with opened as db:
            db.add(Note(number=7, text="mine"))
            db.flush()
            db.rollback()

    await asyncio.to_thread(thread, opening(app))
    assert "mine" not in await texts(app)


async def test_many_threads_share_the_pool(app: Backstay) -> None:
    def thread(opened: Opening, number: int) -> list[int]:
        with opened as db:
            db.add(Note(number=number, text="x"))
            return sorted(db.scalars(select(Note.number).where(Note.number > 99)).all())

    many = 4 * app.settings.session_pool_size
    seen = await asyncio.gather(*[asyncio.to_thread(thread, opening(app), 100 + each) for each in range(many)])
    assert max(len(each) for each in seen) <= many
    async with app.session(system) as db:
        assert len((await db.scalars(select(Note.number).where(Note.number > 99))).all()) == many


async def test_a_session_within_a_session_does_not_wait_for_itself(app: Backstay) -> None:
    loop, session = asyncio.get_running_loop(), app.session

    def thread(opened: Opening) -> None:
        with opened as db:
            db.add(Note(number=7, text="outer"))
            db.flush()
            with Opening(loop, session(CALLERS["ada"])) as other:
                other.add(Note(number=8, text="inner"))

    if app.settings.database.startswith("sqlite"):
        with pytest.raises(BackstayError, match="would wait"):
            await asyncio.wait_for(asyncio.to_thread(thread, opening(app)), 60)
    else:
        await asyncio.to_thread(thread, opening(app))
        assert {"inner", "outer"} <= await texts(app)


async def test_a_failed_start_is_told_to_the_thread() -> None:
    @asynccontextmanager
    async def failing() -> AsyncIterator[AsyncSession]:
        raise ZeroDivisionError
        yield

    def thread(opened: Opening) -> None:
        with opened:
            pass

    with pytest.raises(ZeroDivisionError):
        await asyncio.to_thread(thread, Opening(asyncio.get_running_loop(), failing()))


async def test_the_loop_is_not_stopped_by_a_plain_with(app: Backstay) -> None:
    with pytest.raises(DeclarationError, match="plain `with`"), opening(app):
        pass


async def test_another_loop_is_refused(app: Backstay) -> None:
    opened: AbstractAsyncContextManager[Any] = opening(app)

    async def enter() -> None:
        async with opened:
            pass

    with pytest.raises(DeclarationError, match="another event loop"):
        await asyncio.to_thread(asyncio.run, enter())


async def test_rules_hold_for_rows_that_come_later(app: Backstay) -> None:
    def thread(opened: Opening) -> Any:
        with opened as db:
            note = db.scalars(select(Note).where(Note.number == 1)).one()
            return note.author.id, [tag.name for tag in note.tags], len(note.replies)

    author, _, _ = await asyncio.to_thread(thread, opening(app))
    assert author == uid(11)
