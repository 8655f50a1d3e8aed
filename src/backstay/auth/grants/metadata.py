"""What is said of a client when it is registered (RFC 7591), and what is answered."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated, Any, Final
from urllib.parse import urlsplit

import msgspec

from backstay.auth.grants.client import DYNAMIC, PUBLIC, Client
from backstay.auth.grants.scopes import registrable
from backstay.auth.protocol.answer import moment
from backstay.auth.protocol.incoming import Body
from backstay.auth.sign_in import SignIn
from backstay.errors import ClientMetadataInvalid, RedirectInvalid

CODE: Final = "authorization_code"
REFRESH: Final = "refresh_token"
OWN: Final = "client_credentials"
DEVICE: Final = "urn:ietf:params:oauth:grant-type:device_code"
GRANT_TYPES: Final = (CODE, REFRESH, OWN, DEVICE)
METHODS: Final = ("client_secret_basic", "client_secret_post", PUBLIC)
LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})

_STRANGE: Final = re.compile(r"[\x00-\x20\x7f-\x9f\\*#]")
_PRIVATE_SCHEME: Final = re.compile(r"[a-z][a-z0-9+-]*(\.[a-z0-9+-]+)+")
_MOST: Final = 20

Text = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
Address = Annotated[str, msgspec.Meta(min_length=1, max_length=1000)]


class Metadata(Body):
    """The body of a registration; of a change, what is left out stays."""

    client_name: Text | None = None
    client_uri: Address | None = None
    logo_uri: Address | None = None
    redirect_uris: list[Address] | None = None
    grant_types: list[str] | None = None
    response_types: list[str] | None = None
    scope: str | None = None
    token_endpoint_auth_method: str | None = None
    client_type: str | None = None


def read_metadata(sign_in: SignIn, said: Metadata, *, dynamic: bool) -> dict[str, Any]:
    """The columns of a new client.

    Arguments:
        sign_in: where.
        said: what its registration says.
        dynamic: whether it registers itself. It may act for users then, and never for itself.

    Raises:
        ClientMetadataInvalid, RedirectInvalid: something cannot be.
    """
    known = registrable(sign_in, dynamic=dynamic)
    found = {
        "name": said.client_name or "An application",
        "uri": None,
        "logo_uri": None,
        "method": _method(said),
        "redirect_uris": [],
        "grant_types": [CODE, REFRESH],
        # A client that registers itself may ask for everything that is declared: it is the user who decides.
        "scopes": known if dynamic else [],
        **read_changes(sign_in, said, dynamic=dynamic),
        "registration": DYNAMIC if dynamic else "manual",
    }
    check_whole(found["method"], found["grant_types"], found["redirect_uris"])
    return found


def read_changes(sign_in: SignIn, said: Metadata, *, dynamic: bool = False) -> dict[str, Any]:
    """The columns that a change sets. Raises as :func:`read_metadata` does."""
    found: dict[str, Any] = {}
    if said.client_name is not None:
        found["name"] = said.client_name
    for column, address in (("uri", said.client_uri), ("logo_uri", said.logo_uri)):
        if address is not None:
            found[column] = _page(address)
    if said.redirect_uris is not None:
        found["redirect_uris"] = _redirects(said.redirect_uris)
    if said.grant_types is not None:
        found["grant_types"] = _among("grant_types", said.grant_types, GRANT_TYPES[:2] if dynamic else GRANT_TYPES)
    if said.response_types is not None:
        _among("response_types", said.response_types, ("code",))
    if said.scope is not None:
        known = registrable(sign_in, dynamic=dynamic)
        found["scopes"] = _among("scope", [each for each in said.scope.split(" ") if each], known)
    return found


def check_whole(method: str, grants: Sequence[str], redirects: Sequence[str]) -> None:
    """See that what is said of a client fits together.

    Raises:
        ClientMetadataInvalid, RedirectInvalid: it does not.
    """
    if method == PUBLIC and OWN in grants:
        raise ClientMetadataInvalid(f"{OWN} is for clients that have a secret")
    if CODE in grants and not redirects:
        raise RedirectInvalid("redirect_uris are missing")


def client_document(client: Client, secret: str | None = None) -> dict[str, Any]:
    """A client as the secret key and its own registration know it."""
    found = {
        "client_id": client.id,
        "client_name": client.name,
        "client_uri": client.uri,
        "logo_uri": client.logo_uri,
        "client_secret": secret,
        "client_secret_expires_at": None if secret is None else 0,
        "client_id_issued_at": int(client.created_at.timestamp()),
        "client_type": "public" if client.is_public else "confidential",
        "token_endpoint_auth_method": client.method,
        "registration_type": client.registration,
        "redirect_uris": list(client.redirect_uris),
        "grant_types": list(client.grant_types),
        "response_types": ["code"],
        "scope": " ".join(client.scopes),
        "created_at": moment(client.created_at),
        "updated_at": moment(client.updated_at),
    }
    return {name: value for name, value in found.items() if value is not None}


def _method(said: Metadata) -> str:
    method = said.token_endpoint_auth_method or (PUBLIC if said.client_type == "public" else METHODS[0])
    if method not in METHODS:
        raise ClientMetadataInvalid(f"token_endpoint_auth_method is one of {', '.join(METHODS)}")
    return method


def _among(name: str, asked: Sequence[str], known: Sequence[str]) -> list[str]:
    for each in asked:
        if each not in known:
            raise ClientMetadataInvalid(f"{name} cannot be {each[:64]!r}")
    return list(dict.fromkeys(asked))


def _page(address: str) -> str:
    parts = _parts(address)
    if parts is None or parts[0] != "https":
        raise ClientMetadataInvalid("client_uri and logo_uri are addresses of pages (https://...)")
    return address


def _redirects(addresses: Sequence[str]) -> list[str]:
    if len(addresses) > _MOST:
        raise RedirectInvalid(f"There are more than {_MOST} redirect_uris")
    for address in addresses:
        parts = _parts(address)
        if parts is None:
            raise RedirectInvalid("A redirect_uri cannot be")
        scheme, host = parts
        # RFC 8252: a page of the client's, a server on the user's own machine, or a program's own scheme.
        is_page = scheme == "https" and host
        is_own = scheme == "http" and host in LOOPBACK
        if not (is_page or is_own or _PRIVATE_SCHEME.fullmatch(scheme)):
            raise RedirectInvalid("A redirect_uri is https://..., http://localhost..., or com.example.app:/...")
    return list(dict.fromkeys(addresses))


def _parts(address: str) -> tuple[str, str] | None:
    """Scheme and host of an address; None where it is none, or has what no redirect may have."""
    if _STRANGE.search(address) or not address.isascii():
        return None
    try:
        parts = urlsplit(address)
        host = parts.hostname or ""
    except ValueError:
        return None
    return None if parts.username is not None or parts.password is not None else (parts.scheme, host)
