"""Functions of the database's own, called as ``/rpc/name``: ``SELECT … FROM schema.name(a => $1, …)``.

Rows come from a common table expression, so that the function runs once, however often the rows are looked at. They
are shaped by the same plans that shape the rows of a table; rows of a resource keep to its rules and hidden columns.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import orjson
import sqlalchemy as sa

from backstay.dialects.dialect import Statement, Transaction
from backstay.dialects.execute import Judge
from backstay.dialects.payload import Writer
from backstay.dialects.postgresql.arguments import take_arguments
from backstay.dialects.reply import Reply
from backstay.dialects.road import Road
from backstay.dialects.sql.given import with_rows
from backstay.errors import NotImplementedHere, PermissionDenied
from backstay.plan.cache import Cache
from backstay.plan.fold import Verdict, fold, questions
from backstay.plan.guard import Plan
from backstay.plan.resolved import Read
from backstay.query.nodes import Call, Count, Everything, Select
from backstay.schema.caller import Caller
from backstay.schema.rule import Place
from backstay.schema.served import Schema, Served, Shape, SQLArgument, SQLFunction
from backstay.settings import Settings

_ARGUMENTS = -1
"""Where a statement finds the arguments of the call: the last of its values."""

_MARK = re.compile(r"\0(\d+)\0")
"""Where a parameter stands in the text of a call, before it is SQLAlchemy's."""

_CLAIMS = "SELECT set_config('request.jwt.claims', $1, true)"


class SQLFunctions:
    """Calls functions of the database.

    Arguments:
        road: whose schema and database they are.
        settings: ``plan_cache``, ``aggregates``, ``max_rows``.
    """

    def __init__(self, road: Road, settings: Settings) -> None:
        self._road = road
        self._settings = settings
        self._caches: dict[tuple[SQLFunction, tuple[str, ...]], Cache[Statement]] = {}

    async def call(self, function: SQLFunction, query: Call, caller: Caller, judge: Judge) -> Reply:
        """Run a function in one transaction, in which ``request.jwt.claims`` is who the caller is.

        Arguments:
            function: what the call means.
            query: its arguments, and how rows shall be shaped.
            caller: must be let by the function's rule.
            judge: looks at the reply before the commit; what it raises undoes everything.

        Raises:
            PermissionDenied: the rule does not let the caller.
            DataFault, DatabaseFault: an argument is not what it should be, or whatever the function raises.
            ReadOnly: the function writes, and the call may not (GET).
        """
        _let(function, caller)
        names, given = take_arguments(function, query)
        statement, values = self._statement(function, names, query, caller)
        parameters = statement.bind([*values, given], caller)

        async def work(transaction: Transaction) -> Reply:
            if query.readonly or not function.volatile:
                await transaction.fetch("SET TRANSACTION READ ONLY", [])
            await transaction.fetch(_CLAIMS, [_claims(caller)])
            reply = _reply(function, await transaction.fetch(statement.text, parameters))
            judge(reply)
            return reply

        return await self._road.engine.database.write(work)

    # Statements ----------------------------------------------------------------------------------------------

    def _statement(
        self, function: SQLFunction, names: tuple[str, ...], query: Call, caller: Caller
    ) -> tuple[Statement, Sequence[Any]]:
        shape = query.returning or Select(query.function, query.schema)
        if function.shape in (Shape.ROW, Shape.ROWS):
            served = self._served(function)
            space, name = function.name if served is None else served.name
            return self._cache(function, names).find(replace(shape, resource=name, schema=space), caller)
        if function.shape is Shape.SET:
            return self._values(function, names, shape)
        _refuse(shape)
        return self._plain(function, names), ()

    def _served(self, function: SQLFunction) -> Served | None:
        return self._road.schema.resources.get(function.resource) if function.resource else None

    def _cache(self, function: SQLFunction, names: tuple[str, ...]) -> Cache[Statement]:
        found = self._caches.get((function, names))
        if found is None:
            schema = self._road.schema if self._served(function) else self._with_rows(function)
            found = self._caches[function, names] = Cache(
                schema,
                lambda plan: _compile_rows(plan, self._road.engine.emission, function, names),
                size=self._settings.plan_cache,
                aggregates=self._settings.aggregates,
            )
        return found

    def _with_rows(self, function: SQLFunction) -> Schema:
        place = function.rule.place if function.rule is not None else Place("?", 0)
        return with_rows(self._road.schema, function.name, function.columns, place)

    def _plain(self, function: SQLFunction, names: tuple[str, ...]) -> Statement:
        call, parameters = _spell(function, names)
        value = call if function.shape is Shape.VOID else f"to_json({call})::text"
        return Statement(f"SELECT {value}", parameters)

    def _values(self, function: SQLFunction, names: tuple[str, ...], shape: Select) -> tuple[Statement, Sequence[Any]]:
        _refuse(replace(shape, count=Count.NONE, page=type(shape.page)()))
        call, parameters = _spell(function, names)
        most = self._settings.max_rows or None
        limit = shape.page.limit if shape.page.limited else None
        bounds = [each for each in (most, limit) if each is not None]
        page = f"LIMIT {int(min(bounds))} " if bounds else ""
        page += f"OFFSET {int(shape.page.offset)}" if shape.page.skipping else ""
        total = ", (SELECT count(*) FROM _call)" if shape.count is not Count.NONE else ""
        text = (
            f"WITH _call AS MATERIALIZED (SELECT _value FROM {call} AS _function(_value)) "
            f"SELECT coalesce(json_agg(_value), '[]')::text, count(*){total} "
            f"FROM (SELECT _value FROM _call {page}) AS _page"
        )
        return Statement(text, parameters), ()


# Rules -------------------------------------------------------------------------------------------------------


def _let(function: SQLFunction, caller: Caller) -> None:
    if caller.passes_rules:
        return
    rule = function.rule
    if rule is not None:
        answers = {question.subject: question.ask(caller) for question in questions(rule.expression)}
        if fold(rule.expression, answers) is Verdict.LET:
            return
    raise PermissionDenied(f"permission denied for function {function.name[1]}")


def _claims(caller: Caller) -> str:
    claims = {**caller.claims, "role": caller.role.value}
    if caller.id is not None:
        claims["sub"] = caller.id
    return orjson.dumps(claims, default=str).decode()


# Calls -------------------------------------------------------------------------------------------------------


def _spell(function: SQLFunction, names: tuple[str, ...]) -> tuple[str, tuple[Any, ...]]:
    """The text of a call, and what fills its parameters."""
    chosen = [argument for argument in function.arguments if argument.name in names]
    parts = [_argument(argument, f"${number}") for number, argument in enumerate(chosen, 1)]
    return f"{_name(function)}({', '.join(parts)})", tuple(_reader(argument.name) for argument in chosen)


def _argument(argument: SQLArgument, value: str) -> str:
    """One argument. The value comes as text, which is what every type can be read from."""
    variadic = "VARIADIC " if argument.variadic else ""
    name = f"{_quote(argument.name)} => " if argument.name else ""
    return f"{variadic}{name}CAST(CAST({value} AS pg_catalog.text) AS {argument.type})"


def _reader(name: str) -> Callable[[Sequence[Any], Caller], Any]:
    return lambda values, caller: values[_ARGUMENTS][name]


def _name(function: SQLFunction) -> str:
    return ".".join(map(_quote, function.name))


def _quote(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


# Rows --------------------------------------------------------------------------------------------------------


def _compile_rows(
    plan: Plan, start: Callable[[Plan], Writer], function: SQLFunction, names: tuple[str, ...]
) -> Statement:
    """The statement of a read whose rows are those that a call answers with."""
    resolved = plan.resolved
    assert isinstance(resolved, Read)
    emission = start(plan)
    source = resolved.source
    chosen = [argument for argument in function.arguments if argument.name in names]
    columns = list(source.served.table.columns)
    parts = [_argument(argument, f"\0{place}\0") for place, argument in enumerate(chosen)]
    text = (
        f"SELECT {', '.join(_quote(column.name) for column in columns)} "
        f"FROM {_name(function)}({', '.join(parts)}) AS _function"
    )
    call = sa.text(_MARK.sub(r":given_\1", text.replace(":", "\\:")))
    for place, argument in enumerate(chosen):
        emission.parameters[f"given_{place}"] = _reader(argument.name)
    call = call.bindparams(*[sa.bindparam(f"given_{place}", None, sa.Text()) for place in range(len(chosen))])
    rows = call.columns(*[sa.column(column.name, column.type) for column in columns]).cte("_call")
    emission.aliases[source.number] = rows.alias(emission.alias(source).name)
    return emission.read(resolved.count)


def _reply(function: SQLFunction, rows: Sequence[Sequence[Any]]) -> Reply:
    if function.shape is Shape.VOID:
        return Reply(void=True)
    [(body, *counts)] = rows
    if function.shape is Shape.SCALAR:
        return Reply(body=(body or "null").encode(), rows=1, scalar=True)
    if function.shape is Shape.ROW:
        return Reply(body=body.strip()[1:-1].encode() or b"null", rows=1, scalar=True)
    return Reply(body=body.encode(), rows=counts[0], total=counts[1] if len(counts) > 1 else None)


def _refuse(shape: Select) -> None:
    plain = shape.items in ((), (Everything(),)) and not shape.where and not shape.order
    if not plain or shape.page.limited or shape.page.skipping or shape.count is not Count.NONE:
        raise NotImplementedHere(
            detail="What a function answers can be selected from, filtered and ordered where it is rows."
        )
