"""The hosted pages behind the front door: an ASGI application beside the protocols, without their rules of CORS."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final

from backstay.auth.limits.who import Network, client_address, read_networks
from backstay.dialects.rowwise.spool import Spool
from backstay.errors import BackstayError, DeclarationError, Malformed, TooLarge
from backstay.frontends.http import Request, Response
from backstay.schema.caller import ANONYMOUS, Caller
from backstay.server.asgi import Receive, Scope, Send, frame
from backstay.server.body import read_body
from backstay.server.head import read_head
from backstay.settings import Settings

if TYPE_CHECKING:
    from backstay.auth.cookies.welcome import Cookies
    from backstay.auth.pages.visit import Site
    from backstay.auth.sign_in import SignIn

PAGES: Final = "/auth"
_PATIENCE: Final = 30.0
"""Seconds that a form may take to arrive."""
_MOST_BYTES: Final = 64 * 1024


class Pages:
    """The pages below ``/auth``.

    Arguments:
        settings: ``page_templates``, ``public_url``, ``max_url`` and ``trusted_proxies`` are read.
        sign_in: whose pages; asked for with the first request.
        cookies: who is there.
        render: words an error of what cannot even be read.
        title: the application's name.

    Raises:
        DeclarationError: nothing says where the server is reached, or there is no such folder of templates.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        sign_in: Callable[[], SignIn],
        cookies: Cookies,
        render: Callable[[BackstayError, Caller], Response],
        title: str,
    ) -> None:
        if not settings.public_url:
            raise DeclarationError("pages: nothing says where they are reached.", hint="Set public_url.")
        folder = Path(settings.page_templates) if settings.page_templates else None
        if folder is not None and not folder.is_dir():
            raise DeclarationError(f"page_templates: there is no folder {str(folder)!r}.")
        self._folder = folder
        self._max_url = settings.max_url
        self._trusted_proxies = settings.trusted_proxies
        self._sign_in = sign_in
        self._cookies = cookies
        self._render = render
        self._title = title
        self._site: Site | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            raise RuntimeError("pages know HTTP alone")
        try:
            response = await self._answer(scope, receive)
        except BackstayError as error:
            response = self._render(error, ANONYMOUS)
        for message in frame(response, scope["method"]):
            await send(message)

    async def _answer(self, scope: Scope, receive: Receive) -> Response:
        from backstay.auth.pages.front import answer_page

        head = read_head(scope, self._max_url)
        try:
            async with asyncio.timeout(_PATIENCE):
                body = await read_body(receive, head.length, _MOST_BYTES) if head.length != 0 else b""
        except TimeoutError:
            raise Malformed("The form took too long.") from None
        if isinstance(body, Spool):  # it cannot be: a form is shorter than what is kept in memory
            body.close()
            raise TooLarge
        address = client_address(head.address, head.headers.get("x-forwarded-for"), self._proxies)
        request = Request(head.method, head.path or "/", head.query, head.headers, body, address)
        return Response(*await answer_page(self._find_site(), request))

    @cached_property
    def _proxies(self) -> tuple[Network, ...]:
        # The front door has seen to it that they are networks.
        return read_networks(self._trusted_proxies)

    def _find_site(self) -> Site:
        if self._site is None:
            from backstay.auth.pages.templates import Templates
            from backstay.auth.pages.visit import Site

            templates = Templates(site_name=self._title, folder=self._folder)
            self._site = Site(self._sign_in(), self._cookies, templates)
        return self._site
