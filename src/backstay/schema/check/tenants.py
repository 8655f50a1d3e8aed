"""What is wrong with users and tenants."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from backstay.schema.check.finding import Finding
from backstay.schema.check.origin import place_of
from backstay.schema.check.relations import is_indexed
from backstay.schema.declaration import Declarations
from backstay.schema.expression.sort import common, sort_of
from backstay.schema.rule import Place
from backstay.schema.served import Schema

_SIGNED_IN_BY: Final = ("id", "email")


def _check_users(schema: Schema) -> Iterator[Finding]:
    """Findings about users whom callers may change, where they sign in by what is changed."""
    served = next((each for each in schema.resources.values() if each.table is schema.user), None)
    if served is None or served.rules.update is None or "auth_credentials" not in schema.metadata.tables:
        return
    columns = [served.visible[name] for name in _SIGNED_IN_BY if name in served.visible]
    written = [column.name for column in columns if not column.readonly]
    if written:
        named = " and ".join(f"`{name}`" for name in written)
        model = served.model.__name__ if served.model is not None else "User"
        hint = f"Add readonly=[{', '.join(f'{model}.{name}' for name in written)}]."
        yield Finding("BS166", f"callers may write {named} of users, who sign in by it", hint, served.place)


def check_tenants(schema: Schema, declarations: Declarations) -> Iterator[Finding]:
    """Findings about the users' table and the tenants' columns."""
    first = next((each.place for each in declarations.resources), Place("?", 0))
    if schema.user is not None and len(schema.user.primary_key.columns) != 1:
        message = f"the primary key of the users' table {schema.user.name} has not one column"
        yield Finding("BS161", message, "A token names a user by one value: make it `id`.", first)
    yield from _check_users(schema)
    if schema.tenants is None:
        return
    places = {served.table: served for served in schema.resources.values()}
    for table, column in schema.tenants.columns.items():
        served = places.get(table)
        where = first if served is None else place_of(served.model, served.columns[column.name].attribute)
        place = where or first
        shown = f"{table.name}.{column.name}"
        if common(sort_of(column.type), sort_of(schema.tenants.current.type)) is None:
            message = f"{shown} and me.{schema.tenants.current.name} have different types"
            yield Finding("BS163", message, "Give both the same type.", place)
        if column.nullable:
            yield Finding("BS164", f"{shown}, which says whose a row is, may be NULL", "Make it NOT NULL.", place)
        if not is_indexed(table, {column.name}):
            hint = "Add index=True: every statement searches by it."
            yield Finding("BS165", f"{shown}, which says whose a row is, has no index", hint, place)
