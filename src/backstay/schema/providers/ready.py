"""The providers that are known: each asks only for what is the application's own."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from backstay.errors import DeclarationError
from backstay.schema.providers.provider import (
    TENANT,
    Account,
    Facts,
    Provider,
    Signature,
    check_place,
    check_text,
)

_WELL_KNOWN: Final = "/.well-known/openid-configuration"
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_:.-]{0,49}")
_GUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_OPENID: Final = ("openid", "email", "profile")


@dataclass(frozen=True, slots=True)
class _Registered(Provider):
    """A provider that the application is registered at.

    Arguments:
        client_id: the application's id there.
        secret: the application's secret there; empty where only ID tokens are signed in with (mobile apps).
        scopes: what to ask for beside the user's name and address.
        audiences: further client ids whose ID tokens are accepted: those of your mobile apps.
        email_trusted: take an address for verified that the provider gives without saying so.
    """

    client_id: str
    secret: str = field(default="", repr=False)
    scopes: tuple[str, ...] = field(default=(), kw_only=True)
    audiences: tuple[str, ...] = field(default=(), kw_only=True)
    email_trusted: bool = field(default=False, kw_only=True)

    def __post_init__(self) -> None:
        check_text(type(self).__name__, client_id=self.client_id)


@dataclass(frozen=True, slots=True)
class Google(_Registered):
    """Google. Its words mean what they do for :class:`OIDC`, as do those of the other ready providers."""

    @property
    def facts(self) -> Facts:
        """What logging in there needs."""
        return Facts(
            name="google",
            issuer="https://accounts.google.com",
            issuers=("accounts.google.com",),
            discovery="https://accounts.google.com" + _WELL_KNOWN,
            client_id=self.client_id,
            secret=self.secret,
            scopes=(*_OPENID, *self.scopes),
            audiences=self.audiences,
            email_trusted=self.email_trusted,
        )


@dataclass(frozen=True, slots=True)
class GitHub(_Registered):
    """GitHub; ``url`` is that of a GitHub Enterprise server."""

    url: str = field(default="https://github.com", kw_only=True)

    def __post_init__(self) -> None:
        check_text("GitHub", client_id=self.client_id, secret=self.secret)
        check_place("GitHub", "url", self.url)

    @property
    def facts(self) -> Facts:
        """What logging in there needs."""
        url = self.url.rstrip("/")
        return Facts(
            name="github",
            issuer=url,
            issuers=(f"{url}/login/oauth",),
            authorization_endpoint=f"{url}/login/oauth/authorize",
            token_endpoint=f"{url}/login/oauth/access_token",
            account=Account.GITHUB,
            account_endpoint="https://api.github.com" if url == "https://github.com" else f"{url}/api/v3",
            client_id=self.client_id,
            secret=self.secret,
            scopes=("read:user", "user:email", *self.scopes),
            email_trusted=self.email_trusted,
        )


@dataclass(frozen=True, slots=True)
class GitLab(_Registered):
    """GitLab; ``url`` is that of a server of your own."""

    url: str = field(default="https://gitlab.com", kw_only=True)

    def __post_init__(self) -> None:
        check_text("GitLab", client_id=self.client_id)
        check_place("GitLab", "url", self.url)

    @property
    def facts(self) -> Facts:
        """What logging in there needs."""
        url = self.url.rstrip("/")
        return Facts(
            name="gitlab",
            issuer=url,
            discovery=url + _WELL_KNOWN,
            client_id=self.client_id,
            secret=self.secret,
            scopes=(*_OPENID, *self.scopes),
            audiences=self.audiences,
            email_trusted=self.email_trusted,
            userinfo=True,
        )


@dataclass(frozen=True, slots=True)
class Microsoft(_Registered):
    """Microsoft: Entra ID, and personal accounts.

    An address is verified where the optional claim ``xms_edov`` says so; any tenant's administrator may write any
    address into an account, so ``email_trusted`` is only for a tenant of your own.

    Arguments:
        tenant: whose users: a tenant's id or domain, ``organizations`` (any tenant), ``consumers`` (personal accounts)
            or ``common`` (all of them).
        authority: another cloud, such as ``https://login.microsoftonline.us``.
    """

    tenant: str = field(default="common", kw_only=True)
    authority: str = field(default="https://login.microsoftonline.com", kw_only=True)

    def __post_init__(self) -> None:
        check_text("Microsoft", client_id=self.client_id)
        check_place("Microsoft", "authority", self.authority)
        if not re.fullmatch(r"[A-Za-z0-9.-]+", self.tenant):
            raise DeclarationError(f"Microsoft: tenant {self.tenant!r} is neither an id nor a domain")
        if self.email_trusted and self.tenant in ("common", "organizations"):
            hint = "Any tenant's administrator may write any address into an account."
            raise DeclarationError(f"Microsoft: email_trusted is not for tenant {self.tenant!r}", hint=hint)

    @property
    def facts(self) -> Facts:
        """What logging in there needs."""
        authority = self.authority.rstrip("/")
        tenant = self.tenant.lower()
        return Facts(
            name="azure",
            aliases=("microsoft",),
            issuer=f"{authority}/{tenant if _GUID.fullmatch(tenant) else TENANT}/v2.0",
            discovery=f"{authority}/{tenant}/v2.0{_WELL_KNOWN}",
            client_id=self.client_id,
            secret=self.secret,
            scopes=(*_OPENID, *self.scopes),
            audiences=self.audiences,
            email_trusted=self.email_trusted,
            verified_claim="xms_edov",
        )


@dataclass(frozen=True, slots=True)
class Apple(Provider):
    """Apple.

    Arguments:
        client_id: the Services ID.
        team: the team's id (ten characters).
        key_id: the id of the key for "Sign in with Apple".
        private_key: that key, as the file ``.p8`` holds it; empty (as ``team`` and ``key_id``) where only ID tokens are
            signed in with.
        scopes: what to ask for beside name and address.
        audiences: further client ids whose ID tokens are accepted: the bundle ids of your apps.
    """

    client_id: str
    team: str = field(default="", kw_only=True)
    key_id: str = field(default="", kw_only=True)
    private_key: str = field(default="", kw_only=True, repr=False)
    scopes: tuple[str, ...] = field(default=(), kw_only=True)
    audiences: tuple[str, ...] = field(default=(), kw_only=True)

    def __post_init__(self) -> None:
        check_text("Apple", client_id=self.client_id)
        if self.private_key and "PRIVATE KEY" not in self.private_key:
            raise DeclarationError("Apple: private_key is not the content of a .p8 file")
        if any((self.team, self.key_id, self.private_key)):
            check_text("Apple", team=self.team, key_id=self.key_id)

    @property
    def facts(self) -> Facts:
        """What logging in there needs."""
        signed = Signature(team=self.team, key_id=self.key_id, private_key=self.private_key)
        return Facts(
            name="apple",
            issuer="https://appleid.apple.com",
            discovery="https://appleid.apple.com" + _WELL_KNOWN,
            client_id=self.client_id,
            signature=signed if self.private_key else None,
            scopes=("openid", "email", "name", *self.scopes),
            audiences=self.audiences,
            form_post=True,
        )


@dataclass(frozen=True, slots=True)
class Facebook(_Registered):
    """Facebook. It gives only addresses that their owner has confirmed there, and says nothing beside.

    Arguments:
        version: of the Graph API.
    """

    email_trusted: bool = field(default=True, kw_only=True)
    version: str = field(default="v23.0", kw_only=True)

    def __post_init__(self) -> None:
        check_text("Facebook", client_id=self.client_id, secret=self.secret)
        if not re.fullmatch(r"v\d{1,3}\.\d{1,2}", self.version):
            raise DeclarationError(f"Facebook: version {self.version!r} is not one such as v23.0")

    @property
    def facts(self) -> Facts:
        """What logging in there needs."""
        return Facts(
            name="facebook",
            issuer="https://www.facebook.com",
            authorization_endpoint=f"https://www.facebook.com/{self.version}/dialog/oauth",
            token_endpoint=f"https://graph.facebook.com/{self.version}/oauth/access_token",
            account=Account.FACEBOOK,
            account_endpoint=f"https://graph.facebook.com/{self.version}",
            client_id=self.client_id,
            secret=self.secret,
            scopes=("email", "public_profile", *self.scopes),
            email_trusted=self.email_trusted,
        )


@dataclass(frozen=True, slots=True)
class Discord(_Registered):
    """Discord."""

    def __post_init__(self) -> None:
        check_text("Discord", client_id=self.client_id, secret=self.secret)

    @property
    def facts(self) -> Facts:
        """What logging in there needs."""
        return Facts(
            name="discord",
            issuer="https://discord.com",
            authorization_endpoint="https://discord.com/oauth2/authorize",
            token_endpoint="https://discord.com/api/oauth2/token",
            account=Account.DISCORD,
            account_endpoint="https://discord.com/api/v10",
            client_id=self.client_id,
            secret=self.secret,
            scopes=("identify", "email", *self.scopes),
            email_trusted=self.email_trusted,
        )


@dataclass(frozen=True, slots=True)
class Slack(_Registered):
    """Slack."""

    @property
    def facts(self) -> Facts:
        """What logging in there needs."""
        return Facts(
            name="slack_oidc",
            aliases=("slack",),
            issuer="https://slack.com",
            discovery="https://slack.com" + _WELL_KNOWN,
            client_id=self.client_id,
            secret=self.secret,
            scopes=(*_OPENID, *self.scopes),
            audiences=self.audiences,
            email_trusted=self.email_trusted,
        )


@dataclass(frozen=True, slots=True)
class LinkedIn(_Registered):
    """LinkedIn. It knows neither nonces nor PKCE for applications on servers, so only ``state`` protects a login."""

    @property
    def facts(self) -> Facts:
        """What logging in there needs."""
        return Facts(
            name="linkedin_oidc",
            aliases=("linkedin",),
            issuer="https://www.linkedin.com/oauth",
            issuers=("https://www.linkedin.com",),
            discovery="https://www.linkedin.com/oauth" + _WELL_KNOWN,
            client_id=self.client_id,
            secret=self.secret,
            scopes=(*_OPENID, *self.scopes),
            audiences=self.audiences,
            email_trusted=self.email_trusted,
            nonce=False,
            pkce=False,
        )


@dataclass(frozen=True, slots=True)
class OIDC(Provider):
    """Any issuer of OpenID Connect: Keycloak, Authentik, Auth0, Okta, a server of your own.

    Arguments:
        name: how callers name it: ``signInWithOAuth({provider: name})``.
        issuer: its URL, exactly as its metadata says it.
        client_id: the application's id there.
        secret: the application's secret there; empty: it is a public client there.
        scopes: what to ask for beside the user's name and address.
        audiences: further client ids whose ID tokens are accepted: those of your mobile apps.
        email_trusted: take an address for verified that the provider gives without saying so.
    """

    name: str
    issuer: str
    client_id: str
    secret: str = field(default="", repr=False)
    scopes: tuple[str, ...] = field(default=(), kw_only=True)
    audiences: tuple[str, ...] = field(default=(), kw_only=True)
    email_trusted: bool = field(default=False, kw_only=True)

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise DeclarationError(f"OIDC: name {self.name!r} is not one of small letters, digits and _ : . -")
        check_text("OIDC", client_id=self.client_id)
        check_place("OIDC", "issuer", self.issuer)

    @property
    def facts(self) -> Facts:
        """What logging in there needs."""
        return Facts(
            name=self.name,
            issuer=self.issuer,
            discovery=self.issuer.rstrip("/") + _WELL_KNOWN,
            client_id=self.client_id,
            secret=self.secret,
            scopes=(*_OPENID, *self.scopes),
            audiences=self.audiences,
            email_trusted=self.email_trusted,
            userinfo=True,
        )
