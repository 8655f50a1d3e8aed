"""Scopes of clients: those that the application declares, and what OpenID Connect tells of a user."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from backstay.auth.grants.client import Client
from backstay.auth.sign_in import SignIn
from backstay.errors import ScopeInvalid
from backstay.schema.caller import EVERY_SCOPE

OPENID: Final = "openid"
PERSONAL: Final[Mapping[str, str]] = {
    OPENID: "Know who you are.",
    "profile": "Read what you said of yourself.",
    "email": "Read your e-mail address.",
    "phone": "Read your telephone number.",
    "offline_access": "Act for you while you are away.",
}
"""What OpenID Connect Core 5.4 and 11 name, in words for the user."""


def offered(sign_in: SignIn) -> dict[str, str]:
    """All scopes that clients can have here, with what they mean.

    ``openid`` is not among them where tokens are signed by a secret: clients could not verify what it gives.
    """
    declared = {each.name: each.description for each in sign_in.schema.scopes.values()}
    personal = dict(PERSONAL)
    if not sign_in.signer.has_keys:
        del personal[OPENID]
    return {**personal, **declared}


def registrable(sign_in: SignIn, *, dynamic: bool) -> list[str]:
    """What a client can be registered for; ``*`` only by the secret key."""
    return [name for name in offered(sign_in) if not (dynamic and name == EVERY_SCOPE)]


def choose(sign_in: SignIn, client: Client, asked: str | None) -> str:
    """What a client asks for: all that it may, where it says nothing.

    Raises:
        ScopeInvalid: it may not ask for one of them.
    """
    known = offered(sign_in)
    allowed = [name for name in client.scopes if name in known]
    return _within(allowed if asked is None else asked.split(" "), allowed)


def choose_own(sign_in: SignIn, client: Client, asked: str | None) -> str:
    """The same for a client that acts for itself: nobody's person is told of.

    Raises:
        ScopeInvalid: it may not ask for one of them.
    """
    allowed = [name for name in client.scopes if name in sign_in.schema.scopes]
    return _within(allowed if asked is None else asked.split(" "), allowed)


def narrow(granted: str, asked: str | None) -> str:
    """A part of what was granted.

    Raises:
        ScopeInvalid: it is not.
    """
    return granted if asked is None else _within(asked.split(" "), granted.split(" "))


def _within(asked: Sequence[str], allowed: Sequence[str]) -> str:
    chosen = list(dict.fromkeys(each for each in asked if each))
    for each in chosen:
        if each not in allowed:
            raise ScopeInvalid(f"The client may not ask for the scope {each[:64]}")
    if not chosen:
        raise ScopeInvalid("The client asks for nothing")
    return " ".join(chosen)
