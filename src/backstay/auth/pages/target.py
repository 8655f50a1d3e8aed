"""Where a page sends the browser next: a place of our own, or an address that the settings allow."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlencode

from backstay.auth.sign_in import SignIn
from backstay.auth.steps.redirect import ARRIVAL, PAGES, choose_redirect, is_safe

ACCOUNT: Final = f"{PAGES}/account"
_LONGEST: Final = 2000


def choose_next(sign_in: SignIn, asked: str | None) -> str:
    """The address asked for, if it may be; else the application's site, or the user's account.

    Arguments:
        sign_in: whose settings hold.
        asked: a whole address, or a path on this server.
    """
    home = sign_in.settings.site_url or ACCOUNT
    if not asked or len(asked) > _LONGEST or not is_safe(asked):
        return home
    if asked.startswith("/"):
        # Two slashes begin the name of another host.
        return home if asked.startswith("//") else asked
    return asked if choose_redirect(sign_in, asked) == asked else home


def arrival_url(sign_in: SignIn, asked: str | None, *, reason: str = "") -> str:
    """Where links of mails and providers bring the browser back.

    Arguments:
        sign_in: where.
        asked: where it is to go in the end.
        reason: ``recovery`` where a new password is to be chosen first.
    """
    values = {name: value for name, value in (("next", asked or ""), ("for", reason)) if value}
    query = f"?{urlencode(values)}" if values else ""
    return f"{sign_in.settings.public_url.rstrip('/')}{ARRIVAL}{query}"
