"""The caller and their session in Flask's idiom, for an application that is mounted with ``app.mount()``.

    @site.post("/invoices/<uuid:invoice_id>/send")
    def send(invoice_id: UUID) -> Response:
        with caller_session() as db: ...

Errors of :mod:`backstay.errors` that a view raises are answered as the REST front end answers them.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import wraps
from typing import ParamSpec, TypeVar

from flask import request
from sqlalchemy.orm import Session
from werkzeug.local import LocalProxy

from backstay.errors import AnonymousDisabled
from backstay.schema.caller import Caller
from backstay.server.guests.visitors import Visitor, visitor_in
from backstay.server.guests.wsgi import SCOPE

__all__ = ["caller_required", "caller_session", "current_caller"]

P = ParamSpec("P")
T = TypeVar("T")


def _visitor() -> Visitor:
    return visitor_in(request.environ.get(SCOPE), "flask")


# As Flask types its own: a proxy has every attribute of what it stands for.
current_caller: Caller = LocalProxy(lambda: _visitor().caller)  # type: ignore[assignment]
"""Who sent the present request. One whose token or key is not valid is answered with 401."""


def caller_session() -> AbstractContextManager[Session]:
    """A session in one transaction, in which the rules of the present request's caller hold.

    It commits when the context is left, and rolls back when it is left by an exception.

    Raises:
        Unauthenticated: the request's token or key is not valid.
        PermissionDenied: it is a program's key, and none of its scopes lets it in here.
        CrossSite: another site made the caller's browser send it.
    """
    return _visitor().session()


def caller_required(view: Callable[P, T]) -> Callable[P, T]:
    """A view for users who are signed in; others are answered with 401."""

    @wraps(view)
    def guarded(*arguments: P.args, **named: P.kwargs) -> T:
        if not current_caller.signed_in:
            raise AnonymousDisabled("This is for users who are signed in.")
        return view(*arguments, **named)

    return guarded
