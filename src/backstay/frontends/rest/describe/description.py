"""Description: the documents that tell what a caller may call, made once for all callers who may do the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final
from urllib.parse import SplitResult, urlsplit

import orjson

from backstay.about import __version__
from backstay.dialects.call.labels import labels_of
from backstay.errors import DeclarationError, RootDisabled
from backstay.frontends.http import Request, Response
from backstay.frontends.rest.describe.offer import Offer, offer
from backstay.frontends.rest.describe.openapi import openapi
from backstay.frontends.rest.describe.swagger import OPENAPI, swagger
from backstay.frontends.rest.media import Media, accept_either, read_accept
from backstay.schema.caller import ANONYMOUS, Caller
from backstay.schema.served import Schema
from backstay.settings import Settings

_MOST_KEPT: Final = 100


class Description:
    """What is served, told to each caller as far as it is theirs.

    Arguments:
        schema: what is served.
        settings: ``anonymous``, ``schemas``, ``swagger`` and ``public_url`` are read.
        title: of the application.
        path: where the REST front end is.

    Raises:
        DeclarationError: ``public_url`` is no address.
    """

    def __init__(self, schema: Schema, settings: Settings, *, title: str = "Backstay", path: str = "/rest/v1") -> None:
        self._schema = schema
        self._settings = settings
        self._title = title
        self._public = _read_address(settings.public_url)
        self._path = f"{self._public.path.rstrip('/')}{path}"
        self._labels = labels_of(schema)
        self._made: dict[tuple[str, Offer], bytes] = {}

    def openapi(self, request: Request, caller: Caller) -> Response:
        """OpenAPI 3.1, of the default schema."""
        name = self._settings.schemas[0]
        offered = offer(self._schema, name, caller)
        open = offer(self._schema, name, ANONYMOUS) if self._settings.anonymous else None
        info = {"title": self._title, "version": "1.0.0"}
        body = self._make("3.1", offered, lambda: openapi(offered, self._schema, info, open=open))
        return _response(request, body, "application/json")

    def root(self, request: Request, caller: Caller, schema: str, profile: str | None) -> Response:
        """Swagger 2.0, of the schema that is asked for.

        Arguments:
            request: for ``/``, by GET or HEAD.
            caller: who asks.
            schema: the schema's name.
            profile: how the answer names it (None: not at all).

        Raises:
            NotAcceptable: the caller takes neither JSON nor OpenAPI.
        """
        accept_either(read_accept(request.headers.get("accept")), OPENAPI, Media.JSON.value)
        offered = offer(self._schema, schema, caller)
        body = self._make("2.0", offered, lambda: swagger(offered, self._info(), self._labels))
        named = () if profile is None else (("content-profile", profile),)
        return _response(request, self._place(request) + body[1:], OPENAPI, *named)

    def check_enabled(self) -> None:
        """Raises RootDisabled where the root is switched off (the setting ``swagger``)."""
        if not self._settings.swagger:
            raise RootDisabled

    def _info(self) -> dict[str, str]:
        description = "Made by Backstay of models and rules: what you may call."
        return {"title": self._title, "description": description, "version": __version__}

    def _place(self, request: Request) -> bytes:
        """The beginning of the document: where it is served, which each request may say differently."""
        public = self._public
        place = {
            "host": public.netloc or request.headers.get("host", "localhost"),
            "basePath": self._path,
            "schemes": [public.scheme] if public.netloc else ["http", "https"],
        }
        return orjson.dumps(place)[:-1] + b","

    def _make(self, version: str, offered: Offer, make: Callable[[], dict[str, Any]]) -> bytes:
        key = (version, offered)
        if key not in self._made:
            if len(self._made) >= _MOST_KEPT:
                self._made.clear()
            self._made[key] = orjson.dumps(make())
        return self._made[key]


def _response(request: Request, body: bytes, media: str, *more: tuple[str, str]) -> Response:
    headers = (*more, ("content-type", f"{media}; charset=utf-8"))
    if request.method == "HEAD":
        return Response(200, headers)
    return Response(200, (*headers, ("content-length", str(len(body)))), body)


def _read_address(text: str) -> SplitResult:
    address = urlsplit(text)
    if text and (address.scheme not in ("http", "https") or not address.netloc):
        raise DeclarationError(
            f"the setting public_url is no address: {text}", hint="Write it whole: https://api.example.com"
        )
    return address
