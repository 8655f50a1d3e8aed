"""SQLite as a Database: reads in the loop, one writer with group commit, sessions on the same library."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, TypeVar

import apsw
import orjson
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from backstay.dialects.dialect import Explaining, Row, Take, Transaction
from backstay.dialects.features import Features
from backstay.dialects.sqlite.dialect import SQLiteDialect
from backstay.dialects.sqlite.door import dbapi
from backstay.dialects.sqlite.door.sessions import Sessions, SessionTransaction, connection_of
from backstay.dialects.sqlite.errors import translate, translate_session
from backstay.dialects.sqlite.features import FEATURES
from backstay.dialects.sqlite.open import Deadline, connect_file, create, locate
from backstay.dialects.sqlite.reader import Reader, TooLong
from backstay.dialects.sqlite.search.configuration import CONFIGURATIONS
from backstay.dialects.sqlite.turn import Turn, refuse_waiting_for_oneself
from backstay.dialects.sqlite.writer import Writer
from backstay.errors import DatabaseUnavailable, DeclarationError, NotImplementedHere
from backstay.schema.caller import Local
from backstay.schema.naming import name_constraints
from backstay.settings import Settings

T = TypeVar("T")

_COUNTED = {
    "SQLITE_STMTSTATUS_FULLSCAN_STEP": "rows read of whole tables",
    "SQLITE_STMTSTATUS_SORT": "sorts",
    "SQLITE_STMTSTATUS_AUTOINDEX": "rows put into an index for this statement alone",
    "SQLITE_STMTSTATUS_VM_STEP": "steps of its virtual machine",
}


class SQLite:
    """One SQLite file, shared by this process's reads, writes and sessions.

    Arguments:
        url: ``sqlite:///notes.db``, ``sqlite:////var/lib/notes.db``; ``sqlite://`` for a private temporary database.
        settings: the operational settings.
        metadata: the tables, for the names of violated constraints.

    Raises:
        DeclarationError: the URL is not one of SQLite's, or the setting ``search_language`` is none of its languages.
    """

    features: Features = FEATURES

    def __init__(self, url: str, *, settings: Settings, metadata: sa.MetaData) -> None:
        if settings.search_language not in CONFIGURATIONS:
            raise DeclarationError(
                f"SQLite has no text-search configuration {settings.search_language!r} (search_language).",
                hint=f"There are {', '.join(sorted(CONFIGURATIONS))}.",
            )
        name_constraints(metadata)
        self.sql: sa.Dialect = SQLiteDialect()
        self._settings = settings
        self._metadata = metadata
        self._location = locate(url)
        self._turn = Turn()
        self._timeout = settings.statement_timeout.total_seconds()
        self._reader: Reader | None = None
        self._writer: Writer | None = None
        self._sessions: Sessions | None = None

    @property
    def url(self) -> str:
        """The URL of the very file that is open; for ``sqlite://`` that of the temporary one."""
        return self._location.url

    async def start(self) -> None:
        """Open the file, made if its directory is there.

        Raises:
            DatabaseUnavailable: the directory is missing, or the file is no database.
            StorageReadOnly: the file cannot be written.
        """
        connection = await asyncio.to_thread(create, self._location, self._settings)
        path = None if self._location.temporary else self._location.path
        self._writer = Writer(self._turn, self._timeout, self._metadata, path=path)
        self._writer.start(connection)
        self._reader = Reader(self._open_reader, self._timeout, self._settings.max_delay.total_seconds())
        self._reader.start()
        self._sessions = Sessions(self._open_session, turn=self._turn, settings=self._settings)

    async def close(self) -> None:
        """Finish what is under way, move the log into the file, and let go of every connection."""
        reader, writer, sessions = self._reader, self._writer, self._sessions
        self._reader = self._writer = self._sessions = None
        if sessions is not None:
            await sessions.close()
        if reader is not None:
            await asyncio.to_thread(reader.close)
        if writer is not None:
            await asyncio.to_thread(writer.close)

    def fetch(self, text: str, parameters: Sequence[object], local: Local = ()) -> Coroutine[Any, Any, list[Row]]:
        """Run one reading statement on its own and return its rows. It cannot write.

        Raises:
            NotImplementedHere: settings were given, and SQLite has none that are a transaction's.
            StatementTimeout: it took longer than a statement may.
            ReadOnly: it would write.
            And the other errors of :mod:`backstay.errors`.
        """
        if local:
            raise _no_settings(local)
        return _open(self._reader).fetch(text, parameters)

    def fetch_at_once(self, text: str, parameters: Sequence[object]) -> list[Row] | None:
        """Run one reading statement in the event loop; None where it is for threads."""
        return _open(self._reader).fetch_at_once(text, parameters)

    def waiting(self, writing: bool) -> tuple[int, float]:
        """How many writes wait for the writer, and for how many seconds the first has; reads hardly ever wait."""
        return self._writer.waiting() if writing and self._writer is not None else (0, 0.0)

    async def fetch_whole(self, text: str, parameters: Sequence[object], local: Local = ()) -> Row | None:
        """Run one reading statement, whose one row begins with a body; None if it makes a text longer than WHOLE.

        Raises:
            As :meth:`fetch`.
        """
        if local:
            raise _no_settings(local)
        try:
            (row,) = await _open(self._reader).fetch(text, parameters, bounded=True)
        except TooLong:
            return None
        return row

    async def fetch_rows(self, text: str, parameters: Sequence[object], local: Local, take: Take) -> None:
        """Run one reading statement in a thread and hand its rows on in batches.

        Raises:
            As :meth:`fetch`, and whatever ``take`` raises.
        """
        if local:
            raise _no_settings(local)
        await _open(self._reader).fetch_rows(text, parameters, take)

    async def write(self, work: Callable[[Transaction], Awaitable[T]], local: Local = ()) -> T:
        """Run ``work`` in one transaction: committed and durable when this returns, rolled back if it raises.

        It runs in the writer's thread, beside the works of others, and may run twice if one of those breaks the
        transaction they share; so it changes nothing outside its transaction but what it returns.

        Raises:
            NotImplementedHere: as for :meth:`fetch`.
            Overloaded: the turn to write did not come in time.
            BackstayError: ``work`` awaited something else, or a session around this call is writing.
            And what ``work``, the database and the commit raise.
        """
        if local:
            raise _no_settings(local)
        refuse_waiting_for_oneself(self._turn)
        return await _open(self._writer).run(work)

    def session(self, *, readonly: bool = False, local: Local = ()) -> AbstractAsyncContextManager[AsyncSession]:
        """An SQLAlchemy session on this database, in one transaction.

        Until it writes it holds no lock, and each statement sees what is committed; from its first write (or ``SELECT …
        FOR UPDATE``) to its end nobody else writes, and :meth:`write` from inside it, or from tasks begun inside it, is
        refused. ``readonly``: a write raises. ``local`` is refused as by :meth:`fetch`.
        """
        if local:
            raise _no_settings(local)
        return _open(self._sessions).begin(readonly=readonly)

    async def transaction(self, session: AsyncSession) -> Transaction:
        """The transaction that a session is in."""
        return SessionTransaction(await connection_of(session))

    def fault(self, error: Exception) -> Exception:
        """The error of :mod:`backstay.errors` that SQLite's or SQLAlchemy's stands for; any other as it is."""
        return translate_session(error)

    def explaining(self, text: str, explaining: Explaining) -> str:
        """``EXPLAIN QUERY PLAN`` of a statement; it knows no options."""
        return f"EXPLAIN QUERY PLAN {text}"

    def explained(self, rows: Sequence[Row], explaining: Explaining) -> str:
        """Its steps: each on a line, indented below the one it belongs to, or as an object."""
        if explaining.document:
            steps = [{"id": number, "parent": parent, "detail": detail} for number, parent, _, detail in rows]
            return orjson.dumps(steps).decode()
        depths = {0: 0}
        for number, parent, *_ in rows:
            depths[number] = depths[parent] + 1
        return "\n".join([f"{'  ' * (depths[number] - 1)}{detail}" for number, _, _, detail in rows])

    async def effort(self, text: str, parameters: Sequence[object], local: Local = ()) -> dict[str, int]:
        """What SQLite counts while it runs a statement, on a connection of its own."""
        return await asyncio.to_thread(self._count, text, parameters)

    def _count(self, text: str, parameters: Sequence[object]) -> dict[str, int]:
        found: dict[str, int] = {}

        def note(event: dict[str, Any]) -> None:
            status = event["stmt_status"]
            found.update({words: found.get(words, 0) + status[name] for name, words in _COUNTED.items()})

        deadline = Deadline()
        connection = self._open_reader(deadline, None)
        try:
            deadline.begin(self._timeout)
            connection.trace_v2(apsw.SQLITE_TRACE_PROFILE, note)
            list(connection.execute(text, parameters))
        except Exception as error:
            raise translate(error, connection=connection) from error
        finally:
            connection.close(True)
        return found

    # Opening -------------------------------------------------------------------------------------------------

    def _open_reader(self, deadline: Deadline, busy: float | None) -> apsw.Connection:
        return connect_file(
            self._location.path,
            settings=self._settings,
            readonly=True,
            busy=busy,
            deadline=deadline,
            statements=min(self._settings.plan_cache, 1000) if busy == 0 else 100,
        )

    def _open_session(self, deadline: Deadline, readonly: bool) -> dbapi.Connection:
        raw = connect_file(self._location.path, settings=self._settings, readonly=readonly, deadline=deadline)
        return dbapi.Connection(raw, metadata=self._metadata, waits=True)


def _no_settings(local: Local) -> NotImplementedHere:
    return NotImplementedHere(
        detail=f"SQLite has no settings of a transaction: {', '.join(name for name, _ in local)}."
    )


def _open(part: T | None) -> T:
    if part is None:
        raise DatabaseUnavailable("The database is not open.")
    return part
