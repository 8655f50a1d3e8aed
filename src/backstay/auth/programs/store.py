"""Keys of programs in the database."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from backstay.auth.programs.record import Record
from backstay.auth.steps.claims import claims_of
from backstay.auth.store.moment import now
from backstay.auth.store.tables import Tables
from backstay.auth.store.user_row import find_by_id
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

    async def find(self, id: str) -> Record | None:
        """The key of an id, as far as it may be used: it is there, and its owner is and may be."""
        keys = self._tables.api_keys
        async with guarded_session(self._schema, self._database, SERVICE, readonly=True) as db:
            row = (await db.execute(sa.select(keys).where(keys.c.id == id))).mappings().first()
            if row is None:
                return None
            claims = await self._claims(db, row)
        return None if claims is None else _record(row, claims, self._schema)

    async def _claims(self, db: AsyncSession, row: sa.RowMapping) -> Mapping[str, Any] | None:
        if row["user_id"] is None:
            tenant = self._schema.tenant
            return None if tenant is None else {tenant.name: json.loads(row["tenant"])}
        user = await find_by_id(db, self._tables, row["user_id"])
        if user is None or user.deleted_at is not None or user.is_banned(now()):
            return None
        return await claims_of(db, self._auth, self._tables, user)

    async def write_uses(self, used: Mapping[str, float]) -> None:
        """Write when keys were used last; of two workers the later use counts."""
        keys = self._tables.api_keys
        async with guarded_session(self._schema, self._database, SERVICE) as db:
            for id, seconds in used.items():
                at = datetime.fromtimestamp(seconds, UTC)
                is_older = sa.or_(keys.c.last_used_at.is_(None), keys.c.last_used_at < at)
                await db.execute(sa.update(keys).where(keys.c.id == id, is_older).values(last_used_at=at))


def _record(row: sa.RowMapping, claims: Mapping[str, Any], schema: Schema) -> Record:
    old, used = row["previous_until"], row["last_used_at"]
    return Record(
        id=row["id"],
        digest=bytes.fromhex(row["digest"]),
        old_digest=None if row["previous_digest"] is None else bytes.fromhex(row["previous_digest"]),
        old_until=0.0 if old is None else old.timestamp(),
        expires=row["expires_at"].timestamp(),
        used=None if used is None else used.timestamp(),
        # A scope that the program does not declare any more lets nothing.
        scopes=frozenset(row["scopes"]) & frozenset(schema.scopes),
        user=None if row["user_id"] is None else str(row["user_id"]),
        claims=claims,
    )
