"""begin: a provider -> where to send the browser."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from backstay.auth.oidc.flow import Purpose, Seal, hash_state, new_state
from backstay.auth.oidc.remote import Remote
from backstay.schema.providers.provider import Account

PASSED_ON: Final = frozenset(
    {
        "access_type",
        "acr_values",
        "display",
        "domain_hint",
        "hd",
        "include_granted_scopes",
        "kc_idp_hint",
        "login_hint",
        "max_age",
        "organization",
        "prompt",
        "screen_hint",
        "team",
        "ui_locales",
    }
)
"""What a caller may add to the request (``queryParams``): nothing that changes who answers, to whom, or the checks."""

_LONGEST: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Departure:
    """The way to a provider.

    Arguments:
        url: where to send the browser.
        state_hash: what to store, with the provider's name, until the answer comes.
        mark: what to give the browser, in a cookie, so that its answer is known from any other's.
    """

    url: str
    state_hash: str
    mark: str = field(repr=False)


async def begin(
    remote: Remote,
    seal: Seal,
    *,
    redirect_uri: str,
    scopes: Sequence[str] = (),
    extra: Mapping[str, str] | None = None,
    bound: bool = True,
    now: datetime,
) -> Departure:
    """The way to a provider, for one login.

    Arguments:
        remote: the provider.
        seal: the server's secret.
        redirect_uri: where the provider shall send its answer.
        scopes: what the caller asks for beside the declared.
        extra: what the caller adds; only :data:`PASSED_ON` is taken.
        bound: whether the browser is given the mark, and its answer is not taken from another.
        now: the time.

    Raises:
        Refused, Unreachable: the provider's metadata cannot be read.
    """
    from authlib.oauth2.rfc6749.parameters import prepare_grant_uri
    from authlib.oauth2.rfc7636 import create_s256_code_challenge

    facts = remote.facts
    metadata = await remote.metadata(now)
    state = new_state(bound=bound)
    asked = {name: value[:_LONGEST] for name, value in (extra or {}).items() if name in PASSED_ON}
    if facts.account is Account.OPENID and facts.nonce:
        asked["nonce"] = seal.make(Purpose.NONCE, state)
    if facts.pkce:
        asked["code_challenge"] = create_s256_code_challenge(seal.make(Purpose.VERIFIER, state))
        asked["code_challenge_method"] = "S256"
    if facts.form_post:
        asked["response_mode"] = "form_post"
    url: str = prepare_grant_uri(
        metadata.authorization_endpoint,
        client_id=facts.client_id,
        response_type="code",
        redirect_uri=redirect_uri,
        scope=" ".join(dict.fromkeys([*facts.scopes, *scopes])),
        state=state,
        **asked,
    )
    return Departure(url=url, state_hash=hash_state(state), mark=seal.make(Purpose.BROWSER, state))
