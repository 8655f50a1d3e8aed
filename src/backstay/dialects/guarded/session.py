"""``guarded_session(schema, database, caller)``: a session in which the caller's rules hold."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Final, NoReturn

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import IteratorResult, Result
from sqlalchemy.engine.result import SimpleResultMetaData
from sqlalchemy.exc import NoResultFound, PendingRollbackError, StatementError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import FromStatement, ORMExecuteState, Session, UOWTransaction
from sqlalchemy.orm.exc import ObjectDeletedError, StaleDataError
from sqlalchemy.sql.elements import _IdentifiedClause
from sqlalchemy.sql.selectable import SelectBase

from backstay.dialects.dialect import Database
from backstay.dialects.guarded.attributes import SPEAKING, Attributes
from backstay.dialects.guarded.bounds import SYSTEM, Bounds, find_bounds
from backstay.dialects.guarded.compiler import guard
from backstay.dialects.guarded.writes import Flush, Parameters, fill_new, verify_new
from backstay.errors import BackstayError, Conflict, NotFound, PermissionDenied, ReadOnly
from backstay.schema.caller import Caller, CallerAttribute
from backstay.schema.served import Schema

GUARD: Final = "backstay.guard"
"""Where a session's ``info`` keeps its guard."""


@asynccontextmanager
async def guarded_session(
    schema: Schema, database: Database, caller: Caller, *, readonly: bool = False
) -> AsyncIterator[AsyncSession]:
    """A session in one transaction, in which the rules of a caller hold whatever the code in it asks.

    It commits when the context is left, and rolls back when it is left by an exception. Rows that the caller may not
    see are not there: for queries of any style, eager and lazy loads, counts and refreshes. A write that a rule refuses
    raises, and undoes what was flushed with it. Textual SQL, tables that are no resources, ``insert()`` statements and
    the driver's own statements are refused. For ``system`` and the secret key there are no rules.

    What a session cannot guard: the driver's connection behind ``session.connection()``, other connections of its
    engine, and functions of the database that read tables by themselves.

    Arguments:
        schema: what is served.
        database: where it is.
        caller: whose rules hold.
        readonly: a write raises ReadOnly.

    Raises:
        PermissionDenied, RowRefused: where a rule refuses.
        NotFound: a row that code insisted on (``session.get_one``) is not there, or not for the caller.
        BackstayError: what a database error in it stands for, when it leaves the context.
    """
    try:
        async with database.session(readonly=readonly, local=caller.local) as session:
            if not caller.passes_rules:
                Guard(schema, caller, readonly=readonly).attach(session.sync_session)
            with _insisting(session.sync_session):
                yield session
    except Exception as error:
        _raise(database, error)


@contextmanager
def _insisting(session: Session) -> Iterator[None]:
    """Let no code believe that its writes are kept when a flush failed, whose error it caught and went on."""
    try:
        yield
    except PendingRollbackError as error:
        raise _failure(session) or error from error
    if not session.is_active:
        raise _failure(session) or PendingRollbackError("A flush failed, so nothing of this transaction is kept.")


def _failure(session: Session) -> BaseException | None:
    return getattr(session.get_transaction(), "_rollback_exception", None)


def _raise(database: Database, error: Exception) -> NoReturn:
    found: Exception = error
    if isinstance(error, StatementError) and isinstance(error.orig, BackstayError):
        found = error.orig
    elif isinstance(error, NoResultFound | ObjectDeletedError):
        found = NotFound()
    elif isinstance(error, StaleDataError):
        found = Conflict("The row was changed meanwhile.", hint="Try again.")
    elif not isinstance(error, BackstayError):
        found = database.fault(error)
    if found is error:
        raise error
    raise found from error


@contextmanager
def trusted(session: AsyncSession) -> Iterator[None]:
    """Let pass, in a guarded session, what Backstay itself asks: statements that were compiled with their rules."""
    held: Guard | None = session.info.get(GUARD)
    if held is None:
        yield
        return
    with held.trust():
        yield


async def value_in(session: AsyncSession, attribute: CallerAttribute) -> Any:
    """What an attribute of the caller is worth in a session; None where nobody is the caller, and no rules hold."""
    held: Guard | None = session.info.get(GUARD)
    return None if held is None else await session.run_sync(lambda _: held.attributes.value(attribute))


class Guard:
    """Keeps one session within its caller's bounds.

    Arguments:
        schema: what is served.
        caller: whose rules hold.
        readonly: whether nothing may be written.
    """

    def __init__(self, schema: Schema, caller: Caller, *, readonly: bool = False) -> None:
        self.bounds = find_bounds(schema, caller)
        self.attributes = Attributes(caller, self._look_up)
        self._schema = schema
        self._readonly = readonly
        self._session: Session | None = None
        self._dialects: tuple[sa.Dialect, sa.Dialect] | None = None
        self._flush: Flush | None = None
        self._altering = False
        self._trusting = 0

    def attach(self, session: Session) -> None:
        """Guard a session, and whatever connection it has or will have."""
        self._session = session
        session.info[GUARD] = self
        begun = session.get_transaction()
        for connection in set(begun._connections) if begun is not None else ():
            if isinstance(connection, sa.Connection):
                self._watch(connection)
        event.listen(session, "after_begin", lambda _session, _transaction, connection: self._watch(connection))
        event.listen(session, "do_orm_execute", self._execute)
        event.listen(session, "before_flush", self._before_flush)
        event.listen(session, "after_flush", self._after_flush)
        event.listen(session, "after_soft_rollback", self._forget_flush)

    @contextmanager
    def trust(self) -> Iterator[None]:
        """Let pass what Backstay itself asks."""
        self._trusting += 1
        try:
            yield
        finally:
            self._trusting -= 1

    # Statements ----------------------------------------------------------------------------------------------

    def _watch(self, connection: sa.Connection) -> None:
        if not event.contains(connection, "before_execute", self._before_execute):
            self._dialects = _dialects(connection.dialect, self.bounds)
            event.listen(connection, "before_execute", self._before_execute)
            event.listen(connection, "before_cursor_execute", self._before_cursor)

    def _before_execute(
        self, connection: sa.Connection, statement: Any, multiple: Any, single: Any, options: Mapping[str, Any]
    ) -> None:
        SPEAKING.set(self.attributes)
        assert self._dialects is not None
        guarded, trusting = self._dialects
        connection.dialect = trusting if self._trusting else guarded
        if options.get("isolation_level") == "AUTOCOMMIT":
            raise PermissionDenied(
                "permission denied for AUTOCOMMIT", hint="A write is checked before it is committed."
            )
        if self._trusting or _is_read(statement):
            return
        if self._readonly and isinstance(statement, sa.sql.dml.UpdateBase):
            # Before rows are locked for it, which would be refused in other words.
            raise ReadOnly(f"cannot execute {statement.__visit_name__.upper()} in a read-only transaction")
        sets: Sequence[Parameters] = multiple or [single]
        if self._flush is not None and self._is_flushing():
            self._write(connection, statement, sets)
        elif not (self._altering and isinstance(statement, sa.Update | sa.Delete)):
            self._refuse(statement)

    def _is_flushing(self) -> bool:
        return self._session is not None and self._session._flushing

    def _write(self, connection: sa.Connection, statement: Any, sets: Sequence[Parameters]) -> None:
        assert self._flush is not None
        with self._trusted(connection):
            if isinstance(statement, sa.Insert):
                self._flush.insert(statement, sets)
            elif isinstance(statement, sa.Update):
                self._flush.update(connection, statement, sets)
            elif isinstance(statement, sa.Delete):
                self._flush.delete(connection, statement, sets)
            else:
                self._refuse(statement)

    def _refuse(self, statement: Any) -> NoReturn:
        kind = getattr(statement, "__visit_name__", type(statement).__name__)
        if isinstance(statement, sa.Insert):
            hint = "Add objects to the session instead: session.add_all()."
        elif isinstance(statement, sa.Update | sa.Delete):
            hint = f"Write {kind}() of a mapped class, and give it to session.execute()."
        else:
            hint = "Rules can only be woven into select(), update() and delete()."
        raise PermissionDenied(f"permission denied for this {kind} statement", hint=f"{hint} {SYSTEM}")

    def _before_cursor(
        self, _connection: Any, _cursor: Any, _text: str, _parameters: Any, context: Any, _many: bool
    ) -> None:
        if not self._trusting and context.compiled is None:
            raise PermissionDenied(
                "permission denied for textual SQL",
                hint=f"Rules cannot be woven into text: write it with select(). {SYSTEM}",
            )

    @contextmanager
    def _trusted(self, connection: sa.Connection) -> Iterator[None]:
        """Ask something of our own in the midst of another statement."""
        before = connection.dialect
        with self.trust():
            try:
                yield
            finally:
                connection.dialect = before

    def _look_up(self, user: type[Any]) -> Mapping[str, Any]:
        """The caller's row in the users' table."""
        users, session = self._schema.user, self._session
        if users is None or session is None:
            return {}
        connection = session.connection()
        with self._trusted(connection):
            key = self._schema.user_id
            identity = self.attributes.value(CallerAttribute(user, "id", key))
            row = connection.execute(sa.select(users).where(key == identity)).first()
        return {} if row is None else dict(zip([column.name for column in users.columns], row, strict=True))

    # Flushes -------------------------------------------------------------------------------------------------

    def _before_flush(self, session: Session, _work: UOWTransaction, _instances: Any) -> None:
        self._watch(session.connection())
        fill_new(session, self.bounds, self.attributes)
        self._flush = Flush(self.bounds)

    def _after_flush(self, session: Session, _work: UOWTransaction) -> None:
        flush, self._flush = self._flush, None
        assert flush is not None
        connection = session.connection()
        with self._trusted(connection):
            flush.verify(connection, session.new)

    def _forget_flush(self, _session: Session, _transaction: Any) -> None:
        self._flush = None

    # Updates and deletes of many rows ------------------------------------------------------------------------

    def _execute(self, state: ORMExecuteState) -> Result[Any] | None:
        self._watch(state.session.connection())
        if not (state.is_update or state.is_delete) or state.bind_mapper is None or state.is_executemany:
            # Reads are guarded where they become text; other writes are refused where they are sent.
            return None
        state.update_execution_options(synchronize_session="fetch")
        self._altering = True
        try:
            return self._update(state) if state.is_update else state.invoke_statement()
        finally:
            self._altering = False

    def _update(self, state: ORMExecuteState) -> Result[Any]:
        assert state.bind_mapper is not None
        mapper, statement = state.bind_mapper, state.statement
        table = mapper.local_table
        assert isinstance(table, sa.Table)
        keys = [mapper.get_property_by_column(column).class_attribute for column in table.primary_key]
        assert isinstance(statement, sa.Update)
        # If the check fails and the code goes on regardless, the update must not be kept.
        with state.session.begin_nested():
            answer = state.invoke_statement(statement=statement.returning(*keys)).freeze()
            asked = len(answer().keys()) - len(keys)
            changed = [tuple(row)[-len(keys) :] for row in answer()]
            connection = state.session.connection()
            with self._trusted(connection):
                verify_new(connection, table, self.bounds.kept(table), changed)
        return answer().columns(*range(asked)) if asked else Altered(len(changed))


def _is_read(statement: Any) -> bool:
    """Whether a statement only reads (or is about savepoints), as far as the compiler lets it."""
    if isinstance(statement, FromStatement):
        statement = statement.element
    return isinstance(statement, SelectBase | _IdentifiedClause)


class Altered(IteratorResult[Any]):
    """The result of an update that was asked for no rows: how many it changed."""

    def __init__(self, rowcount: int) -> None:
        super().__init__(SimpleResultMetaData([]), iter(()))
        self.rowcount = rowcount


def _dialects(dialect: sa.Dialect, bounds: Bounds) -> tuple[sa.Dialect, sa.Dialect]:
    """The dialects that guarded statements, and our own beside them, are compiled by.

    Kept, since a compiled statement is found again by the dialect that it was compiled by.
    """
    kept = bounds.dialects.get(dialect)
    if kept is None:
        kept = bounds.dialects[dialect] = guard(dialect, bounds), guard(dialect, bounds, trusting=True)
    return kept
