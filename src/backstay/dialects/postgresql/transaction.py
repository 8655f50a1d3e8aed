"""Statements that are committed together: a transaction of our own, or the one a session is in."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import cache
from typing import Any, Final, NoReturn
from urllib.parse import quote

import asyncpg
from sqlalchemy.ext.asyncio import AsyncSession

from backstay.dialects.dialect import Row, Take
from backstay.dialects.postgresql.errors import is_lost, translate
from backstay.dialects.rowwise.batch import FIRST, next_size
from backstay.errors import DatabaseUnavailable
from backstay.schema.caller import Local
from backstay.schema.kind.zone import Zone

_CURSOR: Final = "backstay_rows"


def raise_translated(error: Exception, connection: asyncpg.Connection) -> NoReturn:
    """Raise what an error on this connection stands for; one that is none of the database's is raised as it is.

    Raises:
        DatabaseUnavailable: when the connection is gone.
        BackstayError: what the server's error stands for.
    """
    if is_lost(error, connection):
        raise DatabaseUnavailable() from error
    translated = translate(error)
    if translated is error:
        raise error
    raise translated from error


def set_local(local: Local) -> tuple[str, list[str]]:
    """The statement that makes settings hold until the transaction ends, and its parameters."""
    return _setting(len(local)), [part for pair in local for part in pair]


@cache
def _setting(count: int) -> str:
    places = range(1, 2 * count, 2)
    return "SELECT " + ", ".join(f"pg_catalog.set_config(${place}, ${place + 1}, true)" for place in places)


def mark_of(local: Local) -> str:
    """What stands before a statement that runs under a role: a comment with the role's name.

    PostgreSQL makes a plan anew for another role where row-level security asks for it, but not where a function was
    inlined that the other role may not execute. Statements of different texts share no plan.
    """
    return next((_mark(value) for name, value in local if name == "role"), "")


@cache
def _mark(role: str) -> str:
    return f"/* role {quote(role, safe='')} */ "


class OwnTransaction:
    """A transaction on a connection of the pool.

    Arguments:
        connection: in a transaction that was begun just now.
        begin: the statement that began it. Should the first statement turn out to be prepared for a table that has
            since changed (a migration ran elsewhere), nothing was done yet, and it begins anew.
        local: the settings that hold in it from the beginning.
    """

    def __init__(self, connection: asyncpg.Connection, begin: str, local: Local = ()) -> None:
        self._connection = connection
        self._begin = begin
        self._local = local
        self._mark = mark_of(local) if local else ""
        self._untouched = True

    async def show_in(self, zone: Zone) -> None:
        """Show moments in a time zone until the transaction ends."""
        await self.hold((("TimeZone", zone.name),))

    async def hold(self, local: Local) -> None:
        """Make settings hold until the transaction ends, whichever way that is."""
        text, parameters = set_local(local)
        try:
            await self._connection.fetch(text, *parameters)
        except Exception as error:
            raise_translated(error, self._connection)

    async def fetch(self, text: str, parameters: Sequence[Any]) -> list[Row]:
        """Run one statement and return its rows."""
        return await self._run(lambda: self._connection.fetch(self._mark + text, *parameters))

    async def fetch_each(self, text: str, parameters: Sequence[Sequence[Any]]) -> list[Row]:
        """Run one statement once per parameter set and return all rows, in the order of the sets."""
        if not parameters:
            return []
        return await self._run(lambda: self._connection.fetchmany(self._mark + text, parameters))

    async def fetch_rows(self, text: str, parameters: Sequence[Any], take: Take) -> None:
        """Run one statement with a cursor, and hand its rows on in batches; the next ones wait for that."""
        await self.fetch(f"DECLARE {_CURSOR} NO SCROLL CURSOR FOR {text}", parameters)
        size = FIRST
        while rows := await self.fetch(f"FETCH {size} FROM {_CURSOR}", ()):
            weight = await asyncio.to_thread(take, rows)
            if len(rows) < size:
                return
            size = next_size(len(rows), weight)

    async def _run(self, statement: Callable[[], Awaitable[Sequence[asyncpg.Record]]]) -> list[Row]:
        try:
            try:
                rows = await statement()
            except asyncpg.InvalidCachedStatementError:
                await self._begin_anew()
                rows = await statement()
        except Exception as error:
            raise_translated(error, self._connection)
        self._untouched = False
        return list(map(tuple, rows))

    async def _begin_anew(self) -> None:
        if not self._untouched:
            raise DatabaseUnavailable("The schema changed during the transaction.", hint="Try again.")
        await self._connection.execute("ROLLBACK")
        await self._connection.execute(self._begin)
        if self._local:
            await self.hold(self._local)


class SessionTransaction:
    """The transaction that a session is in, on the very same connection.

    What the session has pending is flushed before each statement, as it is before the session's own.

    Arguments:
        session: the session.
        connection: the driver's connection, in the session's transaction.
        abort: called with an error after which the session's transaction cannot be committed.
        mark: what stands before each statement.
    """

    def __init__(
        self, session: AsyncSession, connection: asyncpg.Connection, abort: Callable[[Exception], None], mark: str
    ) -> None:
        self._session = session
        self._connection = connection
        self._abort = abort
        self._mark = mark

    async def fetch(self, text: str, parameters: Sequence[Any]) -> list[Row]:
        """Run one statement and return its rows."""
        return await self._run(lambda: self._connection.fetch(self._mark + text, *parameters))

    async def fetch_each(self, text: str, parameters: Sequence[Sequence[Any]]) -> list[Row]:
        """Run one statement once per parameter set and return all rows, in the order of the sets."""
        if not parameters:
            return []
        return await self._run(lambda: self._connection.fetchmany(self._mark + text, parameters))

    async def show_in(self, zone: Zone) -> None:
        """Show moments in a time zone until the session's transaction ends."""
        text, parameters = set_local((("TimeZone", zone.name),))
        await self._run(lambda: self._connection.fetch(text, *parameters))

    async def _run(self, statement: Callable[[], Awaitable[Sequence[asyncpg.Record]]]) -> list[Row]:
        session = self._session
        try:
            if session.new or session.dirty or session.deleted:
                await session.flush()
            rows = await statement()
        except Exception as error:
            self._abort(error)
            raise_translated(error, self._connection)
        return list(map(tuple, rows))
