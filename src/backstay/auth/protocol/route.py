"""``find_route(method, path)``: which flow answers a request, and who may ask for it."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from functools import cached_property
from typing import TypeAlias

from backstay.auth.limits.limit import Limit, Limits
from backstay.auth.protocol.answer import Answer
from backstay.auth.protocol.incoming import Incoming
from backstay.auth.sign_in import SignIn
from backstay.errors import KeyNotAllowed, MethodNotAllowed, NoAuthorization, NotAdmin, NotThere
from backstay.schema.caller import Caller, Role

Flow: TypeAlias = Callable[[SignIn, Incoming], Awaitable[Answer]]


class Who(Enum):
    """Who may ask."""

    ANYONE = auto()
    USER = auto()
    ADMIN = auto()


@dataclass(frozen=True)
class Route:
    """One endpoint.

    Arguments:
        method: of HTTP.
        pattern: the path, with names in braces for what may be anything: ``/admin/users/{user_id}``.
        flow: what answers.
        who: who may ask.
        limit: how often one network may, whatever it asks for; None: any number of times, or the flow counts itself.
    """

    method: str
    pattern: str
    flow: Flow
    who: Who = Who.ANYONE
    limit: Callable[[Limits], Limit] | None = None

    @cached_property
    def expression(self) -> re.Pattern[str]:
        """The pattern as a regular expression."""
        return re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]{1,200})", self.pattern.replace(".", r"\.")))


class Routes:
    """All endpoints.

    Arguments:
        routes: of two that fit a path the first counts.
    """

    def __init__(self, routes: Iterable[Route]) -> None:
        self._routes = tuple(routes)

    def __iter__(self) -> Iterator[Route]:
        """Each of them."""
        return iter(self._routes)

    def find(self, method: str, path: str) -> tuple[Route, Mapping[str, str]]:
        """The route of a request, and what its path says.

        Raises:
            NotThere: there is nothing at this path.
            MethodNotAllowed: there is, but not by this method.
        """
        fitting = [(route, found) for route in self._routes if (found := route.expression.fullmatch(path))]
        if not fitting:
            raise NotThere
        for route, found in fitting:
            if route.method == method:
                return route, found.groupdict()
        raise MethodNotAllowed(
            f"Unsupported HTTP method: {method}", allow=tuple(dict.fromkeys(route.method for route, _ in fitting))
        )

    def is_open(self, method: str, path: str) -> bool:
        """Whether anybody may ask for this."""
        try:
            route, _ = self.find(method, path.rstrip("/") or "/")
        except (NotThere, MethodNotAllowed):
            return False
        return route.who is Who.ANYONE


def check_caller(who: Who, caller: Caller) -> None:
    """Let nobody pass who may not ask.

    Raises:
        NoAuthorization: a user's token is needed.
        KeyNotAllowed: a user's token is needed, and a program's key came.
        NotAdmin: the secret key is needed.
    """
    if who is Who.USER and caller.scopes is not None:
        raise KeyNotAllowed
    if who is Who.USER and caller.role is not Role.AUTHENTICATED:
        raise NoAuthorization
    if who is Who.ADMIN and caller.role is not Role.SERVICE:
        raise NoAuthorization if caller.role is Role.ANON else NotAdmin
