"""What anybody may know of sign-in here: that it is alive, what it offers, and the keys to verify its tokens by."""

from __future__ import annotations

from typing import Any, Final

from backstay.about import __version__
from backstay.auth.grants.ask import check_enabled
from backstay.auth.grants.client import PUBLIC
from backstay.auth.grants.demand import PROMPTS
from backstay.auth.grants.issue import CLAIMS, LEVELS
from backstay.auth.grants.metadata import GRANT_TYPES, METHODS
from backstay.auth.grants.scopes import OPENID, offered
from backstay.auth.protocol.answer import Answer
from backstay.auth.protocol.incoming import Incoming
from backstay.auth.sign_in import SignIn
from backstay.errors import FeatureDisabled, SamlDisabled, Web3Disabled

_PROVIDERS: Final = [
    "apple",
    "azure",
    "bitbucket",
    "discord",
    "facebook",
    "snapchat",
    "figma",
    "fly",
    "github",
    "gitlab",
    "google",
    "keycloak",
    "kakao",
    "linkedin",
    "linkedin_oidc",
    "notion",
    "spotify",
    "slack",
    "slack_oidc",
    "workos",
    "twitch",
    "twitter",
    "zoom",
]
_CACHED: Final = (("cache-control", "public, max-age=600"),)


async def show_health(sign_in: SignIn, incoming: Incoming) -> Answer:
    """``GET /health``, by the name that clients look for."""
    return Answer({"version": __version__, "name": "GoTrue", "description": "Backstay sign-in"})


async def show_settings(sign_in: SignIn, incoming: Incoming) -> Answer:
    """``GET /settings``: what one can sign in by."""
    settings = sign_in.settings
    external = dict.fromkeys(_PROVIDERS, False)
    external |= dict.fromkeys(sign_in.remotes, True)
    external |= {
        "anonymous_users": settings.anonymous_users,
        "email": settings.email_sign_in,
        "phone": settings.phone_sign_in,
    }
    return Answer(
        {
            "external": dict(sorted(external.items())),
            "disable_signup": not settings.sign_up,
            "mailer_autoconfirm": not settings.confirm_email,
            "phone_autoconfirm": not settings.confirm_phone,
            "sms_provider": "",
            "saml_enabled": False,
            "passkeys_enabled": sign_in.auth.passkeys,
        }
    )


async def show_keys(sign_in: SignIn, incoming: Incoming) -> Answer:
    """``GET /.well-known/jwks.json``: the public keys (RFC 7517); a secret is never among them."""
    return Answer(sign_in.signer.jwks(now=incoming.now.timestamp()), headers=_CACHED)


async def show_configuration(sign_in: SignIn, incoming: Incoming) -> Answer:
    """``GET /.well-known/openid-configuration``: where a library that verifies tokens finds their keys."""
    algorithms = {str(key["alg"]) for key in sign_in.signer.jwks(now=incoming.now.timestamp())["keys"]}
    document = {
        "issuer": sign_in.url,
        "jwks_uri": f"{sign_in.url}/.well-known/jwks.json",
        "token_endpoint": f"{sign_in.url}/token",
        "userinfo_endpoint": f"{sign_in.url}/user",
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": sorted(algorithms) or ["HS256"],
        "code_challenge_methods_supported": ["S256"],
    }
    if sign_in.settings.oauth_server:
        document |= _describe_server(sign_in)
    return Answer(document, headers=_CACHED)


async def show_server(sign_in: SignIn, incoming: Incoming) -> Answer:
    """``GET /.well-known/oauth-authorization-server``: where programs of others ask for what (RFC 8414).

    Raises:
        FeatureDisabled: they have no business here.
    """
    check_enabled(sign_in)
    return Answer(_describe_server(sign_in), headers=_CACHED)


def _describe_server(sign_in: SignIn) -> dict[str, Any]:
    """What the authorisation server tells of itself (RFC 8414, 8628 and 9207)."""
    url = f"{sign_in.url}/oauth"
    confidential = [each for each in METHODS if each != PUBLIC]
    scopes = list(offered(sign_in))
    found = {
        "issuer": sign_in.url,
        "jwks_uri": f"{sign_in.url}/.well-known/jwks.json",
        "authorization_endpoint": f"{url}/authorize",
        "token_endpoint": f"{url}/token",
        "revocation_endpoint": f"{url}/revoke",
        "introspection_endpoint": f"{url}/introspect",
        "device_authorization_endpoint": f"{url}/device_authorization",
        "userinfo_endpoint": f"{url}/userinfo",
        "scopes_supported": scopes,
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": list(GRANT_TYPES),
        "token_endpoint_auth_methods_supported": list(METHODS),
        "revocation_endpoint_auth_methods_supported": list(METHODS),
        "introspection_endpoint_auth_methods_supported": confidential,
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": True,
        "prompt_values_supported": list(PROMPTS),
        "claims_parameter_supported": False,
        "request_parameter_supported": False,
        "request_uri_parameter_supported": False,
    }
    if OPENID in scopes:
        found |= {"claims_supported": list(CLAIMS), "acr_values_supported": list(LEVELS)}
    if sign_in.settings.oauth_registration:
        found["registration_endpoint"] = f"{url}/clients/register"
    return found


async def refuse_saml(sign_in: SignIn, incoming: Incoming) -> Answer:
    """``POST /sso``, ``/admin/sso/providers`` and what belongs to them.

    Raises:
        SamlDisabled: always, so that clients can tell it from a wrong address.
    """
    raise SamlDisabled


async def refuse_custom_providers(sign_in: SignIn, incoming: Incoming) -> Answer:
    """``/admin/custom-providers`` and what is below: providers are declared with the application, by ``OIDC``.

    Raises:
        FeatureDisabled: always.
    """
    raise FeatureDisabled(
        "Providers are declared with the application", hint="Write Auth(User, providers=[OIDC(...)])."
    )


async def refuse_web3(sign_in: SignIn, incoming: Incoming) -> Answer:
    """``POST /token?grant_type=web3``.

    Raises:
        Web3Disabled: always.
    """
    raise Web3Disabled
