"""The endpoints for keys of programs: a user's own, and all of them for the secret key."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from backstay.auth.audit import note
from backstay.auth.limits.admit import admit_notice
from backstay.auth.programs.ask import (
    MOST_KEYS,
    AdminMaking,
    Changing,
    Making,
    Rotating,
    read_end,
    read_overlap,
    read_page,
    read_scopes,
    read_tenant,
)
from backstay.auth.programs.key import NewKey, generate_key
from backstay.auth.protocol.answer import Answer, moment
from backstay.auth.protocol.incoming import Incoming
from backstay.auth.sign_in import SignIn
from backstay.auth.steps.mailing import notice, post_when_committed
from backstay.auth.steps.present import check_aal, check_fresh, find_present
from backstay.auth.store.user_row import UserRow, find_by_id
from backstay.errors import (
    AnonymousNotAllowed,
    FeatureDisabled,
    KeyNotFound,
    TooManyKeys,
    UserNotFound,
    ValidationFailed,
)
from backstay.schema.post.mail import MailKind

_SECRET: Final = (("cache-control", "no-store"),)


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose keys a request is about: a user's, a tenant's (its claim as JSON), or with neither anybody's.

    Arguments:
        user_id: the user's.
        tenant: the tenant's.
        user: the user where they ask themselves. They are told by mail: somebody else may have their session.
    """

    user_id: Any = None
    tenant: str | None = None
    user: UserRow | None = None


# A user's own ------------------------------------------------------------------------------------------------


async def show_keys(sign_in: SignIn, incoming: Incoming) -> Answer:
    """``GET /user/keys``: the user's keys, and the scopes that they may give to keys."""
    async with sign_in.session() as db:
        return await _show(db, sign_in, await _user(db, sign_in, incoming))


async def make_key(sign_in: SignIn, incoming: Incoming) -> Answer:
    """``POST /user/keys``: a new key; only this answer ever tells it."""
    asked = incoming.read(Making)
    await _admit(sign_in, incoming, "api_key_made")
    async with sign_in.session() as db:
        return await _make(db, sign_in, incoming, await _user(db, sign_in, incoming, changing=True), asked)


async def change_key(sign_in: SignIn, incoming: Incoming) -> Answer:
    """``PATCH /user/keys/{key_id}``: another name, scopes or end."""
    if _gives_more(incoming.read(Changing)):
        await _admit(sign_in, incoming, "api_key_changed")
    async with sign_in.session() as db:
        return await _change(db, sign_in, incoming, await _user(db, sign_in, incoming, changing=True))


async def rotate_key(sign_in: SignIn, incoming: Incoming) -> Answer:
    """``POST /user/keys/{key_id}/rotate``: a new secret; the old one is good for a while beside it."""
    await _admit(sign_in, incoming, "api_key_changed")
    async with sign_in.session() as db:
        return await _rotate(db, sign_in, incoming, await _user(db, sign_in, incoming, changing=True))


async def revoke_key(sign_in: SignIn, incoming: Incoming) -> Answer:
    """``DELETE /user/keys/{key_id}``: 204, and within a second it is good nowhere."""
    async with sign_in.session() as db:
        return await _revoke(db, sign_in, incoming, await _user(db, sign_in, incoming))


async def _user(db: AsyncSession, sign_in: SignIn, incoming: Incoming, *, changing: bool = False) -> Owner:
    """The user who asks, who has signed in themselves.

    Arguments:
        db, sign_in, incoming: where, and by which request.
        changing: whether they come to more by it than to fewer keys.
    """
    _check_enabled(sign_in)
    present = await find_present(db, sign_in, incoming)
    if changing and present.user.is_anonymous:
        raise AnonymousNotAllowed
    if changing:
        check_fresh(incoming, present)
        await check_aal(db, sign_in, incoming, present)
    return Owner(present.user.id, user=present.user)


async def _admit(sign_in: SignIn, incoming: Incoming, kind: MailKind) -> None:
    """Let a user come to what a key gives, as often as they may be told of it. Raises TooManyRequests."""
    async with sign_in.session() as db:
        owner = await _user(db, sign_in, incoming, changing=True)
    if owner.user is not None:
        await admit_notice(sign_in, incoming, kind, owner.user)


# For the secret key ------------------------------------------------------------------------------------------


async def show_all_keys(sign_in: SignIn, incoming: Incoming) -> Answer:
    """``GET /admin/keys?page=1&per_page=100``: all keys, the oldest first; with ``user_id=``, that user's."""
    _check_enabled(sign_in)
    page = read_page(incoming)
    async with sign_in.session() as db:
        wanted = incoming.query.get("user_id")
        owner = Owner() if wanted is None else Owner(await _find_user(db, sign_in, wanted))
        return await _show(db, sign_in, owner, page)


async def make_any_key(sign_in: SignIn, incoming: Incoming) -> Answer:
    """``POST /admin/keys``: a new key of a user, or of a tenant."""
    _check_enabled(sign_in)
    asked = incoming.read(AdminMaking)
    if (asked.user_id is None) == (asked.tenant is None):
        raise ValidationFailed("A key is a user's or a tenant's", hint="Give user_id or tenant.")
    async with sign_in.session() as db:
        if asked.user_id is None:
            owner = Owner(tenant=read_tenant(sign_in, asked.tenant))
        else:
            owner = Owner(await _find_user(db, sign_in, asked.user_id))
        return await _make(db, sign_in, incoming, owner, asked)


async def change_any_key(sign_in: SignIn, incoming: Incoming) -> Answer:
    """``PATCH /admin/keys/{key_id}``."""
    _check_enabled(sign_in)
    async with sign_in.session() as db:
        return await _change(db, sign_in, incoming, Owner())


async def rotate_any_key(sign_in: SignIn, incoming: Incoming) -> Answer:
    """``POST /admin/keys/{key_id}/rotate``."""
    _check_enabled(sign_in)
    async with sign_in.session() as db:
        return await _rotate(db, sign_in, incoming, Owner())


async def revoke_any_key(sign_in: SignIn, incoming: Incoming) -> Answer:
    """``DELETE /admin/keys/{key_id}``."""
    _check_enabled(sign_in)
    async with sign_in.session() as db:
        return await _revoke(db, sign_in, incoming, Owner())


async def _find_user(db: AsyncSession, sign_in: SignIn, user_id: str) -> Any:
    user = await find_by_id(db, sign_in.tables, user_id)
    if user is None or user.deleted_at is not None:
        raise UserNotFound
    return user.id


# What both do ------------------------------------------------------------------------------------------------


def _check_enabled(sign_in: SignIn) -> None:
    if not sign_in.schema.scopes:
        raise FeatureDisabled("There are no API keys here", hint="Declare a scope: app.scope(...).")


def _of(sign_in: SignIn, owner: Owner) -> sa.ColumnElement[bool]:
    keys = sign_in.tables.api_keys.c
    conditions: list[sa.ColumnElement[bool]] = []
    if owner.user_id is not None:
        conditions.append(keys.user_id == owner.user_id)
    if owner.tenant is not None:
        conditions.append(keys.tenant == owner.tenant)
    return sa.and_(sa.true(), *conditions)


async def _show(db: AsyncSession, sign_in: SignIn, owner: Owner, page: tuple[int, int] = (0, MOST_KEYS)) -> Answer:
    keys = sign_in.tables.api_keys
    query = sa.select(keys).where(_of(sign_in, owner)).order_by(keys.c.created_at, keys.c.id)
    found = await db.execute(query.offset(page[0]).limit(page[1]))
    scopes = [{"name": each.name, "description": each.description} for each in sign_in.schema.scopes.values()]
    return Answer({"keys": [_document(row) for row in found.mappings()], "scopes": scopes})


async def _make(db: AsyncSession, sign_in: SignIn, incoming: Incoming, owner: Owner, asked: Making) -> Answer:
    keys = sign_in.tables.api_keys
    new = generate_key()
    values = {
        "id": new.id,
        "user_id": owner.user_id,
        "tenant": owner.tenant,
        "name": asked.name,
        "digest": new.digest.hex(),
        "scopes": read_scopes(sign_in, asked.scopes),
        "created_at": incoming.now,
        "expires_at": read_end(sign_in, asked.expires_in, incoming.now),
    }
    count = await db.scalar(sa.select(sa.func.count()).select_from(keys).where(_of(sign_in, owner)))
    if (count or 0) >= MOST_KEYS:
        raise TooManyKeys
    made = await db.execute(sa.insert(keys).values(values).returning(*keys.columns))
    row = made.mappings().one()
    await _note(db, sign_in, incoming, "api_key_made", row)
    _tell_owner(db, sign_in, owner, "api_key_made", row)
    return _tell(row, new, 201)


async def _change(db: AsyncSession, sign_in: SignIn, incoming: Incoming, owner: Owner) -> Answer:
    asked = incoming.read(Changing)
    values: dict[str, Any] = {}
    if asked.name is not None:
        values["name"] = asked.name
    if asked.scopes is not None:
        values["scopes"] = read_scopes(sign_in, asked.scopes)
    if asked.expires_in is not None:
        values["expires_at"] = read_end(sign_in, asked.expires_in, incoming.now)
    if not values:
        raise ValidationFailed("There is nothing to change", hint="Give name, scopes or expires_in.")
    row = await _write(db, sign_in, incoming, owner, values)
    await _note(db, sign_in, incoming, "api_key_changed", row)
    if _gives_more(asked):
        _tell_owner(db, sign_in, owner, "api_key_changed", row)
    return Answer(_document(row))


async def _rotate(db: AsyncSession, sign_in: SignIn, incoming: Incoming, owner: Owner) -> Answer:
    asked = incoming.read(Rotating)
    keys = sign_in.tables.api_keys.c
    new = generate_key(incoming.names["key_id"])
    until = read_overlap(asked.overlap, incoming.now)
    values = {
        "digest": new.digest.hex(),
        "previous_digest": keys.digest,
        # The old secret does not outlive the end that it had.
        "previous_until": sa.case((keys.expires_at < until, keys.expires_at), else_=until),
        "expires_at": read_end(sign_in, asked.expires_in, incoming.now),
    }
    row = await _write(db, sign_in, incoming, owner, values)
    await _note(db, sign_in, incoming, "api_key_rotated", row)
    _tell_owner(db, sign_in, owner, "api_key_changed", row)
    return _tell(row, new, 200)


async def _write(
    db: AsyncSession, sign_in: SignIn, incoming: Incoming, owner: Owner, values: dict[str, Any]
) -> sa.RowMapping:
    keys = sign_in.tables.api_keys
    which = sa.and_(keys.c.id == incoming.names["key_id"], _of(sign_in, owner))
    changed = await db.execute(sa.update(keys).where(which).values(values).returning(*keys.columns))
    row = changed.mappings().first()
    if row is None:
        raise KeyNotFound
    return row


async def _revoke(db: AsyncSession, sign_in: SignIn, incoming: Incoming, owner: Owner) -> Answer:
    keys = sign_in.tables.api_keys
    which = sa.and_(keys.c.id == incoming.names["key_id"], _of(sign_in, owner))
    gone = await db.execute(sa.delete(keys).where(which).returning(*keys.columns))
    row = gone.mappings().first()
    if row is None:
        raise KeyNotFound
    await _note(db, sign_in, incoming, "api_key_revoked", row)
    return Answer(None, 204)


def _gives_more(asked: Changing) -> bool:
    """Whether a change of a key is more than another name."""
    return asked.scopes is not None or asked.expires_in is not None


def _tell_owner(db: AsyncSession, sign_in: SignIn, owner: Owner, kind: MailKind, row: sa.RowMapping) -> None:
    """Mail a user who asked themselves what came of it. A key's name is left out: whoever made it chose the words."""
    if owner.user is not None:
        post_when_committed(db, sign_in, notice(kind, owner.user, api_key=row["id"]))


async def _note(db: AsyncSession, sign_in: SignIn, incoming: Incoming, action: str, row: sa.RowMapping) -> None:
    detail = {name: value for name, value in _document(row).items() if name in ("id", "name", "scopes", "tenant")}
    await note(db, sign_in, incoming, action, row["user_id"], detail)


def _document(row: sa.RowMapping) -> dict[str, Any]:
    """A key as its owner sees it: never its secret, nor a hash."""
    return {
        "id": row["id"],
        "name": row["name"],
        "scopes": list(row["scopes"]),
        "user_id": None if row["user_id"] is None else str(row["user_id"]),
        "tenant": None if row["tenant"] is None else json.loads(row["tenant"]),
        "created_at": moment(row["created_at"]),
        "expires_at": moment(row["expires_at"]),
        "last_used_at": moment(row["last_used_at"]),
        "previous_until": moment(row["previous_until"]),
    }


def _tell(row: sa.RowMapping, new: NewKey, status: int) -> Answer:
    return Answer({**_document(row), "key": new.text}, status, _SECRET)
