"""Tokens of forms: proof that a form was made for the browser that sends it.

Each is a random text with a tag that binds it to the browser's session. Another site cannot read one, and one that was
made for somebody else does not fit.
"""

from __future__ import annotations

import hmac
import secrets

from backstay.auth.secret import keyed_digest


def make_form_token(key: bytes, bound: str) -> str:
    """A token for one form.

    Arguments:
        key: the server's own, for this purpose.
        bound: what the browser has that will send it.
    """
    salt = secrets.token_urlsafe(16)
    return f"{salt}.{keyed_digest(key, bound, salt)}"


def is_form_token(key: bytes, bound: str, token: str) -> bool:
    """Whether a token was made for a form of this browser."""
    salt, _, tag = token.partition(".")
    return hmac.compare_digest(tag.encode("utf-8", "surrogatepass"), keyed_digest(key, bound, salt).encode())
