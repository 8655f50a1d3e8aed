"""``SignIn``: what the flows of sign-in work with in one application."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar

from sqlalchemy.ext.asyncio import AsyncSession

from backstay.auth.factors.seal import SealingKeys, sealing_keys
from backstay.auth.keys import issuer_of
from backstay.auth.limits.gate import Gate
from backstay.auth.limits.limit import Limits, read_limits
from backstay.auth.limits.pace import Pace
from backstay.auth.mail.letter import Letter
from backstay.auth.password.hashing import Hashing
from backstay.auth.revoked import Revocations
from backstay.auth.secret import derive
from backstay.auth.signing.signer import Signer
from backstay.auth.store.old import forget_old
from backstay.auth.store.tables import Tables
from backstay.auth.store.transact import transact
from backstay.dialects.dialect import Database
from backstay.dialects.guarded.session import guarded_session
from backstay.errors import BackstayError, SecretMissing
from backstay.observe import RepetitionFailed, observe
from backstay.schema.caller import SERVICE
from backstay.schema.declaration import Auth
from backstay.schema.served import Schema
from backstay.settings import Settings

if TYPE_CHECKING:
    from backstay.auth.oidc.remote import Remote

T = TypeVar("T")

_TIDY: Final = timedelta(hours=1)


class Post(Protocol):
    """Who takes what is to be sent, at once and without ever raising."""

    @property
    def mails(self) -> bool:
        """Whether mails can be sent."""
        ...

    @property
    def texts(self) -> bool:
        """Whether texts can be sent."""
        ...

    def post(self, letter: Letter) -> None:
        """Send a letter, later."""
        ...

    def post_text(self, phone: str, code: str, *, minutes: int) -> None:
        """Send a code to a phone, later."""
        ...


@dataclass(kw_only=True, eq=False)
class SignIn:
    """Sign-in in one application.

    Arguments:
        auth: as it was declared.
        tables: its tables.
        schema, database: where the sessions of the application itself are opened.
        settings: the settings in force.
        signer: signs access tokens.
        revocations: what tokens are dead before their time.
        post: takes letters and texts.
        hashing: hashes passwords.
        title: the application's name.
    """

    auth: Auth
    tables: Tables
    schema: Schema
    database: Database
    settings: Settings
    signer: Signer
    revocations: Revocations
    post: Post
    hashing: Hashing = field(default_factory=Hashing)
    title: str = ""
    sign_ups: Pace = field(default_factory=Pace, init=False)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set, init=False)
    _tidied: datetime | None = field(default=None, init=False)

    def session(self, *, readonly: bool = False) -> AbstractAsyncContextManager[AsyncSession]:
        """A session of the application itself, in one transaction."""
        return guarded_session(self.schema, self.database, SERVICE, readonly=readonly)

    async def settle(self, work: Callable[[AsyncSession], Awaitable[T | BackstayError]]) -> T:
        """Do something in a transaction. An error that ``work`` returns is raised when all it did is committed.

        What it raises undoes it, as ever. So a refusal that has to leave a trace (a code used up, a session ended
        because its token came twice) is returned. It may be done more than once, as
        :func:`~backstay.auth.store.transact.transact` tells.
        """
        found = await transact(self.session, work)
        if isinstance(found, BackstayError):
            raise found
        return found

    def later(self, work: Coroutine[Any, Any, None], name: str) -> None:
        """Do something when the answer is on its way, so that it does not tell how long that took."""
        task = asyncio.create_task(_watched(work, name), name=name)
        self._tasks.add(task)  # or it might be collected before it is done
        task.add_done_callback(self._tasks.discard)

    def tidy(self, now: datetime) -> None:
        """Forget, once an hour, what was begun and never finished."""
        if self._tidied is None or now - self._tidied >= _TIDY:
            self._tidied = now
            self.later(self._forget(now), "forgetting old logins and codes")

    async def _forget(self, now: datetime) -> None:
        async with self.session() as db:
            await forget_old(db, self.tables, now)

    async def finish(self) -> None:
        """Wait for what is done later, but not for long."""
        if self._tasks:
            await asyncio.wait(set(self._tasks), timeout=5)

    @property
    def user(self) -> type[Any]:
        """The mapped class of the users' table."""
        return self.auth.user

    @property
    def url(self) -> str:
        """Where callers reach sign-in, and what its tokens call their issuer."""
        return issuer_of(self.settings)

    @cached_property
    def secret(self) -> str:
        """What keys are derived from.

        Raises:
            SecretMissing: nothing.
        """
        secret = self.settings.encryption_key.partition(",")[0].strip() or self.settings.jwt_secret
        if not secret:
            raise SecretMissing(hint="Set jwt_secret or encryption_key.")
        return secret

    @cached_property
    def limits(self) -> Limits:
        """How often somebody may try."""
        return read_limits(self.settings)

    @cached_property
    def gate(self) -> Gate:
        """What counts how often somebody tried."""
        return Gate(self.tables.attempts, self.session, derive(self.secret, "attempts"))

    @cached_property
    def sealing_keys(self) -> SealingKeys:
        """The keys under which secrets are encrypted that must be read again."""
        return sealing_keys(self.settings.encryption_key, self.settings.jwt_secret)

    @cached_property
    def code_key(self) -> bytes:
        """The key under which short codes are hashed."""
        return derive(self.secret, "codes")

    @cached_property
    def login_key(self) -> bytes:
        """The key under which the secrets of logins at providers are made."""
        return derive(self.secret, "logins")

    @cached_property
    def remotes(self) -> Mapping[str, Remote]:
        """The providers that one may log in at, by each of their names."""
        from backstay.auth.oidc.remote import Remote

        found: dict[str, Remote] = {}
        for provider in self.auth.providers:
            remote = Remote(provider.facts)
            found |= dict.fromkeys((remote.facts.name, *remote.facts.aliases), remote)
        return found

    @cached_property
    def form_key(self) -> bytes:
        """The key under which the forms of pages are made."""
        return derive(self.secret, "forms")

    @cached_property
    def refresh_key(self) -> bytes:
        """The key that refresh tokens are made with."""
        return derive(self.secret, "refresh tokens")

    @cached_property
    def client_refresh_key(self) -> bytes:
        """The key of the refresh tokens of others' programs, so that theirs are good at no other endpoint."""
        return derive(self.secret, "refresh tokens of clients")


async def _watched(work: Coroutine[Any, Any, None], name: str) -> None:
    try:
        await work
    except Exception as error:
        observe(RepetitionFailed(name, error))
