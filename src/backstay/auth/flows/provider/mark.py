"""The cookie by which the browser that brings an answer is known to be the one that left."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from backstay.auth.protocol.incoming import Incoming
from backstay.auth.sign_in import SignIn
from backstay.schema.providers.provider import Facts

_LETTERS: Final = 16


def set_mark(sign_in: SignIn, facts: Facts, state_hash: str, mark: str, life: timedelta) -> tuple[str, str]:
    """The header that gives a browser its mark, for one login.

    Arguments:
        sign_in: where.
        facts: the provider's; its answer may come by a form that it makes the browser post, as from another site.
        state_hash: of the login.
        mark: what to give; empty: to take it back.
        life: how long it is good.
    """
    secure = _is_secure(sign_in)
    # Without TLS there is no cookie that other sites' forms bring along.
    site = "None" if facts.form_post and secure else "Lax"
    words = [
        f"{_name(sign_in, state_hash)}={mark}",
        "Path=/",
        f"Max-Age={int(life.total_seconds())}",
        "HttpOnly",
        f"SameSite={site}",
        *(["Secure"] if secure else []),
    ]
    return "set-cookie", "; ".join(words)


def read_mark(sign_in: SignIn, incoming: Incoming, state_hash: str) -> str | None:
    """The mark of one login that a browser shows."""
    return incoming.request.cookies.get(_name(sign_in, state_hash))


def _name(sign_in: SignIn, state_hash: str) -> str:
    # With this prefix no other host of the domain can set it (RFC 6265bis 4.1.3.2).
    prefix = "__Host-" if _is_secure(sign_in) else ""
    return f"{prefix}backstay-login-{state_hash[:_LETTERS]}"


def _is_secure(sign_in: SignIn) -> bool:
    return sign_in.settings.public_url.startswith("https://")
