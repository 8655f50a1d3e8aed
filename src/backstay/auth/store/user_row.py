"""A user as sign-in knows one: their row in the application's table, and their credentials."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from backstay.auth.store.tables import Tables


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class UserRow:
    """One user. ``password`` is the hash; whoever never signed up has no credentials, and so no ``updated_at``."""

    id: Any
    email: str | None
    created_at: datetime | None
    password: str | None
    password_changed_at: datetime | None
    confirmed_email: str | None
    email_confirmed_at: datetime | None
    new_email: str | None
    new_email_confirmations: int
    phone: str | None
    phone_confirmed_at: datetime | None
    new_phone: str | None
    invited_at: datetime | None
    confirmation_sent_at: datetime | None
    recovery_sent_at: datetime | None
    email_change_sent_at: datetime | None
    phone_change_sent_at: datetime | None
    reauthentication_sent_at: datetime | None
    last_sign_in_at: datetime | None
    app_metadata: Mapping[str, Any]
    user_metadata: Mapping[str, Any]
    is_anonymous: bool
    banned_until: datetime | None
    deleted_at: datetime | None
    updated_at: datetime | None

    def __repr__(self) -> str:
        return f"UserRow(id={self.id!r})"

    @property
    def email_is_confirmed(self) -> bool:
        """Whether the address that the row holds now was proven to be the user's."""
        return self.email is not None and self.email == self.confirmed_email

    @property
    def phone_is_confirmed(self) -> bool:
        """Whether the phone was proven to be the user's."""
        return self.phone is not None and self.phone_confirmed_at is not None

    @property
    def confirmed_at(self) -> datetime | None:
        """When the first of their addresses was confirmed."""
        found = [at for at in (self.email_confirmed_at, self.phone_confirmed_at) if at is not None]
        return min(found, default=None)

    def is_banned(self, now: datetime) -> bool:
        """Whether they may not sign in at this moment."""
        return self.banned_until is not None and self.banned_until > now


_OWN: Final = ("id", "email", "created_at")
_CREDENTIALS: Final = tuple(each.name for each in fields(UserRow) if each.name not in _OWN)
_DEFAULTS: Final[Mapping[str, Any]] = {
    "app_metadata": {},
    "user_metadata": {},
    "is_anonymous": False,
    "new_email_confirmations": 0,
}


async def find_by_id(db: AsyncSession, tables: Tables, user_id: Any) -> UserRow | None:
    """The user with an id; None where there is none, or it is no id."""
    key = key_of(tables, user_id)
    return None if key is None else await _find(db, tables, _key(tables) == key)


async def find_by_email(db: AsyncSession, tables: Tables, email: str) -> UserRow | None:
    """The user with an e-mail address, in lower case."""
    return await _find(db, tables, tables.users.c.email == email)


async def find_by_phone(db: AsyncSession, tables: Tables, phone: str) -> UserRow | None:
    """The user with a phone number."""
    return await _find(db, tables, tables.credentials.c.phone == phone)


async def find_by_pending(
    db: AsyncSession, tables: Tables, *, new_email: str | None = None, new_phone: str | None = None
) -> UserRow | None:
    """The user who asked last to have an address that is not theirs yet."""
    credentials = tables.credentials.c
    condition = credentials.new_email == new_email if new_email else credentials.new_phone == new_phone
    query = query_users(tables).where(condition).order_by(credentials.updated_at.desc()).limit(1)
    row = (await db.execute(query)).first()
    return None if row is None else read_user(row)


def key_of(tables: Tables, user_id: Any) -> Any:
    """A user's id, which comes as text, as a value of the column's type; None where it cannot be one."""
    if not isinstance(user_id, str):
        return user_id
    try:
        kind = _key(tables).type.python_type
        return UUID(user_id) if kind is UUID else kind(user_id)
    except (ValueError, NotImplementedError):
        return None


async def change(db: AsyncSession, tables: Tables, user_id: Any, now: datetime, **values: Any) -> None:
    """Set credentials of a user, who gets some with it where they had none."""
    credentials = tables.credentials
    values["updated_at"] = now
    changed = await db.execute(
        sa.update(credentials).where(credentials.c.user_id == user_id).values(values).returning(credentials.c.user_id)
    )
    if changed.first() is None:
        await db.execute(sa.insert(credentials).values({**_DEFAULTS, "user_id": user_id, **values}))


async def readdress(
    db: AsyncSession, tables: Tables, user_id: Any, email: str | None, now: datetime, **values: Any
) -> None:
    """Give a user an address, or none, and set credentials with it; whether it is free was asked before."""
    await change(db, tables, user_id, now, **values)
    await db.execute(sa.update(tables.users).where(_key(tables) == user_id).values(email=email))


async def hold(db: AsyncSession, tables: Tables, user_id: Any) -> None:
    """Let what follows in this transaction happen for one request of a user at a time.

    Whatever changes a user or what is theirs holds the credentials before everything else, as :func:`change` does: two
    that went in different orders would wait for each other.
    """
    held = sa.select(tables.credentials.c.user_id).where(tables.credentials.c.user_id == user_id)
    if (await db.execute(held.with_for_update(key_share=True))).first() is None:
        key = _key(tables)
        await db.execute(sa.select(key).where(key == user_id).with_for_update(key_share=True))


async def identities_of(db: AsyncSession, tables: Tables, user_id: Any) -> Sequence[sa.RowMapping]:
    """Who a user is to other issuers, as :func:`query_identities` has them."""
    query = query_identities(tables).where(tables.identities.c.user_id == user_id)
    return list((await db.execute(query)).mappings())


async def factors_of(db: AsyncSession, tables: Tables, user_id: Any) -> Sequence[sa.RowMapping]:
    """The second factors of a user, as :func:`query_factors` has them."""
    query = query_factors(tables).where(tables.factors.c.user_id == user_id)
    return list((await db.execute(query)).mappings())


def query_identities(tables: Tables) -> sa.Select[Any]:
    """Select who users are to other issuers, the oldest identity first; of those made at one moment, by provider."""
    identities = tables.identities
    return sa.select(identities).order_by(identities.c.created_at, identities.c.provider, identities.c.id)


def query_factors(tables: Tables) -> sa.Select[Any]:
    """Select users' second factors, the oldest first; passkeys are none."""
    factors = tables.factors
    return sa.select(factors).where(factors.c.kind != "passkey").order_by(factors.c.created_at, factors.c.id)


def query_users(tables: Tables) -> sa.Select[Any]:
    """Select every user with their credentials, as :func:`read_user` takes a row."""
    own = [tables.users.c[name] for name in _OWN]
    kept = [tables.credentials.c[name] for name in _CREDENTIALS]
    joined = tables.users.outerjoin(tables.credentials, _key(tables) == tables.credentials.c.user_id)
    return sa.select(*own, *kept).select_from(joined)


def read_user(row: sa.Row[Any]) -> UserRow:
    """A user, from a row of :func:`query_users`."""
    found = dict(zip((*_OWN, *_CREDENTIALS), row, strict=True))
    for name, default in _DEFAULTS.items():
        if found[name] is None:
            found[name] = default
    return UserRow(**found)


async def _find(db: AsyncSession, tables: Tables, condition: sa.ColumnElement[bool]) -> UserRow | None:
    row = (await db.execute(query_users(tables).where(condition))).first()
    return None if row is None else read_user(row)


def _key(tables: Tables) -> sa.Column[Any]:
    (key,) = tables.users.primary_key.columns
    return key
