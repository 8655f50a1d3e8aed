"""What is wrong with resources and their columns."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from backstay.schema.check.finding import Finding
from backstay.schema.check.origin import place_of
from backstay.schema.column import Column
from backstay.schema.rule import Place
from backstay.schema.served import Schema, Served

_TEXTS: Final = ("text", "character varying", "character", "citext", "tsvector")

RESERVED: Final = frozenset({"select", "columns", "on_conflict", "order", "limit", "offset", "and", "or", "not"})
"""The words that a query string has for itself: a column of such a name cannot be filtered by."""


def check_resources(schema: Schema) -> Iterator[Finding]:
    """Findings about every resource."""
    for served in schema.resources.values():
        yield from _key(served)
        yield from _search(served)
        for column in served.columns.values():
            yield from _values(served, column)
            yield from _name(served, column)


def place_of_column(served: Served, column: Column) -> Place:
    """Where a column is written."""
    return place_of(served.model, column.attribute) or served.place


def _key(served: Served) -> Iterator[Finding]:
    name = served.name[1]
    if not served.key and not served.view:
        hint = "Give the table a primary key, so that a row can be linked to, and replaced (PUT)."
        yield Finding("BS122", f"{name} has no primary key: callers cannot name one of its rows", hint, served.place)
    for key in served.key:
        if served.columns[key].hidden:
            hint = "Let callers see it, or give them another key by which to name the row."
            place = place_of_column(served, served.columns[key])
            yield Finding("BS126", f"the primary key {name}.{key} is hidden", hint, place)


def _search(served: Served) -> Iterator[Finding]:
    for each in served.search:
        column = served.columns.get(each)
        if column is not None and column.kind.name not in _TEXTS:
            message = f"search= names {served.name[1]}.{each}, which holds {column.kind.name}"
            yield Finding("BS128", message, "Search in texts.", served.place)
        elif column is not None and (why := _unsearched(served, column)):
            yield Finding("BS138", f"search= names {served.name[1]}.{each}, {why[0]}", why[1], served.place)


def _unsearched(served: Served, column: Column) -> tuple[str, str] | None:
    """Why naming a column in ``search=`` is of no use, and what to do."""
    if column.hidden:
        return "which is hidden: nobody can search it", "Leave it out, or let callers see it."
    if not column.stored:
        return "which is computed when it is read: no index has it", "Store it, by mapped_column(Computed(...))."
    if not served.key or served.view:
        return "in a table without a primary key: SQLite keeps no index of it", "Give the table a primary key."
    return None


def _values(served: Served, column: Column) -> Iterator[Finding]:
    """A column that must have a value and can get none."""
    if not column.required or not (column.hidden or column.readonly) or served.rules.insert is None:
        return
    word = "hidden" if column.hidden else "read-only"
    message = f"{served.name[1]}.{column.name} is {word}, must have a value, and has no default"
    hint = "Give it a default, let callers give it, or fill it in a before_insert hook."
    if not any(served.hooks.values()):
        yield Finding("BS127", message, hint, place_of_column(served, column))


def _name(served: Served, column: Column) -> Iterator[Finding]:
    if column.hidden:
        return
    shown = f"{served.name[1]}.{column.name}"
    if column.name in RESERVED:
        message = f"{shown} has a name that query strings use themselves: nobody can filter by it"
        hint = 'Name it otherwise: mapped_column("position") ...'
        yield Finding("BS130", message, hint, place_of_column(served, column))
    elif "\0" in column.name or column.name != column.name.strip() or not column.name:
        place = place_of_column(served, column)
        yield Finding("BS130", f"{shown!r} has blanks around it", "Name it without.", place)
