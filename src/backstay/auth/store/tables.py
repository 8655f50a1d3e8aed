"""``declare(users) -> Tables``: the tables of sign-in, beside the application's own table of users.

They belong to the same metadata, so migrations make them and keys hold between them; no rule names them, so no caller
ever reaches them. What signs anybody in is only kept as a hash, or encrypted under a key that is not in the database.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, Final
from uuid import uuid4

import sqlalchemy as sa

from backstay.schema.declaration import declare_sessions

_SERIAL: Final = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


@dataclass(frozen=True, slots=True, eq=False)
class Tables:
    """The tables of sign-in in one application.

    Arguments:
        users: the application's own.
        credentials: what a user signs in by, and what is known of them beside their row; one for each user who ever
            signed up.
        identities: who a user is to other issuers.
        sessions: what began by signing in. Their refresh tokens are derived, so none is kept.
        codes: everything that is sent to prove that an address is somebody's: codes and links, each good once.
        flows: what a browser left for, until it comes back: to another issuer, or to a mailbox.
        factors, challenges, recovery_codes: the second factors of users.
        api_keys: keys for programs.
        attempts: who tried what how often.
        revocations: users and sessions whose tokens are dead before their time.
        audit: what happened.
        oauth_clients: the programs of others, who may ask users to let them act for them.
        oauth_authorizations: what they asked for, until it is decided, and the code that tells the decision.
        oauth_consents: what a user lets them do.
        device_codes: what devices without a browser wait for.
    """

    users: sa.Table
    credentials: sa.Table
    identities: sa.Table
    sessions: sa.Table
    codes: sa.Table
    flows: sa.Table
    factors: sa.Table
    challenges: sa.Table
    recovery_codes: sa.Table
    api_keys: sa.Table
    attempts: sa.Table
    revocations: sa.Table
    audit: sa.Table
    oauth_clients: sa.Table
    oauth_authorizations: sa.Table
    oauth_consents: sa.Table
    device_codes: sa.Table


def declare(users: sa.Table) -> Tables:
    """The tables of sign-in for a table of users, made when they are first asked for.

    Arguments:
        users: with a primary key of one column.
    """
    metadata = users.metadata
    made: dict[str, sa.Table] = {"users": users}
    for entry in fields(Tables)[1:]:
        name = f"auth_{entry.name}"
        if name in metadata.tables:
            made[entry.name] = metadata.tables[name]
        else:
            columns = _COLUMNS[entry.name](users)
            # A number is not used again when its row is deleted, so whoever has read up to one misses none.
            made[entry.name] = sa.Table(name, metadata, *columns, sqlite_autoincrement=entry.name in _NUMBERED)
    declare_sessions(made["sessions"], users)
    return Tables(**made)


def can_sign_in(users: sa.Table) -> bool:
    """Whether a table can be one of users who sign in: each has one id, an address, and a moment of joining.

    What is wrong with one that cannot is told by :func:`backstay.schema.check.check`.
    """
    return len(users.primary_key.columns) == 1 and {"id", "email", "created_at"} <= set(users.c.keys())


# Columns -----------------------------------------------------------------------------------------------------


def _moment(name: str, *, required: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=not required)


def _text(name: str, *, required: bool = False, **options: Any) -> sa.Column[Any]:
    return sa.Column(name, sa.Text(), nullable=not required, **options)


def _json(name: str, *, required: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.JSON(none_as_null=True), nullable=not required)


def _key() -> sa.Column[Any]:
    return sa.Column("id", sa.Uuid(), primary_key=True, default=uuid4)


def _user(users: sa.Table, *, name: str = "user_id", required: bool = True, primary: bool = False) -> sa.Column[Any]:
    (key,) = users.primary_key.columns
    link = sa.ForeignKey(key, ondelete="CASCADE")
    return sa.Column(name, key.type, link, nullable=not required, primary_key=primary, index=not primary)


def _part_of(table: str, name: str, *, required: bool = True) -> sa.Column[Any]:
    link = sa.ForeignKey(f"{table}.id", ondelete="CASCADE")
    return sa.Column(name, sa.Uuid(), link, nullable=not required, index=True)


def _credentials(users: sa.Table) -> list[Any]:
    return [
        _user(users, primary=True),
        _text("password"),
        _moment("password_changed_at"),
        # An address is confirmed while it is still the one that the user's row holds, whoever changes that.
        _text("confirmed_email"),
        _moment("email_confirmed_at"),
        _text("new_email"),
        sa.Column("new_email_confirmations", sa.Integer(), nullable=False, default=0),
        _text("phone", unique=True),
        _moment("phone_confirmed_at"),
        _text("new_phone"),
        _moment("invited_at"),
        _moment("confirmation_sent_at"),
        _moment("recovery_sent_at"),
        _moment("email_change_sent_at"),
        _moment("phone_change_sent_at"),
        _moment("reauthentication_sent_at"),
        _moment("last_sign_in_at"),
        _json("app_metadata", required=True),
        _json("user_metadata", required=True),
        sa.Column("is_anonymous", sa.Boolean(), nullable=False, default=False),
        _moment("banned_until"),
        _moment("deleted_at"),
        _moment("updated_at", required=True),
    ]


def _identities(users: sa.Table) -> list[Any]:
    return [
        _key(),
        _user(users),
        _text("provider", required=True),
        # Who says so, and what they call the user; an e-mail address is never what tells users apart.
        _text("issuer", required=True),
        _text("subject", required=True),
        _text("email"),
        _json("data", required=True),
        _moment("last_sign_in_at"),
        _moment("created_at", required=True),
        _moment("updated_at", required=True),
        sa.UniqueConstraint("issuer", "subject"),
    ]


def _sessions(users: sa.Table) -> list[Any]:
    return [
        _key(),
        _user(users),
        sa.Column("aal", sa.Integer(), nullable=False, default=1),
        _json("amr", required=True),
        # Whether it began by signing in; else by the proof of what was only then to become a way to do so.
        sa.Column("signed_in", sa.Boolean(), nullable=False, default=True),
        # Which of the session's refresh tokens is the one to use next.
        sa.Column("generation", sa.Integer(), nullable=False, default=0),
        _moment("refreshed_at", required=True),
        _moment("created_at", required=True),
        _moment("ended_at"),
        _text("ended_by"),
        _text("address"),
        _text("user_agent"),
        _text("client_id"),
        _text("scope"),
    ]


def _codes(users: sa.Table) -> list[Any]:
    return [
        _key(),
        _user(users),
        _text("purpose", required=True),
        _text("sent_to", required=True),
        # The link's token by its hash; the short code by a hash that takes the server's secret.
        _text("link_digest", unique=True),
        _text("code_digest"),
        sa.Column("attempts", sa.Integer(), nullable=False, default=0),
        # The password that this sign-up came with: it is its own proof that brings it into force.
        _text("password"),
        sa.Column("flow_id", sa.Uuid(), nullable=True),
        _moment("created_at", required=True),
        _moment("code_expires_at", required=True),
        _moment("expires_at", required=True),
        _moment("used_at"),
    ]


def _flows(users: sa.Table) -> list[Any]:
    return [
        _key(),
        _user(users, required=False),
        _text("method", required=True),
        _text("provider"),
        _text("challenge"),
        _text("challenge_method"),
        _text("state_digest", unique=True),
        _text("code_digest", unique=True),
        _text("sealed"),
        _text("redirect_to"),
        _user(users, name="linked_user_id", required=False),
        _moment("created_at", required=True),
        _moment("expires_at", required=True),
        _moment("returned_at"),
        _moment("used_at"),
    ]


def _factors(users: sa.Table) -> list[Any]:
    return [
        _key(),
        _user(users),
        _text("kind", required=True),
        _text("friendly_name"),
        _text("status", required=True),
        _text("sealed"),
        _text("phone"),
        sa.Column("last_step", sa.BigInteger(), nullable=True),
        _text("credential_id", unique=True),
        _json("passkey"),
        _moment("last_challenged_at"),
        _moment("created_at", required=True),
        _moment("updated_at", required=True),
        sa.UniqueConstraint("user_id", "friendly_name"),
    ]


def _challenges(users: sa.Table) -> list[Any]:
    return [
        _key(),
        _part_of("auth_factors", "factor_id", required=False),
        _user(users, required=False),
        _text("kind", required=True),
        _text("code_digest"),
        _text("sealed"),
        _text("address"),
        sa.Column("attempts", sa.Integer(), nullable=False, default=0),
        _moment("created_at", required=True),
        _moment("expires_at", required=True),
        _moment("used_at"),
    ]


def _recovery_codes(users: sa.Table) -> list[Any]:
    return [
        _key(),
        _user(users),
        _text("digest", required=True, unique=True),
        _moment("created_at", required=True),
        _moment("used_at"),
    ]


def _api_keys(users: sa.Table) -> list[Any]:
    return [
        # It stands in the key's own text, and is no secret.
        _text("id", required=True, primary_key=True),
        # Whose it is: a user's, or a tenant's, whose claim this is as JSON.
        _user(users, required=False),
        _text("tenant", index=True),
        _text("name", required=True),
        _text("digest", required=True),
        # What it was before it was rotated, and how long that is good still.
        _text("previous_digest"),
        _moment("previous_until"),
        _json("scopes", required=True),
        _moment("created_at", required=True),
        _moment("expires_at", required=True),
        _moment("last_used_at"),
    ]


def _attempts(users: sa.Table) -> list[Any]:
    return [
        _text("key", required=True, primary_key=True),
        sa.Column("count", sa.Integer(), nullable=False),
        _moment("began_at", required=True),
        _moment("blocked_until"),
        _moment("expires_at", required=True),
    ]


def _revocations(users: sa.Table) -> list[Any]:
    return [
        sa.Column("id", _SERIAL, primary_key=True, autoincrement=True),
        _text("kind", required=True),
        _text("subject", required=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False, index=True),
        _moment("until", required=True),
    ]


def _audit(users: sa.Table) -> list[Any]:
    return [
        sa.Column("id", _SERIAL, primary_key=True, autoincrement=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False, index=True),
        _text("action", required=True),
        # No foreign key: what happened stays on record when the user is gone.
        sa.Column("user_id", sa.Text(), nullable=True, index=True),
        _text("by", required=True),
        _text("address"),
        _text("user_agent"),
        _json("detail", required=True),
    ]


def _client() -> sa.Column[Any]:
    link = sa.ForeignKey("auth_oauth_clients.id", ondelete="CASCADE")
    return sa.Column("client_id", sa.Text(), link, nullable=False, index=True)


def _oauth_clients(users: sa.Table) -> list[Any]:
    return [
        _text("id", required=True, primary_key=True),
        # Of a public client there is none.
        _text("secret_digest"),
        _text("name", required=True),
        _text("uri"),
        _text("logo_uri"),
        _text("method", required=True),
        _text("registration", required=True),
        _json("redirect_uris", required=True),
        _json("grant_types", required=True),
        _json("scopes", required=True),
        _moment("created_at", required=True),
        _moment("updated_at", required=True),
    ]


def _oauth_authorizations(users: sa.Table) -> list[Any]:
    return [
        _key(),
        _client(),
        _user(users, required=False),
        # The session in which the user decided; and the one that the code got, which ends if it comes again.
        sa.Column("user_session_id", sa.Uuid(), nullable=True),
        sa.Column("session_id", sa.Uuid(), nullable=True),
        sa.Column("device_id", sa.Uuid(), nullable=True),
        _text("code_digest", unique=True),
        _text("challenge"),
        _text("redirect_uri"),
        _text("scope", required=True),
        _text("state"),
        _text("nonce"),
        sa.Column("always_ask", sa.Boolean(), nullable=False, default=False),
        # What the client asks of the sign-in: no browser says it a second time.
        _text("prompt"),
        sa.Column("max_age", sa.Integer(), nullable=True),
        _text("login_hint"),
        _user(users, name="hinted_user_id", required=False),
        _moment("created_at", required=True),
        _moment("expires_at", required=True),
        _moment("decided_at"),
        _moment("used_at"),
    ]


def _oauth_consents(users: sa.Table) -> list[Any]:
    return [
        _key(),
        _user(users),
        _client(),
        _json("scopes", required=True),
        _moment("created_at", required=True),
        _moment("updated_at", required=True),
        _moment("revoked_at"),
        sa.UniqueConstraint("user_id", "client_id"),
    ]


def _device_codes(users: sa.Table) -> list[Any]:
    return [
        _key(),
        _client(),
        _user(users, required=False),
        sa.Column("user_session_id", sa.Uuid(), nullable=True),
        _text("device_digest", required=True, unique=True),
        _text("user_digest", required=True, unique=True),
        _text("scope", required=True),
        # Seconds between two questions, and the moment of the last one.
        sa.Column("pause", sa.Integer(), nullable=False),
        _moment("asked_at"),
        _moment("created_at", required=True),
        _moment("expires_at", required=True),
        # When its code was typed in, when the user decided, and whether they let it.
        _moment("met_at"),
        _moment("decided_at"),
        sa.Column("allowed", sa.Boolean(), nullable=True),
        _moment("used_at"),
    ]


_NUMBERED: Final = ("revocations", "audit")

_COLUMNS: Final[dict[str, Callable[[sa.Table], list[Any]]]] = {
    "credentials": _credentials,
    "identities": _identities,
    "sessions": _sessions,
    "codes": _codes,
    "flows": _flows,
    "factors": _factors,
    "challenges": _challenges,
    "recovery_codes": _recovery_codes,
    "api_keys": _api_keys,
    "attempts": _attempts,
    "revocations": _revocations,
    "audit": _audit,
    "oauth_clients": _oauth_clients,
    "oauth_authorizations": _oauth_authorizations,
    "oauth_consents": _oauth_consents,
    "device_codes": _device_codes,
}
