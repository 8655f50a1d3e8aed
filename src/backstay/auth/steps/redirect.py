"""Where a browser may be sent: addresses that the settings allow, with a session or an error in them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final
from urllib.parse import SplitResult, parse_qsl, urlencode, urlsplit, urlunsplit

from backstay.auth.protocol.words import name_of
from backstay.auth.sign_in import SignIn
from backstay.errors import BackstayError, ValidationFailed

_UNSAFE: Final = re.compile(r"[\x00-\x20\x7f\\]")
PAGES: Final = "/auth"
"""Where the hosted pages are."""
ARRIVAL: Final = f"{PAGES}/arrive"
"""The one that browsers come back to."""
_FORBIDDEN: Final = frozenset({"javascript", "data", "vbscript", "file", "blob", "about", ""})


def choose_redirect(sign_in: SignIn, asked: str | None) -> str:
    """The address asked for, if it is the site's own or one that ``redirect_urls`` allows; else the site's.

    Arguments:
        sign_in: whose settings hold.
        asked: ``redirect_to`` of the request.
    """
    site = site_of(sign_in)
    if not asked or len(asked) > 4096 or not is_safe(asked):
        return site
    try:
        wanted, home = urlsplit(asked), urlsplit(site)
    except ValueError:
        return site
    if wanted.username is not None or wanted.password is not None or wanted.scheme.lower() in _FORBIDDEN:
        return site
    same = (wanted.scheme, wanted.netloc.lower()) == (home.scheme, home.netloc.lower())
    bare = urlunsplit(wanted._replace(query="", fragment=""))
    if (
        same
        or _is_page(sign_in, wanted)
        or any(
            _pattern(each).fullmatch(each_form)
            for each in sign_in.settings.redirect_urls
            for each_form in (asked, bare)
        )
    ):
        return asked
    return site


def is_safe(url: str) -> bool:
    """Whether an address holds nothing that browsers read in another way than we do."""
    return _UNSAFE.search(url) is None


def _is_page(sign_in: SignIn, wanted: SplitResult) -> bool:
    """Whether an address is the hosted page that browsers come back to."""
    if not sign_in.settings.pages or wanted.path != ARRIVAL:
        return False
    own = urlsplit(sign_in.settings.public_url)
    return (wanted.scheme, wanted.netloc.lower()) == (own.scheme, own.netloc.lower())


def site_of(sign_in: SignIn) -> str:
    """The address of the application's own site."""
    return sign_in.settings.site_url or sign_in.settings.public_url or "http://localhost:3000"


def page_of(sign_in: SignIn, chosen: str, name: str) -> str:
    """The address of a page on which users decide: the application's own, else the hosted one, else the site's.

    Arguments:
        sign_in: whose settings hold.
        chosen: what a setting says of it.
        name: what the page is called.
    """
    settings = sign_in.settings
    hosted = f"{settings.public_url.rstrip('/')}{PAGES}/{name}" if settings.pages else ""
    return chosen or hosted or f"{site_of(sign_in).rstrip('/')}/oauth/{name}"


def own_url(sign_in: SignIn) -> str:
    """Where callers reach sign-in, for links that lead here from elsewhere.

    Raises:
        ValidationFailed: nothing says so.
    """
    if not sign_in.settings.public_url:
        raise ValidationFailed("Nothing says where this server is reached", hint="Set public_url.")
    return sign_in.url


def add_query(url: str, values: Mapping[str, str]) -> str:
    """An address with more in its query string; what is there already is kept."""
    parts = urlsplit(url)
    kept = [(name, value) for name, value in parse_qsl(parts.query, keep_blank_values=True) if name not in values]
    return urlunsplit(parts._replace(query=urlencode([*kept, *values.items()])))


def add_session(url: str, session: Mapping[str, Any], kind: str = "") -> str:
    """An address with a session in its fragment, as the implicit flow hands it over."""
    values = {
        "access_token": session["access_token"],
        "expires_at": session["expires_at"],
        "expires_in": session["expires_in"],
        "refresh_token": session["refresh_token"],
        "sb": "",
        "token_type": session["token_type"],
        **({"type": kind} if kind else {}),
    }
    values |= {name: session[name] for name in ("provider_token", "provider_refresh_token") if session.get(name)}
    return urlunsplit(urlsplit(url)._replace(fragment=urlencode(values)))


def add_error(url: str, error: BackstayError, *, pkce: bool = False) -> str:
    """An address with an error in its fragment, and in its query string for clients of PKCE."""
    name, status = name_of(error)
    values = {
        "error": "server_error" if status >= 500 else "access_denied",
        "error_code": name,
        "error_description": error.message,
    }
    with_query = add_query(url, values) if pkce else url
    return urlunsplit(urlsplit(with_query)._replace(fragment=urlencode({**values, "sb": ""})))


@lru_cache(maxsize=256)
def _pattern(glob: str) -> re.Pattern[str]:
    """A glob of addresses: ``*`` stands for a part between dots or slashes, ``**`` for anything."""
    written = {"**": ".*", "*": "[^./?#@]*", "?": "[^./?#@]"}
    parts = re.split(r"(\*\*|\*|\?)", glob)
    return re.compile("".join(written.get(part, re.escape(part)) for part in parts))
