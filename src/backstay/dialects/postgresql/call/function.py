"""Functions of the database's own, called as ``/rpc/name``: ``SELECT … FROM schema.name(a => $1, …)``.

Rows come from a common table expression, so that the function runs once, however often the rows are looked at. They
are shaped by the same plans that shape the rows of a table; rows of a resource keep to its rules and hidden columns.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Final, TypeAlias

import sqlalchemy as sa

from backstay.dialects.dialect import Row, Statement, Transaction
from backstay.dialects.execute import Judge
from backstay.dialects.payload import Writer
from backstay.dialects.postgresql.call.arguments import is_foreign, take_arguments
from backstay.dialects.postgresql.call.exchange import SAID, read_headers, read_status, settings_of
from backstay.dialects.quote import quote_name
from backstay.dialects.reply import Reply
from backstay.dialects.road import Road
from backstay.dialects.sql.answered import SCALAR, asks, raw, reshapes, single, unwrapped, wants
from backstay.dialects.sql.given import with_rows
from backstay.errors import PermissionDenied
from backstay.plan.cache import Cache
from backstay.plan.guard import Plan, may_call
from backstay.plan.resolved import Read
from backstay.query.nodes import Call, Count, Select
from backstay.schema import kind as kinds
from backstay.schema.caller import Caller
from backstay.schema.kind import Kind
from backstay.schema.rule import Place
from backstay.schema.served import Schema, Served, Shape, SQLArgument, SQLFunction
from backstay.settings import Settings

_ARGUMENTS: Final = -1
"""Where a statement finds the arguments of the call: the last of its values."""

_MARK: Final = re.compile(r"\0(\d+)\0")
"""Where a parameter stands in the text of a call, before it is SQLAlchemy's."""

_RAW: Final = {"text": "text/plain", "xml": "text/xml", "bytea": "application/octet-stream"}
"""The media types that values of a type are answered in, as they are, where the caller wants that."""

_ANYTHING: Final = "*/*"
_BYTES: Final = "application/octet-stream"

Form: TypeAlias = Callable[[Row], Reply]
"""Reads the one row of a statement, but for what is said of the answer."""


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
        """Run a function in one transaction, whose settings tell it of the request and of the caller.

        What the function itself sets (``response.status``, ``response.headers``) is said of its answer.

        Arguments:
            function: what the call means.
            query: its arguments, and how rows shall be shaped.
            caller: must be let by the function's rule.
            judge: looks at the reply before the commit; what it raises undoes everything.

        Raises:
            PermissionDenied: the rule does not let the caller.
            DataFault, DatabaseFault: an argument is not what it should be, or whatever the function raises.
            ReadOnly: the function writes, and the call may not (GET).
            InvalidStatus, InvalidHeaders: what it says of its answer cannot be.
        """
        if not may_call(function, caller):
            raise PermissionDenied(f"permission denied for function {function.name[1]}")
        names, given = take_arguments(function, query)
        form, (statement, values) = self._form(function, names, query, caller)
        parameters = statement.bind([*values, given], caller)

        async def work(transaction: Transaction) -> Reply:
            [(*answer, status, headers)] = await transaction.fetch(statement.text, parameters)
            reply = replace(form(tuple(answer)), status=read_status(status), headers=read_headers(headers))
            judge(reply)
            return reply

        local = settings_of(function, query, caller, self._settings.search_path)
        return await self._road.engine.database.write(work, local)

    # Statements ----------------------------------------------------------------------------------------------

    def _form(
        self, function: SQLFunction, names: tuple[str, ...], query: Call, caller: Caller
    ) -> tuple[Form, tuple[Statement, Sequence[Any]]]:
        """What a call is answered with: how its statement's row is read, the statement, and its values."""
        if function.shape is Shape.VOID:
            return _void, (_compile_value(function, names, "_value IS NULL"), ())
        shape = query.returning or Select(query.function, query.schema)
        if function.shape in (Shape.ROW, Shape.ROWS):
            form = _rows if function.shape is Shape.ROWS else lambda row: single(_rows(row))
            return form, self._shaped(function, names, shape, caller)
        if function.shape is Shape.SET:
            if reshapes(shape):
                return lambda row: unwrapped(_rows(row)), self._shaped(function, names, shape, caller)
            return _rows, (self._compile_values(function, names, shape), ())
        if asks(shape):
            return lambda row: single(unwrapped(_rows(row))), self._shaped(function, names, shape, caller)
        media, suits = raw_media(function, query)
        if media is None:
            return _value, (_compile_value(function, names, "to_json(_value)::text"), ())
        sent = "_value::bytea" if function.kind is kinds.BYTEA else "convert_to(_value::text, 'UTF8')"
        return lambda row: raw(row[0], media, suits=suits), (_compile_value(function, names, sent), ())

    def _shaped(
        self, function: SQLFunction, names: tuple[str, ...], shape: Select, caller: Caller
    ) -> tuple[Statement, Sequence[Any]]:
        """The statement of a read whose rows are those that a call answers with."""
        served = self._served(function)
        space, name = function.name if served is None else served.name
        return self._cache(function, names).find(replace(shape, resource=name, schema=space), caller)

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
        return with_rows(self._road.schema, function.name, _columns(function), place)

    def _compile_values(self, function: SQLFunction, names: tuple[str, ...], shape: Select) -> Statement:
        """A page of a set of values."""
        call, parameters = _spell(function, names)
        most = self._settings.max_rows or None
        limit = shape.page.limit if shape.page.limited else None
        bounds = [each for each in (most, limit) if each is not None]
        page = f"LIMIT {int(min(bounds))} " if bounds else ""
        page += f"OFFSET {int(shape.page.offset)}" if shape.page.skipping else ""
        total = ", (SELECT count(*) FROM _call)" if shape.count is not Count.NONE else ""
        text = (
            f"WITH _call AS MATERIALIZED (SELECT _value FROM {call} AS _function(_value)) "
            f"SELECT coalesce(json_agg(_value), '[]')::text, count(*){total}, {SAID} "
            f"FROM (SELECT _value FROM _call {page}) AS _page"
        )
        return Statement(text, parameters)


def raw_media(function: SQLFunction, query: Call) -> tuple[str | None, bool]:
    """The media type in which a value is wanted as it is, not as JSON; and whether it suits whatever was asked for.

    Arguments:
        function: which returns one value; a domain named as a media type says which one it is.
        query: what the caller would rather have than JSON.
    """
    if function.media == _ANYTHING:
        return (_BYTES, True) if query.preferred else (None, False)
    media = function.media or _RAW.get(function.returns)
    return (media, False) if media is not None and wants(query.preferred, media) else (None, False)


# Calls -------------------------------------------------------------------------------------------------------


def _compile_value(function: SQLFunction, names: tuple[str, ...], shown: str) -> Statement:
    """One value, in some form."""
    call, parameters = _spell(function, names)
    return Statement(
        f"WITH _call AS MATERIALIZED (SELECT {call} AS _value) SELECT {shown}, {SAID} FROM _call", parameters
    )


def _spell(function: SQLFunction, names: tuple[str, ...]) -> tuple[str, tuple[Any, ...]]:
    """The text of a call, and what fills its parameters."""
    chosen = [argument for argument in function.arguments if argument.name in names]
    parts = [_argument(argument, f"${number}") for number, argument in enumerate(chosen, 1)]
    return f"{_name(function)}({', '.join(parts)})", tuple(_reader(argument.name) for argument in chosen)


def _argument(argument: SQLArgument, value: str) -> str:
    """One argument. The value comes as text, which is what every type can be read from.

    That of a type which only the database knows is JSON: it may be a row, and the database knows its columns.
    """
    variadic = "VARIADIC " if argument.variadic else ""
    name = f"{quote_name(argument.name)} => " if argument.name else ""
    text = f"CAST({value} AS pg_catalog.text)"
    if is_foreign(argument):
        given = f"pg_catalog.json_build_object('v', CAST({text} AS pg_catalog.json))"
        return f"{variadic}{name}(SELECT v FROM pg_catalog.json_to_record({given}) AS _given(v {argument.type}))"
    return f"{variadic}{name}CAST({text} AS {argument.type})"


def _reader(name: str) -> Callable[[Sequence[Any], Caller], Any]:
    return lambda values, caller: values[_ARGUMENTS][name]


def _name(function: SQLFunction) -> str:
    return ".".join(map(quote_name, function.name))


# Rows --------------------------------------------------------------------------------------------------------


def _columns(function: SQLFunction) -> Sequence[tuple[str, Kind]]:
    return function.columns or ((SCALAR, function.kind),)


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
    named = "_function" if function.columns else f"_function({SCALAR})"
    text = (
        f"SELECT {', '.join(quote_name(column.name) for column in columns)} "
        f"FROM {_name(function)}({', '.join(parts)}) AS {named}"
    )
    call = sa.text(_MARK.sub(r":given_\1", text.replace(":", "\\:")))
    for place, argument in enumerate(chosen):
        emission.parameters[f"given_{place}"] = _reader(argument.name)
    call = call.bindparams(*[sa.bindparam(f"given_{place}", None, sa.Text()) for place in range(len(chosen))])
    rows = call.columns(*[sa.column(column.name, column.type) for column in columns]).cte("_call")
    emission.aliases[source.number] = rows.alias(emission.alias(source).name)
    statement = emission.whole(emission.select(resolved.rows))
    if resolved.count is not Count.NONE:
        statement = statement.add_columns(emission.total(resolved.rows))
    return emission.compile(statement.add_columns(sa.literal_column(SAID)))


# Replies -----------------------------------------------------------------------------------------------------


def _void(row: Row) -> Reply:
    return Reply(void=True)


def _value(row: Row) -> Reply:
    return Reply(body=(row[0] or "null").encode(), rows=1, scalar=True)


def _rows(row: Row) -> Reply:
    body, rows, *total = row
    return Reply(body=body.encode(), rows=rows, total=total[0] if total else None)
