"""The front end: a Request in, a Response out."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias

from backstay.dialects.execute import Judge
from backstay.dialects.reply import Reply
from backstay.dialects.road import Road
from backstay.errors import MethodNotAllowed
from backstay.frontends.http import Request, Response
from backstay.frontends.rest.asked import Asked
from backstay.frontends.rest.parse import locate, parse
from backstay.frontends.rest.respond import check, describe, respond
from backstay.query.nodes import Call
from backstay.schema.caller import Caller
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
        root: what ``/`` answers with, for a caller.
        settings: read by the parser.
    """

    def __init__(
        self, road: Road, call: Calling, root: Callable[[Request, Caller], Response], settings: Settings
    ) -> None:
        self._road = road
        self._call = call
        self._root = root
        self._settings = settings

    async def __call__(self, request: Request, caller: Caller) -> Response:
        """Answer one request.

        Raises:
            BackstayError: worded by :mod:`backstay.frontends.rest.errors`.
        """
        if request.path == "/":
            return self._describe(request, caller)
        if request.method == "OPTIONS":
            return describe(self._methods(request.path))
        asked = parse(request, self._settings)
        try:
            reply = await self._ask(asked, caller)
        except _Undone as undone:
            reply = undone.reply
        return respond(asked, reply, keyed=self._keyed(asked))

    def _describe(self, request: Request, caller: Caller) -> Response:
        if request.method == "OPTIONS":
            return describe(_ROOT_METHODS)
        if request.method not in _ROOT_METHODS:
            raise MethodNotAllowed(f"Unsupported HTTP method: {request.method}")
        return self._root(request, caller)

    async def _ask(self, asked: Asked, caller: Caller) -> Reply:
        def judge(reply: Reply) -> None:
            check(asked, reply)
            if asked.preferences.rollback:
                raise _Undone(reply)

        query = asked.query
        if isinstance(query, Call):
            return await self._call(query, caller, judge)
        return await self._road.answer(query, caller, judge)

    def _keyed(self, asked: Asked) -> bool:
        if isinstance(asked.query, Call):
            return False
        served = self._road.schema.resources.get((asked.query.schema, asked.query.resource))
        return served is not None and bool(served.key)

    def _methods(self, path: str) -> list[str]:
        target = locate(path)
        if target.function:
            return ["OPTIONS", "GET", "HEAD", "POST"]
        name = (self._settings.schemas[0], target.name)
        served = self._road.schema.resources.get(name)
        methods = ["OPTIONS", "GET", "HEAD"]
        if served is None or not served.key:
            return methods
        rules = served.rules
        if rules.insert is not None:
            methods.append("POST")
            if rules.update is not None:
                methods.append("PUT")
        if rules.update is not None:
            methods.append("PATCH")
        if rules.delete is not None:
            methods.append("DELETE")
        return methods
