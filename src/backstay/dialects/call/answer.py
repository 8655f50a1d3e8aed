"""What a function of Python returned -> a Reply: as it is, or shaped as rows of a table are, by the same plans."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from types import NoneType
from typing import Any, Final, get_args, get_origin

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from backstay.dialects.call.render import Rendering, all_of_one, encode, is_rows
from backstay.dialects.call.returned import Returned, canonical, read_returned
from backstay.dialects.call.rows import compile_rows
from backstay.dialects.dialect import Row, Statement
from backstay.dialects.guarded import trusted
from backstay.dialects.reply import Reply
from backstay.dialects.road import Road
from backstay.dialects.sql.answered import asks, raw, reshapes, single, unwrapped, wants
from backstay.dialects.sql.given import compile_given, stored_columns, with_rows, with_rows_like
from backstay.errors import DataFault, NotImplementedHere
from backstay.plan.cache import Cache
from backstay.query.nodes import Call, Count, Select
from backstay.schema import kind as kinds
from backstay.schema.caller import Caller
from backstay.schema.exchange import Response
from backstay.schema.relation import Name
from backstay.schema.served import Function, Schema, Served
from backstay.settings import Settings

_RAW: Final = {kinds.TEXT: "text/plain", kinds.BYTEA: "application/octet-stream"}
"""The media types that plain values of a kind are answered in, as they are, where the caller wants that."""


class Answers:
    """Turns what functions return into replies.

    Arguments:
        road: whose schema and database they are.
        settings: ``plan_cache``, ``aggregates``, ``max_rows``.
    """

    def __init__(self, road: Road, settings: Settings) -> None:
        self._road = road
        self._settings = settings
        self._rendering = Rendering(road.schema)
        self._returned: dict[Function, Returned | None] = {}
        self._stored = self._cache(road.schema, compile_rows)
        self._given: dict[Name, Cache[Statement]] = {}

    async def reply(self, session: AsyncSession, function: Function, query: Call, result: Any, caller: Caller) -> Reply:
        """What a function returned, as the caller asked to have it.

        Arguments:
            session: in which the function ran.
            function: whose annotation says what its rows are.
            query: the call, and how rows shall be shaped.
            result: what it returned.
            caller: whose rules hold.

        Raises:
            RequestError: a name is unknown among the columns.
            NotImplementedHere: rows are to be shaped whose columns nothing tells.
            TypeError: JSON has no form for what it returned.
        """
        if not isinstance(result, Response):
            return await self._value(session, function, query, result, caller)
        if result.media is None:
            reply = await self._value(session, function, query, result.body, caller)
        else:
            reply = raw(result.body, result.media)
        return replace(reply, status=result.status, headers=result.headers)

    async def _value(
        self, session: AsyncSession, function: Function, query: Call, result: Any, caller: Caller
    ) -> Reply:
        if result is None and _is_nothing(function.returns):
            return Reply(void=True)
        shape = query.returning or Select(query.function, query.schema)
        returned = self._what(function)
        if not asks(shape):
            media = _raw_media(returned, query, result)
            return await self._plain(session, result) if media is None else raw(result, media)
        values = list(result) if is_rows(result) else [result]
        if returned is None:
            served = all_of_one(self._road.schema, values)
            if served is None:
                return await self._part(session, result, shape)
            returned = Returned(served)
        if result is None and not returned.scalar:
            values = []
        reply = await self._shaped(session, function, returned, shape, values, caller)
        return reply if is_rows(result) else single(reply)

    def _what(self, function: Function) -> Returned | None:
        if function not in self._returned:
            self._returned[function] = read_returned(function.returns, self._road.schema)
        return self._returned[function]

    # As it is ------------------------------------------------------------------------------------------------

    async def _plain(self, session: AsyncSession, result: Any) -> Reply:
        # In the session's own thread of control, where what is not loaded yet can be.
        if not is_rows(result):
            body = await session.run_sync(lambda _: encode(self._rendering.of(result)))
            return Reply(body=body, rows=1, scalar=True)
        shown = list(result)[: self._settings.max_rows or None]
        body = await session.run_sync(lambda _: encode([self._rendering.of(value) for value in shown]))
        return Reply(body=body, rows=len(shown))

    async def _part(self, session: AsyncSession, result: Any, shape: Select) -> Reply:
        """A page of values of which nothing tells what they are."""
        if not is_rows(result) or reshapes(shape):
            raise NotImplementedHere(
                detail="What a function answers can be selected from, filtered and ordered where its annotation tells "
                "the columns.",
                hint="Let it return rows of a resource, or a list of dataclasses, typed dictionaries or the like.",
            )
        values, page = list(result), shape.page
        first = page.offset if page.skipping else 0
        most = page.limit if page.limited and page.limit is not None else len(values)
        reply = await self._plain(session, values[first : first + most])
        return replace(reply, total=None if shape.count is Count.NONE else len(values))

    # As rows of a table --------------------------------------------------------------------------------------

    async def _shaped(
        self,
        session: AsyncSession,
        function: Function,
        returned: Returned,
        shape: Select,
        values: Sequence[Any],
        caller: Caller,
    ) -> Reply:
        served = returned.served
        if served is None:
            rows = await session.run_sync(lambda _: [self._canonical(returned, value) for value in values])
            cache = self._like(function.name, lambda: self._with_columns(function, returned))
            reply = await self._select(session, cache, function.name, shape, rows, caller)
            return unwrapped(reply) if returned.scalar else reply
        if served.key and all(_is_stored(session, value) for value in values):
            keys = [_key(served, value) for value in values]
            return await self._select(session, self._stored, served.name, shape, keys, caller)
        name = (served.name[0], f"\0{served.name[1]}")
        rows = await session.run_sync(lambda _: [_row(served, value) for value in values])
        cache = self._like(name, lambda: with_rows_like(self._road.schema, served, name))
        return await self._select(session, cache, name, shape, rows, caller)

    def _canonical(self, returned: Returned, value: Any) -> Row:
        if value is None and not returned.scalar:
            return (None,) * len(returned.columns)
        read = zip(returned.read(value), returned.columns, strict=True)
        try:
            return tuple(canonical(each, kind, self._rendering) for each, (_, kind) in read)
        except DataFault as error:
            # Not the caller's fault: what is returned is not what the annotation says.
            raise TypeError(f"A function returned what is no {type(value).__name__} of its annotation.") from error

    def _with_columns(self, function: Function, returned: Returned) -> Schema:
        return with_rows(self._road.schema, function.name, returned.columns, function.place)

    def _like(self, name: Name, schema: Any) -> Cache[Statement]:
        if name not in self._given:
            self._given[name] = self._cache(schema(), compile_given)
        return self._given[name]

    def _cache(self, schema: Schema, compile: Any) -> Cache[Statement]:
        return Cache(
            schema,
            lambda plan: compile(plan, self._road.engine.emission),
            size=self._settings.plan_cache,
            aggregates=self._settings.aggregates,
        )

    async def _select(
        self,
        session: AsyncSession,
        cache: Cache[Statement],
        name: Name,
        shape: Select,
        rows: Sequence[Row],
        caller: Caller,
    ) -> Reply:
        """Rows as a select of just them would answer them."""
        space, resource = name
        statement, read = cache.find(replace(shape, resource=resource, schema=space), caller)
        with trusted(session):
            transaction = await self._road.engine.database.transaction(session)
            if caller.timezone is not None:
                await transaction.show_in(caller.timezone)
            [(body, shown, *total)] = await transaction.fetch(statement.text, statement.bind([*read, rows], caller))
        return Reply(body=body.encode(), rows=shown, total=total[0] if total else None)


def _is_nothing(annotation: Any) -> bool:
    return annotation is NoneType or (get_origin(annotation) is Response and get_args(annotation) == (NoneType,))


def _raw_media(returned: Returned | None, query: Call, result: Any) -> str | None:
    """The media type in which a plain value is wanted as it is, not as JSON."""
    if not query.preferred or returned is None or not returned.scalar or not isinstance(result, str | bytes | None):
        return None
    media = _RAW.get(returned.columns[0][1])
    return media if media is not None and wants(query.preferred, media) else None


def _is_stored(session: AsyncSession, instance: Any) -> bool:
    state = sa.inspect(instance)
    return bool(state.persistent and state.session is session.sync_session)


def _key(served: Served, instance: Any) -> Row:
    columns = [served.columns[name] for name in served.key]
    return tuple(column.kind.dump(getattr(instance, column.attribute)) for column in columns)


def _row(served: Served, instance: Any) -> Row:
    columns = stored_columns(served)
    return tuple(column.kind.dump(getattr(instance, column.attribute)) for column in columns)
