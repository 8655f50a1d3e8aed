"""The triggers of sign-in: whatever deletes a session revokes the access tokens that speak for it.

A user's row takes the sessions along, whoever deletes it and however (REST, a session, SQL, a cascade, ``TRUNCATE``),
so it is the sessions that are watched. A row of ``auth_revocations`` is written for each that had not ended, which all
workers read. Of sessions that nobody used lately nothing is written: no token of theirs is good, and users who have
left may be deleted by the thousands.

``metadata.create_all`` makes them with the table of sessions, and drops them with it.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

import sqlalchemy as sa

from backstay.dialects.quote import quote_name
from backstay.schema.declaration import SessionTriggers, triggers_of

OF_USERS: Final = "auth_users_delete"
"""The trigger of the users' table on SQLite."""
_ON_DELETE: Final = "auth_sessions_delete"
_ON_TRUNCATE: Final = "auth_sessions_truncate"
_FUNCTION: Final = "_backstay_revoke_sessions"

LONGEST_LIFE: Final = timedelta(weeks=1)
"""For how long an access token may be good, for triggers know of no settings."""
# The last token of a session is as old as its last refresh, give or take how long a lost answer is told again.
_DAYS: Final = LONGEST_LIFE.days + 1

# SQLite --------------------------------------------------------------------------------------------------------

_MOMENT: Final = "%Y-%m-%dT%H:%M:%f+00:00"

_REVOKE: Final = f"""\
CREATE TRIGGER {_ON_DELETE} AFTER DELETE ON auth_sessions
WHEN old.ended_at IS NULL AND old.refreshed_at > strftime('{_MOMENT}', 'now', '-{_DAYS} days')
BEGIN INSERT INTO auth_revocations (kind, subject, at, until) VALUES ('session', old.id,
strftime('{_MOMENT}', 'now'), strftime('{_MOMENT}', old.refreshed_at, '+{_DAYS} days')); END"""


def _sqlite(triggers: SessionTriggers) -> dict[str, str]:
    # Most tools do not enforce foreign keys here unless they are told to, and so take no sessions along.
    users, key = quote_name(triggers.users), quote_name(triggers.key)
    follow = f"BEGIN DELETE FROM auth_sessions WHERE user_id = old.{key}; END"
    return {_ON_DELETE: _REVOKE, OF_USERS: f"CREATE TRIGGER {OF_USERS} AFTER DELETE ON {users} {follow}"}


def take(connection: sa.Connection) -> list[str]:
    """Drop the triggers from an SQLite database while one of the tables that they speak of is made anew.

    Returns:
        The statements that make them again.
    """
    found = list(connection.exec_driver_sql(_THERE))
    for name, _ in found:
        connection.exec_driver_sql(f"DROP TRIGGER {name}")
    return [str(statement) for _, statement in found]


_THERE: Final = (
    f"SELECT name, sql FROM sqlite_schema WHERE type = 'trigger' AND name IN ('{_ON_DELETE}', '{OF_USERS}') ORDER BY 1"
)

# PostgreSQL ----------------------------------------------------------------------------------------------------

# It runs as its owner, for whoever may delete a user need not be let write here. So only the owner may put it on a
# table; and every name is written with its schema, for anybody may have temporary tables.
_BODY: Final = f"""
DECLARE
  space text := pg_catalog.quote_ident(TG_TABLE_SCHEMA);
  target text := 'INSERT INTO ' || space || '.auth_revocations (kind, subject, at, until) ';
  life interval := '{_DAYS} days';
BEGIN
  IF TG_OP = 'TRUNCATE' THEN
    EXECUTE target || 'SELECT ''session'', id, clock_timestamp(), refreshed_at + $1 FROM ' || space
      || '.auth_sessions WHERE ended_at IS NULL AND refreshed_at > clock_timestamp() - $1' USING life;
  ELSIF OLD.ended_at IS NULL AND OLD.refreshed_at > clock_timestamp() - life THEN
    EXECUTE target || 'VALUES (''session'', $1, clock_timestamp(), $2)' USING OLD.id, OLD.refreshed_at + life;
  END IF;
  RETURN NULL;
END
"""


_MAKE: Final = (
    f"CREATE OR REPLACE FUNCTION {_FUNCTION}() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER "
    f"SET search_path = pg_catalog, pg_temp AS $${_BODY}$$",
    f"REVOKE ALL ON FUNCTION {_FUNCTION}() FROM PUBLIC",
    # At the end of the transaction: workers do not look for rows that were written long before their commit.
    f"CREATE CONSTRAINT TRIGGER {_ON_DELETE} AFTER DELETE ON auth_sessions DEFERRABLE INITIALLY DEFERRED "
    f"FOR EACH ROW EXECUTE FUNCTION {_FUNCTION}()",
    f"CREATE TRIGGER {_ON_TRUNCATE} BEFORE TRUNCATE ON auth_sessions FOR EACH STATEMENT EXECUTE FUNCTION {_FUNCTION}()",
)

_KNOWN: Final = (
    "SELECT t.tgname, p.prosrc FROM pg_catalog.pg_trigger t JOIN pg_catalog.pg_proc p ON p.oid = t.tgfoid "
    f"WHERE t.tgrelid = to_regclass('auth_sessions') AND t.tgname IN ('{_ON_DELETE}', '{_ON_TRUNCATE}') "
    "AND t.tgenabled <> 'D'"
)

# Either ---------------------------------------------------------------------------------------------------------


def known_triggers(connection: sa.Connection) -> dict[str, str]:
    """The triggers that there are, and what each does."""
    known = _THERE if connection.dialect.name == "sqlite" else _KNOWN
    return {str(name): str(text) for name, text in connection.exec_driver_sql(known)}


def wanted_triggers(triggers: SessionTriggers, dialect: sa.Dialect) -> dict[str, str]:
    """The triggers that there are to be, as :func:`known_triggers` tells them."""
    return _sqlite(triggers) if dialect.name == "sqlite" else {_ON_DELETE: _BODY, _ON_TRUNCATE: _BODY}


def declared_triggers(metadata: sa.MetaData) -> SessionTriggers | None:
    """The triggers that an application's tables are to have, if its users sign in."""
    found = filter(None, map(triggers_of, metadata.tables.values()))
    return next(found, None)


def create_statements(dialect: sa.Dialect, triggers: SessionTriggers) -> list[str]:
    """The statements that make the triggers, whatever there is of them."""
    makes = _sqlite(triggers).values() if dialect.name == "sqlite" else _MAKE
    return [*drop_statements(dialect), *makes]


def drop_statements(dialect: sa.Dialect) -> list[str]:
    """The statements that drop the triggers."""
    if dialect.name == "sqlite":
        return [f"DROP TRIGGER IF EXISTS {name}" for name in (_ON_DELETE, OF_USERS)]
    drops = [f"DROP TRIGGER IF EXISTS {name} ON auth_sessions" for name in (_ON_DELETE, _ON_TRUNCATE)]
    return [*drops, f"DROP FUNCTION IF EXISTS {_FUNCTION}()"]


@sa.event.listens_for(sa.Table, "after_create")
def _create(table: sa.Table, connection: sa.Connection, **_: Any) -> None:
    triggers = triggers_of(table)
    if triggers is not None:
        for statement in create_statements(connection.dialect, triggers):
            connection.exec_driver_sql(statement)


@sa.event.listens_for(sa.Table, "before_drop")
def _drop(table: sa.Table, connection: sa.Connection, **_: Any) -> None:
    if triggers_of(table) is not None:
        for statement in drop_statements(connection.dialect):
            connection.exec_driver_sql(statement)
