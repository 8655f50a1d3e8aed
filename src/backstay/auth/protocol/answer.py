"""What sign-in answers: a status, and a document or nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from string import punctuation as _OF_URLS
from typing import Any
from urllib.parse import quote

import sqlalchemy as sa

from backstay.auth.store.user_row import UserRow


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer.

    Arguments:
        document: what becomes its JSON body; None: it has no body.
        status: of HTTP.
        headers: beside the usual ones.
        text: a body that is no JSON, whose type ``headers`` name.
    """

    document: Any = field(default_factory=dict)
    status: int = 200
    headers: Sequence[tuple[str, str]] = ()
    text: str | None = None


def redirect(url: str, status: int = 303) -> Answer:
    """Send a browser somewhere else.

    A header holds bytes, and what becomes of other letters on the way is not ours to say: a letter of a host that
    turned into a question mark would end the host there. So they are written as URLs have them (RFC 3986 2.5).
    """
    return Answer(None, status, (("location", quote(url, safe=_OF_URLS)), ("referrer-policy", "no-referrer")))


def moment(value: datetime | None) -> str | None:
    """A moment as the protocol writes it (RFC 3339 in UTC)."""
    if value is None:
        return None
    return value.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def user_document(
    user: UserRow, identities: Sequence[sa.RowMapping] = (), factors: Sequence[sa.RowMapping] = ()
) -> dict[str, Any]:
    """A user as clients know one; what is not set is left out."""
    providers = [str(each["provider"]) for each in identities]
    optional = {
        "email_confirmed_at": moment(user.email_confirmed_at),
        "invited_at": moment(user.invited_at),
        "phone_confirmed_at": moment(user.phone_confirmed_at),
        "confirmation_sent_at": moment(user.confirmation_sent_at),
        "confirmed_at": moment(user.confirmed_at),
        "recovery_sent_at": moment(user.recovery_sent_at),
        "new_email": user.new_email,
        "email_change_sent_at": moment(user.email_change_sent_at),
        "new_phone": user.new_phone,
        "phone_change_sent_at": moment(user.phone_change_sent_at),
        "reauthentication_sent_at": moment(user.reauthentication_sent_at),
        "last_sign_in_at": moment(user.last_sign_in_at),
        "banned_until": moment(user.banned_until),
        "deleted_at": moment(user.deleted_at),
        "factors": [factor_document(each) for each in factors] or None,
    }
    return {
        "id": str(user.id),
        "aud": "authenticated",
        "role": "authenticated",
        "email": user.email or "",
        "phone": user.phone or "",
        **{name: value for name, value in optional.items() if value is not None},
        "app_metadata": app_metadata(user, providers),
        "user_metadata": dict(user.user_metadata),
        "identities": [identity_document(each) for each in identities],
        "created_at": moment(user.created_at),
        "updated_at": moment(user.updated_at),
        "is_anonymous": user.is_anonymous,
    }


def app_metadata(user: UserRow, providers: Sequence[str]) -> dict[str, Any]:
    """What the application knows of a user, with the issuers they sign in by."""
    return with_providers(user.app_metadata, providers)


def with_providers(metadata: Mapping[str, Any], providers: Sequence[str]) -> dict[str, Any]:
    """The same, where only the metadata is at hand."""
    named = list(dict.fromkeys(providers))
    known = {"provider": named[0], "providers": named} if named else {}
    return {**known, **metadata}


def identity_document(identity: sa.RowMapping) -> dict[str, Any]:
    """An identity as clients know one."""
    found = {
        "identity_id": str(identity["id"]),
        "id": identity["subject"],
        "user_id": str(identity["user_id"]),
        "identity_data": identity["data"],
        "provider": identity["provider"],
        "last_sign_in_at": moment(identity["last_sign_in_at"]),
        "created_at": moment(identity["created_at"]),
        "updated_at": moment(identity["updated_at"]),
    }
    return {**found, "email": identity["email"]} if identity["email"] else found


def factor_document(factor: sa.RowMapping | Mapping[str, Any]) -> dict[str, Any]:
    """A second factor as clients know one."""
    found = {
        "id": str(factor["id"]),
        "created_at": moment(factor["created_at"]),
        "updated_at": moment(factor["updated_at"]),
        "status": factor["status"],
        "friendly_name": factor["friendly_name"],
        "factor_type": factor["kind"],
        "phone": factor["phone"],
        "last_challenged_at": moment(factor["last_challenged_at"]),
    }
    return {name: value for name, value in found.items() if value is not None}
