"""The front end: a Request in, a Response out."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from typing import Final, TypeAlias

from backstay.dialects.call.find import find_function
from backstay.dialects.execute import Judge
from backstay.dialects.reply import Reply
from backstay.dialects.road import Road
from backstay.errors import MethodNotAllowed
from backstay.frontends.http import Request, Response
from backstay.frontends.rest.asked import Asked
from backstay.frontends.rest.describe.description import Description
from backstay.frontends.rest.forms.record import kinds_of
from backstay.frontends.rest.media import Media
from backstay.frontends.rest.parse import choose_schema, locate, parse
from backstay.frontends.rest.respond import check, describe, respond, respond_plan
from backstay.plan.cache import may_know
from backstay.plan.find import find_resource
from backstay.plan.resolved import Read
from backstay.query.nodes import Call, Query
from backstay.schema.caller import Caller
from backstay.schema.kind import Kind
from backstay.schema.kind.zone import find_zone, in_zone
from backstay.schema.served import Served, SQLFunction
from backstay.settings import Settings

Calling: TypeAlias = Callable[[Call, Caller, Judge], Awaitable[Reply]]
"""Runs a function for a caller, and lets the judge see its reply before the commit."""


_ROOT_METHODS: Final = ("OPTIONS", "GET", "HEAD")


class _Undone(Exception):
    """Raised to roll a write back whose reply is nevertheless the answer (``Prefer: tx=rollback``)."""

    def __init__(self, reply: Reply) -> None:
        self.reply = reply


class Rest:
    """PostgREST's protocol over one road.

    Arguments:
        road: from queries to replies.
        call: runs functions.
        description: what ``/`` answers with.
        settings: read by the parser.
    """

    def __init__(self, road: Road, call: Calling, description: Description, settings: Settings) -> None:
        self._road = road
        self._call = call
        self._description = description
        self._settings = settings

    async def __call__(self, request: Request, caller: Caller) -> Response:
        """Answer one request.

        Raises:
            BackstayError: worded by :mod:`backstay.frontends.rest.errors`.
        """
        if request.path == "/":
            return self._describe(request, caller)
        if request.method == "OPTIONS":
            return describe(self._methods(request, caller))
        asked = parse(request, self._settings)
        if asked.format.explaining is not None and not isinstance(asked.query, Call):
            return respond_plan(
                asked, await self._road.explain(asked.query, caller, asked.format.explaining, asked.refusal)
            )
        try:
            asking = self._ask if asked.preferences.timezone is None else self._ask_from
            reply = await asking(asked, caller)
        except _Undone as undone:
            reply = undone.reply
        if asked.format.media is Media.CSV:
            asked = replace(asked, kinds=self._kinds(asked.query, caller))
        return respond(asked, reply, keyed=self._keyed(asked))

    def _describe(self, request: Request, caller: Caller) -> Response:
        self._description.check_enabled()
        schema, profile = choose_schema(request, self._settings)
        if request.method == "OPTIONS":
            return describe(_ROOT_METHODS)
        if request.method not in _ROOT_METHODS:
            raise MethodNotAllowed(f"Unsupported HTTP method: {request.method}", allow=_ROOT_METHODS)
        return self._description.root(request, caller, schema, profile)

    async def _ask_from(self, asked: Asked, caller: Caller) -> Reply:
        """Ask from a time zone: in it moments are read and shown."""
        zone = find_zone(asked.preferences.timezone or "")
        if zone is None:
            return await self._ask(asked, caller)
        with in_zone(zone):
            return await self._ask(asked, replace(caller, timezone=zone))

    async def _ask(self, asked: Asked, caller: Caller) -> Reply:
        def judge(reply: Reply) -> None:
            check(asked, reply)
            if asked.preferences.rollback:
                raise _Undone(reply)

        query = asked.query
        if isinstance(query, Call):
            if asked.refusal is not None:
                find_function(self._road.schema, query)
                raise asked.refusal
            return await self._call(query, caller, judge)
        return await self._road.answer(query, caller, judge, asked.refusal)

    def _kinds(self, query: Query, caller: Caller) -> dict[str, Kind]:
        """The kinds of what a query answers with, as far as they are known."""
        if isinstance(query, Call):
            return self._kinds_of_call(query, caller)
        resolved = self._road.cache.plan(query, caller).resolved
        rows = resolved.rows if isinstance(resolved, Read) else resolved.returning
        return kinds_of(rows) if rows is not None else {}

    def _kinds_of_call(self, query: Call, caller: Caller) -> dict[str, Kind]:
        function = find_function(self._road.schema, query)
        if not isinstance(function, SQLFunction):
            return {}
        if function.resource is None or query.returning is None:
            return {**dict(function.columns), "pgrst_scalar": function.kind}
        schema, name = function.resource
        return self._kinds(replace(query.returning, schema=schema, resource=name), caller)

    def _keyed(self, asked: Asked) -> bool:
        if isinstance(asked.query, Call):
            return False
        served = self._road.schema.resources.get((asked.query.schema, asked.query.resource))
        return served is not None and bool(served.key)

    def _methods(self, request: Request, caller: Caller) -> list[str]:
        target = locate(request.path)
        schema, _ = choose_schema(request, self._settings)
        if target.function:
            return self._call_methods(schema, target.name)
        knows = partial(may_know, caller=caller)
        return ["OPTIONS", "GET", "HEAD", *_write_methods(find_resource(self._road.schema, schema, target.name, knows))]

    def _call_methods(self, schema: str, name: str) -> list[str]:
        served = self._road.schema
        overloads = served.sql_functions.get((schema, name), ())
        if (schema, name) not in served.functions and not overloads:
            find_function(served, Call(name, schema, {}, readonly=True))
        reading = [] if overloads and all(each.volatile for each in overloads) else ["GET", "HEAD"]
        return ["OPTIONS", *reading, "POST"]


def _write_methods(served: Served) -> list[str]:
    """What may be done to rows of a resource, by somebody at least."""
    rules = served.rules
    if not served.key:
        return []
    inserting, updating = rules.insert is not None, rules.update is not None
    possible = {
        "POST": inserting,
        "PUT": inserting and updating,
        "PATCH": updating,
        "DELETE": rules.delete is not None,
    }
    return [method for method, is_possible in possible.items() if is_possible]
