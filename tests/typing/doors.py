"""What a user's editor must know of the caller and their session in mounted applications."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import assert_type
from uuid import UUID

from django.http import HttpResponse  # pyright: ignore[reportMissingTypeStubs]
from flask import Flask
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session

from backstay import Backstay, Caller, flask
from backstay.django import CallerRequest, caller_required, caller_session
from backstay.flask import current_caller

app = Backstay("sqlite://")

# Flask

site = Flask("site")
app.mount("/site", site)
assert_type(current_caller, Caller)
assert_type(current_caller.id, str | None)
assert_type(flask.caller_session(), AbstractContextManager[Session])
unknown: object = current_caller.name  # type: ignore[attr-defined]


@flask.caller_required
def show(number: int) -> str:
    with flask.caller_session() as db:
        assert_type(db, Session)
    return str(number)


assert_type(show(1), str)
show("one")  # type: ignore[arg-type]


# Django


@caller_required
def plain(request: CallerRequest, number: UUID) -> HttpResponse:
    assert_type(request.caller, Caller)
    with caller_session(request) as db:
        assert_type(db, Session)
    return HttpResponse()


@caller_required
async def asynchronous(request: CallerRequest) -> HttpResponse:
    async with caller_session(request) as db:
        assert_type(db, AsyncSession)
    return HttpResponse()


def call(request: CallerRequest) -> None:
    plain(request, UUID(int=1))
    plain(request, 1)  # type: ignore[arg-type]
    request.caller.nick = None  # type: ignore[attr-defined]
