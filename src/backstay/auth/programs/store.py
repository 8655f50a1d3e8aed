"""Keys of programs in the database."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import sqlalchemy as sa

from backstay.auth.programs.record import Record
from backstay.auth.protocol.answer import with_providers
from backstay.auth.steps.claims import own_claims
from backstay.auth.store.tables import Tables
from backstay.auth.store.user_row import key_of, query_identities
from backstay.dialects.dialect import Database
from backstay.dialects.guarded.session import guarded_session
from backstay.schema.caller import SERVICE
from backstay.schema.declaration import Auth
from backstay.schema.served import Schema


class KeyStore:
    """Finds keys, and writes when they were used.

    Arguments:
        auth: as it was declared.
        tables: of sign-in.
        schema, database: where they are.
    """

    def __init__(self, auth: Auth, tables: Tables, schema: Schema, database: Database) -> None:
        self._auth = auth
        self._tables = tables
        self._schema = schema
        self._database = database
        self._key, self._providers = _statements(tables, database.sql)

    async def find(self, id: str) -> Record | None:
        """The key of an id, as far as it may be used: it is there, and its owner is and may be."""
        rows = await self._database.fetch(self._key, [id], ())
        if not rows:
            return None
        row = dict(zip(_COLUMNS, rows[0], strict=True))
        claims = await self._claims(row)
        return None if claims is None else _record(row, claims, self._schema)

    async def _claims(self, row: Mapping[str, Any]) -> Mapping[str, Any] | None:
        user_id = row["user_id"]
        if user_id is None:
            tenant = self._schema.tenant
            return None if tenant is None else {tenant.name: json.loads(row["tenant"])}
        if row["deleted_at"] is not None or _seconds(row["banned_until"]) > time.time():
            return None
        providers = [str(each) for (each,) in await self._database.fetch(self._providers, [user_id], ())]
        return {
            **await self._own_claims(str(user_id)),
            "email": row["email"] or "",
            "phone": row["phone"] or "",
            "app_metadata": with_providers(_document(row["app_metadata"]) or {}, providers),
            "user_metadata": _document(row["user_metadata"]) or {},
            "is_anonymous": bool(row["is_anonymous"]),
        }

    async def _own_claims(self, user_id: str) -> Mapping[str, Any]:
        if self._auth.claims is None:
            return {}
        async with guarded_session(self._schema, self._database, SERVICE, readonly=True) as db:
            return await own_claims(db, self._auth, key_of(self._tables, user_id))

    async def write_uses(self, used: Mapping[str, float]) -> None:
        """Write when keys were used last; of two workers the later use counts."""
        keys = self._tables.api_keys
        async with guarded_session(self._schema, self._database, SERVICE) as db:
            for id, seconds in used.items():
                at = datetime.fromtimestamp(seconds, UTC)
                is_older = sa.or_(keys.c.last_used_at.is_(None), keys.c.last_used_at < at)
                await db.execute(sa.update(keys).where(keys.c.id == id, is_older).values(last_used_at=at))


_COLUMNS: Final = (
    *("id", "user_id", "tenant", "digest", "previous_digest", "previous_until", "scopes", "expires_at", "last_used_at"),
    *("email", "phone", "app_metadata", "user_metadata", "is_anonymous", "banned_until", "deleted_at"),
)
"""What is asked of a key and its owner."""


def _statements(tables: Tables, dialect: sa.Dialect) -> tuple[str, str]:
    """What finds a key with its owner, and what finds by whom the owner signs in; as text, for it is asked often."""
    keys, users, credentials, identities = tables.api_keys, tables.users, tables.credentials, tables.identities
    (user_key,) = users.primary_key.columns
    owned = keys.outerjoin(users, keys.c.user_id == user_key)
    owned = owned.outerjoin(credentials, keys.c.user_id == credentials.c.user_id)
    places = {
        **{each.name: each for each in credentials.c},
        "email": users.c.email,
        **{each.name: each for each in keys.c},
    }
    key = sa.select(*[places[name] for name in _COLUMNS]).select_from(owned).where(keys.c.id == sa.bindparam("id"))
    providers = query_identities(tables).with_only_columns(identities.c.provider)
    providers = providers.where(identities.c.user_id == sa.bindparam("user_id"))
    return str(key.compile(dialect=dialect)), str(providers.compile(dialect=dialect))


def _seconds(moment: Any) -> float:
    """A moment as a driver gives it, in seconds since 1970; 0 where it is none."""
    if moment is None:
        return 0.0
    found = datetime.fromisoformat(moment) if isinstance(moment, str) else moment
    return float((found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp())


def _document(value: Any) -> Any:
    """A JSON document as a driver gives it, read."""
    return json.loads(value) if isinstance(value, str | bytes) else value


def _record(row: Mapping[str, Any], claims: Mapping[str, Any], schema: Schema) -> Record:
    return Record(
        id=row["id"],
        digest=bytes.fromhex(row["digest"]),
        old_digest=None if row["previous_digest"] is None else bytes.fromhex(row["previous_digest"]),
        old_until=_seconds(row["previous_until"]),
        expires=_seconds(row["expires_at"]),
        used=None if row["last_used_at"] is None else _seconds(row["last_used_at"]),
        # A scope that the program does not declare any more lets nothing.
        scopes=frozenset(_document(row["scopes"])) & frozenset(schema.scopes),
        user=None if row["user_id"] is None else str(row["user_id"]),
        claims=claims,
    )
