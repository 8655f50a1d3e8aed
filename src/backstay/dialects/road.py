"""The road of a query: found in the plan cache (or planned and compiled), run, judged. Written once, for every door."""

from __future__ import annotations

from collections.abc import Coroutine, Sequence
from time import perf_counter
from typing import Any, TypeAlias

from backstay.dialects.connect import Engine
from backstay.dialects.dialect import Explaining, Row, Transaction
from backstay.dialects.execute import Judge, fetch, opening, read, write
from backstay.dialects.hooked import has_hooks, write_with_hooks
from backstay.dialects.profile.slow import Slow
from backstay.dialects.reply import Reply
from backstay.dialects.rowwise.layout import Layout
from backstay.dialects.rowwise.reading import Reading, compile_reading
from backstay.dialects.write import Writing, compile_write
from backstay.errors import RequestError, StatementTimeout
from backstay.plan.cache import Cache, Entry
from backstay.plan.guard import Plan
from backstay.plan.resolved import Read
from backstay.query.nodes import Delete, Insert, Select, Update
from backstay.schema.caller import Caller
from backstay.schema.served import Schema
from backstay.settings import Settings

Compiled: TypeAlias = Reading | Writing


class _Told(Exception):
    """Raised to roll back what telling the plan of a write may have changed."""

    def __init__(self, rows: list[Row]) -> None:
        self.rows = rows


class Road:
    """From a Query to a Reply, on one database.

    Arguments:
        schema: what is served.
        engine: where it is.
        settings: ``plan_cache``, ``aggregates``, ``max_rows``, ``slow_statement``.
    """

    def __init__(self, schema: Schema, engine: Engine, settings: Settings) -> None:
        self.schema = schema
        self.engine = engine
        self.slow = Slow(
            settings.slow_statement, lambda: self.engine.database, lambda compiled: self.cache.origin(compiled)
        )
        self.cache: Cache[Compiled] = Cache(
            schema, self.compile, size=settings.plan_cache, aggregates=settings.aggregates
        )

    def compile(self, plan: Plan) -> Compiled:
        """A plan as what this database runs."""
        if isinstance(plan.resolved, Read):
            return compile_reading(lambda: self.engine.emission(plan))
        return compile_write(plan, self.engine.emission, self.engine.database.features)

    async def answer(
        self,
        query: Select | Insert | Update | Delete,
        caller: Caller,
        judge: Judge,
        refusal: RequestError | None = None,
        layout: Layout | None = None,
    ) -> Reply:
        """Answer a query for a caller.

        Arguments:
            query: with its values.
            caller: whose rules hold.
            judge: looks at the reply; of a write before it is committed, so that what it raises undoes the write.
            refusal: what to raise once every name of the query was found.
            layout: how the rows of a long answer to a select become its body; None: as an array.

        Returns:
            The reply; a spool in it is the caller's to close.
        """
        compiled, values = self.cache.find(query, caller, refusal)
        if isinstance(compiled, Reading):
            reply = await fetch(self.engine.database, compiled, values, caller, self.slow, layout)
            try:
                judge(reply)
            except RequestError:
                reply.close()
                raise
            return reply
        return await self._write(compiled, values, caller, judge)

    async def _write(self, compiled: Writing, values: Sequence[Any], caller: Caller, judge: Judge) -> Reply:
        if has_hooks(compiled):
            return await write_with_hooks(self.schema, self.engine, compiled, values, caller, judge)

        took = 0.0

        async def work(transaction: Transaction) -> Reply:
            nonlocal took
            began = perf_counter()
            try:
                return await write(transaction, compiled, values, caller, judge)
            finally:
                took = perf_counter() - began  # without the wait for the turn to write, and for the commit

        try:
            reply = await self.engine.database.write(work, caller.local)
        except StatementTimeout:
            self.slow.note(compiled, opening(compiled, values, caller), caller.local, took, 0)
            raise
        if took > self.slow.limit:
            self.slow.note(compiled, opening(compiled, values, caller), caller.local, took, reply.affected or 0)
        return reply

    def read(
        self, entry: Entry[Compiled], values: Sequence[Any], caller: Caller, layout: Layout | None = None
    ) -> Reply | Coroutine[Any, Any, Reply]:
        """Answer a read whose shape is known: at once where the database can, else by what is to be awaited.

        Arguments:
            entry: what its shape leads to.
            values: of the query.
            caller: whose rules hold.
            layout: as for :meth:`answer`.
        """
        compiled = self.cache.compiled(entry, caller)
        assert isinstance(compiled, Reading)
        return read(self.engine.database, compiled, values, caller, self.slow, layout)

    def write(
        self, entry: Entry[Compiled], values: Sequence[Any], caller: Caller, judge: Judge
    ) -> Coroutine[Any, Any, Reply]:
        """Answer a write whose shape is known: by what is to be awaited.

        Arguments:
            entry: what its shape leads to.
            values: of the query.
            caller, judge: as for :meth:`answer`.
        """
        compiled = self.cache.compiled(entry, caller)
        assert not isinstance(compiled, Reading)
        return self._write(compiled, values, caller, judge)

    async def explain(
        self,
        query: Select | Insert | Update | Delete,
        caller: Caller,
        explaining: Explaining,
        refusal: RequestError | None = None,
    ) -> str:
        """How the database would answer a query for a caller: its own plan of the guarded statement.

        Of a write the first change is told, and nothing of it is kept, not even where ``analyze`` runs it.

        Arguments:
            query, caller, refusal: as for :meth:`answer`.
            explaining: how the plan is to be told.
        """
        compiled, values = self.cache.find(query, caller, refusal)
        database = self.engine.database
        if isinstance(compiled, Reading):
            text = database.explaining(compiled.text, explaining)
            rows = await database.fetch(text, compiled.bind(values, caller), caller.local)
            return database.explained(rows, explaining)
        change = opening(compiled, values, caller)
        if change is None:
            return "[]" if explaining.document else ""
        text, parameters = database.explaining(change[0], explaining), change[1]

        async def work(transaction: Transaction) -> None:
            raise _Told(await transaction.fetch(text, parameters))

        try:
            await database.write(work, caller.local)
        except _Told as told:
            return database.explained(told.rows, explaining)
        raise AssertionError("the plan of a write was not told")
