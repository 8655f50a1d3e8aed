"""Writes on resources with hooks: rows become objects, hooks run, and what they left is written.

All of it in one transaction of one session of the caller's, so a hook sees and does what the caller may, and an error
anywhere undoes everything. The rules on the new rows are checked by the session when it flushes, after the hooks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapper
from sqlalchemy.orm.attributes import flag_modified

from backstay.dialects.connect import Engine
from backstay.dialects.dialect import Row, Statement
from backstay.dialects.execute import (
    Judge,
    answer,
    counted,
    delete_keys,
    match,
    refused_merge,
    updates,
)
from backstay.dialects.guarded import guarded_session, trusted, value_in
from backstay.dialects.reply import Reply
from backstay.dialects.write import Altering, Deleting, Inserting, Writing, rows_of
from backstay.errors import UniqueViolation
from backstay.query.nodes import Resolution
from backstay.schema.caller import Caller, CallerAttribute
from backstay.schema.column import Column, Expressed, Fixed, Made
from backstay.schema.declaration import Kind
from backstay.schema.kind import Canonical
from backstay.schema.python_value import python_value
from backstay.schema.served import Schema, Served

_CHUNK = 500


def has_hooks(writing: Writing) -> bool:
    """Whether a write runs hooks."""
    hooks = writing.resolved.source.served.hooks
    if isinstance(writing, Inserting):
        merges = writing.resolved.resolution is Resolution.MERGE
        return bool(hooks.get(Kind.INSERT) or (merges and hooks.get(Kind.UPDATE)))
    return bool(hooks.get(Kind.UPDATE if isinstance(writing, Altering) else Kind.DELETE))


async def write_with_hooks(
    schema: Schema, engine: Engine, writing: Writing, values: Sequence[Any], caller: Caller, judge: Judge
) -> Reply:
    """Run a write and its hooks in one transaction.

    Raises:
        RowRefused: when a row, as it is after the hooks, is refused by its rule.
        And whatever a hook, ``judge`` and the database raise; a hook's own error comes as it is.
    """
    try:
        return await _attempt(schema, engine, writing, values, caller, judge)
    except UniqueViolation:
        if not isinstance(writing, Inserting) or writing.resolved.resolution is None:
            raise
        # Another transaction may have inserted the row since this one looked: now it is there.
        return await _attempt(schema, engine, writing, values, caller, judge)


async def _attempt(
    schema: Schema, engine: Engine, writing: Writing, values: Sequence[Any], caller: Caller, judge: Judge
) -> Reply:
    async with guarded_session(schema, engine.database, caller) as session:
        work = _Work(engine, session, writing.resolved.source.served, values, caller)
        await work.begin()
        if isinstance(writing, Inserting):
            reply = await work.insert(writing)
        elif isinstance(writing, Altering):
            reply = await work.alter(writing)
        else:
            reply = await work.delete(writing)
        judge(reply)
        return reply


@dataclass(frozen=True, slots=True)
class _Work:
    """One write under way."""

    engine: Engine
    session: AsyncSession
    served: Served
    values: Sequence[Any]
    caller: Caller

    async def begin(self) -> None:
        """Where rows cannot be locked, lock out all other writers: hooks read before they write."""
        if not self.engine.database.features.row_locks:
            with trusted(self.session):
                await self.session.execute(sa.select(sa.literal_column("1")).with_for_update())

    # The kinds of write --------------------------------------------------------------------------------------

    async def insert(self, inserting: Inserting) -> Reply:
        resolved = inserting.resolved
        match(resolved, self.values)
        written: list[Any] = []
        unsent: list[tuple[Any, Mapping[str, Canonical]]] = []
        new = 0
        for names, rows in rows_of(resolved, self.values[resolved.rows.index]):
            for row in rows:
                given = self.taken(names, row)
                instance = await self.made(given)
                found = await self.found(resolved.conflict, instance) if resolved.resolution is not None else None
                if found is None:
                    await self.run(Kind.INSERT, instance)
                    self.session.add(instance)
                    new += 1
                elif updates(resolved):
                    instance = await self.merged(found, given, resolved.conflict)
                else:
                    continue
                written.append(instance)
                unsent.append((instance, given))
                if resolved.resolution is not None:
                    # The next row may be a duplicate of this one.
                    await self.flush(unsent)
        await self.flush(unsent)
        return counted(await self.answer(inserting, self.keys(written)), new)

    async def merged(self, key: Row, given: Mapping[str, Canonical], conflict: Sequence[Column]) -> Any:
        """The row that an upsert met, with the new values."""
        found = await self.load([key])
        if not found:
            raise refused_merge(self.served)
        names = {column.name for column in conflict}
        await self.change(found[0], {name: value for name, value in given.items() if name not in names})
        return found[0]

    async def alter(self, altering: Altering) -> Reply:
        resolved = altering.resolved
        if not resolved.columns:
            return await self.answer(altering, [])
        instances = await self.load_all(altering.keys)
        row = self.values[resolved.row.index]
        given = self.taken([column.name for column in resolved.columns], row)
        for instance in instances:
            await self.change(instance, given)
        await self.flush([(instance, given) for instance in instances])
        return await self.answer(altering, self.keys(instances))

    async def delete(self, deleting: Deleting) -> Reply:
        keys = await self.fetch(deleting.keys)
        for instance in await self.load([self.read(key) for key in keys]):
            await self.run(Kind.DELETE, instance)
        await self.session.flush()
        reply = await self.answer(deleting, keys)
        with trusted(self.session):
            transaction = await self.engine.database.transaction(self.session)
            await delete_keys(transaction, deleting, keys, self.values, self.caller)
        return reply

    # Rows as objects -----------------------------------------------------------------------------------------

    @property
    def mapper(self) -> Mapper[Any]:
        return sa.inspect(self.served.model)  # type: ignore[no-any-return]

    def taken(self, names: Sequence[str], row: Mapping[str, Any]) -> dict[str, Canonical]:
        """The values that a request gives, by column."""
        return {name: self.served.columns[name].kind.take(row.get(name)) for name in names}

    async def made(self, given: Mapping[str, Canonical]) -> Any:
        """A new object, with what Python and the caller are the default for: the hooks shall see it."""
        instance = self.mapper.class_manager.new_instance()
        for column in self.served.by_table_column.values():
            if column.name in given:
                self.put(instance, column, given[column.name])
            elif isinstance(column.default, Made):
                setattr(instance, column.attribute, column.default.make())
            elif isinstance(column.default, Fixed):
                self.put(instance, column, column.default.value)
            elif isinstance(column.default, Expressed) and isinstance(column.default.expression, CallerAttribute):
                setattr(instance, column.attribute, await value_in(self.session, column.default.expression))
        return instance

    @staticmethod
    def put(instance: Any, column: Column, value: Canonical) -> None:
        """Set an attribute to a value in the wire's form."""
        setattr(instance, column.attribute, python_value(column.table_column.type, value))

    async def change(self, instance: Any, given: Mapping[str, Canonical]) -> None:
        """Set what a request gives, and run the hooks before any of it is sent."""
        with self.session.no_autoflush:
            for name, value in given.items():
                self.put(instance, self.served.columns[name], value)
            await self.run(Kind.UPDATE, instance)

    async def run(self, kind: Kind, instance: Any) -> None:
        """Run the hooks of a kind, in their order."""
        for hook in self.served.hooks.get(kind, ()):
            await hook(self.session, instance)

    async def flush(self, changed: list[tuple[Any, Mapping[str, Canonical]]]) -> None:
        """Send everything to the database; the rules are checked there."""
        while changed:
            instance, given = changed.pop()
            for name in given:
                self.settle(instance, self.served.columns[name])
        await self.session.flush()

    @staticmethod
    def settle(instance: Any, column: Column) -> None:
        """Make sure that a given value is written, even where it is what was there before."""
        if column.table_column.type.should_evaluate_none and getattr(instance, column.attribute) is None:
            # SQLAlchemy would write a JSON column's None as JSON's null.
            setattr(instance, column.attribute, sa.null())
        elif not sa.inspect(instance).pending:
            flag_modified(instance, column.attribute)

    # Keys ----------------------------------------------------------------------------------------------------

    def key_columns(self) -> list[Column]:
        return [self.served.columns[name] for name in self.served.key]

    def keys(self, instances: Sequence[Any]) -> list[Row]:
        """The keys of written objects, in the wire's form."""
        columns = self.key_columns()
        return [tuple(each.kind.dump(getattr(instance, each.attribute)) for each in columns) for instance in instances]

    def read(self, key: Row) -> Row:
        """A key as a statement answers it, as Python values."""
        return tuple(
            python_value(column.table_column.type, column.kind.dump(value))
            for column, value in zip(self.key_columns(), key, strict=True)
        )

    async def found(self, conflict: Sequence[Column], instance: Any) -> Row | None:
        """The key of the row that a new one would be a duplicate of, whoever may see it; it is locked."""
        table = self.served.table
        values = [getattr(instance, each.attribute) for each in conflict]
        if None in values:
            return None
        match = [table.c[each.name] == value for each, value in zip(conflict, values, strict=True)]
        select = sa.select(*[table.c[name] for name in self.served.key]).where(*match).with_for_update()
        with trusted(self.session):
            row = (await self.session.execute(select)).first()
        return None if row is None else tuple(row)

    async def load_all(self, keys: Statement) -> list[Any]:
        """The objects of the rows that a statement finds."""
        return await self.load([self.read(key) for key in await self.fetch(keys)])

    async def load(self, keys: Sequence[Row]) -> list[Any]:
        """The objects with these keys, as far as the caller may see them, in this order."""
        attributes = [self.mapper.get_property_by_column(self.served.table.c[name]) for name in self.served.key]
        columns = [attribute.class_attribute for attribute in attributes]
        found: dict[Row, Any] = {}
        for start in range(0, len(keys), _CHUNK):
            some = keys[start : start + _CHUNK]
            match = columns[0].in_([key[0] for key in some]) if len(columns) == 1 else sa.tuple_(*columns).in_(some)
            select = sa.select(self.mapper.class_).where(match).execution_options(populate_existing=True)
            for instance in await self.session.scalars(select):
                found[tuple(getattr(instance, attribute.key) for attribute in attributes)] = instance
        return [found[key] for key in keys if key in found]

    async def fetch(self, statement: Statement) -> list[Row]:
        """Run a compiled statement in the session's transaction."""
        with trusted(self.session):
            transaction = await self.engine.database.transaction(self.session)
            return await transaction.fetch(statement.text, statement.bind(self.values, self.caller))

    async def answer(self, writing: Writing, keys: Sequence[Row]) -> Reply:
        """The written rows, as the caller asked to have them answered."""
        with trusted(self.session):
            transaction = await self.engine.database.transaction(self.session)
            return await answer(transaction, writing, keys, self.values, self.caller)
