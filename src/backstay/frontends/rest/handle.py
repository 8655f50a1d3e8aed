"""The front end: a Request in, a Response out."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, Final, TypeAlias

from backstay.dialects.call.find import find_function
from backstay.dialects.call.returned import find_rows
from backstay.dialects.execute import Judge
from backstay.dialects.reply import Reply
from backstay.dialects.road import Road
from backstay.dialects.rowwise.layout import Layout
from backstay.errors import MethodNotAllowed, RequestError
from backstay.frontends.http import Request, Response, Spooled
from backstay.frontends.rest.asked import Asked
from backstay.frontends.rest.describe.description import Description
from backstay.frontends.rest.forms.layouts import ALONE, lay_out
from backstay.frontends.rest.forms.record import kinds_of
from backstay.frontends.rest.media import Media
from backstay.frontends.rest.parse import choose_schema, locate, parse
from backstay.frontends.rest.prepared.marks import Filled
from backstay.frontends.rest.prepared.reads import PreparedRead, PreparedReads
from backstay.frontends.rest.prepared.writes import Found, PreparedWrites
from backstay.frontends.rest.respond import check, describe, respond, respond_plan
from backstay.plan.cache import Cache, may_know
from backstay.plan.find import find_resource
from backstay.plan.resolved import Read
from backstay.query.nodes import Call, Query, Select
from backstay.schema.caller import SERVICE, Caller
from backstay.schema.kind import Kind
from backstay.schema.kind.zone import find_zone, in_zone
from backstay.schema.served import Served
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
        self._reads = PreparedReads(road.cache, settings)
        self._writes = PreparedWrites(road.cache, settings)

    async def __call__(self, request: Request, caller: Caller) -> Response:
        """Answer one request.

        Raises:
            BackstayError: worded by :mod:`backstay.frontends.rest.errors`.
        """
        if request.path == "/":
            return self._describe(request, caller)
        if request.method == "OPTIONS":
            return describe(self._methods(request, caller))
        if request.__class__ is Spooled:
            if request.method != "POST" or request.path.startswith("/rpc/"):
                request = await asyncio.to_thread(request.held)
            asked = await asyncio.to_thread(parse, request, self._settings)
        else:
            asked = parse(request, self._settings)
        response = self.respond(asked, await self.fetch(asked, caller), caller)
        (self._reads if isinstance(asked.query, Select) else self._writes).learn(request, asked, response)
        return response

    def prepared(
        self, path: str, query: str, headers: Mapping[bytes, bytes], caller: Caller
    ) -> Response | Coroutine[Any, Any, Response] | None:
        """Answer a GET without a body whose like was answered before; None where it has to be parsed.

        Returns:
            The response, or what is to be awaited for it.

        Arguments:
            path: raw, without the front end's prefix.
            query: the raw query string.
            headers: as they came, by name in lower case.
            caller: whose rules hold.
        """
        found = self._reads.find(path, query, headers)
        if found is None:
            return None
        prepared, filled = found
        reply = self._road.read(prepared.blank.entry, filled[0], caller, ALONE if prepared.is_single else None)
        return prepared.respond(filled, reply) if isinstance(reply, Reply) else _respond_later(prepared, filled, reply)

    def prepared_write(
        self, method: str, path: str, query: str, headers: Mapping[bytes, bytes], body: bytes, caller: Caller
    ) -> Coroutine[Any, Any, Response] | None:
        """Answer a write whose like was answered before; None where it has to be parsed.

        Arguments:
            method: of the request.
            path, query, headers, caller: as for :meth:`prepared`.
            body: all of it.

        Returns:
            What is to be awaited for the response.
        """
        found = self._writes.find(method, path, query, headers, body)
        return None if found is None else self._write(found, caller)

    async def _write(self, found: Found, caller: Caller) -> Response:
        entry, values, prepared = found
        return prepared.respond(await self._road.write(entry, values, caller, prepared.judge))

    # The steps of an answer, one by one for those who time them ----------------------------------------------

    def parse(self, request: Request) -> Asked | None:
        """What a request asks for; None where that is no query (the root, OPTIONS)."""
        return None if request.path == "/" or request.method == "OPTIONS" else parse(request, self._settings)

    def look_up(self, asked: Asked, caller: Caller) -> None:
        """Have the plan of a query ready: from then on it is in the cache."""
        if not isinstance(asked.query, Call):
            self._road.cache.find(asked.query, caller, asked.refusal)

    async def fetch(self, asked: Asked, caller: Caller) -> Reply:
        """What the database answers."""

        def judge(reply: Reply) -> None:
            check(asked, reply)
            if asked.preferences.rollback:
                raise _Undone(reply)

        query = asked.query
        if asked.local:
            caller = replace(caller, local=(*caller.local, *asked.local))
        try:
            if asked.preferences.timezone is not None:
                return await self._fetch_in_zone(asked, caller)
            if isinstance(query, Call):
                return await self._call_function(query, caller, judge, asked.refusal)
            if asked.format.explaining is not None:
                plan = await self._road.explain(query, caller, asked.format.explaining, asked.refusal)
                return Reply(plan.encode(), media=asked.format.content_type)
            layout = self._lay_out(asked, caller) if asked.head or asked.format.media is not Media.JSON else None
            return await self._road.answer(query, caller, judge, asked.refusal, layout)
        except _Undone as undone:
            return undone.reply

    def respond(self, asked: Asked, reply: Reply, caller: Caller) -> Response:
        """The response that carries it."""
        if asked.format.explaining is not None:
            return respond_plan(asked, reply)
        query = asked.query
        if asked.format.media is Media.CSV and not reply.laid:
            asked = replace(asked, kinds=self._kinds(query, caller))
        if isinstance(query, Call):
            return respond(asked, reply, keyed=False)
        served = self._road.schema.resources.get((query.schema, query.resource))
        return respond(asked, reply, keyed=served is not None and bool(served.key))

    def _describe(self, request: Request, caller: Caller) -> Response:
        self._description.check_enabled()
        schema, profile = choose_schema(request, self._settings)
        if request.method == "OPTIONS":
            return describe(_ROOT_METHODS)
        if request.method not in _ROOT_METHODS:
            raise MethodNotAllowed(f"Unsupported HTTP method: {request.method}", allow=_ROOT_METHODS)
        return self._description.root(request, caller, schema, profile)

    async def _fetch_in_zone(self, asked: Asked, caller: Caller) -> Reply:
        """Fetch from a time zone: in it moments are read and shown."""
        zone = find_zone(asked.preferences.timezone or "")
        here = replace(asked, preferences=replace(asked.preferences, timezone=None), local=())
        if zone is None:
            return await self.fetch(here, caller)
        with in_zone(zone):
            return await self.fetch(here, replace(caller, timezone=zone))

    async def _call_function(self, query: Call, caller: Caller, judge: Judge, refusal: RequestError | None) -> Reply:
        if refusal is not None:
            find_function(self._road.schema, query, caller)
            raise refusal
        return await self._call(query, caller, judge)

    def _lay_out(self, asked: Asked, caller: Caller) -> Layout | None:
        """How the rows of a long answer become its body; None: as an array."""
        if not isinstance(asked.query, Select) or asked.refusal is not None:
            return None
        return lay_out(asked.format, head=asked.head, kinds=partial(self._kinds, asked.query, caller))

    def _kinds(self, query: Query, caller: Caller) -> dict[str, Kind]:
        """The kinds of what a query answers with, as far as they are known."""
        if isinstance(query, Call):
            return self._kinds_of_call(query)
        resolved = self._road.cache.plan(query, caller).resolved
        rows = resolved.rows if isinstance(resolved, Read) else resolved.returning
        return kinds_of(rows) if rows is not None else {}

    def _kinds_of_call(self, query: Call) -> dict[str, Kind]:
        served = self._road.schema
        found = find_rows(served, find_function(served, query, SERVICE))
        if found is None or query.returning is None:
            return {}
        schema, (space, name) = found
        plans: Cache[None] = Cache(schema, lambda plan: None, size=1, aggregates=self._settings.aggregates)
        # What there is to see was decided when the function answered.
        resolved = plans.plan(replace(query.returning, schema=space, resource=name), SERVICE).resolved
        return kinds_of(resolved.rows) if isinstance(resolved, Read) else {}

    def _methods(self, request: Request, caller: Caller) -> list[str]:
        target = locate(request.path)
        schema, _ = choose_schema(request, self._settings)
        if target.function:
            return self._call_methods(schema, target.name, caller)
        knows = partial(may_know, caller=caller)
        return ["OPTIONS", "GET", "HEAD", *_write_methods(find_resource(self._road.schema, schema, target.name, knows))]

    def _call_methods(self, schema: str, name: str, caller: Caller) -> list[str]:
        served = self._road.schema
        overloads = served.sql_functions.get((schema, name), ())
        if (schema, name) not in served.functions and not overloads:
            find_function(served, Call(name, schema, {}, readonly=True), caller)
        reading = [] if overloads and all(each.volatile for each in overloads) else ["GET", "HEAD"]
        return ["OPTIONS", *reading, "POST"]


async def _respond_later(prepared: PreparedRead, filled: Filled, reply: Awaitable[Reply]) -> Response:
    found = await reply
    try:
        return prepared.respond(filled, found)
    except RequestError:
        found.close()
        raise


def _write_methods(served: Served) -> list[str]:
    """What may be done to rows of a resource, by somebody at least."""
    rules = served.rules
    if not served.key and served.view:
        return []
    inserting, updating = rules.insert is not None, rules.update is not None
    possible = {
        "POST": inserting,
        "PUT": inserting and updating and bool(served.key),
        "PATCH": updating,
        "DELETE": rules.delete is not None,
    }
    return [method for method, is_possible in possible.items() if is_possible]
