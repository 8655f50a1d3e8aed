"""The caller and their session in FastAPI's idiom, for an application that is mounted with ``app.mount()``.

    @api.post("/invoices/{invoice_id}/send")
    async def send(invoice_id: UUID, db: CallerSession, caller: CurrentCaller) -> Receipt: ...

Errors of :mod:`backstay.errors` that an endpoint raises are answered as the REST front end answers them.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import Depends
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.requests import HTTPConnection

from backstay.schema.caller import Caller
from backstay.server.guests.visitors import Visitor, visitor_in

__all__ = ["CallerSession", "CurrentCaller"]


def _visitor(connection: HTTPConnection) -> Visitor:
    return visitor_in(connection.scope, "fastapi")


def _caller(connection: HTTPConnection) -> Caller:
    return _visitor(connection).caller


async def _session(connection: HTTPConnection) -> AsyncIterator[AsyncSession]:
    async with _visitor(connection).session() as session:
        yield session


CurrentCaller = Annotated[Caller, Depends(_caller)]
"""Who calls. A request whose token or key is not valid is answered with 401."""

# "function": committed before the answer is sent, which would otherwise promise what may not come to pass.
CallerSession = Annotated[AsyncSession, Depends(_session, scope="function")]
"""A session in which the caller's rules hold: committed when the endpoint returns, rolled back if it raises."""
