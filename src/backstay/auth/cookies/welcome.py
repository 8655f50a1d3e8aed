"""``Cookies``: who sent a request, by the session that their browser keeps."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, TypeAlias

from backstay.auth.cookies.jar import Jar, Kept, Name, SetCookie
from backstay.auth.cookies.origin import Whence, find_whence
from backstay.errors import CrossSite, Unauthenticated
from backstay.schema.caller import Caller

Identify: TypeAlias = Callable[[Mapping[str, str]], Caller]
Renew: TypeAlias = Callable[[str], Awaitable[Mapping[str, Any] | None]]
"""A session's next tokens for its refresh token; None where it is over."""

_NEARLY: Final = timedelta(seconds=60)
"""An access token with less than this left is renewed: what a page asks for with it should still be answered."""

_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True, slots=True)
class Welcome:
    """Who is there, and what their browser is to keep.

    Arguments:
        caller: the user whose session it has; None: there is none.
        access: their access token.
        kept: what it has kept until now.
        lines: the headers that change that.
    """

    caller: Caller | None
    access: str
    kept: Kept
    lines: tuple[SetCookie, ...] = ()


class Cookies:
    """Knows callers by their browser's cookies.

    Arguments:
        jar: the cookies.
        public_url: where callers reach the server.
        identify: tells a caller by the headers of a token, or raises.
        renew: gets the tokens that follow.
    """

    def __init__(self, jar: Jar, public_url: str, identify: Identify, renew: Renew) -> None:
        self.jar = jar
        self.public_url = public_url
        self._identify = identify
        self._renew = renew

    def translate(self, headers: Mapping[str, str]) -> Mapping[str, str]:
        """The headers of a request, with the token of its cookie where it brings none of its own.

        Only a page of the same origin may call so. Another one that would change something is refused; else its
        cookies count for nothing.

        Raises:
            CrossSite: it was not made here.
        """
        if "authorization" in headers or "cookie" not in headers:
            return headers
        access = self.jar.read(headers).access
        if not access:
            return headers
        if find_whence(headers, self.public_url) is Whence.HERE:
            return {**headers, "authorization": f"Bearer {access}"}
        if "origin" in headers or "content-type" in headers:
            raise CrossSite
        return headers

    def check(self, method: str, headers: Mapping[str, str], *, untold: bool = False) -> None:
        """Refuse what would change something, and was not made here.

        Arguments:
            method: of HTTP; ``GET`` changes nothing, whoever made the browser send it.
            headers: by name in lower case.
            untold: let pass what does not tell where it was made, since something else tells.

        Raises:
            CrossSite: it was made elsewhere.
        """
        if method in _SAFE:
            return
        whence = find_whence(headers, self.public_url)
        if whence is Whence.ELSEWHERE or (whence is Whence.UNTOLD and not untold):
            raise CrossSite

    async def welcome(self, headers: Mapping[str, str]) -> Welcome:
        """Who is there; the access token is renewed when its time is nearly over."""
        kept = self.jar.read(headers)
        caller = self._find(kept.access)
        if caller is not None and _is_fresh(caller):
            return Welcome(caller, kept.access, kept)
        if not kept.refresh:
            return Welcome(caller, kept.access if caller else "", kept)
        session = await self._renew(kept.refresh)
        if session is None:
            return Welcome(None, "", kept, tuple(self.jar.empty(kept, Name.ACCESS, Name.REFRESH)))
        return self.keep(kept, session)

    def recall(self, headers: Mapping[str, str]) -> Welcome:
        """What a browser has kept, without looking who is there."""
        return Welcome(None, "", self.jar.read(headers))

    def keep(self, kept: Kept, session: Mapping[str, Any]) -> Welcome:
        """Have the browser keep a session.

        Arguments:
            kept: what it has now.
            session: the document of the session.
        """
        access = str(session["access_token"])
        life = timedelta(seconds=session["expires_in"])
        lines = self.jar.put_session(kept, access, str(session["refresh_token"]), life)
        return Welcome(self._find(access), access, kept, tuple(lines))

    def _find(self, access: str) -> Caller | None:
        if not access:
            return None
        try:
            return self._identify({"authorization": f"Bearer {access}"})
        except Unauthenticated:
            return None


def _is_fresh(caller: Caller) -> bool:
    expires = caller.claims.get("exp")
    return not isinstance(expires, int | float) or expires - time.time() > _NEARLY.total_seconds()
