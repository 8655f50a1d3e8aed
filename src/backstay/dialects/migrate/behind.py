"""``find_behind(url, metadata, folder)``: what a database lacks of what the application needs. Without Alembic."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from backstay.dialects.migrate.applied import read_applied
from backstay.dialects.migrate.run import run
from backstay.dialects.migrate.scripts import Script, read_scripts
from backstay.dialects.sql.searches import outdated_searches
from backstay.dialects.sql.session_triggers import declared_triggers, known_triggers, wanted_triggers


@dataclass(frozen=True, slots=True)
class Behind:
    """What a database lacks: migrations, where the project has any; else tables and columns (``notes.text``).

    ``current`` is the last migration that it has had. ``searches``: the tables without the search index that
    statements need (on PostgreSQL they need none). ``triggers``: those by which deleted users lose their tokens.
    """

    current: str = ""
    scripts: tuple[Script, ...] = ()
    tables: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    searches: tuple[str, ...] = ()
    triggers: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.scripts or self.tables or self.columns or self.searches or self.triggers)

    def __str__(self) -> str:
        parts = [
            _count("migration", [script.revision for script in self.scripts]),
            _count("table", self.tables),
            _count("column", self.columns),
            _count("search index of", self.searches),
            _count("trigger", self.triggers),
        ]
        return "; ".join(part for part in parts if part)


async def find_behind(url: str, metadata: sa.MetaData, folder: Path) -> Behind:
    """What a database lacks; it is true where that is anything.

    A database that has had migrations which are not here is not behind: an old version of an application may serve
    beside a new one.

    Arguments:
        url: the database.
        metadata: the tables the application declares.
        folder: the application's migrations; where it holds none, the tables themselves are compared.

    Raises:
        DatabaseUnavailable: when the database cannot be reached.
    """
    scripts = read_scripts(folder)

    def look(connection: sa.Connection) -> Behind:
        if scripts:
            applied = read_applied(connection)
            lacking = tuple(script for script in scripts if script.revision not in applied)
            # The language of the indexes is a setting, which no script knows.
            searches = () if lacking else _find_searches(connection, metadata)
            triggers = () if lacking else _find_triggers(connection, metadata)
            return Behind(next(reversed(applied), ""), lacking, searches=searches, triggers=triggers)
        return find_missing(connection, metadata)

    return await run(url, look, writing=False)


def find_missing(connection: sa.Connection, metadata: sa.MetaData) -> Behind:
    """The declared tables and columns that a database does not have."""
    inspector = sa.inspect(connection)
    tables: list[str] = []
    columns: list[str] = []
    for schema in {table.schema for table in metadata.tables.values()}:
        there = inspector.get_multi_columns(schema=schema, kind=sa.engine.reflection.ObjectKind.ANY)
        names = {table: {column["name"] for column in found} for (_, table), found in there.items()}
        for table in metadata.tables.values():
            if table.schema != schema:
                continue
            if table.name not in names:
                tables.append(table.fullname)
            else:
                lacking = [column.name for column in table.columns if column.name not in names[table.name]]
                columns += [f"{table.fullname}.{name}" for name in lacking]
    searches = () if tables or columns else _find_searches(connection, metadata)
    triggers = () if tables or columns else _find_triggers(connection, metadata)
    return Behind(tables=tuple(sorted(tables)), columns=tuple(sorted(columns)), searches=searches, triggers=triggers)


def _find_searches(connection: sa.Connection, metadata: sa.MetaData) -> tuple[str, ...]:
    if connection.dialect.name != "sqlite":
        return ()
    return tuple(sorted(table.name for table, _, wanted in outdated_searches(connection, metadata) if wanted))


def _find_triggers(connection: sa.Connection, metadata: sa.MetaData) -> tuple[str, ...]:
    triggers = declared_triggers(metadata)
    if triggers is None:
        return ()
    # By their names alone: a newer version of Backstay may have made them what they are there.
    return tuple(sorted(wanted_triggers(triggers, connection.dialect).keys() - known_triggers(connection)))


def _count(noun: str, names: list[str] | tuple[str, ...]) -> str:
    if not names:
        return ""
    plural = "s" if len(names) > 1 and " " not in noun else ""
    return f"it lacks the {noun}{plural} {', '.join(names)}"
