"""The caller and their session in Django's idiom, for a project whose ASGI application is mounted with ``app.mount()``.

    MIDDLEWARE = [..., "backstay.django.CallerMiddleware"]

    def send(request: CallerRequest, invoice_id: UUID) -> HttpResponse:
        with caller_session(request) as db: ...

Errors of :mod:`backstay.errors` that a view raises are answered as the REST front end answers them.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar, cast

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.contrib.auth import aauthenticate, authenticate
from django.http import HttpRequest, HttpResponse
from django.utils.functional import SimpleLazyObject

from backstay.dialects.threads import Opening
from backstay.errors import AnonymousDisabled, BackstayError, DeclarationError
from backstay.schema.caller import Caller
from backstay.server.guests.visitors import Visitor, visitor_in

__all__ = ["CallerMiddleware", "CallerRequest", "CallerUserMiddleware", "caller_required", "caller_session"]

P = ParamSpec("P")
R = TypeVar("R", bound=HttpRequest)
T = TypeVar("T")
Answering = Callable[[Any], Any]


class CallerRequest(HttpRequest):
    """A request as views behind the middleware get it: the type to annotate them with."""

    caller: Caller


def _visitor(request: HttpRequest) -> Visitor:
    return visitor_in(getattr(request, "scope", None), "django")


def caller_session(request: HttpRequest) -> Opening:
    """A session in one transaction, in which the rules of the request's caller hold.

    It is opened by ``with`` in a view that is a plain function, and by ``async with`` in an asynchronous one. It
    commits when the context is left, and rolls back when it is left by an exception.

    Arguments:
        request: the one that the view was given.

    Raises:
        Unauthenticated: the request's token or key is not valid.
        PermissionDenied: it is a program's key, and none of its scopes lets it in here.
        CrossSite: another site made the caller's browser send it.
    """
    return _visitor(request).session()


class _Middleware:
    """What middlewares for both kinds of views have in common."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Answering) -> None:
        self._get_response = get_response
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> Any:
        """Prepare the request, and have it answered."""
        self.prepare(request)
        return self._get_response(request)

    def prepare(self, request: HttpRequest) -> None:
        """What is to be done before."""
        raise NotImplementedError


class CallerMiddleware(_Middleware):
    """Gives each request its ``caller``, found when a view first asks, and answers errors of :mod:`backstay.errors`.

    A request whose token or key is not valid is answered with 401 where somebody asks for its caller.
    """

    def prepare(self, request: HttpRequest) -> None:
        """Give the request its caller."""
        cast(CallerRequest, request).caller = SimpleLazyObject(lambda: _visitor(request).caller)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """The answer to an error of ours that a view raised; None for any other, and for one in the program."""
        if not isinstance(exception, BackstayError) or isinstance(exception, DeclarationError):
            return None
        response = _visitor(request).answer(exception)
        return HttpResponse(response.body, status=response.status, headers=dict(response.headers))


class CallerUserMiddleware(_Middleware):
    """Lets a signed-in caller be ``request.user``: the user whom Django's backends know by the caller's id.

    They are asked as for a remote user, so ``RemoteUserBackend`` finds or makes one of that name. Nothing is kept in
    Django's session. For anybody else ``request.user`` stays what ``AuthenticationMiddleware`` says, which goes before.
    """

    def prepare(self, request: HttpRequest) -> None:
        """Give the request its user."""
        others, others_awaited = request.user, request.auser
        found: list[Any] = []

        def find() -> Any:
            caller = _visitor(request).caller
            return (authenticate(request, remote_user=caller.id) or _nobody()) if caller.signed_in else others

        async def find_awaited() -> Any:
            caller = _visitor(request).caller
            if not caller.signed_in:
                return await others_awaited()
            if not found:
                found.append(await aauthenticate(request, remote_user=caller.id) or _nobody())
            return found[0]

        request.user, request.auser = SimpleLazyObject(find), find_awaited


def _nobody() -> Any:
    # Models cannot be imported before Django has loaded its applications.
    from django.contrib.auth.models import AnonymousUser

    return AnonymousUser()


def caller_required(view: Callable[Concatenate[R, P], T]) -> Callable[Concatenate[R, P], T]:
    """A view, of either kind, for users who are signed in; others are answered with 401."""

    @wraps(view)
    def guarded(request: R, /, *arguments: P.args, **named: P.kwargs) -> T:
        if not _visitor(request).caller.signed_in:
            raise AnonymousDisabled("This is for users who are signed in.")
        return view(request, *arguments, **named)

    return markcoroutinefunction(guarded) if iscoroutinefunction(view) else guarded
