"""Keys of programs behind the front door: what is known of them before a caller is told."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from backstay.auth.identify import shown_keys
from backstay.auth.limits.who import Network, client_address, read_networks
from backstay.auth.store.tables import Tables
from backstay.dialects.dialect import Database
from backstay.schema.caller import ANONYMOUS
from backstay.schema.declaration import Auth
from backstay.schema.exchange import Request
from backstay.schema.served import Schema
from backstay.settings import Settings

if TYPE_CHECKING:
    from backstay.auth.programs.met import MetKeys
    from backstay.auth.programs.store import KeyStore
    from backstay.auth.programs.uses import Uses
    from backstay.auth.protocol.incoming import Incoming
    from backstay.auth.sign_in import SignIn


class Programs:
    """The keys of programs in one application. What this needs is loaded with the first key that is shown.

    Arguments:
        auth, tables: of sign-in.
        schema, database: where the keys are.
        settings: ``token_cache`` and ``trusted_proxies`` are read.
        sign_in: what counts wrong keys; asked for with the first key that is not known.
    """

    def __init__(
        self,
        auth: Auth,
        tables: Tables,
        schema: Schema,
        database: Database,
        settings: Settings,
        sign_in: Callable[[], SignIn],
    ) -> None:
        self._auth = auth
        self._tables = tables
        self._schema = schema
        self._database = database
        self._settings = settings
        self._sign_in = sign_in

    async def meet(self, headers: Mapping[str, str], peer: str) -> None:
        """Ask the database for the keys that a request shows; most show none.

        Arguments:
            headers: of the request.
            peer: the address of the connection's other end.

        Raises:
            TooManyRequests: too many wrong ones were shown from there.
        """
        shown = shown_keys(headers)
        if shown:
            await self.met.meet(shown, _Guard(self._sign_in, self._proxies, headers, peer))

    @cached_property
    def _proxies(self) -> tuple[Network, ...]:
        # The front door has seen to it that they are networks.
        return read_networks(self._settings.trusted_proxies)

    @property
    def known(self) -> MetKeys | None:
        """The keys that were shown lately, if any was."""
        return self.__dict__.get("met")

    @cached_property
    def met(self) -> MetKeys:
        """The keys that were shown lately."""
        from backstay.auth.programs.met import MetKeys

        return MetKeys(self._store.find, self._uses.note, capacity=self._settings.token_cache)

    @cached_property
    def _store(self) -> KeyStore:
        from backstay.auth.programs.store import KeyStore

        return KeyStore(self._auth, self._tables, self._schema, self._database)

    @cached_property
    def _uses(self) -> Uses:
        from backstay.auth.programs.uses import Uses

        return Uses(self._store.write_uses)

    async def stop(self) -> None:
        """Write what is left to write."""
        if "_uses" in self.__dict__:
            await self._uses.stop()


@dataclass(frozen=True, slots=True)
class _Guard:
    sign_in: Callable[[], SignIn]
    proxies: tuple[Network, ...]
    headers: Mapping[str, str]
    peer: str

    def look(self) -> None:
        from backstay.auth.limits.admit import look_for_key

        look_for_key(self.sign_in(), self._incoming())

    async def count(self) -> None:
        from backstay.auth.limits.admit import admit

        sign_in = self.sign_in()
        await admit(sign_in, self._incoming(), sign_in.limits.api_keys)

    def _incoming(self) -> Incoming:
        from backstay.auth.protocol.incoming import Incoming

        address = client_address(self.peer, self.headers.get("x-forwarded-for"), self.proxies)
        return Incoming(request=Request("", "", "", self.headers, b"", address), caller=ANONYMOUS)
