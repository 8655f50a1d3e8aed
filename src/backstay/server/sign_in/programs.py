"""Keys of programs behind the front door: what is known of them before a caller is told."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING

from backstay.auth.identify import shown_keys
from backstay.auth.store.tables import Tables
from backstay.dialects.dialect import Database
from backstay.schema.declaration import Auth
from backstay.schema.served import Schema
from backstay.settings import Settings

if TYPE_CHECKING:
    from backstay.auth.programs.met import MetKeys
    from backstay.auth.programs.store import KeyStore
    from backstay.auth.programs.uses import Uses


class Programs:
    """The keys of programs in one application. What this needs is loaded with the first key that is shown.

    Arguments:
        auth, tables: of sign-in.
        schema, database: where the keys are.
        settings: ``token_cache`` is read.
    """

    def __init__(self, auth: Auth, tables: Tables, schema: Schema, database: Database, settings: Settings) -> None:
        self._auth = auth
        self._tables = tables
        self._schema = schema
        self._database = database
        self._settings = settings

    async def meet(self, headers: Mapping[str, str]) -> None:
        """Ask the database for the keys that a request shows; most show none."""
        shown = shown_keys(headers)
        if shown:
            await self.met.meet(shown)

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
