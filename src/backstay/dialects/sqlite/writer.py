"""The one writer: works that wait share a transaction, each in its savepoint, and one fsync acknowledges them all.

A thread owns the writing connection. It takes the turn, begins, runs what is queued (and what comes meanwhile),
commits, and only then tells the waiting tasks. A work that fails is rolled back to its savepoint, and its neighbours
do not notice. Some failures (an interrupted write, a full disk) make SQLite roll back the whole transaction: then the
works that had run before are run again without the guilty one, so a work must be able to run twice.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import suppress
from contextvars import Context, copy_context
from time import monotonic
from typing import Any, TypeAlias, TypeVar

import apsw
import sqlalchemy as sa

from backstay.dialects.dialect import Row, Transaction
from backstay.dialects.sqlite.constraints import explain_deferred
from backstay.dialects.sqlite.errors import translate
from backstay.dialects.sqlite.open import EXPLAIN, Deadline
from backstay.dialects.sqlite.turn import FileTurn, Turn
from backstay.errors import BackstayError, DatabaseUnavailable, Overloaded, StatementTimeout
from backstay.schema.kind.zone import Zone

T = TypeVar("T")
Work: TypeAlias = Callable[[Transaction], Awaitable[T]]

_BEGIN, _UNDO, _END = "SAVEPOINT backstay_work", "ROLLBACK TO backstay_work", "RELEASE backstay_work"
_MOST_WORKS = 512
_LONGEST_BATCH = 0.05  # seconds: other processes wait meanwhile
_MOST_WAITING = 10_000
_STEADY = 32
"""Works after which the pace is half the new one."""


class Door:
    """The transaction that a work is given: its statements run at once, in the writer's thread."""

    def __init__(self, connection: apsw.Connection, deadline: Deadline, metadata: sa.MetaData, ends_at: float) -> None:
        self._connection = connection
        self._deadline = deadline
        self._metadata = metadata
        self._ends_at = ends_at
        self.lost: Exception | None = None
        """Why the whole transaction is gone, if it is."""

    async def fetch(self, text: str, parameters: Sequence[Any]) -> list[Row]:
        """Run one statement and return its rows. Raises the errors of :mod:`backstay.errors`."""
        return self._run(text, parameters)

    async def fetch_each(self, text: str, parameters: Sequence[Sequence[Any]]) -> list[Row]:
        """Run one statement once per parameter set and return all rows."""
        return [row for each in parameters for row in self._run(text, each)]

    async def show_in(self, zone: Zone) -> None:
        """The statements do it."""

    def _run(self, text: str, parameters: Sequence[Any]) -> list[Row]:
        if self.lost is not None:
            raise self.lost
        if monotonic() >= self._ends_at:
            raise StatementTimeout()
        self._deadline.at = self._ends_at
        try:
            return self._connection.execute(text, parameters, can_cache=text[:7] != EXPLAIN).fetchall()
        except Exception as error:
            self._deadline.at = None
            fault = translate(
                error, connection=self._connection, text=text, parameters=parameters, metadata=self._metadata
            )
            if not self._connection.in_transaction:
                self.lost = fault
            raise fault from error
        finally:
            self._deadline.at = None

    def settle(self) -> None:
        """Refuse to go on while a foreign key that was put off is violated: the commit would fail for everybody."""
        unresolved, _ = self._connection.status(apsw.SQLITE_DBSTATUS_DEFERRED_FKS)
        if unresolved:
            raise explain_deferred(self._connection, self._metadata)


class Waiting:
    """One work, and the task that waits for it."""

    def __init__(self, work: Work[Any]) -> None:
        self.work = work
        self.loop = asyncio.get_running_loop()
        self.future: asyncio.Future[Any] = self.loop.create_future()
        self.context: Context = copy_context()
        self.result: Any = None
        self.error: BaseException | None = None
        self.since = monotonic()

    def tell(self) -> None:
        """In the loop: hand over what came of it."""
        if self.future.done():
            return
        if self.error is not None:
            self.future.set_exception(self.error)
        else:
            self.future.set_result(self.result)


class Writer:
    """The thread that writes, and the queue before it."""

    def __init__(self, turn: Turn, timeout: float, metadata: sa.MetaData, *, path: str | None = None) -> None:
        self._turn = turn
        self._path = path
        self._timeout = timeout
        self._metadata = metadata
        self._deadline = Deadline()
        self._queue: deque[Waiting] = deque()
        self._changed = threading.Condition()
        self._closing = False
        self._connection: apsw.Connection | None = None
        self._thread: threading.Thread | None = None
        self._unanswered = 0
        self._pace = 0.0
        self._batch_lasted = 0.0

    def start(self, connection: apsw.Connection) -> None:
        """Begin to write on a connection, which the writer owns from now on."""
        connection.set_progress_handler(self._deadline.passed, 1000)
        self._connection = connection
        self._closing = False
        among = FileTurn(self._path)
        self._thread = threading.Thread(
            target=self._serve, args=(connection, among), name="backstay-writer", daemon=True
        )
        self._thread.start()

    async def run(self, work: Work[T]) -> T:
        """Run a work and wait until it is committed.

        A wait that is cancelled before the work began withdraws it; later the work is finished all the same.

        Raises:
            Overloaded: too many works wait, or the turn did not come in time.
            DatabaseUnavailable: the writer is closed.
            And what the work, the database or the commit raise.
        """
        waiting = Waiting(work)
        with self._changed:
            if self._closing or self._thread is None:
                raise DatabaseUnavailable("The database is closed.")
            if len(self._queue) >= _MOST_WAITING:
                raise Overloaded("Too many writes are waiting.")
            self._queue.append(waiting)
            self._changed.notify()
        try:
            return await waiting.future  # type: ignore[no-any-return]
        except asyncio.CancelledError:
            with suppress(ValueError):  # it has begun
                self._queue.remove(waiting)
            raise

    def waiting(self) -> tuple[int, float]:
        """How many works are not committed yet, and how many seconds the last of them waits for those before it.

        The queue itself empties a batch at a time, and is short whenever one has just begun. So it is reckoned from the
        pace of the last batch, without its commit, which all share; and the first one's age tells where there is no
        batch, for want of a turn.
        """
        with self._changed:
            if not self._queue:
                return self._unanswered, self._unanswered * self._pace
            many = len(self._queue) + self._unanswered
            return many, max(many * self._pace, monotonic() - self._queue[0].since - self._batch_lasted)

    def close(self) -> None:
        """Finish what waits, move the log into the file, and close the connection."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    # The thread ----------------------------------------------------------------------------------------------

    def _serve(self, connection: apsw.Connection, among: FileTurn) -> None:
        try:
            while self._wait_for_work():
                began = monotonic()
                batch = self._commit_batch(connection, among)
                self._batch_lasted = monotonic() - began
                self._unanswered = 0
                _tell(batch)
        finally:
            with self._changed:
                self._closing = True
            _tell(_fail(self._take_all(), DatabaseUnavailable("The database is closed.")))
            _fold_log(connection)
            connection.close(True)
            among.close()

    def _wait_for_work(self) -> bool:
        with self._changed:
            self._changed.wait_for(lambda: self._queue or self._closing)
            return bool(self._queue)

    def _commit_batch(self, connection: apsw.Connection, among: FileTurn) -> list[Waiting]:
        """Run and commit what waits; every work returned knows what became of it."""
        batch: list[Waiting] = []
        try:
            self._turn.take(self._timeout)
        except Exception as error:
            return _fail(self._take_all(), error)
        try:
            among.take(self._timeout)
        except Exception as error:
            self._turn.release()
            return _fail(self._take_all(), error)
        try:
            connection.execute("BEGIN IMMEDIATE")
            self._run_batch(connection, batch)
            if connection.in_transaction:
                connection.execute("COMMIT")
        except BaseException as error:
            _roll_back(connection)
            # a begin that failed has no batch yet: those who wait would only wait for the same
            return _fail(batch or self._take_all(), translate(error) if isinstance(error, Exception) else error)
        finally:
            among.release()
            self._turn.release()
        return batch

    def _run_batch(self, connection: apsw.Connection, batch: list[Waiting]) -> None:
        began = monotonic()
        while len(batch) < _MOST_WORKS and monotonic() - began < _LONGEST_BATCH:
            waiting = self._take_one()
            if waiting is None:
                break
            self._unanswered = len(batch) + 1
            if self._run_one(connection, waiting):
                batch.append(waiting)
            else:
                self._put_back(batch)
                batch[:] = [waiting]
                return
        if batch:
            # A small batch says little: its one work may have waited for the interpreter.
            many = len(batch)
            self._pace += ((monotonic() - began) / many - self._pace) * many / (many + _STEADY)

    def _run_one(self, connection: apsw.Connection, waiting: Waiting) -> bool:
        """Run a work in its savepoint. Returns whether the transaction around it still stands."""
        connection.execute(_BEGIN)
        door = Door(connection, self._deadline, self._metadata, monotonic() + self._timeout)
        waiting.result, waiting.error = None, None
        try:
            waiting.result = waiting.context.copy().run(_drive, waiting.work, door)
            if door.lost is None:
                door.settle()
        except BaseException as error:
            waiting.error = error
        if door.lost is not None or not connection.in_transaction:
            waiting.error = waiting.error or door.lost or BackstayError("The work ended the transaction it ran in.")
            _roll_back(connection)
            return False
        if waiting.error is not None:
            connection.execute(_UNDO)
        connection.execute(_END)
        return True

    def _take_one(self) -> Waiting | None:
        try:
            return self._queue.popleft()
        except IndexError:
            return None

    def _take_all(self) -> list[Waiting]:
        with self._changed:
            taken = list(self._queue)
            self._queue.clear()
            return taken

    def _put_back(self, batch: list[Waiting]) -> None:
        with self._changed:
            self._queue.extendleft(reversed(batch))


def _drive(work: Work[T], door: Door) -> T:
    """Run a work to its end without a loop: it awaits nothing that suspends."""
    coroutine: Coroutine[Any, Any, T] = work(door)  # type: ignore[assignment]
    try:
        coroutine.send(None)
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]
    coroutine.close()
    raise BackstayError(
        "A work awaited something other than its transaction.",
        hint="Await network calls, sleeps and other tasks before write() or after it.",
    )


def _fail(batch: list[Waiting], error: BaseException) -> list[Waiting]:
    for waiting in batch:
        waiting.error = waiting.error or error
    return batch


def _tell(batch: list[Waiting]) -> None:
    loops = {waiting.loop for waiting in batch}
    for loop in loops:
        if not loop.is_closed():
            loop.call_soon_threadsafe(_tell_all, [waiting for waiting in batch if waiting.loop is loop])


def _tell_all(batch: list[Waiting]) -> None:
    for waiting in batch:
        waiting.tell()


def _roll_back(connection: apsw.Connection) -> None:
    with suppress(apsw.Error):  # a broken disk may refuse even this; the next BEGIN then says so
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def _fold_log(connection: apsw.Connection) -> None:
    """Move the write-ahead log into the file, so that a copy of the file alone is whole."""
    with suppress(apsw.Error):  # if somebody still reads, whoever opens the file next moves it
        connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
