"""Provider: someone else who says who a user is, and the facts that logging in there needs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from enum import Enum
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from backstay.errors import DeclarationError

TENANT: Final = "{tenantid}"
"""What stands in Microsoft's issuer where the user's tenant will."""


class Account(Enum):
    """By what a provider tells who someone is: an ID token, or an interface of its own."""

    OPENID = "openid"
    GITHUB = "github"
    FACEBOOK = "facebook"
    DISCORD = "discord"


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """The key by which an application signs its own client secret (Apple), and whose it is."""

    team: str
    key_id: str
    private_key: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What logging in at one provider needs.

    Arguments:
        name: as callers name it (``google``).
        aliases: other names of it that callers use.
        issuer: whose word an identity is; with OpenID Connect exactly what an ID token says.
        issuers: other spellings of the issuer that its ID tokens have.
        discovery: where its metadata is; empty: it has none, and the endpoints are given here.
        client_id, secret: how the application is known there. Without a secret it is a public client.
        signature: signs a client secret for each use.
        scopes: what is asked for.
        audiences: further client ids whose ID tokens are accepted.
        email_trusted: an address that it gives without saying that it is verified is.
        verified_claim: the claim that says that the address is verified.
        account: by what it tells who someone is.
        account_endpoint: where its own interface is.
        nonce, pkce: whether it knows them.
        userinfo: whether its ID tokens tell less than its userinfo endpoint.
        form_post: whether it answers by a form that the browser posts.
    """

    name: str
    issuer: str
    client_id: str
    scopes: tuple[str, ...]
    secret: str = field(default="", repr=False)
    aliases: tuple[str, ...] = ()
    issuers: tuple[str, ...] = ()
    discovery: str = ""
    authorization_endpoint: str = ""
    token_endpoint: str = ""
    signature: Signature | None = None
    audiences: tuple[str, ...] = ()
    email_trusted: bool = False
    verified_claim: str = "email_verified"
    account: Account = Account.OPENID
    account_endpoint: str = ""
    nonce: bool = True
    pkce: bool = True
    userinfo: bool = False
    form_post: bool = False

    @property
    def clients(self) -> frozenset[str]:
        """The client ids whose ID tokens are accepted."""
        return frozenset({self.client_id, *self.audiences})


class Provider(ABC):
    """Someone else who says who a user is: :class:`~backstay.Google`, :class:`~backstay.OIDC` ..."""

    __slots__ = ()

    @property
    @abstractmethod
    def facts(self) -> Facts:
        """What logging in there needs."""


def check_text(owner: str, **given: str) -> None:
    """Refuse what is empty.

    Raises:
        DeclarationError: naming it.
    """
    for name, value in given.items():
        if not value or not value.isprintable():
            raise DeclarationError(f"{owner}: {name} is empty or has unprintable characters")


def check_place(owner: str, name: str, url: str) -> None:
    """Refuse a URL that a provider cannot safely be reached at.

    Raises:
        DeclarationError: it is neither ``https://`` nor ``http://`` of this very machine, or has a query, a fragment or
            a password.
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        raise DeclarationError(f"{owner}: {name} {url!r} is not a URL") from None
    odd = parts.query or parts.fragment or "@" in parts.netloc or "\\" in url or " " in url or not url.isprintable()
    if not host or odd:
        raise DeclarationError(f"{owner}: {name} {url!r} is not the plain URL of a provider")
    if parts.scheme != "https" and not (parts.scheme == "http" and is_this_machine(host)):
        hint = "Only a provider on this machine (http://localhost:...) may do without."
        raise DeclarationError(f"{owner}: {name} {url!r} does not begin with https://", hint=hint)


def is_this_machine(host: str) -> bool:
    """Whether the name of a host is that of the machine itself."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
