"""Functions: code callable from outside, run as the caller and answered in the wire's forms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from types import NoneType
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from backstay.dialects.call.convert import convert
from backstay.dialects.call.find import find_function
from backstay.dialects.call.labels import labels_of
from backstay.dialects.call.render import Rendering, all_of_one, encode, is_rows
from backstay.dialects.call.rows import compile_rows
from backstay.dialects.dialect import Row, Statement
from backstay.dialects.execute import Judge
from backstay.dialects.guarded import guarded_session, trusted
from backstay.dialects.postgresql.function import SQLFunctions
from backstay.dialects.reply import Reply
from backstay.dialects.road import Road
from backstay.errors import NotImplementedHere
from backstay.plan.cache import Cache
from backstay.query.nodes import Call, Count, Everything, Select
from backstay.schema.caller import Caller
from backstay.schema.served import Function, Served, SQLFunction
from backstay.settings import Settings


class Functions:
    """Answers calls, on the same road as queries.

    Every caller may call every function; inside it their rules hold. What it returns is answered as it is, but for the
    hidden columns of rows, which are never shown.

    Arguments:
        road: whose schema and database they are.
        settings: ``plan_cache``, ``aggregates``, ``max_rows``.
    """

    def __init__(self, road: Road, settings: Settings) -> None:
        self._road = road
        self._most = settings.max_rows
        self._rendering = Rendering(road.schema)
        self._of_database = SQLFunctions(road, settings)
        self._cache: Cache[Statement] = Cache(
            road.schema,
            lambda plan: compile_rows(plan, road.engine.emission),
            size=settings.plan_cache,
            aggregates=settings.aggregates,
        )

    async def call(self, query: Call, caller: Caller, judge: Judge) -> Reply:
        """Run a function in one transaction of the caller's.

        Arguments:
            query: its name and arguments, and how rows shall be shaped.
            caller: whose rules hold.
            judge: looks at the reply before the commit; what it raises undoes everything.

        Raises:
            UnknownFunction: there is none of that name with these arguments.
            DataFault, DatabaseFault: an argument is not what it should be.
            ReadOnly: the function writes, and the call may not (GET).
            And whatever the function raises: an error of :mod:`backstay.errors` comes to the caller as it is.
        """
        schema = self._road.schema
        function = find_function(schema, query)
        if isinstance(function, SQLFunction):
            return await self._of_database.call(function, query, caller, judge)
        given = query.arguments or {}
        labels = labels_of(schema)
        arguments = {
            argument.name: convert(given[argument.name], argument.type, labels, literal=query.literal)
            for argument in function.arguments
            if argument.name in given
        }
        database = self._road.engine.database
        async with guarded_session(schema, database, caller, readonly=query.readonly) as session:
            result = await function.call(session, **arguments)
            await session.flush()
            reply = await self._reply(session, function, query, result, caller)
            judge(reply)
        return reply

    # Replies -------------------------------------------------------------------------------------------------

    async def _reply(
        self, session: AsyncSession, function: Function, query: Call, result: Any, caller: Caller
    ) -> Reply:
        if function.returns is NoneType and result is None:
            return Reply(void=True)
        values = list(result) if is_rows(result) else [result]
        shape = query.returning
        if shape is not None and _asks(shape):
            served = all_of_one(self._road.schema, values)
            if served is not None:
                reply = await self._rows(session, served, shape, values, caller)
                return reply if is_rows(result) else _single(reply)
        if not is_rows(result):
            _refuse(shape)
            # In the session's own thread of control, where what is not loaded yet can be.
            body = await session.run_sync(lambda _: encode(self._rendering.of(result)))
            return Reply(body=body, rows=1, scalar=True)
        return await self._list(session, values, shape)

    async def _list(self, session: AsyncSession, values: Sequence[Any], shape: Select | None) -> Reply:
        total = len(values) if shape is not None and shape.count is not Count.NONE else None
        most = len(values)
        if shape is not None and values:
            _refuse(replace(shape, count=Count.NONE, page=type(shape.page)()))
            most = shape.page.limit if shape.page.limited and shape.page.limit is not None else most
            values = values[shape.page.offset if shape.page.skipping else 0 :]
        shown = values[: min(most, self._most or most)]
        body = await session.run_sync(lambda _: encode([self._rendering.of(value) for value in shown]))
        return Reply(body=body, rows=len(shown), total=total)

    async def _rows(
        self, session: AsyncSession, served: Served, shape: Select, values: Sequence[Any], caller: Caller
    ) -> Reply:
        """Rows of a resource, as a select of just them would answer them."""
        space, name = served.name
        statement, read = self._cache.find(replace(shape, resource=name, schema=space), caller)
        keys = [_key(served, value) for value in values]
        with trusted(session):
            transaction = await self._road.engine.database.transaction(session)
            [(body, rows, *total)] = await transaction.fetch(statement.text, statement.bind([*read, keys], caller))
        return Reply(body=body.encode(), rows=rows, total=total[0] if total else None)


def _asks(shape: Select) -> bool:
    """Whether rows are asked for in another shape than they have."""
    plain = shape.items in ((), (Everything(),)) and not shape.where and not shape.order
    return not plain or shape.page.limited or shape.page.skipping or shape.count is not Count.NONE


def _refuse(shape: Select | None) -> None:
    if shape is not None and _asks(shape):
        raise NotImplementedHere(
            detail="What a function answers can be selected from, filtered and ordered where it is rows of a resource."
        )


def _key(served: Served, instance: Any) -> Row:
    if not served.key or not sa.inspect(instance).persistent:
        raise NotImplementedHere(
            detail="What a function answers can be selected from, filtered and ordered where its rows are stored."
        )
    columns = [served.columns[name] for name in served.key]
    return tuple(column.kind.dump(getattr(instance, column.attribute)) for column in columns)


def _single(reply: Reply) -> Reply:
    body = reply.body.strip()[1:-1] or b"null"
    return Reply(body=body, rows=1, scalar=True)
