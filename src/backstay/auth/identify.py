"""identify: the headers of a request -> its Caller."""

from __future__ import annotations

import hmac
import math
import re
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from backstay.auth.claim import ABSENT, follow
from backstay.auth.keys import PROGRAM_PREFIX, PUBLISHABLE_PREFIX, SECRET_PREFIX, Keys, digest
from backstay.auth.revoked import Revocations
from backstay.auth.token import verify
from backstay.auth.verified import VerifiedTokens
from backstay.dialects.local import under_role
from backstay.errors import AnonymousDisabled, InvalidClaims, InvalidKey, SecretKeyInBrowser
from backstay.schema.caller import ANONYMOUS, SERVICE, Caller, Role
from backstay.schema.kind.encode import is_unicode

if TYPE_CHECKING:
    from backstay.auth.programs.met import MetKeys

_ROLES: Final = {role.value: role for role in Role}
_ROLE_NAME = re.compile(r"[A-Za-z0-9_.-]{1,63}")


def identify(
    headers: Mapping[str, str],
    keys: Keys,
    verified: VerifiedTokens | None = None,
    *,
    met: MetKeys | None = None,
    revoked: Revocations | None = None,
    now: float | None = None,
) -> Caller:
    """Who sent a request with these headers.

    ``Authorization: Bearer`` says who it is, and where it is absent ``apikey`` does; either holds a user's token, a
    key in token form, an opaque key, or a program's. An ``apikey`` beside another token must be good, but gives
    nothing. Any other scheme of Authorization is left unread, as PostgREST does.

    Arguments:
        headers: names in lower case; repeated ones joined with ``, ``.
        keys: what to trust.
        verified: the tokens and keys found good before, which are looked up and added to. A guess cannot be timed
            by it: what is looked up is a keyed hash of the whole text.
        met: the programs' keys that the database was asked for just now; None: there are none.
        revoked: the tokens that are dead before they expire. Those remembered are not: revoking forgets them.
        now: the time, in seconds since 1970 (default: the clock's).

    Raises:
        SecretMissing: there is a token, and no key to verify it by (PGRST300).
        InvalidToken, InvalidClaims: the token is not good (PGRST301, PGRST303).
        SessionEnded: the token was good, and is revoked.
        RevocationsUnknown: whether it is cannot be told now.
        InvalidKey: the opaque key, or the program's, is not known.
        AnonymousDisabled: there is no token, and the settings ask for one (PGRST302).
        SecretKeyInBrowser: a browser sent the secret key.
    """
    bearer = _bearer(headers.get("authorization"))
    apikey = headers.get("apikey")
    token = apikey if bearer is None else bearer
    if token is None:
        if not keys.anonymous:
            raise AnonymousDisabled
        caller = _holder(keys, Role.ANON)
        if verified is not None:
            verified.remember((None, None), caller, math.inf)
        return caller
    time_now = time.time() if now is None else now
    caller = _who(token, keys, verified, met, revoked, time_now, is_apikey=bearer is None)
    holder = caller
    if apikey is not None and apikey != token:
        holder = _who(apikey, keys, verified, met, revoked, time_now, is_apikey=True)
    if caller.role is Role.SERVICE or holder.role is Role.SERVICE:
        if not keys.secret_in_browser and comes_from_browser(headers):
            raise SecretKeyInBrowser(hint="Use the publishable key here, and the secret key only on servers.")
    elif verified is not None:
        sent = (_encoded(headers.get("authorization")), _encoded(apikey))
        expires = min(verified.expiry(each) for each in (token, apikey or token))
        verified.remember(sent, caller, expires)
    return caller


def _encoded(header: str | None) -> bytes | None:
    return None if header is None else header.encode("latin-1")


def comes_from_browser(headers: Mapping[str, str]) -> bool:
    """Whether a browser sent these headers.

    ``Sec-Fetch-Mode`` alone does not tell: the fetch of Node sends it too.
    """
    return (
        "origin" in headers
        or "sec-fetch-site" in headers
        or "sec-fetch-dest" in headers
        or headers.get("user-agent", "").startswith("Mozilla/")
    )


def _bearer(authorization: str | None) -> str | None:
    if authorization is None:
        return None
    scheme, _, token = authorization.partition(" ")
    return token.strip(" ") if scheme.lower() == "bearer" else None


def shown_keys(headers: Mapping[str, str]) -> list[str]:
    """What a request shows that looks like a program's key, which only the database knows.

    Arguments:
        headers: as :func:`identify` takes them.
    """
    shown = (_bearer(headers.get("authorization")), headers.get("apikey"))
    return [each for each in shown if each is not None and each.startswith(PROGRAM_PREFIX)]


def _who(
    token: str,
    keys: Keys,
    verified: VerifiedTokens | None,
    met: MetKeys | None,
    revoked: Revocations | None,
    now: float,
    *,
    is_apikey: bool,
) -> Caller:
    known = verified.find(token, now) if verified is not None else None
    if known is not None:
        return known
    if token.startswith(PROGRAM_PREFIX):
        return _program(token, keys, verified, met, now)
    opaque = _find_opaque(token, keys)
    if opaque is not None:
        if verified is not None:
            verified.keep(token, opaque, None)
        return opaque
    if token.startswith((PUBLISHABLE_PREFIX, SECRET_PREFIX)) or (is_apikey and token.count(".") != 2):
        raise InvalidKey
    claims = verify(token, keys, now)
    if revoked is not None:
        revoked.check(claims)
    caller = _caller(claims, keys)
    if verified is not None:
        verified.keep(token, caller, claims.get("exp"))
    return caller


def _program(token: str, keys: Keys, verified: VerifiedTokens | None, met: MetKeys | None, now: float) -> Caller:
    if met is None:
        raise InvalidKey
    known = met.recall(token, now)
    caller = in_database(known.caller, keys) if keys.database_roles else known.caller
    if verified is not None:
        verified.keep(token, caller, known.until)
    return caller


def _find_opaque(token: str, keys: Keys) -> Caller | None:
    if keys.publishable is None and keys.secret is None:
        return None
    shown = digest(token)
    # Both are always compared, so the time taken does not tell which one a guess came near to.
    publishable = hmac.compare_digest(shown, keys.publishable or b"")
    secret = hmac.compare_digest(shown, keys.secret or b"")
    if secret:
        return _holder(keys, Role.SERVICE)
    return _holder(keys, Role.ANON) if publishable else None


def _holder(keys: Keys, role: Role) -> Caller:
    """Who shows an opaque key, or nothing."""
    caller = SERVICE if role is Role.SERVICE else ANONYMOUS
    return in_database(caller, keys) if keys.database_roles else caller


def in_database(caller: Caller, keys: Keys) -> Caller:
    """A caller, as the database knows them: under the role that their claims name, or that of their kind.

    Arguments:
        caller: who asks; not the application itself, which keeps the role that it logs in with.
        keys: with ``database_roles``.
    """
    if caller.role is Role.ANON:
        return under_role(caller, keys.anonymous_role)
    named = follow(caller.claims, keys.role_claim)
    return under_role(caller, named if isinstance(named, str) and _is_role(named) else caller.role.value)


def _caller(claims: dict[str, Any], keys: Keys) -> Caller:
    role = _role(claims, keys)
    user = claims.get("sub")
    if user is not None and (not isinstance(user, str) or not user):
        raise InvalidClaims("The JWT 'sub' claim must be a string")
    scopes = _scopes(claims, keys)
    # A client that acts for itself is no user: its own id is the subject.
    is_user = role is Role.AUTHENTICATED and (scopes is None or user != claims["client_id"])
    caller = Caller(id=user if is_user else None, claims=claims, role=role, scopes=scopes)
    return in_database(caller, keys) if keys.database_roles else caller


def _scopes(claims: Mapping[str, Any], keys: Keys) -> frozenset[str] | None:
    """How far the token of another's program goes; None: it is a user's own.

    It is told by what it says, not by who issued it: it goes no further when the server has got another name.
    """
    scope = claims.get("scope")
    if "client_id" not in claims or "session_id" not in claims or not isinstance(scope, str):
        return None
    if not keys.clients:
        raise InvalidClaims("JWT of a client, which may not act for users here")
    return frozenset(scope.split())


def _of_database(named: str, known: Role | None) -> Role | None:
    """The kind of caller that a role of the database's own stands for: any but the known ones is a user."""
    return (known or Role.AUTHENTICATED) if _is_role(named) else None


def _is_role(named: str) -> bool:
    """Whether this may be the name of a role. ``none`` is PostgreSQL's word for the role of the login itself."""
    return named not in ("", "none") and "\0" not in named and is_unicode(named)


def _role(claims: dict[str, Any], keys: Keys) -> Role:
    named = follow(claims, keys.role_claim)
    if named is ABSENT:
        if not keys.anonymous:
            raise AnonymousDisabled
        return Role.ANON
    role = _ROLES.get(named) if isinstance(named, str) else None
    if keys.database_roles and isinstance(named, str):
        role = Role.ANON if named == keys.anonymous_role else _of_database(named, role)
    if role is None:
        shown = f' "{named}"' if isinstance(named, str) and _ROLE_NAME.fullmatch(named) else ""
        raise InvalidClaims(f"role{shown} does not exist")
    return role
