"""``check_types(schema, url) -> findings``: the columns whose types the database does not have."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy.exc import CompileError

from backstay.dialects.connect import emission_of
from backstay.schema.check.finding import Finding
from backstay.schema.check.resources import place_of_column
from backstay.schema.kind.texts import Foreign
from backstay.schema.served import Schema


def check_types(schema: Schema, url: str) -> Iterator[Finding]:
    """Findings about columns of types that only another database has: ranges, ``inet`` and their like on SQLite.

    Arguments:
        schema: what is served.
        url: of the database.
    """
    columns = [
        (served, column)
        for served in schema.resources.values()
        for column in served.columns.values()
        if column.stored and isinstance(column.kind, Foreign)
    ]
    if not columns:
        return
    dialect = emission_of(url).sql
    for served, column in columns:
        try:
            column.table_column.type.compile(dialect=dialect)
        except CompileError:
            message = f"{served.name[1]}.{column.name} is of type {column.kind.name}, which {dialect.name} has not"
            hint = 'Give it a type for each: sa.String().with_variant(INET(), "postgresql"), or use PostgreSQL.'
            yield Finding("BS137", message, hint, place_of_column(served, column))
