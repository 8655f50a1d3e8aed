"""Sign-in behind the front door: its parts put together, and its protocol under ``/auth/v1``.

What it needs is loaded with the first request to it: an application that nobody signs in to holds none of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from backstay.auth.factors.passkey import require_passkeys
from backstay.auth.factors.seal import sealing_keys
from backstay.auth.keys import SIGN_IN
from backstay.auth.revoked import Revocations
from backstay.auth.signing import Signer
from backstay.auth.store.tables import declare
from backstay.auth.verified import VerifiedTokens
from backstay.dialects.dialect import Database
from backstay.dialects.sql.session_triggers import LONGEST_LIFE
from backstay.errors import BackstayError, DeclarationError
from backstay.frontends.http import Response
from backstay.observe import MailMissing, observe
from backstay.schema.caller import Caller
from backstay.schema.declaration import Auth
from backstay.schema.exchange import Request
from backstay.schema.served import Schema
from backstay.server.edge import FrontEnd
from backstay.server.sign_in.programs import Programs
from backstay.settings import Settings

if TYPE_CHECKING:
    from backstay.auth.cookies.welcome import Cookies
    from backstay.auth.mail.office import PostOffice
    from backstay.auth.sign_in import SignIn

_DISCOVERY: Final = ("/.well-known/oauth-authorization-server", "/.well-known/openid-configuration")
"""What clients look for at the root of the host, too: with the issuer's path behind it (RFC 8414 3.1)."""
_KEPT: Final = timedelta(days=30)
"""How long browsers keep a session that nobody uses, where the settings bound it in no other way."""


class SignInFront:
    """The front end of sign-in in one application.

    Arguments:
        auth: as it was declared.
        schema, database: whose users sign in, and where they are kept.
        settings: the settings in force.
        signer: signs access tokens.
        verified: what this worker remembers of tokens; ended sessions are forgotten in it.
        title: the application's name, as mails have it.

    Raises:
        DeclarationError: what second factors, passkeys, mails or programs of others need is not there.
    """

    def __init__(
        self,
        auth: Auth,
        schema: Schema,
        database: Database,
        settings: Settings,
        signer: Signer,
        verified: VerifiedTokens,
        *,
        title: str,
    ) -> None:
        assert schema.user is not None
        if auth.passkeys:
            require_passkeys()
        # Without any secret nobody signs in, which is told to who tries; a server of public data starts without.
        if auth.mfa and (signer.has_keys or settings.encryption_key or settings.jwt_secret):
            sealing_keys(settings.encryption_key, settings.jwt_secret)
        if settings.email_sign_in and (auth.mail is not None or settings.smtp_url) and not settings.public_url:
            # What a request says of its host is its sender's word, so nobody's mails are made of that.
            raise DeclarationError(
                "public_url: nothing says where the links in mails of sign-in lead.",
                hint="Set public_url to where callers reach this server (https://api.example.com).",
            )
        if settings.access_token_life > LONGEST_LIFE:
            raise DeclarationError(
                "access_token_life: an access token is good for a week at most.",
                hint="Sessions live longer (session_life); their clients get a new token when they need one.",
            )
        if settings.oauth_server and not schema.scopes:
            raise DeclarationError(
                "oauth_server: programs of others act within scopes, and there are none.",
                hint='Write app.scope("notes:read", "Read notes.").allow(notes, select=anyone).',
            )
        self._auth = auth
        self._schema = schema
        self._database = database
        self._settings = settings
        self._signer = signer
        self._title = title
        self._tables = declare(schema.user)
        self.revocations = Revocations(self._tables.revocations, database, verified)
        self.programs = (
            Programs(auth, self._tables, schema, database, settings, lambda: self.sign_in) if schema.scopes else None
        )

    @cached_property
    def sign_in(self) -> SignIn:
        """What its flows work with."""
        from backstay.auth.password.hashing import Hashing
        from backstay.auth.sign_in import SignIn

        settings = self._settings
        return SignIn(
            auth=self._auth,
            tables=self._tables,
            schema=self._schema,
            database=self._database,
            settings=self._settings,
            signer=self._signer,
            revocations=self.revocations,
            post=self._office,
            hashing=Hashing(threads=settings.hash_threads, waiting=settings.hash_queue),
            title=self._title,
        )

    def make_cookies(self, identify: Callable[[Mapping[str, str]], Caller]) -> Cookies:
        """Who callers are by the cookies of their browsers.

        Arguments:
            identify: tells a caller by the headers of a token, or raises.
        """
        from backstay.auth.cookies.jar import Jar, is_secure
        from backstay.auth.cookies.welcome import Cookies

        async def renew(refresh: str) -> Mapping[str, Any] | None:
            from backstay.auth.cookies.renew import renew

            return await renew(self.sign_in, refresh)

        settings = self._settings
        bounds = [each for each in (settings.session_idle, settings.session_life) if each]
        jar = Jar(secure=is_secure(settings.public_url), life=min(bounds, default=_KEPT))
        return Cookies(jar, settings.public_url, identify, renew)

    @cached_property
    def _office(self) -> PostOffice:
        from backstay.auth.mail.open import open_office

        return open_office(self._settings, title=self._title, mailer=self._auth.mail, texter=self._auth.sms)

    async def start(self) -> None:
        """Look at what mail needs, where something is said of it, and say so where nothing is.

        Raises:
            DeclarationError: a setting or a template of mail cannot be.
        """
        settings = self._settings
        if settings.smtp_url or settings.mail_templates:
            await self._office.open()
        if self._auth.mail is None and not settings.smtp_url and settings.email_sign_in:
            observe(MailMissing())

    async def note_keys(self, kids: Sequence[str]) -> None:
        """Put on the trail which keys sign and verify from now on."""
        from backstay.auth.signing.told import note_keys

        await note_keys(self.sign_in, kids)

    async def answer(self, request: Request, caller: Caller) -> Response:
        """Answer a request below ``/auth/v1``."""
        from backstay.auth.protocol.front import answer_sign_in

        return Response(*await answer_sign_in(self.sign_in, request, caller))

    @property
    def front_ends(self) -> list[FrontEnd]:
        """Its protocol, and what clients look for at the root of the host."""
        return [
            FrontEnd(SIGN_IN, self.answer, self.render, is_open=self.is_open),
            *(self._at_root(each) for each in _DISCOVERY),
        ]

    def _at_root(self, document: str) -> FrontEnd:
        async def answer(request: Request, caller: Caller) -> Response:
            return await self.answer(replace(request, path=f"{document}{request.path}"), caller)

        return FrontEnd(f"{document}{SIGN_IN}", answer, self.render, is_open=lambda method, path: True)

    def is_open(self, method: str, path: str) -> bool:
        """Whether anybody may ask here, as for a new token in the place of one that is no good any more."""
        from backstay.auth.protocol.routes import ROUTES

        return ROUTES.is_open(method, path)

    def render(self, error: BackstayError, caller: Caller) -> Response:
        """An error in GoTrue's words."""
        from backstay.auth.protocol.words import word

        return Response(*word(error))

    async def stop(self) -> None:
        """Finish what is under way, for a few seconds, and let go of the rest."""
        await self.revocations.stop()
        if self.programs is not None:
            await self.programs.stop()
        if "sign_in" in self.__dict__:
            await self.sign_in.finish()
            self.sign_in.hashing.close()
        if "_office" in self.__dict__:
            await self._office.close()
