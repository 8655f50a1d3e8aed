"""A user's sessions, on the same library and behind the same writer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextvars import Context
from datetime import timedelta
from decimal import Decimal
from time import monotonic, thread_time
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship, selectinload

from backstay.dialects.sqlite.connect import SQLite
from backstay.errors import (
    BackstayError,
    DatabaseFault,
    DataFault,
    ForeignKeyViolation,
    NotNullViolation,
    Overloaded,
    PoolTimeout,
    ReadOnly,
    StatementTimeout,
    StorageFull,
    TooLong,
    UniqueViolation,
)

Open = Callable[..., Awaitable[SQLite]]
Run = Callable[..., Awaitable[list[tuple[Any, ...]]]]
SLOW = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000000000) SELECT count(*) FROM n"
INSERT = "INSERT INTO authors (name, balance) VALUES (?, 0)"


class Base(DeclarativeBase): ...


class Author(Base):
    __tablename__ = "authors"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(20), unique=True)
    balance: Mapped[Decimal] = mapped_column(sa.Numeric(10, 2), default=Decimal(0))
    books: Mapped[list[Book]] = relationship(back_populates="author")


class Book(Base):
    __tablename__ = "books"

    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str]
    author_id: Mapped[int] = mapped_column(sa.ForeignKey(Author.id))
    author: Mapped[Author] = relationship(back_populates="books")


@pytest.fixture
async def library(open_database: Open) -> SQLite:
    return await open_database(Base.metadata, statement_timeout=timedelta(seconds=30))


async def names(database: SQLite) -> list[str]:
    return [row[0] for row in await database.fetch("SELECT name FROM authors ORDER BY id", ())]


async def test_objects_and_their_relations_are_kept(library: SQLite) -> None:
    async with library.session() as session:
        author = Author(name="Ada", books=[Book(title="One"), Book(title="Two")])
        session.add(author)
        await session.flush()
        assert (author.id, [book.id for book in author.books]) == (1, [1, 2])
    async with library.session() as session:
        found = await session.scalar(sa.select(Author).options(selectinload(Author.books)))
        assert found is not None
        assert [book.title for book in found.books] == ["One", "Two"]
        found.books[0].title = "First"
        await session.delete(found.books[1])
    assert await library.fetch("SELECT title FROM books", ()) == [("First",)]


async def test_a_session_left_by_an_exception_leaves_nothing(library: SQLite) -> None:
    with pytest.raises(ValueError, match="no"):
        async with library.session() as session:
            session.add(Author(name="Ada"))
            await session.flush()
            raise ValueError("no")
    assert await names(library) == []
    async with library.session() as session:
        session.add(Author(name="Bob"))
    assert await names(library) == ["Bob"]


async def test_many_rows_are_inserted_in_one_statement_and_come_back_in_order(library: SQLite) -> None:
    async with library.session() as session:
        statement = sa.insert(Author).returning(Author.id, Author.name, sort_by_parameter_order=True)
        rows = await session.execute(statement, [{"name": f"a{number}"} for number in range(50)])
        assert [tuple(row) for row in rows] == [(number + 1, f"a{number}") for number in range(50)]


async def test_rowcount_tells_what_a_write_touched(library: SQLite) -> None:
    async with library.session() as session:
        session.add_all([Author(name=str(number)) for number in range(5)])
        await session.flush()
        updated: Any = await session.execute(sa.update(Author).where(Author.id > 2).values(balance=1))
        assert updated.rowcount == 3
        deleted: Any = await session.execute(sa.delete(Author).where(Author.id == 99))
        assert deleted.rowcount == 0


async def test_savepoints_undo_a_part(library: SQLite) -> None:
    async with library.session() as session:
        session.add(Author(name="kept"))
        with pytest.raises(sa.exc.IntegrityError):
            async with session.begin_nested():
                session.add(Author(name="kept"))
        session.add(Author(name="too"))
    assert await names(library) == ["kept", "too"]


async def test_a_savepoint_first_takes_the_lock(library: SQLite, run: Run) -> None:
    async with library.session() as session:
        async with session.begin_nested():
            assert await session.scalar(sa.select(sa.func.count(Author.id))) == 0
        other = asyncio.create_task(run(library, INSERT, "x"), context=Context())
        await asyncio.sleep(0.05)
        assert not other.done()
        session.add(Author(name="first"))
    await other
    assert await names(library) == ["first", "x"]


async def test_a_session_that_only_reads_holds_up_nobody(library: SQLite, run: Run) -> None:
    async with library.session() as session:
        assert await session.scalar(sa.select(sa.func.count(Author.id))) == 0
        await run(library, INSERT, "x")
        assert await session.scalar(sa.select(sa.func.count(Author.id))) == 1  # as under READ COMMITTED
        session.add(Author(name="y"))
    assert await names(library) == ["x", "y"]


async def test_a_writing_session_goes_before_the_writes_that_come_later(library: SQLite, run: Run) -> None:
    async with library.session() as session:
        session.add(Author(name="session"))
        await session.flush()
        writes = [asyncio.create_task(run(library, INSERT, str(each)), context=Context()) for each in range(20)]
        await asyncio.sleep(0.05)
        assert not any(write.done() for write in writes)
        assert await names(library) == []
    await asyncio.gather(*writes)
    assert (await names(library))[0] == "session"


async def test_reading_and_adding_under_for_update_loses_no_update(library: SQLite) -> None:
    async with library.session() as session:
        session.add(Author(id=1, name="Ada"))

    async def add() -> None:
        async with library.session() as session:
            author = (await session.scalars(sa.select(Author).where(Author.id == 1).with_for_update())).one()
            author.balance += 1

    await asyncio.gather(*(add() for _ in range(20)))
    assert await library.fetch("SELECT balance FROM authors", ()) == [("20.00",)]


async def test_write_inside_a_writing_session_is_refused_at_once(library: SQLite, run: Run) -> None:
    began = monotonic()  # a wait would be one of thirty seconds, and another error
    async with library.session() as session:
        session.add(Author(name="Ada"))
        await session.flush()
        with pytest.raises(BackstayError, match="would wait for that session for ever"):
            await run(library, "DELETE FROM authors")
        with pytest.raises(BackstayError, match="would wait for that session for ever"):
            async with library.session() as inner:
                inner.add(Author(name="Bob"))
        assert await library.fetch("SELECT count(*) FROM authors", ()) == [(0,)]
    assert monotonic() - began < 20
    assert await names(library) == ["Ada"]


async def test_compiled_statements_run_in_the_sessions_transaction(library: SQLite) -> None:
    async with library.session() as session:
        transaction = await library.transaction(session)
        insert = "INSERT INTO authors (name, balance) VALUES (?, 0) RETURNING id"
        assert await transaction.fetch(insert, ("Ada",)) == [(1,)]
        assert await transaction.fetch_each(insert, [("Bob",), ("Cyd",)]) == [(2,), (3,)]
        assert await session.scalar(sa.select(sa.func.count(Author.id))) == 3
        with pytest.raises(UniqueViolation):
            await transaction.fetch(insert, ("Ada",))
    assert await names(library) == ["Ada", "Bob", "Cyd"]


async def test_a_session_of_another_database_has_no_transaction_here(library: SQLite) -> None:
    from sqlalchemy.ext.asyncio import create_async_engine
    from sqlalchemy.pool import NullPool

    engine = create_async_engine("sqlite+backstay://", poolclass=NullPool, creator=_Plain)
    async with AsyncSession(engine) as session:
        with pytest.raises(TypeError, match="not one of this SQLite database"):
            await library.transaction(session)
    await engine.dispose()


def _Plain() -> Any:
    """A connection that is none of ours, as far as a session sees."""
    from backstay.dialects.sqlite.door import dbapi

    class Plain(dbapi.Connection):
        def terminate(self) -> None:
            self.close()

    return Plain(dbapi.connect(":memory:").raw)


async def test_a_readonly_session_refuses_to_write(library: SQLite) -> None:
    async with library.session(readonly=True) as session:
        assert await session.scalar(sa.select(sa.func.count(Author.id))) == 0
        with pytest.raises(sa.exc.OperationalError) as refused:
            await session.execute(sa.insert(Author).values(name="x"))
    fault = library.fault(refused.value)
    assert isinstance(fault, ReadOnly)
    assert fault.status == 405


@pytest.mark.parametrize(
    ("wrong", "raised", "fault"),
    [
        (lambda: Author(name="Ada"), sa.exc.IntegrityError, UniqueViolation),
        (lambda: Author(name=None), sa.exc.IntegrityError, NotNullViolation),
        (lambda: Author(name="x" * 21), sa.exc.DataError, TooLong),
        (lambda: Author(name="x", balance=Decimal("1e9")), sa.exc.DataError, DataFault),
        (lambda: Book(title="x", author_id=99), sa.exc.IntegrityError, ForeignKeyViolation),
    ],
)
async def test_errors_are_sqlalchemys_own_and_carry_ours(
    library: SQLite, wrong: Callable[[], Any], raised: type[Exception], fault: type[Exception]
) -> None:
    async with library.session() as session:
        session.add(Author(name="Ada"))
    with pytest.raises(raised) as refused:
        async with library.session() as session:
            session.add(wrong())
    assert isinstance(library.fault(refused.value), fault)
    assert await names(library) == ["Ada"]


async def test_an_error_that_is_not_the_databases_comes_back_as_it_is(library: SQLite) -> None:
    error = ValueError("mine")
    assert library.fault(error) is error
    with pytest.raises(sa.exc.NoResultFound) as missing:
        async with library.session() as session:
            (await session.execute(sa.select(Author))).one()
    assert library.fault(missing.value) is missing.value


async def test_a_slow_statement_of_a_session_is_stopped_and_the_loop_stays_free(open_database: Open) -> None:
    library = await open_database(Base.metadata, statement_timeout=timedelta(seconds=1))
    async with library.session() as session:
        slow = asyncio.create_task(session.scalar(sa.text(SLOW)))
        worst = 0.0
        while not slow.done():
            began = thread_time()
            await asyncio.sleep(0.001)
            worst = max(worst, thread_time() - began)
        with pytest.raises(sa.exc.OperationalError) as stopped:
            await slow
        assert isinstance(library.fault(stopped.value), StatementTimeout)
        assert worst < 0.05


async def test_a_cancelled_session_gives_the_turn_back(library: SQLite, run: Run) -> None:
    writing = asyncio.Event()

    async def hold() -> None:
        async with library.session() as session:
            session.add(Author(name="cancelled"))
            await session.flush()
            writing.set()
            await session.scalar(sa.text(SLOW))

    task = asyncio.create_task(hold())
    await writing.wait()
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with asyncio.timeout(20):
        await run(library, INSERT, "next")
    async with library.session() as session:
        session.add(Author(name="session"))
    assert await names(library) == ["next", "session"]


async def test_a_session_cancelled_while_it_waits_for_the_turn_leaves_the_queue(library: SQLite, run: Run) -> None:
    async def write(name: str) -> None:
        async with library.session() as session:
            session.add(Author(name=name))

    async with library.session() as session:
        session.add(Author(name="holder"))
        await session.flush()
        waiting = asyncio.create_task(write("cancelled"), context=Context())
        await asyncio.sleep(0.05)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
    async with asyncio.timeout(20):
        await write("next")
    assert await names(library) == ["holder", "next"]


async def test_who_waits_too_long_for_the_turn_is_told(open_database: Open, run: Run) -> None:
    database = await open_database(Base.metadata, statement_timeout=timedelta(seconds=0.2))

    async def write() -> None:
        async with database.session() as session:
            session.add(Author(name="late"))

    async with database.session() as session:
        session.add(Author(name="holder"))
        await session.flush()
        late = asyncio.create_task(write(), context=Context())
        insert = asyncio.create_task(run(database, INSERT, "w"), context=Context())
        outcomes = await asyncio.gather(late, insert, return_exceptions=True)
    assert [type(database.fault(outcome)) for outcome in outcomes if isinstance(outcome, Exception)] == [Overloaded] * 2
    await run(database, INSERT, "next")
    assert await names(database) == ["holder", "next"]


async def test_a_pool_with_no_connection_left_says_so(open_database: Open) -> None:
    database = await open_database(Base.metadata, session_pool_size=1, pool_timeout=timedelta(seconds=0.1))
    async with database.session():
        with pytest.raises(sa.exc.TimeoutError) as waited:
            async with database.session():
                pass
    assert isinstance(database.fault(waited.value), PoolTimeout)


async def test_a_transaction_that_an_error_ended_takes_no_more_statements(open_database: Open) -> None:
    database = await open_database(Base.metadata, statement_timeout=timedelta(seconds=0.2))
    with pytest.raises(sa.exc.OperationalError) as aborted:
        async with database.session() as session:
            await session.execute(sa.insert(Author).values(name="lost"))
            endless = f"INSERT INTO books (title, author_id) {SLOW.replace('count(*)', 'i, 1')}"
            with pytest.raises(sa.exc.OperationalError) as stopped:  # SQLite undoes all of it, not this statement alone
                await session.execute(sa.text(endless))
            assert isinstance(database.fault(stopped.value), StatementTimeout)
            await session.execute(sa.insert(Author).values(name="orphan"))
    fault = database.fault(aborted.value)
    assert isinstance(fault, DatabaseFault)
    assert fault.state == "25P02"
    assert await names(database) == []
    async with database.session() as session:
        session.add(Author(name="next"))
    assert await names(database) == ["next"]


async def test_a_session_on_a_full_disk_says_so(library: SQLite) -> None:
    with pytest.raises(sa.exc.OperationalError) as full:
        async with library.session() as session:
            await session.execute(sa.text("PRAGMA max_page_count = 20"))
            await session.execute(sa.text("INSERT INTO authors (name, balance) VALUES (zeroblob(5000000), 0)"))
    assert isinstance(library.fault(full.value), StorageFull)


async def test_sessions_and_writes_race_without_a_deadlock(library: SQLite, run: Run) -> None:
    async def by_session(number: int) -> None:
        async with library.session() as session:
            await session.scalar(sa.select(sa.func.count(Author.id)))
            session.add(Author(name=f"s{number}"))

    async def by_write(number: int) -> None:
        await run(library, INSERT, f"w{number}")

    async with asyncio.timeout(60):
        await asyncio.gather(*(each(number) for number in range(40) for each in (by_session, by_write)))
    assert len(await names(library)) == 80
