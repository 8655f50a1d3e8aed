"""The parts of a running application, wired together: database, road, front ends, front door."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy.ext.asyncio import AsyncSession

from backstay.about import __version__
from backstay.auth.identify import identify, in_database
from backstay.auth.keys import read_keys
from backstay.auth.pulse import Pulse
from backstay.auth.signing import read_signer
from backstay.auth.verified import VerifiedTokens
from backstay.dialects.call import Functions
from backstay.dialects.connect import connect
from backstay.dialects.guarded import guarded_session
from backstay.dialects.road import Road
from backstay.errors import BackstayError, DeclarationError
from backstay.frontends.http import Request, Response
from backstay.frontends.rest.describe.description import Description
from backstay.frontends.rest.errors import render
from backstay.frontends.rest.handle import Rest
from backstay.frontends.rest.timing import Telling, Timed, read_telling
from backstay.schema.caller import SERVICE, Caller, Role, System
from backstay.schema.declaration import Auth
from backstay.schema.served import Schema
from backstay.server.asgi import Application
from backstay.server.edge import Edge, FrontEnd
from backstay.server.guests.mounts import Beside, Mount, is_wsgi
from backstay.server.guests.visitors import Meet, introduce
from backstay.server.pages import load_pages
from backstay.server.sign_in.front import SignInFront
from backstay.server.sign_in.programs import Programs
from backstay.settings import Settings

if TYPE_CHECKING:
    from backstay.auth.cookies.welcome import Cookies

REST = "/rest/v1"
OPENAPI = "/openapi.json"
_LOOK = timedelta(seconds=0.5)
"""How often a worker looks whether its signing keys have changed."""


class Assembly:
    """One application, ready to start.

    Arguments:
        schema: what is served.
        settings: the settings in force.
        mounts: other applications, and where they are.
        title: the application's name.
        auth: how users sign in, if they do so here.

    Raises:
        DeclarationError: for keys or a database URL that cannot be.
    """

    def __init__(
        self,
        schema: Schema,
        settings: Settings,
        mounts: Sequence[Beside] = (),
        *,
        title: str = "Backstay",
        auth: Auth | None = None,
    ) -> None:
        self.title = title
        self.schema = schema
        self.settings = settings
        self.engine = connect(settings.database, settings=settings, metadata=schema.metadata)
        if settings.database_roles and not self.engine.database.features.local_settings:
            raise DeclarationError(
                "database_roles: this kind of database has no roles.", hint="Write rules instead, or use PostgreSQL."
            )
        self.road = Road(schema, self.engine, settings)
        self.signer = read_signer(settings)
        signs_in = auth is not None and auth.sign_in
        self._keys = self.signer.complete(read_keys(settings, sign_in=signs_in))
        self._renewal = Pulse("looking for changed signing keys", self._renew_keys, every=_LOOK)
        self._told_kids: tuple[str, ...] = ()
        self._minimal = _is_minimal(settings.error_verbosity)
        self._verified = VerifiedTokens(settings.token_cache)
        self.sign_in: SignInFront | None = None
        if auth is not None and auth.sign_in:
            self.sign_in = SignInFront(
                auth, schema, self.engine.database, settings, self.signer, self._verified, title=title
            )
        elif schema.scopes:
            raise DeclarationError(
                "app.scope(...): keys belong to users who sign in here.", hint="Write auth=Auth(User)."
            )
        self._cookies = self._know_cookies()
        self._description = Description(schema, settings, title=title, path=REST)
        self.functions = Functions(self.road, settings)
        self.rest = Rest(self.road, self.functions.call, self._description, settings)
        self.edge = self._edge(mounts)

    def _know_cookies(self) -> Cookies | None:
        """Who callers are by their browsers' cookies, where the settings ask for that."""
        if self.sign_in is None or not (self.settings.pages or self.settings.cookies):
            return None
        return self.sign_in.make_cookies(self._identify)

    def _edge(self, mounts: Sequence[Beside]) -> Edge:
        telling = read_telling(self.settings.server_timing)
        timed = (
            Timed(self.rest, self.identify, always=telling is Telling.ALWAYS) if telling is not Telling.OFF else None
        )
        answering = timed or self.rest
        front_ends = [FrontEnd(REST, answering, prepared=answering.prepared, prepared_write=answering.prepared_write)]
        starting, stopping = [self.engine.database.start], [self.road.slow.stop, self.engine.database.close]
        if self.signer.has_keys:
            starting.append(self._renewal.start)
        if self.sign_in is not None:
            front_ends += self.sign_in.front_ends
            starting += [self.sign_in.start, self.sign_in.revocations.start]
            stopping.insert(0, self.sign_in.stop)
        beside = [Mount(each.path, self._introduced(each)) for each in mounts]
        if self.settings.pages and self.sign_in is not None and self._cookies is not None:
            beside.append(self._pages(self.sign_in, self._cookies))
        if self.settings.docs:
            front_ends.append(FrontEnd(OPENAPI, self._describe))
        return Edge(
            front_ends,
            identify=timed.identify if timed is not None else self.identify,
            recall=self._recall if timed is None else None,
            meet=self._meet,
            render=self.render,
            settings=self.settings,
            mounts=beside,
            pages=load_pages(title=self.title, version=__version__, docs=self.settings.docs),
            on_start=starting,
            on_stop=[self._renewal.stop, *stopping],
            ready=self._is_ready,
            waiting=self.engine.database.waiting,
        )

    @property
    def _programs(self) -> Programs | None:
        return None if self.sign_in is None else self.sign_in.programs

    @property
    def _meet(self) -> Meet | None:
        return None if self._programs is None else self._programs.meet

    def _pages(self, sign_in: SignInFront, cookies: Cookies) -> Mount:
        from backstay.server.sign_in.site import PAGES, Pages

        pages = Pages(
            self.settings, sign_in=lambda: sign_in.sign_in, cookies=cookies, render=self.render, title=self.title
        )
        return Mount(PAGES, pages)

    def _introduced(self, beside: Beside) -> Application:
        application = beside.application
        scopes = [each.name for each in self.schema.scopes.values() if application in each.mounts]
        if is_wsgi(application):
            from backstay.server.guests.wsgi import Threaded

            most = self.settings.max_body if beside.max_body is None else beside.max_body
            application = Threaded(application, threads=self.settings.wsgi_threads, max_body=most)
        return introduce(
            application,
            identify=self._identify,
            sessions=self.session,
            render=self.render,
            meet=self._meet,
            scopes=scopes,
            cookies=self._cookies if self.settings.cookies else None,
        )

    def identify(self, headers: Mapping[str, str]) -> Caller:
        """Who sent a request with these headers."""
        if self._cookies is not None and self.settings.cookies:
            headers = self._cookies.translate(headers)
        return self._identify(headers)

    def _identify(self, headers: Mapping[str, str]) -> Caller:
        """Who sent a request, by its token or key alone."""
        revoked = None if self.sign_in is None else self.sign_in.revocations
        known = None if self._programs is None else self._programs.known
        return identify(headers, self._keys, self._verified, revoked=revoked, met=known)

    async def _renew_keys(self) -> None:
        """Trust the signing keys that there are now: others are in the file, or the time of one is over."""
        self.signer.reload()
        keys = self.signer.complete(self._keys)
        if keys is not self._keys:
            self._keys = keys
            self._verified.forget()
        if self.sign_in is not None and self.signer.kids != self._told_kids:
            self._told_kids = self.signer.kids
            await self.sign_in.note_keys(self._told_kids)

    def recall(self, headers: Mapping[bytes, bytes]) -> Caller | None:
        """Who sent a request, where the same headers were sent before; None where only :meth:`identify` tells."""
        return self._verified.recall(headers, time.time())

    @property
    def _recall(self) -> Callable[[Mapping[bytes, bytes]], Caller | None]:
        if self._cookies is None or not self.settings.cookies:
            return self.recall
        holds_session = self._cookies.jar.holds_session
        return lambda headers: None if holds_session(headers) else self.recall(headers)

    def render(self, error: BackstayError, caller: Caller) -> Response:
        """An error in the words of the REST front end."""
        return render(error, anonymous=caller.role is Role.ANON, minimal=self._minimal)

    async def _describe(self, request: Request, caller: Caller) -> Response:
        return self._description.openapi(request, caller)

    async def _is_ready(self) -> bool:
        await self.engine.database.fetch("SELECT 1", [], ())
        return self.sign_in is None or self.sign_in.revocations.is_current

    def session(self, act_as: System | Caller | Any) -> AbstractAsyncContextManager[AsyncSession]:
        """A session in which the rules of ``act_as`` hold: ``system``, a caller, or a user's row."""
        caller = caller_of(act_as)
        if self._keys.database_roles and not caller.local and not isinstance(act_as, System):
            caller = in_database(caller, self._keys)
        return guarded_session(self.schema, self.engine.database, caller)

    async def start(self) -> None:
        """Open everything."""
        await self.edge.start()

    async def stop(self) -> None:
        """Close everything."""
        await self.edge.stop()


def _is_minimal(verbosity: str) -> bool:
    if verbosity not in ("verbose", "minimal"):
        raise DeclarationError(f"error_verbosity: {verbosity!r} is neither verbose nor minimal")
    return verbosity == "minimal"


def caller_of(act_as: System | Caller | Any) -> Caller:
    """The caller that ``act_as`` stands for."""
    if isinstance(act_as, System):
        return SERVICE
    if isinstance(act_as, Caller):
        return act_as
    return Caller(id=str(act_as.id), role=Role.AUTHENTICATED)
