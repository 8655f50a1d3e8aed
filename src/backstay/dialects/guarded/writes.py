"""What a guarded session writes: which rows, and whether they may be so.

Rows are checked where SQL is sent, not where objects are tracked, so that nothing the unit of work does is missed: a
change is let only to rows that the old-row rule lets, and what was inserted or updated must satisfy its rule once the
flush is done. An error undoes the flush.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

import sqlalchemy as sa
from sqlalchemy.orm import Mapper, Session
from sqlalchemy.sql import visitors
from sqlalchemy.sql.elements import BinaryExpression, BindParameter
from sqlalchemy.sql.operators import eq

from backstay.dialects.guarded.attributes import Attributes
from backstay.dialects.guarded.bounds import SYSTEM, Bounds, Conditions
from backstay.errors import PermissionDenied, RowRefused
from backstay.schema.caller import CallerAttribute
from backstay.schema.column import Expressed
from backstay.schema.served import Served

Key: TypeAlias = tuple[Any, ...]
Parameters: TypeAlias = Mapping[str, Any]

_CHUNK = 500


class Flush:
    """One flush under way: the keys of the rows it inserts and updates, by table.

    Arguments:
        bounds: of the caller.
    """

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._counts: dict[sa.Table, int] = {}
        self._inserted: dict[sa.Table, set[Key]] = {}
        self._updated: dict[sa.Table, set[Key]] = {}

    def insert(self, statement: sa.Insert, sets: Sequence[Parameters]) -> None:
        """Note an insert."""
        table = _table(statement)
        self._bounds.insertable(table)
        self._counts[table] = self._counts.get(table, 0) + len(sets)
        keys = self._inserted.setdefault(table, set())
        for row in sets:
            if all(column.key in row for column in table.primary_key):
                keys.add(tuple(row[column.key] for column in table.primary_key))

    def update(self, connection: sa.Connection, statement: sa.Update, sets: Sequence[Parameters]) -> None:
        """Let an update only if every row it names may be changed, and note it.

        Raises:
            RowRefused: one of them may not be.
        """
        table = _table(statement)
        columns = list(table.primary_key)
        names = _names(statement, columns)
        old = [_key(names, row) for row in sets]
        verify_old(connection, self._bounds.changeable(table), columns, old)
        new = [
            tuple(row.get(column.key, before) for column, before in zip(columns, key, strict=True))
            for row, key in zip(sets, old, strict=True)
        ]
        self._updated.setdefault(table, set()).update(new)

    def delete(self, connection: sa.Connection, statement: sa.Delete, sets: Sequence[Parameters]) -> None:
        """Let a delete only if every row it names may be deleted. Raises RowRefused, likewise."""
        table = _table(statement)
        columns = list(table.columns if table in self._bounds.links else table.primary_key)
        names = _names(statement, columns)
        verify_old(connection, self._bounds.deletable(table), columns, [_key(names, row) for row in sets])

    def verify(self, connection: sa.Connection, new: Iterable[Any]) -> None:
        """Refuse the flush unless every row it wrote satisfies its rule.

        Arguments:
            connection: the session's.
            new: the objects that were inserted.

        Raises:
            RowRefused: a row does not.
            PermissionDenied: a row was inserted that is no object's.
        """
        self._note(new)
        for table, count in self._counts.items():
            keys = self._inserted[table]
            if len(keys) != count:
                raise PermissionDenied(
                    f"permission denied for table {table.name}", hint=f"Insert with session.add(). {SYSTEM}"
                )
            verify_new(connection, table, self._bounds.insertable(table), keys)
        for table, keys in self._updated.items():
            verify_new(connection, table, self._bounds.kept(table), keys)

    def _note(self, new: Iterable[Any]) -> None:
        for each in new:
            mapper: Mapper[Any] = sa.inspect(each).mapper
            for table in mapper.tables:
                if isinstance(table, sa.Table) and table in self._counts:
                    key = key_of(mapper, table, each)
                    # A new object in the place of a deleted one with its key is an update.
                    if key not in self._updated.get(table, ()):
                        self._inserted[table].add(key)


def key_of(mapper: Mapper[Any], table: sa.Table, instance: Any) -> Key:
    """The primary key of an object's row in one of its tables."""
    return tuple(getattr(instance, mapper.get_property_by_column(column).key) for column in table.primary_key)


def _table(statement: Any) -> sa.Table:
    return statement.table._deannotate()  # type: ignore[no-any-return]


def _names(statement: sa.Update | sa.Delete, columns: Sequence[sa.Column[Any]]) -> Sequence[str | None]:
    """The names of the parameters by which a write of the unit of work finds its rows, column by column."""
    found: dict[str, str] = {}
    for criterion in statement._where_criteria:
        for element in visitors.iterate(criterion):
            if isinstance(element, BinaryExpression) and element.operator is eq:
                column, parameter = element.left, element.right
                if isinstance(column, sa.Column) and isinstance(parameter, BindParameter):
                    found[column.name] = parameter.key
    return [found.get(column.name) for column in columns]


def _key(names: Sequence[str | None], row: Parameters) -> Key:
    try:
        return tuple(row[name] for name in names)  # type: ignore[index]
    except KeyError:
        raise PermissionDenied(
            "permission denied for a write without the row's key", hint=f"Change the object. {SYSTEM}"
        ) from None


# Checks ------------------------------------------------------------------------------------------------------


def verify_old(
    connection: sa.Connection, conditions: Conditions, columns: Sequence[sa.Column[Any]], keys: Iterable[Key]
) -> None:
    """Refuse unless each of these rows is there and satisfies the conditions; they are locked until the end.

    Raises:
        RowRefused: one of them does not.
    """
    wanted = set(keys)
    if conditions and _count(connection, conditions, columns, wanted, locked=True) < len(wanted):
        table = columns[0].table.name
        raise RowRefused(f'row violates row-level security policy (USING expression) for table "{table}"')


def verify_new(connection: sa.Connection, table: sa.Table, conditions: Conditions, keys: Iterable[Key]) -> None:
    """Refuse unless each of these rows, as it is now, satisfies the conditions.

    Raises:
        RowRefused: one of them does not.
    """
    wanted = set(keys)
    if conditions and _count(connection, conditions, list(table.primary_key), wanted) < len(wanted):
        raise RowRefused(f'new row violates row-level security policy for table "{table.name}"')


def _count(
    connection: sa.Connection,
    conditions: Conditions,
    columns: Sequence[sa.Column[Any]],
    keys: Iterable[Key],
    *,
    locked: bool = False,
) -> int:
    """How many of the rows with these keys satisfy the conditions."""
    wanted, count = list(keys), 0
    for start in range(0, len(wanted), _CHUNK):
        some = wanted[start : start + _CHUNK]
        match = columns[0].in_([key[0] for key in some]) if len(columns) == 1 else sa.tuple_(*columns).in_(some)
        select = sa.select(*columns).where(match, *conditions)
        if locked:
            select = select.with_for_update(of=columns[0].table)
        count += len(set(connection.execute(select).all()))
    return count


# Defaults ----------------------------------------------------------------------------------------------------


def fill(served: Served, instance: Any, attributes: Attributes) -> None:
    """Give a new object what it says nothing of and what the caller is the default for (``default=me.id``)."""
    state = sa.inspect(instance)
    for column in served.by_table_column.values():
        default = column.default.expression if isinstance(column.default, Expressed) else None
        if isinstance(default, CallerAttribute) and column.attribute not in state.dict:
            setattr(instance, column.attribute, attributes.value(default))


def fill_new(session: Session, bounds: Bounds, attributes: Attributes) -> None:
    """Fill every new object of a session."""
    for instance in session.new:
        for table in sa.inspect(instance).mapper.tables:
            served = bounds.served.get(table)
            if served is not None:
                fill(served, instance, attributes)
