"""Which migrations a database has had: a small table in the database itself."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

import sqlalchemy as sa

TABLE: Final = sa.Table(
    "_backstay_migrations",
    sa.MetaData(),
    sa.Column("revision", sa.String(100), primary_key=True),
    sa.Column("applied_at", sa.DateTime(timezone=True), nullable=False),
)


def read_applied(connection: sa.Connection) -> dict[str, datetime]:
    """The names of the migrations that were applied here, and when."""
    if not sa.inspect(connection).has_table(TABLE.name):
        return {}
    found = connection.execute(sa.select(TABLE.c.revision, TABLE.c.applied_at).order_by(TABLE.c.applied_at))
    return {revision: applied_at for revision, applied_at in found}  # noqa: C416 (the rows are no pairs to mypy)


def record(connection: sa.Connection, *revisions: str) -> None:
    """Note that migrations were applied; in their own transaction, so that one cannot be without the other."""
    TABLE.create(connection, checkfirst=True)
    now = datetime.now(UTC)
    for revision in revisions:
        connection.execute(TABLE.insert().values(revision=revision, applied_at=now))
