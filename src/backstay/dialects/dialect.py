"""The protocol between Backstay and one database: what a dialect must be able to do."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Final, Protocol, TypeAlias, TypeVar

from sqlalchemy import Dialect as SQLDialect
from sqlalchemy.ext.asyncio import AsyncSession

from backstay.dialects.features import Features
from backstay.schema.caller import Caller, Local
from backstay.schema.kind.zone import Zone

T = TypeVar("T")

Parameter: TypeAlias = Callable[[Sequence[Any], Caller], Any]
"""Reads one parameter, in the driver's form, from a query's values and its caller.

Raises InvalidLiteral (or a sibling) for a value that the column's type does not take.
"""

Row: TypeAlias = tuple[Any, ...]

Take: TypeAlias = Callable[[Sequence[Row]], int]
"""Takes the next rows of a long read, and tells how many characters they have. It is called in a thread."""

WHOLE: Final = 2 * 1024 * 1024
"""Bytes of a body up to which :meth:`Database.fetch_whole` hands it out."""


@dataclass(frozen=True, slots=True)
class Statement:
    """Text with slots: what a dialect runs. A function of the shape alone.

    ``parameters`` stand in the order of the driver's placeholders (``?`` on SQLite, ``$n`` on PostgreSQL).
    """

    text: str
    parameters: tuple[Parameter, ...] = ()

    def bind(self, values: Sequence[Any], caller: Caller) -> list[Any]:
        """The driver's parameters for these values and this caller."""
        return [read(values, caller) for read in self.parameters]


@dataclass(frozen=True, slots=True)
class Explaining:
    """How a plan is to be told.

    Arguments:
        options: of ``analyze verbose settings buffers wal``; a database without such options ignores them.
        document: as JSON, not as text.
    """

    options: tuple[str, ...] = ()
    document: bool = False


class Transaction(Protocol):
    """Statements that are committed together."""

    async def fetch(self, text: str, parameters: Sequence[Any]) -> list[Row]:
        """Run one statement and return its rows.

        Raises the errors of :mod:`backstay.errors`, never the driver's own.
        """
        ...

    async def fetch_each(self, text: str, parameters: Sequence[Sequence[Any]]) -> list[Row]:
        """Run one statement once per parameter set and return all rows, in the order of the sets."""
        ...

    async def show_in(self, zone: Zone) -> None:
        """Show moments in a time zone from now on until the transaction ends.

        Where that is no setting of the database, its statements do it by themselves.
        """
        ...


class Database(Protocol):
    """One database, open. Made by the ``connect`` module of each dialect."""

    features: Features
    sql: SQLDialect
    """The SQLAlchemy dialect whose compiler writes this database's statements."""

    async def start(self) -> None:
        """Open the pools; DatabaseUnavailable where the database cannot be reached."""
        ...

    async def close(self) -> None:
        """Finish what is under way and let go of every connection."""
        ...

    async def fetch(self, text: str, parameters: Sequence[Any], local: Local) -> list[Row]:
        """Run one reading statement on its own and return its rows. It cannot write.

        ``local``: settings that hold for it alone. Only a database with the feature ``local_settings`` takes any; there
        the statement becomes a transaction. This is so of :meth:`write` and :meth:`session`, too.
        """
        ...

    def fetch_at_once(self, text: str, parameters: Sequence[Any]) -> list[Row] | None:
        """Run one reading statement without waiting, as a database within this process can; None: use :meth:`fetch`.

        A statement that turns out to be long is given up and None returned, so it may have run in vain.
        """
        ...

    def waiting(self, writing: bool) -> tuple[int, float]:
        """How many reads (or writes) wait, and for how many seconds one that comes now will, as far as is known."""
        ...

    async def fetch_whole(self, text: str, parameters: Sequence[Any], local: Local) -> Row | None:
        """Run one bounded reading statement, whose one row begins with a body; None if that is longer than WHOLE.

        A bounded statement is one that was compiled to be run like this (:meth:`Emission.read`).
        """
        ...

    async def fetch_rows(self, text: str, parameters: Sequence[Any], local: Local, take: Take) -> None:
        """Run one reading statement and hand its rows on in batches, as they come; only one of them is in memory.

        All of them are of one moment, and the statement has the time that any statement has. When the awaiting task is
        cancelled, so is the statement. What ``take`` raises ends it and comes out of here.
        """
        ...

    async def write(self, work: Callable[[Transaction], Awaitable[T]], local: Local) -> T:
        """Run ``work`` in one transaction: committed (and durable) when this returns, rolled back if it raises.

        ``work`` may await nothing but its transaction: the dialect may run it in another thread and let several
        works share one commit, each in a savepoint of its own.
        """
        ...

    def session(self, *, readonly: bool = False, local: Local) -> AbstractAsyncContextManager[AsyncSession]:
        """An SQLAlchemy session on this database, for hooks, functions and users' code.

        The context begins one transaction, commits when it is left and rolls back if it is left by an exception. A
        database error in it is raised as SQLAlchemy's own; :meth:`fault` translates. ``readonly``: a write raises.
        """
        ...

    async def transaction(self, session: AsyncSession) -> Transaction:
        """The transaction that a session is in, to run compiled statements beside the session's own."""
        ...

    def explaining(self, text: str, explaining: Explaining) -> str:
        """The statement that tells how another one would be run; it takes the same parameters."""
        ...

    def explained(self, rows: Sequence[Row], explaining: Explaining) -> str:
        """The rows of such a statement as text, or as a JSON document."""
        ...

    async def effort(self, text: str, parameters: Sequence[Any], local: Local) -> Mapping[str, int]:
        """What the database counts while it runs a reading statement, in words; empty where its plan says it all."""
        ...

    def fault(self, error: Exception) -> Exception:
        """The error of :mod:`backstay.errors` that a driver's or SQLAlchemy's database error stands for.

        An error that is none of the database's comes back as it is.
        """
        ...
