"""The triggers of sign-in in migrations: ``op.create_session_triggers`` and ``op.drop_session_triggers``.

They are others on each database, so that one script serves both.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic.autogenerate import renderers
from alembic.operations import MigrateOperation, Operations

from backstay.dialects.sql.session_triggers import (
    create_statements,
    declared_triggers,
    drop_statements,
    known_triggers,
    wanted_triggers,
)
from backstay.schema.declaration import SessionTriggers


@Operations.register_operation("create_session_triggers")
class CreateSessionTriggers(MigrateOperation):
    """Triggers by which whatever deletes a session revokes its tokens."""

    def __init__(self, users: str, key: str) -> None:
        self.users, self.key = users, key

    @classmethod
    def create_session_triggers(cls, operations: Operations, users: str, key: str) -> None:
        """Make the triggers of the table of sessions, whatever there is of them already.

        Arguments:
            users: the users' table.
            key: its primary key.
        """
        operations.invoke(cls(users, key))


@Operations.register_operation("drop_session_triggers")
class DropSessionTriggers(MigrateOperation):
    """Triggers of sessions that are no longer needed."""

    @classmethod
    def drop_session_triggers(cls, operations: Operations) -> None:
        """Drop the triggers of the table of sessions."""
        operations.invoke(cls())


def trigger_changes(
    connection: sa.Connection, metadata: sa.MetaData, *, removed: bool
) -> tuple[list[DropSessionTriggers], list[CreateSessionTriggers]]:
    """What makes the triggers those that the tables declare: what to drop before all else, what to make last.

    Arguments:
        connection: to the database.
        metadata: the tables, as declared.
        removed: whether those of a table that is not declared are to go.
    """
    there, triggers = known_triggers(connection), declared_triggers(metadata)
    if triggers is None:
        return [DropSessionTriggers()] if there and removed else [], []
    if there == wanted_triggers(triggers, connection.dialect):
        return [], []
    return [DropSessionTriggers()] if there else [], [CreateSessionTriggers(triggers.users, triggers.key)]


# Carrying out -------------------------------------------------------------------------------------------------


@Operations.implementation_for(CreateSessionTriggers)
def _create(operations: Operations, operation: CreateSessionTriggers) -> None:
    triggers = SessionTriggers(operation.users, operation.key)
    for statement in create_statements(operations.impl.dialect, triggers):
        _execute(operations, statement)


@Operations.implementation_for(DropSessionTriggers)
def _drop(operations: Operations, operation: DropSessionTriggers) -> None:
    for statement in drop_statements(operations.impl.dialect):
        _execute(operations, statement)


def _execute(operations: Operations, statement: str) -> None:
    # The text is read for :parameters before it is sent.
    operations.execute(statement.replace(":", "\\:"))


# Writing -----------------------------------------------------------------------------------------------------


@renderers.dispatch_for(CreateSessionTriggers)
def _write_create(_context: Any, operation: CreateSessionTriggers) -> str:
    return f"op.create_session_triggers({operation.users!r}, {operation.key!r})"


@renderers.dispatch_for(DropSessionTriggers)
def _write_drop(_context: Any, _operation: DropSessionTriggers) -> str:
    return "op.drop_session_triggers()"
